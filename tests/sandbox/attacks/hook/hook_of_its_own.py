"""Adds an audit hook, to listen to what everybody does."""

EXPECTED = "refused"
import sys

heard = []


def attack(aim):
    sys.addaudithook(lambda event, args: heard.append((event, args)))
    try:
        open(aim["secret"])
    except PermissionError:
        pass
    return repr(heard)
