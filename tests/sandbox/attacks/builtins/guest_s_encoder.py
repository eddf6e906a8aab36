"""Replaces what writes the results, so that the host gets bytes that mean nothing."""

EXPECTED = "contained"
SAYS = "result: cannot be read"
import sys


def attack(aim):
    frame = sys._getframe()
    while frame is not None:
        guest = frame.f_locals.get("self")
        if hasattr(guest, "_write"):
            guest._write = lambda value: b"\xff\xfe{]"
        frame = frame.f_back
    return 1
