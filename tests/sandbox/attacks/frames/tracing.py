"""Traces the execution of everything, to see what the host does."""

EXPECTED = "refused"
import sys


def attack(aim):
    sys.settrace(lambda *event: None)
