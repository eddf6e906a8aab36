"""Asks for the frames of all threads of the process."""

EXPECTED = "refused"
import sys


def attack(aim):
    return str(sys._current_frames())
