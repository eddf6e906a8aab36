"""Finds the loader of source files among all classes, and has it read a secret as data."""

EXPECTED = "refused"


def attack(aim):
    loader = next(each for each in object.__subclasses__() if each.__name__ == "FileLoader")
    return loader.get_data(loader("x", aim["secret"]), aim["secret"]).decode()
