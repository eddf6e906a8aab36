"""Leaves a thread behind that sleeps for a day inside of C."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
ALONE = ("interpreter",)
import threading
import time


def attack(aim):
    threading.Thread(target=time.sleep, args=[86400]).start()
    return 1
