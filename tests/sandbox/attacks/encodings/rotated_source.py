"""Hides what it does from whoever reads it, by source code in ROT13."""

EXPECTED = "refused"
import codecs


def attack(aim):
    exec(codecs.decode("vzcbeg pglcrf", "rot13"))
