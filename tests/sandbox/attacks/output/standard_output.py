"""Writes to the standard output of the process, past what takes the place of it."""

EXPECTED = "not stopped"
ALONE = ("interpreter", "process")
import os


def attack(aim):
    for _ in range(100):
        os.write(1, b"flood\n")
