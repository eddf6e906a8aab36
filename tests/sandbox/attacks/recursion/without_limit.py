"""Lifts the limit of recursion, and calls itself without end."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
ALONE = ("interpreter",)
OPTIONS = {"timeout": 0.15, "memory": 2_000_000_000}
import sys


def attack(aim):
    sys.setrecursionlimit(2**31 - 1)
    return attack(aim)
