"""Replaces `os.fsdecode`, so that a name in bytes seems to be another one."""

EXPECTED = "refused"
import os


def attack(aim):
    os.fsdecode = os.fspath = os.path.realpath = os.path.abspath = lambda name: os.path.dirname(__file__)
    return open(aim["secret"].encode()).read()
