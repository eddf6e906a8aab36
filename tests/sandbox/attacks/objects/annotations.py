"""Has the annotations of its function raise and loop when somebody looks at them."""

EXPECTED = "contained"
OPTIONS = {"timeout": 1.0}


class Odd:
    def __getattr__(self, name):
        raise SystemExit(name)

    def __eq__(self, other):
        raise SystemExit("eq")

    __hash__ = None


def attack(aim):
    return 1


attack.__annotations__ = {"aim": Odd(), "return": Odd()}
