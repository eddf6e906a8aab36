"""Loops for ever before anybody has called it."""

EXPECTED = "contained"
OPTIONS = {"load_timeout": 0.3}
SAYS = "more than 0.3 s to load"

while True:
    pass
