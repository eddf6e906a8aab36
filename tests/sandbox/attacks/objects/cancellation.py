"""Raises what subpool itself raises in a call that is stopped."""

EXPECTED = "contained"
SAYS = "it stopped by itself"


def attack(aim):
    from subpool.errors import TaskCancelled

    raise TaskCancelled
