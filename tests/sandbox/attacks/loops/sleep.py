"""Sleeps for a day inside of C."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
OPTIONS = {"timeout": 0.15}
ALONE = ("interpreter",)
import time


def attack(aim):
    time.sleep(86400)
