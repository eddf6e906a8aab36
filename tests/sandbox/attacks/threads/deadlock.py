"""Waits for a lock that nobody gives back."""

EXPECTED = "contained"
OPTIONS = {"timeout": 0.15}
import threading


def attack(aim):
    lock = threading.Lock()
    while not lock.acquire(timeout=0.05) or True:
        pass
