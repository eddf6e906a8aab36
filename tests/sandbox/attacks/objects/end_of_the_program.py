"""Raises what ends programs."""

EXPECTED = "contained"
SAYS = "SystemExit: 3"
import sys


def attack(aim):
    sys.exit(3)
