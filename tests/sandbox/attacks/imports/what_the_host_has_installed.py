"""Puts the host's own packages on `sys.path`, and imports one."""

EXPECTED = "refused"
import os
import sys


def attack(aim):
    sys.path.insert(0, os.path.dirname(os.path.dirname(aim["native"])))
    import msgspec

    return msgspec.__file__
