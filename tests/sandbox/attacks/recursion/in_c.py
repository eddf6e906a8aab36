"""Has functions in C call each other without end."""

EXPECTED = "contained"
SAYS = "RecursionError"
import sys


class Circle:
    def __getattr__(self, name):
        return getattr(self, name + "x")


def attack(aim):
    sys.setrecursionlimit(100_000)
    made = []
    for _ in range(200_000):
        made = [made]
    repr(made)
