"""Has the cache of source lines read a secret."""

EXPECTED = "refused"
import linecache


def attack(aim):
    return linecache.getlines(aim["secret"])
