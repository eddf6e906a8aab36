"""Loops for ever in the clean-up after it was stopped."""

EXPECTED = "contained"
OPTIONS = {"timeout": 0.15}


def attack(aim):
    try:
        while True:
            pass
    finally:
        while True:
            pass
