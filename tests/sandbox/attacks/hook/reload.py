"""Reloads `os`, to get its functions back as they were."""

EXPECTED = "refused"
import importlib
import os


def attack(aim):
    fresh = importlib.reload(os)
    assert aim["variable"] not in fresh.environ
    fresh.umask(0)
