"""The limit of a pipeline's work: the position from which on nothing is wanted any more, seen by everybody at once.

It is one word of the arena, and a hint: a search that found something, or a failure, lowers it, and whoever runs a
piece looks at it between two blocks. What is decided is decided by the outcomes of the pieces, never by the limit. Its
upper bits count the pipelines that the word has served, so that a latecomer of an earlier one changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from subpool._schedule.seat import Seat

__all__ = ["Limit"]

BITS: Final = 40
FAR: Final = (1 << BITS) - 1
SERVED: Final = (1 << 62 - BITS) - 1


class Limit:
    """One pipeline's limit: a word, and which of the pipelines that it serves this is."""

    __slots__ = ("at", "serial", "words")

    def __init__(self, words: memoryview[int], at: int, serial: int) -> None:
        self.words: memoryview[int] = words
        self.at: int = at
        self.serial: int = serial

    @classmethod
    def borrow(cls, seat: Seat) -> Limit:
        """Take one of a seat's words; at none, if all are in use: then only outcomes end the work."""
        try:
            at = seat.limits.pop()
        except IndexError:
            return cls(seat.words, -1, 0)
        serial = ((seat.words[at] >> BITS) + 1) & SERVED
        seat.words[at] = serial << BITS | FAR
        return cls(seat.words, at, serial)

    def give_back(self, seat: Seat) -> None:
        """The pipeline is over."""
        if self.at >= 0:
            seat.words[self.at] = ((self.serial + 1) & SERVED) << BITS | FAR
            seat.limits.append(self.at)

    @property
    def over(self) -> bool:
        """Whether its pipeline has ended."""
        return self.at < 0 or self.words[self.at] >> BITS != self.serial

    def lower(self, position: int) -> None:
        """Nothing from this position on is wanted. Two who do so at the same moment may leave the higher one."""
        if self.at >= 0:
            word = self.words[self.at]
            if word >> BITS == self.serial and position < word & FAR:
                self.words[self.at] = self.serial << BITS | position

    def passed(self, position: int) -> bool:
        """Whether what lies at this position is not wanted any more."""
        if self.at < 0:
            return False
        word = self.words[self.at]
        return position >= word & FAR and word >> BITS == self.serial and position < FAR
