"""The crew: the workers of a pool as their host sees them. It starts and replaces them, and gives up those stuck.

Each worker is a thread of the host's process that runs its interpreter's loop from the start to the end. Whatever a
worker had taken when it ended is lost; while it is only late, its seat and its slots stay its own. There are seats to
spare, so that each worker can be replaced while it is stuck; where all are held, the pool goes on with fewer.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from threading import RLock, Thread
from time import perf_counter as clock, sleep
from typing import TYPE_CHECKING, Final

from subpool._schedule.courier import AT_ONCE
from subpool._schedule.loans import heir_number
from subpool._schedule.seat import DONE, PHASE, READY, TAKEN
from subpool._schedule.seating import Seating
from subpool._schedule.settings import WorkerSettings
from subpool._schedule.station import WORKING
from subpool._schedule.taking import GONE, STOP
from subpool._wire import interpreters
from subpool._wire.arena import SeatWord, SlotWord, Stage
from subpool._wire.doorbell import ring
from subpool._wire.payload import Kind, write

if TYPE_CHECKING:
    from subpool._schedule.host import Host

__all__ = ["Crew"]

MACHINE: Final = 15.0
"""Seconds that making or destroying an interpreter may take at the most, on a machine that is busy otherwise."""
FREEZE: Final = 0.2
"""Seconds that a worker's courier has to show that the worker's GIL can be had."""
GLANCE: Final = 0.05
"""Seconds between two looks whether a worker that ends has done so."""


class Crew:
    """The workers of one pool, by the seats they have."""

    def __init__(self, host: Host) -> None:
        self.host: Host = host
        self.seating: Seating = Seating(host)
        self.threads: dict[int, Thread] = {}
        self.lost: int = 0
        """How many workers died or were set aside."""
        self._numbers: dict[int, int] = {}
        self._aside: set[int] = set()
        self._leaving: set[int] = set()
        self._missing: list[int] = []  # numbers of workers for which there was no seat
        self._lock = RLock()  # the courier and ended workers' threads seat others

    # -- coming ----------------------------------------------------------------------------------------------------

    def start(self, number: int) -> None:
        """Start a worker with this number, at a free seat. If there is none, it is started when there is one again."""
        with self._lock:
            self._missing.append(number)
        self._seat_the_missing()

    def _seat_the_missing(self) -> None:
        with self._lock:
            while self._missing and not self.host.ending and (seat := self.seating.take()) is not None:
                self._start_at(seat, self._missing.pop(0))
            self.host.staff(self.host.plan.workers - len(self._missing))

    def _start_at(self, seat: int, number: int) -> None:
        thread = Thread(target=self._live, args=(seat, number), name=f"subpool-worker-{number}", daemon=True)
        thread.start()
        self.threads[seat], self._numbers[seat] = thread, number

    def _settings(self, seat: int, number: int) -> bytes:
        plan, layout = self.host.plan, self.host.layout
        halves, jobs = layout.halves(seat), layout.jobs(seat)
        cpus = sorted(os.sched_getaffinity(0)) if plan.pin_cpus else []
        return write(
            lend=True,
            value=WorkerSettings(
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
                bell=self.seating.bells[seat][0].descriptors,
                courier=self.seating.bells[seat][1].descriptors,
                halves=(halves.start, halves.stop),
                jobs=(jobs.start, jobs.stop),
                relay=self.host.relay,
                relay_bell=self.host.delivery.bell.address,
                preload=plan.preload,
                initializer=plan.initializer,
                finalizer=plan.finalizer,
            ),
        )

    def _live(self, seat: int, number: int) -> None:
        """The life of a worker's thread, from the host's side."""
        failure: str | None = None
        arena = self.host.arena
        try:
            interp = interpreters.create()  # even if the pool has ended meanwhile: it then does so at once
            try:
                failure = interpreters.execute(
                    interp,
                    _be_a_worker,
                    {
                        "subpool_path": tuple(sys.path),
                        "subpool_memory": arena.memory,
                        "subpool_geometry": arena.geometry,
                        "subpool_settings": self.host.loans.lasting(self._settings(seat, number)),
                    },
                )
            finally:
                with self.host.parcel_lock:
                    self.seating.rescue_parcels()
                    self.seating.clear_channels(seat)
                    interpreters.destroy(interp)
                    self.host.loans.inherit(seat, self.host.parcels.pop(heir_number(seat), None))
        except BaseException as error:  # noqa: BLE001 - told to whoever uses the pool
            failure = f"{type(error).__name__}: {error}"
        self._ended(seat, number, failure)

    # -- going -----------------------------------------------------------------------------------------------------

    def _ended(self, seat: int, number: int, failure: str | None) -> None:
        """A worker's thread is at its end: fail what it held, and replace it if need be."""
        arena = self.host.arena
        words, at = arena.words, arena.seat(seat)
        failed = failure is not None and words[at + SeatWord.STAGE] != Stage.GONE
        arena.idle[seat] = WORKING
        words[at + SeatWord.BUSY] = 0
        self._fail_taken(seat)
        self._stop_forked(seat)
        with self._lock:
            was_aside = seat in self._aside
            self._aside.discard(seat)
            self._leaving.discard(seat)
            self.seating.give_back(seat)
            del self.threads[seat]
        if self.host.ending:
            self.host.let_go()
        elif was_aside:
            self._seat_the_missing()
        elif failed:
            self.host.plan.broken(str(failure))
        else:
            self.lost += failure is not None
            self.start(number)

    def _fail_taken(self, seat: int) -> None:
        """Whatever a worker that is gone had taken is lost; the items of a batch behind that were not begun."""
        arena, words, mark = self.host.arena, self.host.arena.words, TAKEN | seat << 8
        lost_with = -1
        for number in self.host.layout.numbers:
            cell = arena.cell(number)
            if words[cell] == mark:
                lost_with = arena.header(number)
                words[cell] = DONE | int(Kind.LOST) << 3
                self.host.tell(number)
            elif words[cell] & PHASE == READY and arena.header(number) == lost_with:
                words[cell] = DONE | int(Kind.DECLINED) << 3
        self.host.nudge_courier()

    # -- late ------------------------------------------------------------------------------------------------------

    def attend(self) -> None:
        """See to workers whose tasks were given up by others, and to those that leave; seat those without a seat."""
        words, arena = self.host.arena.words, self.host.arena
        for seat, thread in list(self.threads.items()):
            at = arena.seat(seat)
            if words[at + SeatWord.LATE]:
                words[at + SeatWord.LATE] = 0
                self._see_to_what_was_given_up(seat)
            if words[at + SeatWord.STAGE] == Stage.LEAVING and seat not in self._leaving:
                self._leaving.add(seat)
                self.host.call_at(clock() + self.host.grace, partial(self._outstayed, seat, thread))
        if self._missing:
            self._seat_the_missing()

    def _see_to_what_was_given_up(self, seat: int) -> None:
        arena, words, mark = self.host.arena, self.host.arena.words, TAKEN | seat << 8
        for number in self.host.layout.numbers:
            cell = arena.cell(number)
            if words[cell] == mark and words[cell + SlotWord.CANCEL] == GONE:
                self.set_aside(seat, number)

    def _outstayed(self, seat: int, thread: Thread) -> None:
        """The grace of a worker that leaves is over: if it has not ended, its finalizer is stuck."""
        if self.threads.get(seat) is thread:
            self.set_aside(seat)

    def set_aside(self, seat: int, number: int | None = None) -> None:
        """A worker does not come back from this number: whatever it has is lost, another worker takes over."""
        words, retire = self.host.arena.words, self.host.arena.seat(seat) + SeatWord.RETIRE
        with self._lock:
            if seat in self._aside and number is not None and self._overstays(seat, number):
                self.host.give_up(number)
            if seat not in self.threads or seat in self._aside or self.host.ending:
                return
            words[retire] = 1
            self.host.fence()  # either the worker sees that when it is done with the number, or that is seen here
            if number is not None and not self._overstays(seat, number):
                words[retire] = 0  # it came back at the last moment, and may have begun something else
                return
            self._aside.add(seat)
            self.lost += 1
        words[self.host.arena.seat(seat) + SeatWord.BUSY] = 0
        self._give_up(seat)
        self.start(self._numbers[seat])

    def _overstays(self, seat: int, number: int) -> bool:
        words, cell = self.host.arena.words, self.host.arena.cell(number)
        return words[cell] == TAKEN | seat << 8 and words[cell + SlotWord.CANCEL] in (STOP, GONE)

    def _give_up(self, seat: int) -> None:
        """Nobody waits any more for what this worker has; the slots are its own until it comes back."""
        arena, words, mark = self.host.arena, self.host.arena.words, TAKEN | seat << 8
        for number in self.host.layout.numbers:
            if words[arena.cell(number)] == mark:
                self.host.give_up(number)
        self._stop_forked(seat)
        self.host.nudge_courier()

    def _stop_forked(self, seat: int) -> None:
        """What the tasks of a worker that is lost have forked is not wanted any more."""
        for number in self.host.layout.halves(seat):
            if self.host.begun(number):
                self.host.cancel(number)

    # -- how they are ----------------------------------------------------------------------------------------------

    @property
    def starting(self) -> bool:
        """Whether workers are on their way."""
        words, arena = self.host.arena.words, self.host.arena
        return any(words[arena.seat(seat) + SeatWord.STAGE] < Stage.PRESENT for seat in list(self.threads))

    @property
    def at_work(self) -> bool:
        """Whether some run a task that may still come back."""
        return any(self._at_work(seat) for seat in list(self.threads))

    def _at_work(self, seat: int) -> bool:
        arena = self.host.arena
        stage = arena.words[arena.seat(seat) + SeatWord.STAGE]
        return stage == Stage.PRESENT and arena.idle[seat] == WORKING and seat not in self._aside

    def number_of(self, seat: int) -> int | None:
        """The number of the worker at a seat; None if there is none."""
        return self._numbers[seat] if seat in self.threads else None

    def is_aside(self, seat: int) -> bool:
        """Whether the worker at this seat was replaced, and has not come back."""
        return seat in self._aside

    def ask(self, queue: int) -> list[int]:
        """Have workers tell on a queue what they do (see `snapshot`): those that have a courier to tell it.

        A signal handler asks, too: so who holds the lock, and may wait for the interrupted thread, is not waited for.
        """
        words, asked = self.host.arena.words, list[int]()
        if self._lock.acquire(timeout=GLANCE):
            try:
                for seat in self.threads:  # so that its courier's doorbell is not closed meanwhile
                    at = self.host.arena.seat(seat)
                    if words[at + SeatWord.COURIER_STAGE] == Stage.PRESENT:
                        words[at + SeatWord.ASKED] = queue
                        ring(words[at + SeatWord.COURIER])
                        asked.append(seat)
            finally:
                self._lock.release()
        return asked

    # -- the end ---------------------------------------------------------------------------------------------------

    def stop_running(self) -> None:
        """Ask every task that runs to stop."""
        arena, words = self.host.arena, self.host.arena.words
        for number in self.host.layout.numbers:
            cell = arena.cell(number)
            if words[cell] & PHASE == TAKEN:
                words[cell + SlotWord.CANCEL] = STOP

    def dismiss(self) -> None:
        """Wake all, for they end, and wait: as long as the host's patience lasts where code of the user's runs.

        Nobody waits any more for what the tasks of those left may still return.
        """
        while threads := [thread for seat, thread in list(self.threads.items()) if self._may_end(seat)]:
            self._ring_all()
            threads[0].join(GLANCE)
        for seat in list(self.threads):
            self._give_up(seat)

    def _may_end(self, seat: int) -> bool:
        """Whether a worker that was told to end is worth waiting for.

        One that is being made or destroyed is: it needs nobody but the machine, and CPython crashes if the program ends
        meanwhile.
        """
        now = clock()
        if now < self.host.until:
            return seat not in self._aside or not self._runs_users_code(seat)
        return now < self.host.until + MACHINE and not self._runs_users_code(seat)

    def _runs_users_code(self, seat: int) -> bool:
        words, at, mark = self.host.arena.words, self.host.arena.seat(seat), TAKEN | seat << 8
        stage = words[at + SeatWord.STAGE]
        if stage == Stage.PRESENT:
            cells = map(self.host.arena.cell, self.host.layout.numbers)
            return words[at + SeatWord.BUSY] != 0 or any(words[cell] == mark for cell in cells)
        return stage in (Stage.PREPARING, Stage.LEAVING)

    def leave(self) -> bool:
        """The program ends beside workers that do not: have their couriers leave. Whether one could not get the GIL."""
        self.host.arena.stop[0] = AT_ONCE
        until = clock() + FREEZE
        while any(self._is_awaited(seat, clock() > until) for seat in list(self.threads)):
            self._ring_all()
            sleep(0.1 * GLANCE)
        words, arena = self.host.arena.words, self.host.arena
        stages = [words[arena.seat(seat) + SeatWord.COURIER_STAGE] for seat in list(self.threads)]
        return any(stage != Stage.LEAVING for stage in stages)

    def _is_awaited(self, seat: int, late: bool) -> bool:
        """Whether a worker's courier is about to leave, or the worker itself about to end."""
        stage = self.host.arena.words[self.host.arena.seat(seat) + SeatWord.COURIER_STAGE]
        if stage == Stage.PRESENT:
            return not late
        return stage != Stage.LEAVING and clock() < self.host.until + MACHINE

    def _ring_all(self) -> None:
        for seat in list(self.threads):
            self.seating.ring(seat)


def _be_a_worker() -> None:
    """The body that runs in a worker's `__main__`, where the names that begin with `subpool_` were put before."""
    import sys

    sys.path[:] = subpool_path  # type: ignore[name-defined] # noqa: F821
    from subpool._schedule.worker import main

    main(subpool_memory, subpool_geometry, subpool_settings)  # type: ignore[name-defined] # noqa: F821
