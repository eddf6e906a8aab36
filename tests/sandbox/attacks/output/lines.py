"""Prints lines without end."""

EXPECTED = "contained"
OPTIONS = {"timeout": 0.15}


def attack(aim):
    while True:
        print("x" * 1000)
