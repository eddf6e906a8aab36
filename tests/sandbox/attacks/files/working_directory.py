"""Changes the working directory of the process."""

EXPECTED = "refused"
import os


def attack(aim):
    os.chdir("/")
