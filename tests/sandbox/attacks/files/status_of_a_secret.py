"""Asks when a file was changed that it may not read."""

EXPECTED = "not stopped"
import os


def attack(aim):
    return os.stat(aim["secret"]).st_mtime_ns
