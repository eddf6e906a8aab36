"""Starts a program that reads a secret."""

EXPECTED = "refused"
import subprocess


def attack(aim):
    return subprocess.run(["cat", aim["secret"]], capture_output=True, text=True, check=True).stdout
