"""Sets a signal handler and a timer that calls it."""

EXPECTED = "refused"
import signal


def attack(aim):
    try:
        signal.signal(signal.SIGALRM, lambda *args: None)
    except ValueError:
        pass
    signal.setitimer(signal.ITIMER_REAL, 0.01)
