"""Returns an integer with more digits than Python writes, after it has lifted that limit."""

EXPECTED = "contained"
SAYS = "result: cannot be read|number"
import sys


def attack(aim):
    sys.set_int_max_str_digits(0)
    return 10**5000
