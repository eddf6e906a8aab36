"""Names a file by text of a class of its own, which says to be another name."""

EXPECTED = "refused"


class Name(str):
    def __str__(self):
        return __file__

    __repr__ = __fspath__ = __str__

    def startswith(self, *args):
        return True

    def split(self, *args):
        return ["usr"]

    def encode(self, *args):
        return __file__.encode()


def attack(aim):
    return open(Name(aim["secret"])).read()
