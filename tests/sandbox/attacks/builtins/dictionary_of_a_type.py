"""Reaches behind the read-only view of a type's dictionary by the garbage collector."""

EXPECTED = "refused"
import gc


def attack(aim):
    gc.get_referents(int.__dict__)[0]["__add__"] = lambda self, other: 0
