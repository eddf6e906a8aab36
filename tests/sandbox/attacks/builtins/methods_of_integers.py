"""Changes the methods of integers, which all interpreters share."""

EXPECTED = "contained"
SAYS = "immutable type 'int'"


def attack(aim):
    int.__add__ = lambda self, other: 0
