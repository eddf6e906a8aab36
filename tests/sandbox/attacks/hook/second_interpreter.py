"""Makes the module of interpreters by hand, and in a new interpreter, which has no hook, writes a file."""

EXPECTED = "refused"
import _imp
from importlib.machinery import ModuleSpec


def attack(aim):
    inner = _imp.create_builtin(ModuleSpec("_interpreters", None))
    _imp.exec_builtin(inner)
    number = inner.create()
    try:
        inner.exec(number, f"open({aim['target']!r}, 'w').close()")
    finally:
        inner.destroy(number)
