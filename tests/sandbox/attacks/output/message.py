"""Raises an error with a message of ten million characters, which would move the cursor."""

EXPECTED = "contained"


def attack(aim):
    raise ValueError("\x1b[2J" * 2_500_000)
