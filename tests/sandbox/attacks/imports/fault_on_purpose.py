"""Calls what the standard library has for crashing a process."""

EXPECTED = "contained"
SAYS = "faulthandler|killed by signal"


def attack(aim):
    import faulthandler

    faulthandler._sigsegv()
