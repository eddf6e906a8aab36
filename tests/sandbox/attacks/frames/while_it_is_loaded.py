"""Looks for the list of refused modules in the frames below which it is loaded, and empties it."""

EXPECTED = "refused"
import sys


def spoil():
    frame = sys._getframe()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            for cell in getattr(value, "__closure__", None) or ():
                if isinstance(cell.cell_contents, frozenset):
                    cell.cell_contents = frozenset()
        frame = frame.f_back


spoil()


def attack(aim):
    import ctypes

    return str(ctypes.CDLL(None))
