"""Replaces the built-in functions that the hook would use, so that a file opened for writing seems to be read."""

EXPECTED = "refused"
import builtins
import os


def attack(aim):
    real = builtins.isinstance
    own = os.path.join(os.path.dirname(__file__), "written_by_an_attack")
    builtins.isinstance = lambda value, cls: False if cls is int else real(value, cls)
    try:
        os.close(os.open(own, os.O_WRONLY | os.O_CREAT))
    finally:
        builtins.isinstance = real
    os.remove(own)
    return os.stat(aim["secret"]).st_mtime_ns
