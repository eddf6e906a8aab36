"""Positions and how they are divided. Pure arithmetic on ranges: nothing here runs, waits or remembers anything.

A position is an index into what a node of a pipeline gives, from 0. A run of positions is a `range`, with any step.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ENDLESS", "Cut", "as_slice", "grown", "length", "select", "share", "span", "split_at"]

ENDLESS: Final = 1 << 62
"""The size of what never ends."""


def select(positions: range, picks: range) -> range:
    """The positions at these places of a run: what ``positions[pick] for pick in picks`` would give."""
    first, step = positions.start, positions.step
    return range(first + picks.start * step, first + picks.stop * step, step * picks.step)


def length(positions: range) -> int:
    """How many there are, however many: `len` ends at the largest machine word."""
    first, stop, step = positions.start, positions.stop, positions.step
    return max(0, -((first - stop) // step)) if step > 0 else max(0, -((stop - first) // -step))


def as_slice(positions: range) -> slice:
    """The slice of a sequence that holds these positions, in their order."""
    if not positions:
        return slice(0, 0)
    stop = positions[-1] + (1 if positions.step > 0 else -1)
    return slice(positions.start, stop if stop >= 0 else None, positions.step)


def span(positions: range, size: int) -> range:
    """The same run with the positions outside of ``range(size)`` left out."""
    if not positions:
        return positions
    step = positions.step
    if step > 0:
        first = -(-max(0, -positions.start) // step)
        last = (size - 1 - positions.start) // step
    else:
        first = -(-max(0, positions.start - (size - 1)) // -step)
        last = positions.start // -step
    return positions[first : max(first, min(last + 1, len(positions)))]


def split_at(positions: range, size: int) -> tuple[range, range]:
    """The part of a run that lies below `size`, and the other part, counted from there, both in the run's order."""
    below = span(positions, size)
    shifted = range(positions.start - size, positions.stop - size, positions.step)
    return below, span(shifted, ENDLESS)


def share(rest: int, takers: int) -> int:
    """How much of a rest goes to the next of so many takers, when its owner keeps a part too: never all of it."""
    return min(max(1, rest // (takers + 1)), rest - 1) if rest > 1 else 0


def grown(block: int, seconds: float, target: float) -> int:
    """How many items the next block should hold, after one of `block` items took so long."""
    if seconds * 8 <= target:
        return block * 8
    return max(1, int(block * target / seconds))


class Cut:
    """Positions cut into pieces beforehand: `size` of them into `pieces`, as equal as can be, or `per` to a piece."""

    __slots__ = ("per", "pieces", "size")

    def __init__(self, size: int, pieces: int, per: int | None = None) -> None:
        self.size: int = size
        self.per: int | None = per
        self.pieces: int = min(pieces, size) if per is None else -(-size // per)

    def bounds(self, piece: int) -> tuple[int, int]:
        """Where a piece begins and ends. The pieces lie end to end, and cover every position once."""
        if self.per is not None:
            return piece * self.per, min((piece + 1) * self.per, self.size)
        return piece * self.size // self.pieces, (piece + 1) * self.size // self.pieces
