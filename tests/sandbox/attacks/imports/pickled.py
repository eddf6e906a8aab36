"""Loads a pickle that runs a program."""

EXPECTED = "refused"
import pickle


def attack(aim):
    return pickle.loads(b"cposix\nsystem\n(S'touch " + aim["target"].encode() + b"'\ntR.")
