"""Leaves a thread behind that loops for ever."""

EXPECTED = "contained"
import threading


def loop():
    while True:
        pass


def attack(aim):
    threading.Thread(target=loop).start()
    return 1
