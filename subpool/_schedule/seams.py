"""Seams for tests: places where the schedule can be held between two of its steps. They cost one word read per step."""

from __future__ import annotations

from contextlib import contextmanager
from time import sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from subpool._schedule.station import Station

__all__ = ["held_before_looking"]


@contextmanager
def held_before_looking(station: Station) -> Generator[Callable[[], None]]:
    """Hold every worker of an idle pool just before it looks for work, until the function that this gives is called.

    A held worker counts as one that seeks: it has asked for work, and whoever publishes need not wake it.
    """
    hold, request = station.arena.hold, station.seats[0].request

    def let_go() -> None:
        hold[0] = 0
        station.wake(station.workers)

    hold[0] = 1
    station.wake(station.workers)
    try:
        while not request[0]:
            sleep(1e-4)
        yield let_go
    finally:
        let_go()
