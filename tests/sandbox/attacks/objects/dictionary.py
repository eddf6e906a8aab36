"""Returns a dictionary whose items never end."""

EXPECTED = "contained"
OPTIONS = {"timeout": 0.15}
import itertools


class Endless(dict):
    def items(self):
        return ((str(number), number) for number in itertools.count())


def attack(aim):
    return Endless(a=1)
