"""Returns a list that contains itself."""

EXPECTED = "contained"
SAYS = "contains itself"


def attack(aim):
    circle = []
    circle.append(circle)
    return circle
