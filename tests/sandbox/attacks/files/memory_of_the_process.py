"""Opens the memory of the process as a file."""

EXPECTED = "refused"


def attack(aim):
    return open("/proc/self/mem", "rb").read(1)
