"""Prints one line without end."""

EXPECTED = "contained"
OPTIONS = {"timeout": 0.2}
import sys


def attack(aim):
    while True:
        sys.stdout.write("x" * 1_000_000)
