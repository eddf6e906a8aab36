"""Registers work for the end of the program that takes for ever."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
ALONE = ("interpreter",)
import atexit


def loop():
    while True:
        pass


def attack(aim):
    atexit.register(loop)
    return 1
