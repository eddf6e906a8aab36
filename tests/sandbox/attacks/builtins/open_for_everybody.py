"""Replaces `open`, `print` and `isinstance`, hoping that others use the same."""

EXPECTED = "contained"
import builtins


def attack(aim):
    builtins.open = builtins.print = lambda *args, **named: None
    builtins.isinstance = lambda *args: True
    return 1
