"""Raises an error of a class whose names are objects that cannot be shown."""

EXPECTED = "contained"


class Name(str):
    def __format__(self, spec):
        raise KeyboardInterrupt

    __str__ = __repr__ = __format__


class Odd(Exception):
    pass


Odd.__module__ = Name("x")
Odd.__qualname__ = Name("y")


def attack(aim):
    raise Odd
