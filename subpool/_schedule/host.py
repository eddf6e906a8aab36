"""The host's station: it makes the arena, seats the host's threads, has a crew of workers, and ends all of it again."""

from __future__ import annotations

import sys
from threading import Event, RLock, get_ident
from time import perf_counter as clock, sleep
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule import courier
from subpool._schedule.backlog import Backlog
from subpool._schedule.crew import Crew
from subpool._schedule.delivery import Delivery
from subpool._schedule.interrupt import heed
from subpool._schedule.lane import Lane
from subpool._schedule.layout import Layout
from subpool._schedule.seat import DONE, Seat
from subpool._schedule.station import Station
from subpool._wire import interpreters
from subpool._wire.arena import Arena, SeatWord, SlotWord
from subpool._wire.doorbell import Doorbell, ring
from subpool._wire.payload import Kind, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._schedule.job import Call, Job

__all__ = ["Host", "Plan"]

SPIN: Final = 250e-6
"""Seconds that a thread waiting for a job looks around before it sleeps."""
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
        self.plan: Plan = plan
        self.layout: Layout = Layout(plan.workers)
        self._queues: list[int] = []
        self._bells: list[Doorbell] = []
        arena = Arena(None, self.layout.seats, self.layout.slots, self.layout.batches)
        self.lane: Lane = Lane(self, plan.on_unsupported)  # pyright: ignore[reportIncompatibleVariableOverride]
        super().__init__(arena, plan.workers, plan.grace, self.make_bell())
        self.index: int | None = None
        self.strict: bool = plan.strict
        self.inline: bool = not plan.workers
        self._lay_out()
        self.root: Seat = self._host_seat(0)
        self.root.busy[0] = -1
        self.backlog: Backlog = Backlog(self.root, self.layout.jobs(0), self.layout.batch_numbers)
        self._helpers = [self._host_seat(index) for index in self.layout.helpers]
        self._helping: dict[int, Seat] = {}
        self._bells_free: list[Doorbell] = []
        self._bells_out: dict[Doorbell, None] = {}  # borrowed by threads that wait
        self.relay: int = self.make_queue()
        self.delivery: Delivery = Delivery(self.relay, self.backlog.feed)
        self.delivery_address: int = self.delivery.bell.address
        self._path: list[str] = list(sys.path)
        self._shutting_down = RLock()
        self._letting_go = RLock()
        self._over = self._released = False
        self._idle = True
        self.until: float = float("inf")
        """When those who do not end by themselves are left behind, once the pool ends."""
        self.crew: Crew = Crew(self)
        self._courier_thread = courier.start(self, daemon=True)
        self.delivery.start()
        for number in range(plan.workers):
            self.crew.start(number)

    # -- layout ----------------------------------------------------------------------------------------------------

    def make_queue(self) -> int:
        """A queue that is destroyed when the pool ends."""
        number = interpreters.create_queue()
        self._queues.append(number)
        return number

    def make_bell(self) -> Doorbell:
        """A doorbell that is closed when the pool ends."""
        bell = Doorbell()
        self._bells.append(bell)
        return bell

    def _lay_out(self) -> None:
        """Give the host's seats their queues and their courier; the crew furnishes the workers'."""
        words, inbox = self.arena.words, self.make_queue()
        words[self.arena.seat(0) + SeatWord.BACKLOG] = self.make_queue()
        for seat in (0, *self.layout.helpers):
            at = self.arena.seat(seat)
            words[at + SeatWord.CHANNEL] = self.make_queue()
            words[at + SeatWord.INBOX] = inbox
            words[at + SeatWord.COURIER] = self.courier.address

    def _host_seat(self, index: int) -> Seat:
        seat = Seat(self, index, self.layout.halves(index))
        self.seats.append(seat)
        return seat

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
            own = self._helping.get(get_ident()) is seat  # else it wants a task of a scope that another thread entered
            return super().begin_helping(seat) if own else None
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
            bell = self.make_bell()
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
        """Sleep until a published job is done. Only one thread at a time can: others wait on the job's condition.

        Raises:
            TaskCancelled: the task that waits was itself asked to stop, or a deadline is over.
        """
        backlog, own, ident, stack = self.backlog, job.__dict__, get_ident(), self.stoppable()
        bell = self.borrow_bell()
        try:
            bell.hush()
            if own.setdefault("_sleeper", bell.address) != bell.address:
                return  # another thread came first
            self.sleepers[ident] = bell.address
            awake = not backlog.announce(job, bell.address) or "_final" in own
            if not awake and not any(running.cancelled for running in stack):
                bell.sleep(None if until is None else max(0.0, until - clock()))
            backlog.feed()
        finally:
            if job._sleeper == bell.address:
                own.pop("_sleeper", None)
            self.sleepers.pop(ident, None)
            self.return_bell(bell)
        if "_final" not in job.__dict__:
            heed(stack)

    def catch_up(self) -> None:
        """Deliver what was printed elsewhere before the results that are given out now."""
        self.delivery.catch_up()

    def deliver(self, action: Callable[[], object]) -> None:
        """Run a callback on the delivery thread."""
        self.delivery.add(action)

    def attend(self) -> float | None:
        """See `Station.attend`; and refill the window, and watch deadlines and the crew."""
        if self.backlog.flying or self.backlog.waiting:
            self.backlog.feed()
            self.look_at(self.backlog.attend())
        self.crew.attend()
        self.lane.attend()
        return super().attend()

    def helps(self, ident: int) -> bool:
        """Whether this thread runs a task while it waits."""
        return ident in self._helping

    def divert(self, job: Job, call: Call, module: str | None) -> None:
        """A job needs a module that no subinterpreter can load, or the host: it goes to the lane."""
        self.lane.take(job, call, module)

    def refused_half(self, call: Callable[[], Any], outcome: str) -> None:
        """See `Station.refused_half`; and warn, or raise, as the pool was told to."""
        self.lane.notice(self.refusals.learn(call, (), outcome))

    def jobs(self) -> list[Job]:
        """The jobs that are not done."""
        return self.backlog.jobs() + self.lane.jobs

    def cancel_all(self) -> None:
        """Cancel every job that is not done."""
        for job in self.jobs():
            job.cancel()

    def fail_all(self, error: BaseException) -> None:
        """Every job that is not done has failed."""
        for job in self.jobs():
            job._fail(error)

    def drain(self) -> None:
        """Wait until all jobs are done, those too that tasks spawned in workers."""
        while jobs := self.jobs():
            for job in jobs:
                job._settled()
            self.backlog.feed()
        while self.crew.at_work and not self.ending:
            Event().wait(0.002)

    def force(self, general: bool) -> None:
        """See `Station.force`."""
        self.plan.general(general)

    def starting(self) -> bool:
        """Whether workers are on their way."""
        return self.crew.starting

    def set_aside(self, taker: int, number: int | None = None) -> None:
        """A worker does not come back from a task that was stopped: another one takes over."""
        if taker in self.crew.threads:
            self.crew.set_aside(taker, number)
        elif (
            taker and number is not None
        ):  # a thread of the host, whom nobody can replace; the lane, at seat 0, ends what it runs itself
            self.give_up(number)

    def staff(self, workers: int) -> None:
        """So many workers can be had: fewer than planned where stuck ones hold all seats. Without any, jobs fail."""
        self.workers = workers
        if not workers and not self.inline:
            for job in self.backlog.jobs():
                if self.backlog.claim(job) is not None:
                    job._unstaffed()

    def couriers(self) -> list[int]:
        """See `Station.couriers`."""
        return [courier.address for _, courier in list(self.crew.seating.bells.values())]

    # -- figures ---------------------------------------------------------------------------------------------------

    def stat(self, which: int) -> int:
        """A counter, over all seats."""
        return sum(self.arena.words[self.arena.stat(seat) + which] for seat in range(self.arena.seats))

    @property
    def lost(self) -> int:
        """How many workers died or were set aside."""
        return self.crew.lost

    @property
    def at_rest(self) -> bool:
        """Whether nothing runs, and nothing waits to be run."""
        running = any(self.arena.words[self.arena.seat(seat) + SeatWord.BUSY] > 0 for seat in range(self.arena.seats))
        return not running and not self.backlog.jobs() and not self.waiting and not self.lane.busy

    # -- the end ---------------------------------------------------------------------------------------------------

    def shut_down(self, patience: float) -> bool:
        """End the workers, waiting so many seconds for each to leave its task. False: some would not."""
        self.until = min(self.until, clock() + patience)
        self.stop()
        with self._shutting_down:  # the program may end while another thread closes the pool
            if not self._over:
                self.crew.dismiss()
                self._idle = self.lane.close(self.until)
                ring(self.courier.address)
                if get_ident() != self._courier_thread.ident:
                    self._courier_thread.join()
                self.delivery.close()
                self.interrupter.close()
                self._over = True
        return self.let_go()

    def stop(self) -> None:
        """Tell the workers that they end, and what runs to stop."""
        self.ending = True
        self.arena.stop[0] = 1
        self.crew.stop_running()

    def let_go(self) -> bool:
        """Give everything back, once nobody is left who may ring or put; whether that is so. Late workers call it."""
        with self._letting_go:
            if self.crew.threads or not self._over or not self._idle:
                return False
            if not self._released:
                self._released = True
                self._release()
            return True

    def _send_home(self) -> None:
        """Nobody is left to take what callers have published: they run it themselves."""
        words, arena = self.arena.words, self.arena
        for seat in self.seats:
            while True:
                try:
                    item = interpreters.get(seat.channel)[0]
                except RuntimeError:
                    break
                number = item
                if type(item) is not int:
                    number = item[0]
                    self.loans.landed(item)  # and so given back
                words[arena.cell(number)] = DONE | int(Kind.DECLINED) << 3
                interpreters.count(seat.channel)  # fence: the state before the look at who sleeps
                if words[arena.header(number) + SlotWord.WAITER] > 0:
                    ring(words[arena.header(number) + SlotWord.WAITER])
        self.reap()
        until = clock() + LEAVE
        while clock() < until and any(seat.public for seat in self.seats):
            sleep(0.001)

    def _release(self) -> None:
        """Give queues and doorbells back; a doorbell that somebody is about to sleep on stays open."""
        until = clock() + LEAVE
        self._send_home()
        while self._bells_out and clock() < until:
            for bell in list(self._bells_out):
                ring(bell.address)
            sleep(0.001)
        if not any(seat.public for seat in self.seats):
            self.arena.wipe_all()
        self.loans.end()
        for queue in self._queues:
            interpreters.destroy_queue(queue)
        for bell in (*self._bells, self.delivery.bell):
            if bell not in self._bells_out:
                bell.close()
