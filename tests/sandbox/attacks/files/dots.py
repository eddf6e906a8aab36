"""Leads out of its own folder by dots."""

EXPECTED = "refused"
import os


def attack(aim):
    return open(
        os.path.join(os.path.dirname(__file__), os.path.relpath(aim["secret"], os.path.dirname(__file__)))
    ).read()
