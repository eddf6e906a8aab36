"""Has the library for encryption write its log of keys to a file."""

EXPECTED = "refused"
import ssl


def attack(aim):
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).keylog_filename = aim["target"]
