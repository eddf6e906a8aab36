"""Leaves an object whose finalizer takes for ever, once the interpreter ends."""

EXPECTED = {"interpreter": "not stopped", "process": "contained"}
ALONE = ("interpreter",)


class Odd:
    def __del__(self):
        while True:
            pass


kept = [Odd()]


def attack(aim):
    return 1
