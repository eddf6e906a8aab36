"""Gives a module that it makes by hand another name before it is executed, so that nobody knows it again."""

EXPECTED = "refused"
ALONE = ("interpreter",)
import _imp
from importlib.machinery import ModuleSpec


def attack(aim):
    module = _imp.create_builtin(ModuleSpec("posix", None))
    module.__name__ = "innocent"
    _imp.exec_builtin(module)
    module.abort()
