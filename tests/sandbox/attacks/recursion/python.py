"""Calls itself without end."""

EXPECTED = "contained"
SAYS = "RecursionError"


def attack(aim):
    return attack(aim)
