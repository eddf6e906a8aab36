"""Turns on support for a profiler, which writes a file and concerns the whole process."""

EXPECTED = "refused"
ALONE = ("interpreter",)
import sys


def attack(aim):
    sys.activate_stack_trampoline("perf")
    sum(map(int, "123"))
