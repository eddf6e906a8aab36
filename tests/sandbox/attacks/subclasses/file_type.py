"""Finds the class of open files among the subclasses of `object`, and opens a secret with it."""

EXPECTED = "refused"


def attack(aim):
    def below(cls):
        for each in type.__subclasses__(cls):
            yield each
            yield from below(each)

    raw = next(each for each in below(().__class__.__mro__[1]) if each.__name__ == "FileIO")
    return raw(aim["secret"]).read().decode()
