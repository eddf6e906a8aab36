"""Names a file by bytes that are no UTF-8, with an error handler of its own for them."""

EXPECTED = "refused"
import codecs
import os


def attack(aim):
    codecs.register_error("surrogateescape", lambda error: (os.path.dirname(__file__), error.end))
    try:
        return open(b"/\xff/.." + aim["secret"].encode()).read()
    except FileNotFoundError:
        return open(b"\xff/../" + aim["secret"].encode()).read()
