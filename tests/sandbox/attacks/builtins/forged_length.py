"""Announces a message of so many bytes that no memory could hold it."""

EXPECTED = "contained"
SAYS = "more than"
import sys


def attack(aim):
    frame = sys._getframe()
    while frame is not None:
        guest = frame.f_locals.get("self")
        if hasattr(guest, "link"):
            import os

            os.write(guest.link.fd, b"\xff" * 100)
        frame = frame.f_back
    return 1
