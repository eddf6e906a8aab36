"""Spells `os.system` in mathematical letters, which Python reads as plain ones."""

EXPECTED = "refused"
import os  # noqa: F401


def attack(aim):
    return eval("𝘰𝘴.𝘴𝘺𝘴𝘵𝘦𝘮(command)", globals(), {"command": f"touch {aim['target']}"})
