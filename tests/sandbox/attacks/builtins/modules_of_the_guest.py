"""Puts objects of its own in the place of the modules that the guest uses to tell of errors."""

EXPECTED = "contained"
SAYS = "ValueError: over|could not be told"
import sys


class Odd:
    def __getattr__(self, name):
        raise SystemExit(name)


def attack(aim):
    for name in ("traceback", "logging", "linecache", "datetime", "enum", "decimal", "uuid", "binascii", "typing"):
        sys.modules[name] = Odd()
    sys.stdout = sys.stderr = Odd()
    raise ValueError("over")
