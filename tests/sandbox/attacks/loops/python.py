"""Loops for ever."""

EXPECTED = "contained"
OPTIONS = {"timeout": 0.15}
SAYS = "more|took|time"


def attack(aim):
    while True:
        pass
