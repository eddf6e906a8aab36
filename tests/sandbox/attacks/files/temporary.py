"""Writes where everybody may write, into the folder for temporary files."""

EXPECTED = "refused"
import tempfile


def attack(aim):
    return tempfile.mkstemp(dir=aim["target"].rpartition("/")[0])
