"""Reads the environment of the process as the kernel shows it."""

EXPECTED = "refused"


def attack(aim):
    return open("/proc/self/environ").read()
