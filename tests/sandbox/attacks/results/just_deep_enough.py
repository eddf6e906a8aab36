"""Returns text that is written as it stands, as deep as a writer goes, to exhaust the reader's stack."""

EXPECTED = "contained"
SAYS = "result: cannot be read"
import sys


def attack(aim):
    frame = sys._getframe()
    while frame is not None:
        guest = frame.f_locals.get("self")
        if hasattr(guest, "_write"):
            guest._write = lambda value: b"[" * 1_000_000 + b"]" * 1_000_000
        frame = frame.f_back
    return 1
