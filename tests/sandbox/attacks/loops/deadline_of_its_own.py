"""Closes the descriptor by which it would be told to stop, and loops for ever."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
OPTIONS = {"timeout": 0.15}
ALONE = ("interpreter",)
import sys


def attack(aim):
    frame = sys._getframe()
    while frame is not None:
        stopper = getattr(frame.f_locals.get("self"), "stopper", None)
        if stopper is not None:
            stopper._interrupter.check = lambda *args: None
            stopper._stop = lambda *args: None
        frame = frame.f_back
    while True:
        pass
