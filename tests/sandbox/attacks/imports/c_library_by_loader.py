"""Loads the extension module behind `ctypes` by its file, past the import statement."""

EXPECTED = "refused"
import importlib.machinery
import importlib.util
import sysconfig
from pathlib import Path


def attack(aim):
    folder = Path(sysconfig.get_path("stdlib")) / "lib-dynload"
    file = next(iter(folder.glob("_ctypes.*")), folder / "_ctypes.so")
    loader = importlib.machinery.ExtensionFileLoader("_ctypes", str(file))
    return str(importlib.util.module_from_spec(importlib.machinery.ModuleSpec("_ctypes", loader, origin=str(file))))
