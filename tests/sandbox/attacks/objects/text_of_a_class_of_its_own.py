"""Raises an error whose text is of a class of its own, and no text any more once it is cut."""

EXPECTED = "contained"


class Text(str):
    def __getitem__(self, key):
        return object()

    def encode(self, *args):
        return self

    decode = encode


class Odd(Exception):
    def __str__(self):
        return Text("odd")


def attack(aim):
    raise Odd
