"""Returns text that no encoding has a form for."""

EXPECTED = "contained"
SAYS = "result: text that is not Unicode"


def attack(aim):
    return ["\ud800", {"\udfff": 1}]
