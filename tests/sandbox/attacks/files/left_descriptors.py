"""Leaves descriptors open, more and more, which all of a process have in common."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
ALONE = ("interpreter",)
import os


def attack(aim):
    for _ in range(100):
        os.pipe()
