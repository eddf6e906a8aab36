"""Does what is refused without end, so that the host's log overflows."""

EXPECTED = "refused"
OPTIONS = {"timeout": 0.15}


def attack(aim):
    while True:
        try:
            open(aim["secret"])
        except PermissionError:
            pass
