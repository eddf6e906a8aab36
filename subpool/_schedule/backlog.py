"""The backlog: what `spawn` handed over and nobody has begun, and the window of it that is published.

A job is private first: a live call in a queue of its own interpreter. As many are published ahead as keep the workers
busy for some 20 ms, so that workers go on while their owner's interpreter is busy, and no more: what is private costs
nothing to run here, to cancel or to keep. Jobs of one function that turned out short share a *batch*: the function is
written once, and each item keeps a number, and so a claim, of its own.

Claiming: a worker's claim is the queue `get`. The owner's claim on a published job is the *unclaim* handshake: the owner
stores `UNCLAIM`, passes the fence, and reads the state; the taker stores `TAKEN`, passes the fence, and reads the wish.
The fence is a mutex, so one of the two critical sections is first, and whoever comes second sees the other's store:
not both run the job. If both see each other, the taker leaves it alone, and the owner finds it declined.
"""

from __future__ import annotations

from collections import deque
from pickle import dumps
from threading import RLock
from time import perf_counter as clock
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule.seat import DONE, PHASE, READY, TAKEN, Seat
from subpool._schedule.taking import TIMED, UNCLAIM
from subpool._wire.arena import BATCH_ARGS, BATCH_BYTES, BATCH_ITEMS, SeatWord, SlotWord
from subpool._wire.doorbell import ring
from subpool._wire.interpreters import count, put
from subpool._wire.payload import Kind, write
from subpool.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._schedule.job import Call, Job

__all__ = ["Backlog"]

AHEAD: Final = 20e6
"""Nanoseconds of work that are published ahead, per worker."""
SHORT: Final = 200e3
"""Nanoseconds of work that a batch should hold."""
FIRST: Final = 32
"""Jobs per worker that are published ahead while nothing is known of how long they run."""
FUNCTIONS_KEPT: Final = 256


class Flight:
    """One published slot or batch, and its jobs that have not come home."""

    __slots__ = ("first", "jobs", "key", "left")

    def __init__(self, first: int, key: object, jobs: list[Job | None]) -> None:
        self.first = first
        self.key = key
        self.jobs = jobs
        self.left = len(jobs)


class Backlog:
    """The background work of one interpreter."""

    def __init__(self, seat: Seat, slots: range, batches: range) -> None:
        """Publish on this seat's behalf, into these slots and these batches (by the number of their first item)."""
        arena = seat.arena
        self.seat = seat
        self.station = seat.station
        self.channel: int = arena.words[arena.seat(seat.index) + SeatWord.BACKLOG]
        at = arena.seat(seat.index) + SeatWord.MORE
        self.more = arena.words[at : at + 1]
        self.waiting: deque[Job] = deque()
        self.flying: deque[Flight] = deque()
        self.timed: list[Job] = []
        self.in_flight = 0
        self.pace = 0.0
        self._paces: dict[object, float] = {}
        self._written: dict[object, bytes] = {}
        self._slots = list(reversed(slots))
        self._batches = list(reversed(batches))
        self._lock = RLock()
        self._again = False
        self._unsent = 0

    # -- handing over ----------------------------------------------------------------------------------------------

    def add(self, job: Job) -> None:
        """Take a job. It is published at once if somebody is idle or the window is far from full."""
        self.waiting.append(job)
        self._unsent += 1
        if self._unsent >= BATCH_ITEMS or self.station.hungry():
            self.feed()

    @property
    def window(self) -> int:
        """How many jobs should be published."""
        workers = self.station.workers
        return FIRST * workers if not self.pace else max(4 * workers, int(AHEAD * workers / self.pace))

    @property
    def empty(self) -> bool:
        """Whether every job has come home."""
        return not self.waiting and not self.in_flight

    def jobs(self) -> list[Job]:
        """Those that are not done."""
        flying = [job for flight in list(self.flying) for job in flight.jobs if job is not None]
        return [job for job in (*flying, *list(self.waiting)) if "_final" not in job.__dict__]

    def feed(self) -> bool:
        """Take home what is done, and fill the window. Whether anything came home."""
        self._again = True  # before the attempt: whoever holds the lock looks once more for us
        came = False
        while self._again and not self.station.ending:
            lock = self._lock
            try:
                if not lock.acquire(blocking=False):
                    return came
                if lock._recursion_count() > 1:  # type: ignore[attr-defined]
                    return came  # called from within, by a finaliser or a signal handler
                self._again = False
                came = self._harvest() or came
                self._send()
            finally:
                if lock._is_owned():  # type: ignore[attr-defined]
                    lock.release()
        return came

    def _send(self) -> None:
        self._unsent = 0
        self.station.ship_path()
        window, sent = self.window, 0
        while self.waiting and self.in_flight < window:
            went = self._send_some()
            if went is None:
                break
            sent += went
        more = window // 2 + 1 if self.waiting else 0
        if self.more[0] != more:
            self.more[0] = more
        if sent:
            self.seat.arena.backlog[self.seat.index] += 1
            count(self.channel)  # fence: the stamp before the look at who sleeps
            self.station.wake(sent)

    def _send_some(self) -> int | None:
        """Publish the next job, with as many alike after it as make a batch; how many went, None if there is no room."""
        job = self.waiting.popleft()
        call = job._claim_private()
        if call is None:
            return 0
        went = None
        try:
            size = self._batch_size(job, call[0])
            if size > 1 or not self._slots:
                went = self._send_batch(job, call, size) if self._batches and job._seconds is None else None
            else:
                went = self._send_single(job, call)
        finally:
            if went is None and "_final" not in job.__dict__ and "_sent" not in job.__dict__:
                self._put_back(job, call)
        return went

    def _batch_size(self, job: Job, function: Callable[..., Any]) -> int:
        if not self._batches or job._seconds is not None or not self.waiting:
            return 1
        pace = self._paces.get(_key(function))
        return 1 if not pace else max(1, min(BATCH_ITEMS, int(SHORT / pace)))

    def _send_single(self, job: Job, call: Call) -> int:
        function, args = call
        try:
            written = self._function(function)
            data, split = (written + write(args), len(written)) if written else (write(call), -1)
        except SerializationError as error:
            job._fail(_explained(call, error))
            return 0
        number = self._slots.pop()
        item = self.seat.fill(number, data, split)
        self._mark(number, timed=job._seconds is not None)
        self._launch(Flight(number, _key(function), [job]), [(job, call)])
        put(self.channel, item)
        return 1

    def _send_batch(self, job: Job, call: Call, size: int) -> int | None:
        """Write up to `size` jobs of one function into a batch."""
        function = call[0]
        written = self._function(function)
        split = len(written) if written else 0
        if not written:
            try:
                written = write(function)
            except SerializationError as error:
                job._fail(_explained(call, error))
                return 0
            split = -len(written)
        taken: list[tuple[Job, Call]] = []
        pieces: list[bytes] = [written]
        places: list[int] = []
        begin = len(written)
        current: tuple[Job, Call] | None = (job, call)
        while current is not None:
            data = self._args_of(*current)
            if data is not None and begin + len(data) > BATCH_BYTES:
                if not taken:
                    return self._send_single(job, call) if self._slots else None
                self._put_back(*current)
                break
            if data is not None:
                taken.append(current)
                pieces.append(data)
                places.append(begin << 32 | len(data))
                begin += len(data)
            current = self._next_alike(function) if len(taken) < size else None
        if not taken:
            return 0
        first = self._batches.pop()
        self._fill_batch(first, b"".join(pieces), split, places)
        self._launch(Flight(first, _key(function), [job for job, _ in taken]), taken)
        channel = self.channel
        for number in range(first, first + len(taken)):
            put(channel, number)
        return len(taken)

    def _args_of(self, job: Job, call: Call) -> bytes | None:
        try:
            return write(call[1])
        except SerializationError as error:
            job._fail(_explained(call, error))
            return None

    def _put_back(self, job: Job, call: Call) -> None:
        job._call = call
        self.waiting.appendleft(job)

    def _next_alike(self, function: object) -> tuple[Job, Call] | None:
        """The next private job, if it calls the same function without conditions."""
        waiting = self.waiting
        while waiting:
            job = waiting[0]
            call = job.__dict__.get("_call")
            if call is None:
                waiting.popleft()
            elif call[0] is not function or job._seconds is not None:
                return None
            else:
                waiting.popleft()
                call = job._claim_private()
                if call is not None:
                    return job, call
        return None

    def _fill_batch(self, first: int, data: bytes, split: int, places: list[int]) -> None:
        arena = self.seat.arena
        words, header = arena.words, arena.header(first)
        words[header + SlotWord.WAITER] = 0
        words[header + SlotWord.PARENT] = 0
        words[header + SlotWord.OWNER] = self.seat.index
        words[header + SlotWord.LENGTH] = len(data)
        words[header + SlotWord.FUNCTION] = split
        begin = header * 8 + BATCH_ARGS
        arena.memory[begin : begin + len(data)] = data
        cell = arena.cell(first)
        for place in places:
            words[cell] = READY
            words[cell + SlotWord.CANCEL] = 0
            words[cell + 3] = place
            cell += 8

    def _mark(self, number: int, *, timed: bool) -> None:
        words, header = self.seat.words, self.seat.arena.header(number)
        words[header + SlotWord.PARENT] = 0
        if timed:
            words[header + SlotWord.LENGTH] |= TIMED

    def _launch(self, flight: Flight, taken: list[tuple[Job, Call]]) -> None:
        """Note who is on board, before the numbers go on the channel."""
        number = flight.first
        for job, call in taken:
            job._number = number
            job._sent = call
            if job._watched:
                self._set_waiter(number)
            if job._wanted:
                job._nudge()
            if job._seconds is not None:
                self.timed.append(job)
            number += 1
        self.flying.append(flight)
        self.in_flight += flight.left

    def _function(self, function: Callable[..., Any]) -> bytes | None:
        """A function's written form if it is by reference, and so may be kept on both sides; else None."""
        if type(function) not in (FunctionType, BuiltinFunctionType, type):
            return None
        written = self._written.get(function)
        if written is None:
            try:
                written = dumps(function, 5)
            except Exception:  # noqa: BLE001 - not importable by name
                written = b""
            if b"__main__" in written:
                written = b""
            if len(self._written) >= FUNCTIONS_KEPT:
                self._written.clear()
            self._written[function] = written
        return written or None

    # -- coming home -----------------------------------------------------------------------------------------------

    def _harvest(self) -> bool:
        """Finish the jobs whose outcomes are there."""
        came = False
        barren = 0
        for flight in list(self.flying):
            if self._land(flight):
                came = True
            else:
                barren += 1
                if barren > 2 * self.station.workers + 2:
                    break
        while self.flying and not self.flying[0].left:
            self._vacate(self.flying.popleft())
        if came and any(not flight.left for flight in self.flying):
            self._vacate_all()
        return came

    def _vacate(self, flight: Flight) -> None:
        (self._slots if flight.first < self.seat.arena.slots else self._batches).append(flight.first)

    def _vacate_all(self) -> None:
        for flight in self.flying:
            if not flight.left:
                self._vacate(flight)
        self.flying = deque(flight for flight in self.flying if flight.left)

    def _land(self, flight: Flight) -> bool:
        """Finish those of a flight's jobs that are done."""
        words, arena = self.seat.words, self.seat.arena
        came = False
        jobs = flight.jobs
        cell = arena.cell(flight.first)
        for place in range(len(jobs)):
            job = jobs[place]
            if job is not None and words[cell] & PHASE == DONE:
                came = True
                spent = words[cell + SlotWord.TIME]
                kind, data = self.station.outcome(flight.first + place)
                if kind <= Kind.ERROR:
                    self._learn(flight.key, spent)
                jobs[place] = None
                job._number = None
                flight.left -= 1
                self.in_flight -= 1
                self._home(job, kind, data)
            cell += 8
        return came

    def _home(self, job: Job, kind: int, data: Any) -> None:
        if kind == Kind.DECLINED:
            call = job._claim_sent()
            if call is not None:  # whoever wanted to run it gave up, or tries again
                self._put_back(job, call)
                job._nudge()
            return
        if kind == Kind.REFUSED:
            call = job._claim_sent()
            if call is not None:
                job._refused(call, str(data, "utf-8"))
            return
        job.__dict__.pop("_sent", None)
        job._finish(kind, data)

    def _learn(self, key: object, spent: int) -> None:
        """Note how long a call took, in nanoseconds: quickly upwards, slowly downwards."""
        paces = self._paces
        known = paces.get(key)
        if known is None:
            if len(paces) >= FUNCTIONS_KEPT:
                paces.clear()
            paces[key] = known = float(spent)
        else:
            paces[key] = known = known + (spent - known) * (0.5 if spent > known else 0.1)
        self.pace = known if not self.pace else self.pace + (known - self.pace) * 0.1

    # -- getting one job back, or hurrying it -----------------------------------------------------------------------

    def claim(self, job: Job) -> Call | None:
        """Get a job that nobody has begun, to run it here; None if somebody has it."""
        call = job._claim_private()
        if call is not None:
            return call
        lock = self._lock
        try:
            lock.acquire()  # so that its slot is not given out again meanwhile
            call = job._claim_sent()
            if call is None or job._number is None:
                return None
            words, cell = self.seat.words, self.seat.arena.cell(job._number)
            words[cell + SlotWord.CANCEL] = UNCLAIM
            count(self.channel)  # fence: either the taker sees the wish, or TAKEN is seen here
            if words[cell] & PHASE == READY:
                return call
            job._sent = call  # somebody has it; or leaves it alone now, which the outcome will tell
            return None
        finally:
            self._release()

    def stop(self, job: Job) -> None:
        """Withdraw a job, or ask whoever runs it to stop."""
        job._claim_private()
        lock = self._lock
        try:
            lock.acquire()
            if job._number is not None:
                self.station.cancel(job._number)
        finally:
            self._release()
        local = job._local
        if local is not None:
            local.cancelled = True
            ring(self.station.courier.address)

    def _release(self) -> None:
        """Let go of the lock, and do what a `feed` was turned away for meanwhile."""
        lock = self._lock
        if lock._is_owned():  # type: ignore[attr-defined]
            lock.release()
        if self._again:
            self.feed()

    def watch(self, job: Job) -> None:
        """Have the delivery thread learn at once when this job is done."""
        job._watched = True
        if job._number is not None:
            self._set_waiter(job._number)
        elif self.station.hungry():
            self.feed()

    def _set_waiter(self, number: int) -> None:
        arena, address = self.seat.arena, self.station.delivery_address
        if address:
            arena.words[arena.header(number) + SlotWord.WAITER] = address
            count(self.channel)  # fence: the announcement before the look
            if arena.words[arena.cell(number)] & PHASE == DONE:
                ring(address)

    # -- deadlines ---------------------------------------------------------------------------------------------------

    def attend(self) -> float | None:
        """Stop the jobs that ran too long. When to look again, on the clock."""
        lock = self._lock
        try:
            lock.acquire()
            for job in list(self.timed):
                self._see_to(job)
            return min((self._due(job) for job in self.timed), default=None)
        finally:
            self._release()

    def _due(self, job: Job) -> float:
        """When a job's time is over: for ever from now while it has not begun."""
        if job._number is None or job._seconds is None:
            return float("inf")
        words, cell = self.seat.words, self.seat.arena.cell(job._number)
        if words[cell] & PHASE != TAKEN:
            return float("inf")
        return words[cell + SlotWord.TIME] * 1e-9 + job._seconds

    def _see_to(self, job: Job) -> None:
        if job._number is None:
            self.timed.remove(job)
        elif clock() >= self._due(job):
            self.timed.remove(job)
            job._late = True
            self.station.cancel(job._number)


def _key(function: Callable[..., Any]) -> object:
    """What running times are remembered by."""
    function = getattr(function, "func", function)
    return function if isinstance(function, (FunctionType, BuiltinFunctionType)) else type(function)


def _explained(call: Call, error: SerializationError) -> SerializationError:
    from subpool._wire.explain import explain_call

    return SerializationError(explain_call(call[0], call[1], error.__cause__ or error))
