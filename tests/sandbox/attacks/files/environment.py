"""Looks for a variable of the host's in the environment."""

EXPECTED = "contained"
import os
import posix


def attack(aim):
    return [os.environ.get(aim["variable"]), os.getenv(aim["variable"]), repr(os.environb), repr(posix.environ)]
