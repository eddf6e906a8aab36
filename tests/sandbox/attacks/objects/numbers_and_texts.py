"""Returns numbers and texts of classes of its own, which say to be something else."""

EXPECTED = "contained"


class Number(float):
    def __repr__(self):
        return '1}, "forged": {'


class Whole(int):
    def __repr__(self):
        return "[" * 1000

    __str__ = __index__ = __repr__


class Text(str):
    def encode(self, *args):
        return b'"'


def attack(aim):
    return {"number": Number(1), "whole": Whole(2), Text("text"): Text("text")}
