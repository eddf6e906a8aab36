"""Plugins for the measures of `bench.sandbox`: as small as can be."""

MOVING = """
def move(point):
    point["x"] += 1
    return point


def occupy(kilobytes):
    return len(bytearray(kilobytes * 1024))
"""


def move(point: dict[str, object]) -> dict[str, object]:
    """The same for a pool of processes."""
    return {**point, "x": int(str(point["x"])) + 1}
