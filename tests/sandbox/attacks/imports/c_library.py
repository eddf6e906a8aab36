"""Loads the C library by `ctypes`, to do whatever it can do."""

EXPECTED = "refused"


def attack(aim):
    import ctypes

    return str(ctypes.CDLL(None).getpid())
