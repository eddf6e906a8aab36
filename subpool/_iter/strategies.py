"""Strategies: into which pieces a pipeline's positions are cut, where its user does not leave that to who is hungry."""

from __future__ import annotations

from enum import Enum

from subpool._iter.ranges import Cut

__all__ = ["AS_NEEDED", "How", "Strategy"]


class How(Enum):
    """What decides how the work is divided."""

    AS_NEEDED = "a range is divided only while somebody is hungry"
    BY_WORKERS = "one piece for each worker, and one for the caller"
    BY = "so many pieces"
    PER = "pieces of so many items"


class Strategy:
    """How to divide the work, and the number that goes with it."""

    __slots__ = ("how", "number")

    def __init__(self, how: How, number: int = 0) -> None:
        self.how: How = how
        self.number: int = number

    def cut(self, size: int, workers: int) -> Cut | None:
        """The pieces of so many positions; None where that is decided on the way."""
        if self.how is How.AS_NEEDED:
            return None
        if self.how is How.PER:
            return Cut(size, 0, self.number)
        return Cut(size, workers + 1 if self.how is How.BY_WORKERS else self.number)

    @property
    def batch(self) -> int | None:
        """The size of the batches in which a source is read; None where that is decided on the way."""
        return self.number if self.how is How.PER else None

    @property
    def needs_size(self) -> bool:
        """Whether it can be followed only where it is known how much there is."""
        return self.how in (How.BY_WORKERS, How.BY)


AS_NEEDED = Strategy(How.AS_NEEDED)
