"""Returns what has no form outside of Python: a function, a generator, its module."""

EXPECTED = "contained"
SAYS = r"result\[0\]: function has no form in JSON"


def attack(aim):
    return [attack, (n for n in iter(int, 1)), __builtins__]
