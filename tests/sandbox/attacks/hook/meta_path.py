"""Removes all finders but the usual ones, and imports by functions that tell no hook."""

EXPECTED = "refused"
import importlib
import sys


def attack(aim):
    sys.meta_path[:] = [each for each in sys.meta_path if isinstance(each, type)]
    inner = importlib.import_module("_interpreters")
    number = inner.create()
    return str(inner.exec(number, f"open({aim['target']!r}, 'w').close()"))
