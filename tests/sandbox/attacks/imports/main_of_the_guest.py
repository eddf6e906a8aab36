"""Imports `__main__`, hoping for the host's, and takes what lies there."""

EXPECTED = "contained"


def attack(aim):
    import __main__

    return repr(vars(__main__))
