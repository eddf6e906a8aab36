"""Loads `posix` a second time, which takes the environment of the process anew."""

EXPECTED = "contained"
import _imp
import sys
from importlib.machinery import ModuleSpec


def attack(aim):
    made = _imp.create_builtin(ModuleSpec("posix", None))
    made.__name__ = "innocent"
    _imp.exec_builtin(made)
    before = sys.modules.pop("posix")
    import posix

    found = repr([posix.environ, made.environ, posix is before])
    sys.modules["posix"] = before
    return found
