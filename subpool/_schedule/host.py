"""The host's station: it makes the arena, starts and replaces the workers, and ends everything again.

Seats: number 0 is shared by the host's threads; then come the workers', some to spare for replacements, and some for
host threads that run a task while they wait. A host thread that finds none of those free waits without helping.
"""

from __future__ import annotations

import os
import sys
from threading import Event, Thread, get_ident
from time import perf_counter as clock
from time import sleep
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule import courier
from subpool._schedule.backlog import Backlog
from subpool._schedule.delivery import Delivery
from subpool._schedule.lane import InlineLane
from subpool._schedule.seat import DONE, PHASE, TAKEN, Seat
from subpool._schedule.settings import WorkerSettings
from subpool._schedule.station import WORKING, Station
from subpool._schedule.taking import GONE
from subpool._wire import interpreters
from subpool._wire.arena import BATCH_ITEMS, Arena, SeatWord, SlotWord
from subpool._wire.doorbell import Doorbell, ring
from subpool._wire.payload import Kind, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._schedule.job import Call, Job

__all__ = ["Host", "Plan"]

SPARE: Final = 8
"""Seats for workers that take the place of others."""
HELPERS: Final = 8
"""Host threads that can help at the same time."""
HOST_HALVES: Final = 64
HOST_JOBS: Final = 160
HOST_BATCHES: Final = 64
SEAT_HALVES: Final = 16
SEAT_JOBS: Final = 32
SPIN: Final = 250e-6
"""Seconds that a thread waiting for a job looks around before it sleeps."""


FREEZE: Final = 0.2
"""Seconds that a worker's courier has to show that the worker's GIL can be had."""
LEAVE: Final = 1.0
"""Seconds that the end of a pool leaves to threads that are just waking up from waiting at it."""


class Plan:
    """What a pool was asked to be; see `subpool.Pool` for what each means."""

    def __init__(self, workers: int, **options: Any) -> None:
        self.workers = workers
        self.idle_spin: float = options["idle_spin"]
        self.initializer: bytes = options["initializer"]
        self.finalizer: bytes = options["finalizer"]
        self.preload: tuple[str, ...] = options["preload"]
        self.pin_cpus: bool = options["pin_cpus"]
        self.background_workers: int | None = options["background_workers"]
        self.max_tasks: int | None = options["max_tasks"]
        self.strict: bool = options["strict"]
        self.grace: float = options["grace"]
        self.on_unsupported: str = options["on_unsupported"]
        self.broken: Callable[[str], None] = options["broken"]
        self.general: Callable[[bool], None] = options["general"]


class Host(Station):
    """One running pool, seen from the interpreter that owns it."""

    def __init__(self, plan: Plan) -> None:
        """Make the arena and start the courier, the delivery thread and the workers."""
        self.plan = plan
        self._queues: list[int] = []
        self._bells: list[Doorbell] = []
        seats = 1 + plan.workers + SPARE + HELPERS
        super().__init__(Arena(None, seats, self._slot_count(seats), HOST_BATCHES), plan.workers, plan.grace, self._bell())
        self.index = None
        self.strict = plan.strict
        self._lay_out()
        self.root = self._host_seat(0)
        self.root.busy[0] = -1
        self.backlog = Backlog(self.root, self._job_slots(0), self._batch_numbers())
        self.lane = InlineLane(plan.on_unsupported)
        self._helpers = [self._host_seat(seats - 1 - place) for place in range(HELPERS)]
        self._helping: dict[int, Seat] = {}
        self._bells_free: list[Doorbell] = []
        self._bells_out: dict[Doorbell, None] = {}  # borrowed by threads that wait
        self._relay = self._queue()
        self.delivery = Delivery(self._relay, self.backlog.feed)
        self.delivery_address = self.delivery.bell.address
        self._worker_bells: dict[int, tuple[Doorbell, Doorbell]] = {}
        self._path: list[str] = list(sys.path)
        self._threads: dict[int, Thread] = {}
        self._numbers: dict[int, int] = {}
        self._aside: set[int] = set()
        self._lost = 0
        self._next_seat = 1
        self._free_seats: list[int] = []
        self._courier_thread = courier.start(self, daemon=True)
        self.delivery.start()
        for number in range(plan.workers):
            self._start_worker(number)

    # -- layout ----------------------------------------------------------------------------------------------------

    @staticmethod
    def _slot_count(seats: int) -> int:
        return HOST_HALVES + HOST_JOBS + (seats - 1) * (SEAT_HALVES + SEAT_JOBS)

    def _half_slots(self, seat: int) -> range:
        if seat == 0:
            return range(HOST_HALVES)
        first = HOST_HALVES + HOST_JOBS + (seat - 1) * (SEAT_HALVES + SEAT_JOBS)
        return range(first, first + SEAT_HALVES)

    def _job_slots(self, seat: int) -> range:
        halves = self._half_slots(seat)
        return range(halves.stop, halves.stop + (SEAT_JOBS if seat else HOST_JOBS))

    def _batch_numbers(self) -> range:
        first = self.arena.slots
        return range(first, first + HOST_BATCHES * BATCH_ITEMS, BATCH_ITEMS)

    def _queue(self) -> int:
        number = interpreters.create_queue()
        self._queues.append(number)
        return number

    def _bell(self) -> Doorbell:
        bell = Doorbell()
        self._bells.append(bell)
        return bell

    def _lay_out(self) -> None:
        """Give every seat its queues, and the host's seats their courier."""
        words, host_inbox = self.arena.words, self._queue()
        workers_end = self.arena.seats - HELPERS
        for seat in range(self.arena.seats):
            at = self.arena.seat(seat)
            of_worker = 0 < seat < workers_end
            words[at + SeatWord.CHANNEL] = self._queue()
            words[at + SeatWord.INBOX] = self._queue() if of_worker else host_inbox
            words[at + SeatWord.BACKLOG] = self._queue() if of_worker or seat == 0 else 0
            words[at + SeatWord.COURIER] = self.courier.address

    def _host_seat(self, index: int) -> Seat:
        seat = Seat(self, index, self._half_slots(index))
        self.seats.append(seat)
        return seat

    # -- workers ---------------------------------------------------------------------------------------------------

    def _start_worker(self, number: int) -> None:
        """Start a worker with this number at a free seat."""
        if self._free_seats:
            seat = self._free_seats.pop()
        elif self._next_seat < self.arena.seats - HELPERS:
            seat = self._next_seat
            self._next_seat += 1
        else:
            return  # every spare seat is held by a worker that is stuck
        self._numbers[seat] = number
        words, at = self.arena.words, self.arena.seat(seat)
        if seat not in self._worker_bells:
            self._worker_bells[seat] = bells = (self._bell(), self._bell())
            words[at + SeatWord.BELL], words[at + SeatWord.COURIER] = (bell.address for bell in bells)
        words[at + SeatWord.RETIRE] = words[at + SeatWord.READY] = words[at + SeatWord.LEFT] = 0
        thread = Thread(target=self._live, args=(seat, number), name=f"subpool-worker-{number}", daemon=True)
        self._threads[seat] = thread
        thread.start()

    def _settings(self, seat: int, number: int) -> bytes:
        plan = self.plan
        halves, jobs = self._half_slots(seat), self._job_slots(seat)
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
                bell=self._worker_bells[seat][0].descriptors,
                courier=self._worker_bells[seat][1].descriptors,
                halves=(halves.start, halves.stop),
                jobs=(jobs.start, jobs.stop),
                relay=self._relay,
                relay_bell=self.delivery.bell.address,
                preload=plan.preload,
                initializer=plan.initializer,
                finalizer=plan.finalizer,
            )
        )

    def _live(self, seat: int, number: int) -> None:
        """The life of a worker's thread, from the host's side."""
        failure: str | None = None
        try:
            interp = interpreters.create()
            try:
                failure = interpreters.execute(
                    interp,
                    _be_a_worker,
                    {
                        "subpool_path": tuple(sys.path),
                        "subpool_memory": self.arena.memory,
                        "subpool_geometry": self.arena.geometry,
                        "subpool_settings": self._settings(seat, number),
                    },
                )
            finally:
                self._rescue_parcels()
                interpreters.destroy(interp)
        except BaseException as error:  # noqa: BLE001 - told to whoever uses the pool
            failure = f"{type(error).__name__}: {error}"
        self._worker_ended(seat, number, failure)

    def _rescue_parcels(self) -> None:
        """Copy the large outcomes that lie in the host's inbox: their memory ends with the interpreter that sent them."""
        inbox = self.arena.words[self.arena.seat(0) + SeatWord.INBOX]
        while True:
            try:
                number, data = interpreters.get(inbox)[0]
            except RuntimeError:
                return
            self.parcels[number] = bytes(data)

    def _worker_ended(self, seat: int, number: int, failure: str | None) -> None:
        """A worker's thread is at its end: fail what it held, and replace it if need be."""
        words, at = self.arena.words, self.arena.seat(seat)
        ready = words[at + SeatWord.READY] != 0
        was_aside = seat in self._aside
        self.arena.idle[seat] = WORKING
        words[at + SeatWord.BUSY] = 0
        self._fail_taken(seat)
        self._threads.pop(seat, None)
        self._aside.discard(seat)
        if self.ending:
            return
        if failure is not None and not ready:
            self.plan.broken(failure)
            return
        if failure is not None:
            self._lost += 1
        self._free_seats.append(seat)
        if not was_aside:
            self._start_worker(number)

    def _fail_taken(self, seat: int) -> None:
        """Whatever a worker that is gone had taken is lost."""
        arena, words, mark = self.arena, self.arena.words, TAKEN | seat << 8
        for number in self._numbers_of_slots():
            cell = arena.cell(number)
            if words[cell] == mark:
                words[cell] = DONE | int(Kind.LOST) << 3
                interpreters.count(self.root.channel)
                waiter = words[arena.header(number) + SlotWord.WAITER]
                if waiter > 0:
                    ring(waiter)

    def _give_up(self, seat: int) -> None:
        """Nobody waits any more for what this worker has; the slots are its own until it comes back."""
        arena, words, mark = self.arena, self.arena.words, TAKEN | seat << 8
        for number in self._numbers_of_slots():
            cell = arena.cell(number)
            if words[cell] == mark:
                words[cell + SlotWord.CANCEL] = GONE
                interpreters.count(self.root.channel)  # fence: the mark before the look at who sleeps
                waiter = words[arena.header(number) + SlotWord.WAITER]
                if waiter > 0:
                    ring(waiter)
        self.nudge_courier()

    def _numbers_of_slots(self) -> tuple[int, ...]:
        arena = self.arena
        return (*range(arena.slots), *range(arena.slots, arena.slots + arena.batches * BATCH_ITEMS))

    def set_aside(self, taker: int) -> None:
        """A worker does not come back from a task that was stopped: its task has failed, another worker takes over."""
        if taker not in self._threads or taker in self._aside or self.ending:
            return
        self._aside.add(taker)
        self._lost += 1
        at = self.arena.seat(taker)
        self.arena.words[at + SeatWord.RETIRE] = 1
        self.arena.words[at + SeatWord.BUSY] = 0
        self._give_up(taker)
        self._start_worker(self._numbers[taker])

    # -- sys.path --------------------------------------------------------------------------------------------------

    def ship_path(self) -> None:
        """Tell the workers what `sys.path` is now, if it changed."""
        if self._path == sys.path:
            return
        self._path = list(sys.path)
        data, arena = write(self._path), self.arena
        if len(data) <= len(arena.path):
            arena.path_version[0] += 1
            arena.path_length[0] = len(data)
            arena.path[: len(data)] = data
            interpreters.count(self.root.channel)  # fence: the path before the version that announces it
            arena.path_version[0] += 1

    # -- helping ---------------------------------------------------------------------------------------------------

    def caller_seat(self) -> Seat:
        """The seat at which the calling thread forks."""
        return self._helping.get(get_ident(), self.root)

    def begin_helping(self, seat: Seat) -> Seat | None:
        """Seat the calling thread apart from the others while it runs a task that it was not given."""
        if seat is not self.root:
            return super().begin_helping(seat)
        try:
            helper = self._helpers.pop()
        except IndexError:
            return None
        helper.depth = 1
        self._helping[get_ident()] = helper
        self.plan.general(True)
        return helper

    def end_helping(self, seat: Seat, helper: Seat) -> None:
        """The calling thread is back from a task that it ran while waiting."""
        if seat is not self.root:
            super().end_helping(seat, helper)
            return
        del self._helping[get_ident()]
        del helper.ledger[1:]
        self._helpers.append(helper)
        self.plan.general(False)

    def borrow_bell(self) -> Doorbell:
        """A doorbell for a thread whose seat is shared."""
        try:
            bell = self._bells_free.pop()
        except IndexError:
            bell = self._bell()
        self._bells_out[bell] = None
        return bell

    def return_bell(self, bell: Doorbell) -> None:
        """Give it back: it is closed with the pool, since until then somebody may ring it."""
        self._bells_out.pop(bell, None)
        self._bells_free.append(bell)

    # -- jobs ------------------------------------------------------------------------------------------------------

    def await_job(self, job: Job, timeout: float | None) -> None:
        """Look around for a moment for a job's outcome: it is often nearly there."""
        backlog, final = self.backlog, job.__dict__
        backlog.feed()
        begun = clock()
        until = None if timeout is None else begun + timeout
        if begun - backlog.rang > SPIN:  # else a worker is just waking up: this thread had better sleep soon, too
            spin = begun + SPIN * self.patience if until is None else min(until, begun + SPIN * self.patience)
            while "_final" not in final and (backlog.feed() or clock() < spin):
                pass
        if "_final" not in final and job._sleeper == 0:
            self._sleep_for(job, until)

    def _sleep_for(self, job: Job, until: float | None) -> None:
        """Sleep until a published job is done. Only one thread at a time can: others wait on the job's condition."""
        backlog = self.backlog
        bell = self.borrow_bell()
        job._sleeper = bell.address
        try:
            bell.hush()
            if backlog.announce(job, bell.address) and "_final" not in job.__dict__:
                bell.sleep(None if until is None else max(0.0, until - clock()))
            backlog.feed()
        finally:
            job._sleeper = 0
            self.return_bell(bell)

    def catch_up(self) -> None:
        """Deliver what was printed elsewhere before the results that are given out now."""
        self.delivery.catch_up()

    def deliver(self, action: Callable[[], object]) -> None:
        """Run a callback on the delivery thread."""
        self.delivery.add(action)

    def attend(self) -> float | None:
        """See `Station.attend`; and refill the window, and watch deadlines."""
        if not self.backlog.empty or self.backlog.timed:
            self.backlog.feed()
            self.look_at(self.backlog.attend())
        return super().attend()

    def helps(self, ident: int) -> bool:
        """Whether this thread runs a task while it waits."""
        return ident in self._helping

    def divert(self, job: Job, call: Call, module: str) -> None:
        """A job needs a module that no subinterpreter can load: a thread of the host runs it, or it fails."""
        self.lane.take(job, call, module)

    def cancel_all(self) -> None:
        """Cancel every job that is not done."""
        for job in self.backlog.jobs():
            job.cancel()

    def fail_all(self, error: BaseException) -> None:
        """Every job that is not done has failed."""
        for job in self.backlog.jobs():
            job._fail(error)

    def drain(self) -> None:
        """Wait until all jobs are done, those too that tasks spawned in workers."""
        while jobs := self.backlog.jobs():
            for job in jobs:
                job._settled()
            self.backlog.feed()
        self.lane.close()
        while any(self._at_work(seat) for seat in list(self._threads)):
            Event().wait(0.002)

    def _at_work(self, seat: int) -> bool:
        ready = self.arena.words[self.arena.seat(seat) + SeatWord.READY]
        return bool(ready) and self.arena.idle[seat] == WORKING and seat not in self._aside

    def starting(self) -> bool:
        """Whether workers are on their way."""
        words, arena = self.arena.words, self.arena
        return any(not words[arena.seat(seat) + SeatWord.READY] for seat in list(self._threads))

    # -- figures ---------------------------------------------------------------------------------------------------

    def stat(self, which: int) -> int:
        """A counter, over all seats."""
        return sum(self.arena.words[self.arena.stat(seat) + which] for seat in range(self.arena.seats))

    @property
    def lost(self) -> int:
        """How many workers died or were set aside."""
        return self._lost

    @property
    def at_rest(self) -> bool:
        """Whether nothing runs, and nothing waits to be run."""
        running = any(self.arena.words[self.arena.seat(seat) + SeatWord.BUSY] > 0 for seat in range(self.arena.seats))
        return not running and not self.backlog.jobs() and not self.waiting

    # -- the end ---------------------------------------------------------------------------------------------------

    def shut_down(self, patience: float) -> bool:
        """End the workers, waiting so many seconds for each to leave its task. False: some would not."""
        self.ending = True
        self.arena.stop[0] = 1
        until = clock() + patience
        self._stop_running()
        while self._threads:
            for seat, thread in list(self._threads.items()):
                for bell in self._worker_bells[seat]:
                    ring(bell.address)
                if thread.ident not in (None, get_ident()):
                    thread.join(0.05)
            if clock() > until:
                break
        ring(self.courier.address)
        if get_ident() != self._courier_thread.ident:
            self._courier_thread.join()
        self.delivery.close()
        self.interrupter.close()
        if self._threads:
            return False  # somebody may still ring or put: leave everything where it is
        self._release()
        return True

    @property
    def frozen(self) -> bool:
        """Whether a worker holds its GIL for good, in C: not even the end of the process would get it."""
        words, arena = self.arena.words, self.arena
        until = clock() + FREEZE
        while held := [seat for seat in list(self._threads) if not words[arena.seat(seat) + SeatWord.LEFT]]:
            if clock() > until:
                return any(words[arena.seat(seat) + SeatWord.READY] for seat in held)
            for seat in held:
                ring(self._worker_bells[seat][1].address)
            sleep(0.005)
        return False

    def _stop_running(self) -> None:
        """Ask every task that runs to stop."""
        arena, words = self.arena, self.arena.words
        for number in self._numbers_of_slots():
            cell = arena.cell(number)
            if words[cell] & PHASE == TAKEN:
                words[cell + SlotWord.CANCEL] = 1

    def _release(self) -> None:
        """Give queues and doorbells back; a doorbell that somebody is about to sleep on stays open."""
        until = clock() + LEAVE
        while self._bells_out and clock() < until:
            for bell in list(self._bells_out):
                ring(bell.address)
            sleep(0.001)
        for queue in self._queues:
            interpreters.destroy_queue(queue)
        for bell in (*self._bells, self.delivery.bell):
            if bell not in self._bells_out:
                bell.close()


def _be_a_worker() -> None:
    """The body that runs in a worker's `__main__`, where the names that begin with `subpool_` were put before."""
    import sys

    sys.path[:] = subpool_path  # type: ignore[name-defined] # noqa: F821
    from subpool._schedule.worker import main

    main(subpool_memory, subpool_geometry, subpool_settings)  # type: ignore[name-defined] # noqa: F821
