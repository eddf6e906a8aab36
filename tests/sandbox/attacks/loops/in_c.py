"""Loops for ever inside of one call of a function in C."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
OPTIONS = {"timeout": 0.15}
ALONE = ("interpreter",)


def attack(aim):
    return any(iter(int, 1))
