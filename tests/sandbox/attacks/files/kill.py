"""Sends the process a signal."""

EXPECTED = "refused"
import os
import signal


def attack(aim):
    os.kill(os.getpid(), signal.SIGTERM)
