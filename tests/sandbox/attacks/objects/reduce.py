"""Returns an object that runs a program when somebody unpickles it."""

EXPECTED = "contained"
SAYS = "Bomb has no form in JSON"
import os


class Bomb:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def attack(aim):
    return {"value": Bomb(aim["target"])}
