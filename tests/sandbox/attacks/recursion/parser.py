"""Has the parser read parentheses in parentheses, as many as a file may have."""

EXPECTED = "contained"
SAYS = "MemoryError|SyntaxError|RecursionError"


def attack(aim):
    return eval("(" * 100_000 + ")" * 100_000)
