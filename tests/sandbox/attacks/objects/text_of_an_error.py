"""Raises an error that ends the program when somebody asks what it says."""

EXPECTED = "contained"
SAYS = "no message: its __str__ failed"


class Odd(Exception):
    def __str__(self):
        raise SystemExit(3)

    __repr__ = __str__


def attack(aim):
    raise Odd
