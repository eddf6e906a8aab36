"""Loads an extension module that is installed for the host, past `sys.path`."""

EXPECTED = "refused"
import importlib.machinery
import importlib.util


def attack(aim):
    loader = importlib.machinery.ExtensionFileLoader("_core", aim["native"])
    spec = importlib.machinery.ModuleSpec("_core", loader, origin=aim["native"])
    return str(importlib.util.module_from_spec(spec))
