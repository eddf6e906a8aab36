"""Raises what Ctrl-C raises."""

EXPECTED = "contained"
SAYS = "KeyboardInterrupt"


def attack(aim):
    raise KeyboardInterrupt
