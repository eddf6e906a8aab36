"""Walks from its own frame up to the one that called it, and replaces what the guest there knows of refusals."""

EXPECTED = "refused"
import sys


def attack(aim):
    frame = sys._getframe()
    while frame is not None:
        guest = frame.f_locals.get("self")
        denials = getattr(guest, "denials", None)
        if denials is not None:
            type(denials).refuse = lambda *args: None
            type(denials).note = lambda *args: None
            for name in ("hook", "guards"):
                frame.f_globals.pop(name, None)
        frame = frame.f_back
    return open(aim["secret"]).read()
