"""Finds the classes that enforce the policy among all classes, and replaces their methods."""

EXPECTED = "refused"


def attack(aim):
    for cls in object.__subclasses__():
        if cls.__module__.startswith("subpool.sandbox") and cls.__name__ not in ("Guest", "Link", "Voice", "Stopper"):
            for name in [name for name in vars(cls) if callable(vars(cls)[name]) and not name.startswith("__")]:
                setattr(cls, name, lambda *args, **named: True)
    return open(aim["secret"]).read()
