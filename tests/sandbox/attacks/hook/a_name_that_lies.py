"""Asks for a module by a name that is one thing when it is compared and another when it is looked up."""

EXPECTED = "refused"
ALONE = ("interpreter",)
import _imp
from importlib.machinery import ModuleSpec


class Name(str):
    def __hash__(self):
        return 7

    def __eq__(self, other):
        return False


def attack(aim):
    module = _imp.create_builtin(ModuleSpec(Name("posix"), None))
    module._exit(3)
