"""Reads what it finds behind the descriptors that the process has open."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
import os


def attack(aim):
    found = []
    for fd in range(3, 200):
        try:
            found.append(os.pread(fd, 100, 0))
        except OSError:
            pass
    return repr(found)
