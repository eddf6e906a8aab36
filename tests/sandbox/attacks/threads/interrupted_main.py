"""Interrupts the main thread, as Ctrl-C does."""

EXPECTED = "refused"
import _thread


def attack(aim):
    _thread.interrupt_main()
