"""Loops for ever, and catches whatever is thrown at it."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
ALONE = ("interpreter",)
OPTIONS = {"timeout": 0.15}


def attack(aim):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
