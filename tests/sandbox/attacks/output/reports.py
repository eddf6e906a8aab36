"""Reports progress without end, in figures that make no sense."""

EXPECTED = "contained"
OPTIONS = {"timeout": 0.15}
from subpool.plugin import report


def attack(aim):
    while True:
        for fraction in (float("nan"), float("inf"), -1, 1e300):
            report(fraction, "\ud800" + "x" * 20_000)
