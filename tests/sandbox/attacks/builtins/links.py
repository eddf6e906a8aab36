"""Replaces the functions by which links are resolved."""

EXPECTED = "refused"
import os
import posix


def attack(aim):
    os.readlink = posix.readlink = lambda path: "/dev/null"
    os.lstat = posix.lstat = lambda path: (_ for _ in ()).throw(OSError())
    os.getcwd = posix.getcwd = lambda: os.path.dirname(__file__)
    os.chdir = lambda path: None
    return open(os.path.relpath(aim["secret"])).read()
