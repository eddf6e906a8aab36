"""The layout of a pool: how many seats, slots and batches there are, and who has which.

Seats: number 0 is shared by the host's threads; then come the workers', some to spare for replacements, and some for
host threads that run a task while they wait. A host thread that finds none of those free waits without helping.
"""

from __future__ import annotations

from typing import Final

from subpool._wire.arena import BATCH_ITEMS

__all__ = ["Layout"]

SPARE: Final = 8
"""Seats, at the least, for workers that take the place of others: enough that all may be stuck at once."""
HELPERS: Final = 8
"""Host threads that can help at the same time."""
HOST_HALVES: Final = 64
HOST_JOBS: Final = 160
HOST_BATCHES: Final = 64
SEAT_HALVES: Final = 16
SEAT_JOBS: Final = 32


class Layout:
    """The layout of a pool with so many workers."""

    def __init__(self, workers: int) -> None:
        self.workers_end: int = 1 + workers + max(SPARE, workers)
        """The seat after the last that a worker may have; they begin at 1."""
        self.seats: int = self.workers_end + HELPERS
        self.slots: int = HOST_HALVES + HOST_JOBS + (self.seats - 1) * (SEAT_HALVES + SEAT_JOBS)
        self.batches: int = HOST_BATCHES

    @property
    def helpers(self) -> range:
        """The seats for host threads that help, in the order of their making."""
        return range(self.seats - 1, self.workers_end - 1, -1)

    @property
    def numbers(self) -> range:
        """Every number that may be published: that of a slot, or that of an item of a batch."""
        return range(self.slots + self.batches * BATCH_ITEMS)

    @property
    def batch_numbers(self) -> range:
        """The batches, by the number of their first item."""
        return self.numbers[self.slots :: BATCH_ITEMS]

    def halves(self, seat: int) -> range:
        """The slots for a seat's halves."""
        if seat == 0:
            return range(HOST_HALVES)
        first = HOST_HALVES + HOST_JOBS + (seat - 1) * (SEAT_HALVES + SEAT_JOBS)
        return range(first, first + SEAT_HALVES)

    def jobs(self, seat: int) -> range:
        """The slots for a seat's background jobs."""
        halves = self.halves(seat)
        return range(halves.stop, halves.stop + (SEAT_JOBS if seat else HOST_JOBS))
