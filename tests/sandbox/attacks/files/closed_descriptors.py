"""Closes every descriptor that the process has open."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
ALONE = ("interpreter",)
SAYS = "closed the link|ended"
import os


def attack(aim):
    for fd in range(3, 200):
        try:
            os.close(fd)
        except OSError:
            pass
