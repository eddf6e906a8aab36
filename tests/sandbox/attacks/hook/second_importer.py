"""Makes a second `_imp`, to make a second `posix` with it, whose functions nobody has replaced."""

EXPECTED = "refused"
ALONE = ("interpreter",)
import _imp
from importlib.machinery import ModuleSpec


def attack(aim):
    fresh = _imp.create_builtin(ModuleSpec("_imp", None))
    fresh.create_builtin(ModuleSpec("posix", None))._exit(3)
