"""Leaves an object whose finalizer raises and prints."""

EXPECTED = "contained"


class Odd:
    def __del__(self):
        print("x" * 100)
        raise SystemExit(3)


kept = [Odd()]


def attack(aim):
    Odd()
    return 1
