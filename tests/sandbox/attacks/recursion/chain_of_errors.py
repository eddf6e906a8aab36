"""Raises an error whose causes go back a thousand steps."""

EXPECTED = "contained"
SAYS = "ValueError: 2999"


def attack(aim):
    error = None
    for number in range(3000):
        try:
            raise ValueError(number) from error
        except ValueError as caught:
            error = caught
    raise error
