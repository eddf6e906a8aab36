"""Reads a file as a resource of the web."""

EXPECTED = "refused"
import urllib.request


def attack(aim):
    return urllib.request.urlopen("file://" + aim["secret"]).read().decode()
