"""Has a few lines of XML grow to gigabytes by entities within entities."""

EXPECTED = "contained"
SAYS = "ParseError|amplification|result"
import xml.etree.ElementTree as tree


def attack(aim):
    names = "abcdefghijkl"
    entities = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip(names, names[1:], strict=False))
    return tree.fromstring(f'<!DOCTYPE x [<!ENTITY a "{"x" * 10}">{entities}]><x>&{names[-1]};</x>').text
