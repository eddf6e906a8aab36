"""Ends the process by the shortest way."""

EXPECTED = "refused"
import os


def attack(aim):
    os._exit(3)
