"""Finds what refuses modules in `sys.meta_path`, and empties its list."""

EXPECTED = "refused"
import sys


def attack(aim):
    for finder in sys.meta_path:
        for name in ("_refused", "_refuse"):
            for cell in getattr(getattr(finder, name, None), "__closure__", None) or ():
                if isinstance(cell.cell_contents, frozenset):
                    cell.cell_contents = frozenset()
    import ctypes

    return str(ctypes.CDLL(None))
