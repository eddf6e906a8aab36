"""Returns lists in lists in lists, deeper than any reader goes."""

EXPECTED = "contained"
SAYS = "result.*(deep|contains itself)"


def attack(aim):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    return deep
