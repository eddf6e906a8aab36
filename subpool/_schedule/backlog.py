"""The backlog: what `spawn` handed over and nobody has begun, and the window of it that is published.

A job is private first: a live call in a queue of its own interpreter. As many are published ahead as keep the workers
busy for some 20 ms, so that workers go on while their owner's interpreter is busy, and no more: what is private costs
nothing to run here, to cancel or to keep. Jobs of one function that turned out short share a *batch*: the function is
written once, and one worker takes them all, but each item is claimed on its own.

Claiming: a worker's claim is the queue `get`, and for each item of a batch, as for a single job, the *unclaim*
handshake decides against the owner. The owner stores `UNCLAIM`, passes the fence, and reads the state; the taker stores
`TAKEN`, passes the fence, and reads the wish. The fence is a mutex, so one of the two critical sections is first, and
whoever comes second sees the other's store: not both run the job. If both see each other, the taker leaves it alone,
and the owner finds it declined.
"""

from __future__ import annotations

from collections import deque
from threading import RLock
from time import perf_counter as clock
from typing import TYPE_CHECKING, Final, cast

from subpool._schedule.freight import Flight, Freight, key_of
from subpool._schedule.landing import harvest
from subpool._schedule.seat import DONE, PHASE, READY, TAKEN, Seat
from subpool._schedule.taking import STOP, UNCLAIM
from subpool._wire.arena import BATCH_ITEMS, SeatWord, SlotWord
from subpool._wire.doorbell import ring
from subpool._wire.interpreters import count

if TYPE_CHECKING:
    from subpool._schedule.job import Call, Job
    from subpool._schedule.station import Station

__all__ = ["Backlog"]

AHEAD: Final = 20e6
"""Nanoseconds of work that are published ahead, per worker."""
SHORT: Final = 200e3
"""Nanoseconds of work that a batch should hold."""
TINY: Final = 30e3
"""Nanoseconds: jobs shorter than this wait for company before they are written."""
FIRST: Final = 32
"""Jobs per worker that are published ahead while nothing is known of how long they run."""
COMPANY: Final = 500e-6
"""Seconds that a tiny job waits for company, at most, while its owner goes on spawning."""
PACES_KEPT: Final = 256


class Backlog:
    """The background work of one interpreter."""

    def __init__(self, seat: Seat, slots: range, batches: range) -> None:
        """Publish on this seat's behalf, into these slots and these batches (by the number of their first item)."""
        arena = seat.arena
        at = arena.seat(seat.index)
        self.seat: Seat = seat
        self.station: Station = seat.station
        self.channel: int = arena.words[at + SeatWord.BACKLOG]
        self.more: memoryview[int] = arena.words[at + SeatWord.MORE : at + SeatWord.MORE + 1]
        self.waiting: deque[Job] = deque()
        self.flying: deque[Flight] = deque()
        self.timed: list[Job] = []
        self.in_flight: int = 0
        self.pace: float = 0.0
        self._paces: dict[object, float] = {}
        self.freight: Freight = Freight(seat, self.channel, slots, batches)
        self._lock = RLock()
        self._again = False
        self._unsent = 0
        self._fed = 0.0
        self.rang: float = 0.0  # when somebody had to be woken last
        self.linger_at: float = 0.0

    # -- handing over ----------------------------------------------------------------------------------------------

    def offer(self) -> None:
        """A job came to those waiting. If somebody is idle, it is published, unless it is so short that it waits."""
        self._unsent += 1
        if self._unsent >= BATCH_ITEMS:
            self._unsent = 0  # a feed that is turned away is made up for
            self.feed()
        elif 0 < self.pace < TINY:
            if clock() - self._fed > COMPANY:
                self.feed()
            elif not self.more[0]:
                self.more[0] = 1  # who naps next, rings for it
                count(self.channel)  # fence: either the napping worker sees that, or is seen here
                if self.station.sleeping():
                    self.feed()
        elif self.station.hungry():
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
        lock = self._lock
        try:
            lock.acquire()  # so that none is on its way from the queue to a slot
            flying = [job for flight in self.flying for job in flight.jobs if job is not None]
            return [job for job in (*flying, *self.waiting) if "_final" not in job.__dict__]
        finally:
            self._release()

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
                if self.flying:
                    came = harvest(self) or came
                if self.waiting:
                    self._send()
            finally:
                try:
                    lock.release()
                except RuntimeError:
                    pass  # it was never acquired
        return came

    def _send(self) -> None:
        self._unsent = 0
        self._fed = clock()
        self.station.ship_path()
        window, sent = self.window, 0
        while self.waiting and not self.station.workers:
            job = self.waiting.popleft()
            if job._claim_private() is not None:
                job._unstaffed()
        while self.waiting and self.in_flight < window and self.freight.room:
            sent += self._send_some()
        more = len(self.flying) // 2 + 1 if self.waiting else 0
        if self.more[0] != more:
            self.more[0] = more
        if sent:
            self.seat.arena.backlog[self.seat.index] += 1
            count(self.channel)  # fence: the stamp before the look at who sleeps
            if self.station.wake(sent, job=True):
                self.rang = self._fed

    def _send_some(self) -> int:
        """Publish the next job, with as many alike after it as make a batch; how many flights went out."""
        taken: list[tuple[Job, Call]] = []
        dealt = 0
        try:
            self._take_alike(taken)
            if not taken:
                return 0
            flight: Flight | None = None
            function = taken[0][1][0]
            if len(taken) > 1:
                flight, dealt = self.freight.batch(function, taken)
            if not dealt:
                flight, dealt = self.freight.single(*taken[0]), 1
            if flight is None:
                return 0
            self._launch(flight, taken)
            return 1
        finally:
            for job, call in reversed(taken[dealt:]):
                self.put_back(job, call)

    def _take_alike(self, taken: list[tuple[Job, Call]]) -> None:
        """Claim the next job, and those behind it that may share its batch."""
        waiting, size, function = self.waiting, 1, None
        while waiting and len(taken) < size:
            job = waiting.popleft()
            call = job._claim_private()
            if call is None:
                continue  # cancelled, or run by whoever joined it
            if taken and (call[0] is not function or job._seconds is not None):
                self.put_back(job, call)
                return
            taken.append((job, call))
            if len(taken) == 1:
                function = call[0]
                if job._seconds is None and self.freight.batch_room:
                    pace = self._paces.get(key_of(function))
                    size = 1 if not pace else max(1, min(BATCH_ITEMS, int(SHORT / pace)))

    def put_back(self, job: Job, call: Call) -> None:
        """A claimed job is private again, and the next to go."""
        if "_final" not in job.__dict__:  # else it was cancelled meanwhile
            job._call = call
            self.waiting.appendleft(job)

    def _launch(self, flight: Flight, taken: list[tuple[Job, Call]]) -> None:
        """Note who is on board, and then put it on the channel."""
        calls, jobs = dict(taken), cast("list[Job]", flight.jobs)
        for number, job in enumerate(jobs, flight.first):
            job._number = number
            job._sent = calls[job]
        self.flying.append(flight)
        self.in_flight += flight.left
        for job in jobs:
            if job._watched and job._number is not None:
                self._set_waiter(job._number)
            if job._wanted:
                job._nudge()
            if job._seconds is not None:
                self.timed.append(job)
        self.freight.send(flight)

    # -- how long jobs take ------------------------------------------------------------------------------------------

    def learn(self, key: object, spent: float, calls: int) -> None:
        """Note how long so many calls took on average, in nanoseconds: quickly upwards, slowly downwards."""
        paces = self._paces
        known = paces.get(key)
        if known is None:
            if len(paces) >= PACES_KEPT:
                paces.clear()
            paces[key] = known = spent
        else:
            paces[key] = known = known + (spent - known) * (1 - (0.5 if spent > known else 0.9) ** calls)
        self.pace = known if not self.pace else self.pace + (known - self.pace) * (1 - 0.9**calls)

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
            if words[cell + SlotWord.CANCEL] == STOP:
                job._sent = call  # it may yet come home declined: it is then whoever's that finds it
                return None
            words[cell + SlotWord.CANCEL] = UNCLAIM
            count(self.channel)  # fence: either the taker sees the wish, or TAKEN is seen here
            if words[cell] & PHASE == READY:
                self.seat.arena.wipe_call(job._number)
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
        try:
            lock.release()
        except RuntimeError:
            pass  # it was never acquired
        if self._again:
            self.feed()

    def watch(self, job: Job) -> None:
        """Have the delivery thread learn at once when this job is done."""
        job._watched = True
        number = job._number
        if number is not None:
            self._set_waiter(number)
        elif self.waiting:
            self.feed()

    def announce(self, job: Job, address: int) -> bool:
        """Have the taker of a published job ring this doorbell; False if there is no point in sleeping on it."""
        lock = self._lock
        try:
            lock.acquire()
            number, words, arena = job._number, self.seat.words, self.seat.arena
            if number is None:
                return False
            header = arena.header(number)
            if words[header + SlotWord.WAITER] not in (0, address):
                return False  # somebody else sleeps on this batch
            words[header + SlotWord.WAITER] = address
            count(self.channel)  # fence: the announcement before the last look
            return words[arena.cell(number)] & PHASE != DONE
        finally:
            self._release()

    def _set_waiter(self, number: int) -> None:
        arena, address = self.seat.arena, self.station.delivery_address
        if address:
            arena.words[arena.header(number) + SlotWord.WAITER] = address
            count(self.channel)  # fence: the announcement before the look
            if arena.words[arena.cell(number)] & PHASE == DONE:
                ring(address)

    # -- deadlines ---------------------------------------------------------------------------------------------------

    def attend(self) -> float | None:
        """End and stop the jobs that ran too long. When to look again, on the clock."""
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
        state, begun = words[cell], words[cell + SlotWord.TIME]
        if state & PHASE != TAKEN or begun <= 0:  # `finish` has written how long it took, and not yet that it is done
            return float("inf")
        return begun * 1e-9 + job._seconds

    def _see_to(self, job: Job) -> None:
        if job._number is None:
            self.timed.remove(job)
        elif clock() >= self._due(job):
            self.timed.remove(job)
            job._overrun()
            self.station.cancel(job._number)
