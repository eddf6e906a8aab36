"""Gives the functions that stand in for refused ones other code, and those that they call."""

EXPECTED = "refused"
import os


def attack(aim):
    def nothing(*args, **named):
        return None

    seen = [os._exit, os.open, os.umask]
    for function in seen:
        for cell in getattr(function, "__closure__", None) or ():
            inner = getattr(cell.cell_contents, "__func__", cell.cell_contents)
            if hasattr(inner, "__closure__") and inner not in seen:
                seen.append(inner)
            if hasattr(inner, "__code__") and not inner.__code__.co_freevars:
                inner.__code__ = nothing.__code__
    return open(aim["secret"]).read()
