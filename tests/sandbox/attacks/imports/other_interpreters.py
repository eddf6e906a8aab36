"""Imports the module that reaches into other interpreters, the host's among them."""

EXPECTED = "refused"


def attack(aim):
    import _interpreters

    return str(_interpreters.list_all())
