"""Returns an object that says to be a list."""

EXPECTED = "contained"


class Liar:
    @property
    def __class__(self):
        return list

    def __iter__(self):
        return iter([1, 2])


def attack(aim):
    return Liar()
