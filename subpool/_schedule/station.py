"""A station: what one interpreter's part of a pool has in common, whoever's seat it is.

The host has one with a seat that its threads share and some for threads that help; each worker has one with one seat.
"""

from __future__ import annotations

import itertools
import os
from functools import partial
from heapq import heappop, heappush
from math import inf
from threading import get_ident
from time import perf_counter as clock, sleep
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule.interrupt import Interrupter, Stoppable, heed, interrupter, stacks
from subpool._schedule.owner import Owner
from subpool._schedule.refusal import Refusals, told
from subpool._schedule.taking import served
from subpool._wire.arena import Arena, SeatWord, SlotWord, Stat
from subpool._wire.doorbell import Doorbell, ring
from subpool._wire.interpreters import count
from subpool._wire.payload import Kind
from subpool.errors import TaskCancelled, UnsupportedInSubinterpreter

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._schedule.block import Block
    from subpool._schedule.bundle import Bundle
    from subpool._schedule.job import Call, Job
    from subpool._schedule.lane import Lane
    from subpool._schedule.seat import Seat

PATIENCE: Final = 5.0
"""Seconds that strict mode waits for an idle worker to take what it should."""

__all__ = ["ASLEEP", "NAPPING", "SEEKING", "WORKING", "Station"]

WORKING: Final = 0
"""`Arena.idle`: the worker runs something, or there is no worker."""
SEEKING: Final = 1
"""`Arena.idle`: the worker looks around."""
NAPPING: Final = 2
"""`Arena.idle`: the worker sleeps for a beat, and then asks again. Ring it to have it notice anything earlier."""
ASLEEP: Final = 3
"""`Arena.idle`: the worker sleeps until it is rung."""


_blocks: dict[int, list[Block]] = {}  # per thread, the blocks of scopes with a deadline that it is in
_sleepers: dict[int, int] = {}  # per thread that waits asleep, the address of its doorbell


class Station(Owner):
    """One interpreter's part of a pool."""

    delivery_address: int = 0
    """Address of the doorbell of the delivery thread, 0 if there is none."""
    index: int | None = None
    """The number of the worker; None in the host."""
    inline: bool = False
    """Whether the pool has no workers by design, so that everything runs in the caller."""
    lane: Lane | None = None
    """Where the work goes that no worker can do; only the host has one."""

    def __init__(self, arena: Arena, workers: int, grace: float, courier: Doorbell, seat: int = 0) -> None:
        super().__init__(arena, grace, seat)
        self.workers = workers
        self.patience = 1 if (os.process_cpu_count() or 1) > 1 else 0
        self.functions: dict[bytes, Callable[..., Any]] = {}
        self.stacks = stacks
        self.blocks = _blocks
        self.sleepers = _sleepers
        self.refusals: Refusals = Refusals()
        self.courier = courier
        self.interrupter: Interrupter = interrupter
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._timer_numbers = itertools.count()
        self._looks: set[float] = set()
        self.courier_ident: int | None = None
        self.ending = False
        self.lookouts: list[Callable[[], None]] = []  # run by the courier for callers that run a task themselves
        self.own_arithmetic = False  # a decimal context other than the usual one was seen here

    # -- hunger ----------------------------------------------------------------------------------------------------

    def hungry(self) -> int:
        """How many workers have nothing to do, asleep or not."""
        idle = bytes(self.arena.idle)
        return len(idle) - idle.count(WORKING)

    def sleeping(self) -> int:
        """How many workers sleep, and nobody has rung them."""
        idle = bytes(self.arena.idle)
        if max(idle) < NAPPING:
            return 0
        return sum(state >= NAPPING and not rung for state, rung in zip(idle, self.arena.rung, strict=True))

    def wake(self, limit: int, *, job: bool = False) -> int:
        """Wake up to so many workers that sleep and were not rung, and that take jobs if there is one; how many."""
        arena, woken = self.arena, 0
        if limit <= 0 or not self.sleeping():
            return 0
        for index, state in enumerate(arena.idle):
            if woken < limit and state >= NAPPING and not (arena.rung[index] or (job and arena.halves[index])):
                arena.rung[index] = 1  # before the ring: who is asleep and marked, has been rung or soon will be
                ring(arena.words[arena.seat(index) + SeatWord.BELL])
                woken += 1
        return woken

    def respond(self, seat: Seat) -> bool:
        """Somebody asked this seat for work: publish, and wake one who sleeps. Whether to try again if there is more.

        Whoever consumes a request must publish, wake another, or restore it: otherwise everybody sleeps on beside work.
        The one who is woken asks for the others, once it has work; if it finds none, it stays up and asks again.
        """
        seat.request[0] = 0
        answered = False
        try:
            sent = seat.publish(1)
            if sent or count(seat.channel):
                self.wake_for(seat, max(1, sent))
                answered = True
            elif seat.muted_until > clock():
                answered = True  # the request is renewed when that is over
        finally:
            if not answered:
                seat.request[0] = 1
        return not answered and not seat.writer and bool(seat.free)

    def wake_for(self, seat: Seat, limit: int) -> None:
        """Wake those who wait for the task that the seat runs, and idle workers."""
        if limit <= 0:
            return
        count(seat.channel)  # fence: what was published, before the look at who sleeps
        for header in served(seat, seat.busy[0]):
            waiter = self.arena.words[header + SlotWord.WAITER]
            if waiter > 0:
                ring(waiter)  # it may help; but it may also wait for a background job, and not
        self.wake(limit)

    def offer(self, seat: Seat, bundle: Bundle) -> None:
        """Put a fork of many halves on the ledger, and publish at once for as many as are hungry."""
        seat.ledger.append(bundle)
        hungry = self.hungry()
        if hungry:
            sent = seat.publish(hungry, exempt=True)
            self.wake_for(seat, sent)

    def leave_to_others(self, seat: Seat, bundle: Bundle) -> None:
        """Publish a whole bundle, and wait until it is taken, for as long as a worker is there to take some of it."""
        until = clock() + PATIENCE
        while clock() < until:
            self.wake_for(seat, seat.publish(1, exempt=True))
            if not (self.hungry() or self.starting()) or not (bundle.private or count(seat.channel)):
                break
            sleep(5e-5)

    def starting(self) -> bool:
        """Whether workers are on their way."""
        return False

    def withdraw(self, seat: Seat, bundle: Bundle) -> None:
        """A fork is over: it loses its place on the ledger."""
        ledger = seat.ledger
        bundle.close()
        for place in range(len(ledger) - 1, -1, -1):
            try:
                if ledger[place] is bundle:
                    del ledger[place]
            except IndexError:
                continue  # another thread took its own off the top meanwhile

    # -- what cannot cross ----------------------------------------------------------------------------------------

    def refused_half(self, call: Callable[[], Any], outcome: str) -> None:
        """A module that this callable needs does not load in a worker: no worker is offered it again."""
        self.refusals.learn(call, (), outcome)

    def ship_path(self) -> None:
        """Tell the workers what `sys.path` is now, if it changed. Only the host does."""

    def refresh_path(self) -> bool:
        """Take over the host's `sys.path`, if it changed. Only workers do."""
        return False

    # -- running a job here ------------------------------------------------------------------------------------------

    def run_here(self, job: Job, call: Call, *, uninterrupted: bool = False) -> None:
        """Run a job in the calling thread. It can be stopped like any other, unless it must not be interrupted."""
        local = job._local = Stoppable()
        local.told = inf if uninterrupted else 0.0  # what was told never, will not be told again
        stack = self.stacks.setdefault(get_ident(), [])
        if job._seconds is not None:
            self.call_at(clock() + job._seconds, partial(self._overdue, job, local))
        stack.append(local)
        try:
            if "_final" in job.__dict__:  # it was cancelled since it was claimed, when there was nothing to stop
                raise TaskCancelled
            value = call[0](*call[1])
        except TaskCancelled:
            job._finish(Kind.CANCELLED, b"")
        except BaseException as error:  # it is the job's outcome
            self.tally(Stat.FAILED)
            job._fail(error if self.index is None else told(error))
            if isinstance(error, KeyboardInterrupt):
                raise
        else:
            self.tally(Stat.COMPLETED)
            job._succeed(value)
        finally:
            stack.pop()
            job._local = None
            self.ended()

    def stoppable(self) -> tuple[Stoppable, ...]:
        """What ends a wait of the calling thread if it is cancelled: the tasks it runs, and the blocks it is in."""
        ident = get_ident()
        return (*self.stacks.get(ident, ()), *self.blocks.get(ident, ()))

    def heed(self) -> None:
        """Go no further in a block whose deadline is over."""
        heed(self.blocks.get(get_ident(), ()))

    def tally(self, which: int) -> None:
        """Count something that happened in this interpreter."""
        self.seats[0].stats[which] += 1

    def _overdue(self, job: Job, local: Stoppable) -> None:
        if job._local is local:
            job._overrun()
            local.cancelled = True
            self.interrupter.check()

    def ended(self) -> None:
        """A task of this interpreter ended: nothing to interrupt, perhaps."""
        if self.interrupter.armed:
            self.interrupter.settle()

    # -- what host and workers do differently ------------------------------------------------------------------------

    def force(self, general: bool) -> None:
        """Have every join look around before it begins, or not any more."""

    def courier_left(self) -> None:
        """The courier has ended."""

    def nudge_courier(self) -> None:
        """Have the courier look around."""
        ring(self.courier.address)

    def divert(self, job: Job, call: Call, module: str | None) -> None:
        """A job needs a module that no subinterpreter can load, or the host. A worker has no other lane for it."""
        culprit = "the function needs the host" if module is None else f"module {module} does not load in one"
        text = f"a task handed over in a subinterpreter has no other lane: {culprit}"
        job._fail(UnsupportedInSubinterpreter(text, name=module))

    def couriers(self) -> list[int]:
        """The addresses of the doorbells of the other interpreters' couriers."""
        words, arena = self.arena.words, self.arena
        return [words[arena.seat(seat) + SeatWord.COURIER] for seat in range(arena.seats)]

    def catch_up(self) -> None:
        """Deliver what was printed elsewhere before the results that are given out now."""

    # -- help ------------------------------------------------------------------------------------------------------

    def begin_helping(self, seat: Seat) -> Seat | None:
        """The seat at which the calling thread may run a task while it waits, or None."""
        seat.depth += 1
        return seat

    def end_helping(self, seat: Seat, helper: Seat) -> None:
        """The calling thread is back from a task that it ran while waiting."""
        seat.depth -= 1

    def borrow_bell(self) -> Doorbell:
        """A doorbell for a thread whose seat is shared."""
        raise NotImplementedError

    def return_bell(self, bell: Doorbell) -> None:
        """Give a borrowed doorbell back."""
        raise NotImplementedError

    # -- the courier's work ----------------------------------------------------------------------------------------

    def call_at(self, when: float, action: Callable[[], object]) -> None:
        """Have the courier do something at a time of the clock. It must be quick, and none of the user's code."""
        heappush(self._timers, (when, next(self._timer_numbers), action))
        if get_ident() != self.courier_ident and self._timers[0][2] is action:
            ring(self.courier.address)

    def look_at(self, when: float | None) -> None:
        """Have the courier look around at a time of the clock, if there is one."""
        if when is not None and when != inf and when not in self._looks:
            self._looks.add(when)
            self.call_at(when, partial(self._looks.discard, when))

    def attend(self) -> float | None:
        """Do what the interpreter's busy threads cannot do now; how many seconds until there is more.

        Publish for seats deep in a leaf, interrupt what was asked to stop, wake cancelled sleepers.
        """
        while self._timers and self._timers[0][0] <= clock():
            heappop(self._timers)[2]()
        for seat in self.seats:
            while len(seat.ledger) > 1 and seat.request[0] and not self.own_arithmetic and self.respond(seat):
                pass  # nothing could go out, but the owner may have pushed more while the request word was clear
        if self.orphans:
            self.reap()
        self.loans.collect()
        for look in list(self.lookouts):
            look()
        again = self.interrupter.check()
        if again is not None:
            for ident, address in list(self.sleepers.items()):
                if any(running.cancelled for running in self.stacks.get(ident, ())):
                    ring(address)
            self.look_at(clock() + again)
        return max(0.0, self._timers[0][0] - clock()) if self._timers else None
