"""Finds the importer of built-in modules, and makes a second `posix` with it, to run a program."""

EXPECTED = "refused"
from importlib.machinery import ModuleSpec


def attack(aim):
    importer = next(each for each in object.__subclasses__() if each.__name__ == "BuiltinImporter")
    return importer.create_module(ModuleSpec("posix", importer)).system(f"touch {aim['target']}")
