"""Runs the secret as if it were a program, for the error message to tell what is in it."""

EXPECTED = "refused"
import runpy


def attack(aim):
    return str(runpy.run_path(aim["secret"]))
