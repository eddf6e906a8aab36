"""Makes a second `posix` by hand, whose functions nobody has replaced, and ends the process."""

EXPECTED = "refused"
ALONE = ("interpreter",)
import _imp
from importlib.machinery import ModuleSpec


def attack(aim):
    _imp.create_builtin(ModuleSpec("posix", None))._exit(3)
