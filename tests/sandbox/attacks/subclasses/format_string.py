"""Walks from an argument to the globals of its class by attributes inside of a format string."""

EXPECTED = "refused"
SAYS = "open"


def attack(aim):
    class Event:
        def __init__(self):
            self.name = "x"

    found = "{event.__init__.__globals__}".format(event=Event())
    return found + open(aim["secret"]).read()
