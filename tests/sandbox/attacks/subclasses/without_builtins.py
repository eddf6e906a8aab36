"""Runs in an empty namespace, without built-in functions, and gets them back from a warning's module."""

EXPECTED = "refused"


def attack(aim):
    import warnings  # noqa: F401 - so that there is the class

    source = (
        "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'catch_warnings'][0]"
        "()._module.__builtins__['__import__']('ctypes').CDLL(None)"
    )
    return repr(eval(source, {"__builtins__": {}}))
