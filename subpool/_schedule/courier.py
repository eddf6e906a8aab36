"""The courier: one thread per interpreter that does what the interpreter's busy threads cannot.

It sleeps on a doorbell of its own, and never runs the user's code.
"""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from subpool._schedule.station import Station

__all__ = ["AT_ONCE", "start"]

AT_ONCE: Final = 2
"""Value of `Arena.stop`: the process ends, and couriers leave even beside a worker that is stuck."""


def start(station: Station, *, daemon: bool) -> Thread:
    """Start an interpreter's courier; it ends when the pool does."""
    thread = Thread(target=_run, args=(station,), name="subpool-courier", daemon=daemon)
    thread.start()
    station.courier_ident = thread.ident
    return thread


def _run(station: Station) -> None:
    pause: float | None = None
    while not station.ending and station.arena.stop[0] < AT_ONCE:
        if station.courier.doze(pause):
            station.attend()  # first of all: each system call may cost a turn, that is a whole switch interval
            station.courier.hush()
        pause = station.attend()  # after the hush: what was rung for during the first look is seen here
    station.courier_left()
