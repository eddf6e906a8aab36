"""Has the importer of ZIP files open the secret."""

EXPECTED = "refused"
import zipimport


def attack(aim):
    return str(zipimport.zipimporter(aim["secret"]))
