"""Ends the name of a secret by a null byte, and appends one that is allowed."""

EXPECTED = "contained"
SAYS = "null"


def attack(aim):
    return open(aim["secret"] + "\0" + __file__).read()
