"""Writes messages of its own to the link: refusals, reports, results of calls that nobody has made."""

EXPECTED = "contained"
import sys


def attack(aim):
    frame = sys._getframe()
    while frame is not None:
        guest = frame.f_locals.get("self")
        if hasattr(guest, "link"):
            for kind in range(-1, 30):
                for number in (0, 10**6):
                    guest.link.send(kind % 256, number, b'{"count": 3, "told": [[1]]}')
        frame = frame.f_back
    return 1
