"""Takes `os.system` out of the globals of a class that everybody can find."""

EXPECTED = "refused"


def attack(aim):
    cls = next(each for each in object.__subclasses__() if each.__name__ == "_wrap_close")
    return cls.__init__.__globals__["system"](f"touch {aim['target']}")
