"""Has a regular expression try more ways than there are atoms."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
OPTIONS = {"timeout": 0.15}
ALONE = ("interpreter",)
import re


def attack(aim):
    return str(re.match("(a+)+$", "a" * 60 + "b"))
