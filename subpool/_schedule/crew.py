"""The crew: the workers of a pool as their host sees them. It starts and replaces them, and gives up those stuck.

Each worker is a thread of the host's process that runs its interpreter's loop from the start to the end. Whatever a
worker had taken when it ended is lost; while it is only late, its slots stay its own.
"""

from __future__ import annotations

import os
import sys
from threading import Thread, get_ident
from time import perf_counter as clock, sleep
from typing import TYPE_CHECKING, Final

from subpool._schedule.seat import DONE, PHASE, TAKEN
from subpool._schedule.settings import WorkerSettings
from subpool._schedule.station import WORKING
from subpool._schedule.taking import GONE
from subpool._wire import interpreters
from subpool._wire.arena import SeatWord, SlotWord
from subpool._wire.doorbell import Doorbell, ring
from subpool._wire.payload import Kind, landed, write

if TYPE_CHECKING:
    from subpool._schedule.host import Host

__all__ = ["Crew"]

FREEZE: Final = 0.2
"""Seconds that a worker's courier has to show that the worker's GIL can be had."""


class Crew:
    """The workers of one pool, by the seats they have."""

    def __init__(self, host: Host) -> None:
        self.host: Host = host
        self.threads: dict[int, Thread] = {}
        self.lost: int = 0
        """How many workers died or were set aside."""
        self._numbers: dict[int, int] = {}
        self._bells: dict[int, tuple[Doorbell, Doorbell]] = {}
        self._aside: set[int] = set()
        self._next_seat = 1
        self._free_seats: list[int] = []

    # -- coming ----------------------------------------------------------------------------------------------------

    def start(self, number: int) -> None:
        """Start a worker with this number at a free seat."""
        host = self.host
        if self._free_seats:
            seat = self._free_seats.pop()
        elif self._next_seat < host.layout.workers_end:
            seat = self._next_seat
            self._next_seat += 1
        else:
            return  # every spare seat is held by a worker that is stuck
        self._numbers[seat] = number
        words, at = host.arena.words, host.arena.seat(seat)
        if seat not in self._bells:
            self._bells[seat] = bells = (host.make_bell(), host.make_bell())
            words[at + SeatWord.BELL], words[at + SeatWord.COURIER] = (bell.address for bell in bells)
        words[at + SeatWord.RETIRE] = words[at + SeatWord.READY] = words[at + SeatWord.LEFT] = 0
        thread = Thread(target=self._live, args=(seat, number), name=f"subpool-worker-{number}", daemon=True)
        self.threads[seat] = thread
        thread.start()

    def _settings(self, seat: int, number: int) -> bytes:
        plan, layout = self.host.plan, self.host.layout
        halves, jobs = layout.halves(seat), layout.jobs(seat)
        cpus = sorted(os.sched_getaffinity(0)) if plan.pin_cpus else []
        return write(
            WorkerSettings(
                index=number,
                seat=seat,
                workers=plan.workers,
                cores=os.process_cpu_count() or 1,
                grace=plan.grace,
                idle_spin=plan.idle_spin,
                background=plan.background_workers is None or number < plan.background_workers,
                max_tasks=plan.max_tasks,
                strict=plan.strict,
                pin=cpus[(number + 1) % len(cpus)] if cpus else None,
                recursion_limit=sys.getrecursionlimit(),
                bell=self._bells[seat][0].descriptors,
                courier=self._bells[seat][1].descriptors,
                halves=(halves.start, halves.stop),
                jobs=(jobs.start, jobs.stop),
                relay=self.host.relay,
                relay_bell=self.host.delivery.bell.address,
                preload=plan.preload,
                initializer=plan.initializer,
                finalizer=plan.finalizer,
            )
        )

    def _live(self, seat: int, number: int) -> None:
        """The life of a worker's thread, from the host's side."""
        failure: str | None = None
        arena = self.host.arena
        try:
            interp = interpreters.create()
            try:
                failure = interpreters.execute(
                    interp,
                    _be_a_worker,
                    {
                        "subpool_path": tuple(sys.path),
                        "subpool_memory": arena.memory,
                        "subpool_geometry": arena.geometry,
                        "subpool_settings": self._settings(seat, number),
                    },
                )
            finally:
                with self.host.parcel_lock:
                    self._rescue_parcels()
                    interpreters.destroy(interp)
        except BaseException as error:  # noqa: BLE001 - told to whoever uses the pool
            failure = f"{type(error).__name__}: {error}"
        self._ended(seat, number, failure)

    # -- going -----------------------------------------------------------------------------------------------------

    def _rescue_parcels(self) -> None:
        """Copy the large outcomes that lie in the host's inbox: their memory ends with their sender's interpreter."""
        arena, parcels = self.host.arena, self.host.parcels
        inbox = arena.words[arena.seat(0) + SeatWord.INBOX]
        while True:
            try:
                number, data = interpreters.get(inbox)[0]
            except RuntimeError:
                return
            parcels[number] = landed(data)

    def _ended(self, seat: int, number: int, failure: str | None) -> None:
        """A worker's thread is at its end: fail what it held, and replace it if need be."""
        arena = self.host.arena
        words, at = arena.words, arena.seat(seat)
        ready = words[at + SeatWord.READY] != 0
        was_aside = seat in self._aside
        arena.idle[seat] = WORKING
        words[at + SeatWord.BUSY] = 0
        self._fail_taken(seat)
        self.threads.pop(seat, None)
        self._aside.discard(seat)
        if self.host.ending:
            return
        if failure is not None and not ready:
            self.host.plan.broken(failure)
            return
        if failure is not None:
            self.lost += 1
        self._free_seats.append(seat)
        if not was_aside:
            self.start(number)

    def _fail_taken(self, seat: int) -> None:
        """Whatever a worker that is gone had taken is lost."""
        arena, words, mark = self.host.arena, self.host.arena.words, TAKEN | seat << 8
        for number in self.host.layout.numbers:
            cell = arena.cell(number)
            if words[cell] == mark:
                words[cell] = DONE | int(Kind.LOST) << 3
                self._tell(number)

    def set_aside(self, seat: int) -> None:
        """A worker does not come back from a task that was stopped: its task has failed, another worker takes over."""
        if seat not in self.threads or seat in self._aside or self.host.ending:
            return
        self._aside.add(seat)
        self.lost += 1
        words, at = self.host.arena.words, self.host.arena.seat(seat)
        words[at + SeatWord.RETIRE] = 1
        words[at + SeatWord.BUSY] = 0
        self._give_up(seat)
        self.start(self._numbers[seat])

    def _give_up(self, seat: int) -> None:
        """Nobody waits any more for what this worker has; the slots are its own until it comes back."""
        arena, words, mark = self.host.arena, self.host.arena.words, TAKEN | seat << 8
        for number in self.host.layout.numbers:
            cell = arena.cell(number)
            if words[cell] == mark:
                words[cell + SlotWord.CANCEL] = GONE
                self._tell(number)
        self.host.nudge_courier()

    def _tell(self, number: int) -> None:
        """Wake whoever sleeps on a number that was just marked."""
        self.host.fence()  # the mark before the look at who sleeps
        waiter = self.host.arena.words[self.host.arena.header(number) + SlotWord.WAITER]
        if waiter > 0:
            ring(waiter)

    # -- how they are ----------------------------------------------------------------------------------------------

    @property
    def starting(self) -> bool:
        """Whether workers are on their way."""
        words, arena = self.host.arena.words, self.host.arena
        return any(not words[arena.seat(seat) + SeatWord.READY] for seat in list(self.threads))

    @property
    def at_work(self) -> bool:
        """Whether some run a task that may still come back."""
        return any(self._at_work(seat) for seat in list(self.threads))

    def _at_work(self, seat: int) -> bool:
        arena = self.host.arena
        ready = arena.words[arena.seat(seat) + SeatWord.READY]
        return bool(ready) and arena.idle[seat] == WORKING and seat not in self._aside

    @property
    def frozen(self) -> bool:
        """Whether a worker holds its GIL for good, in C: not even the end of the process would get it."""
        words, arena = self.host.arena.words, self.host.arena
        until = clock() + FREEZE
        while held := [seat for seat in list(self.threads) if not words[arena.seat(seat) + SeatWord.LEFT]]:
            if clock() > until:
                return any(words[arena.seat(seat) + SeatWord.READY] for seat in held)
            for seat in held:
                ring(self._bells[seat][1].address)
            sleep(0.005)
        return False

    # -- the end ---------------------------------------------------------------------------------------------------

    def stop_running(self) -> None:
        """Ask every task that runs to stop."""
        arena, words = self.host.arena, self.host.arena.words
        for number in self.host.layout.numbers:
            cell = arena.cell(number)
            if words[cell] & PHASE == TAKEN:
                words[cell + SlotWord.CANCEL] = 1

    def dismiss(self, until: float) -> None:
        """Wake all, for they end, and wait until they are gone, or until this time of the clock."""
        while self.threads:
            for seat, thread in list(self.threads.items()):
                for bell in self._bells[seat]:
                    ring(bell.address)
                if thread.ident not in (None, get_ident()):
                    thread.join(0.05)
            if clock() > until:
                break


def _be_a_worker() -> None:
    """The body that runs in a worker's `__main__`, where the names that begin with `subpool_` were put before."""
    import sys

    sys.path[:] = subpool_path  # type: ignore[name-defined] # noqa: F821
    from subpool._schedule.worker import main

    main(subpool_memory, subpool_geometry, subpool_settings)  # type: ignore[name-defined] # noqa: F821
