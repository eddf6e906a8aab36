"""The block of a scope that has a deadline, as those see it who wait in it.

Nothing in a block is interrupted. Once the deadline is over, the next join in it raises `TaskCancelled`, and so does a
wait that is under way: the scope then makes a `TimeoutError` of it.
"""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING

from subpool._schedule.taking import Stoppable
from subpool._wire.doorbell import ring

if TYPE_CHECKING:
    from subpool._schedule.station import Station

__all__ = ["Block"]


class Block(Stoppable):
    """One such block, from its beginning to its end."""

    __slots__ = ("_forcing", "_left", "_station", "_thread")

    def __init__(self, station: Station) -> None:
        """The calling thread enters it."""
        super().__init__()
        self._station = station
        self._thread = get_ident()
        self._left = False
        self._forcing: list[bool] = []
        station.blocks.setdefault(self._thread, []).append(self)

    def expire(self) -> None:
        """Its deadline is over. Called by the courier, or by who finds out first."""
        self.cancelled = True
        if self._is_left():
            return
        self._station.force(True)
        self._forcing.append(True)
        if self._is_left():  # meanwhile, and looked too early
            self._force_no_more()
        sleeper = self._station.sleepers.get(self._thread)
        if sleeper is not None:
            ring(sleeper)

    def leave(self) -> None:
        """The thread is at its end."""
        self._left = True
        self._station.blocks[self._thread].remove(self)
        self._force_no_more()

    def _is_left(self) -> bool:
        return self._left

    def _force_no_more(self) -> None:
        try:
            self._forcing.pop()  # by one of the two who may come here
        except IndexError:
            return
        self._station.force(False)
