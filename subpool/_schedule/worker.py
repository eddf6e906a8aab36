"""A worker: the loop in a subinterpreter that finds, runs and finishes tasks without the host running any byte-code."""

from __future__ import annotations

import os
import sys
from threading import Thread, enumerate as enumerate_threads, get_ident, main_thread
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule import courier
from subpool._schedule.backlog import Backlog
from subpool._schedule.batch import perform_batch
from subpool._schedule.idling import Idling
from subpool._schedule.loans import heir_number, lasting
from subpool._schedule.seat import Seat
from subpool._schedule.station import SEEKING, WORKING, Station
from subpool._schedule.taking import perform
from subpool._schedule.waiting import wait
from subpool._wire.arena import Arena, SeatWord, Stage, Stat
from subpool._wire.doorbell import Doorbell, ring
from subpool._wire.extensions import watch
from subpool._wire.interpreters import count, get, put
from subpool._wire.payload import read, unpacked

if TYPE_CHECKING:
    from subpool._schedule.job import Job
    from subpool._schedule.settings import WorkerSettings

__all__ = ["WorkerStation", "main", "station"]

SWITCH: Final = 0.0003
"""Seconds: a worker's switch interval, so that its courier answers quickly."""

station: WorkerStation | None = None
"""This interpreter's station, if it is a worker's."""


def main(memory: memoryview, geometry: tuple[int, int, int], settings: tuple[bytes, int]) -> None:
    """Be a worker until the pool ends or the host lets this one go. Called once per interpreter, in its `__main__`."""
    global station
    made: WorkerSettings = unpacked(lasting(*settings))
    station = WorkerStation(Arena(memory, *geometry), made)
    station.live()


class WorkerStation(Station):
    """A worker's part of the pool: one seat, one task thread, one courier."""

    def __init__(self, arena: Arena, settings: WorkerSettings) -> None:
        super().__init__(arena, settings.workers, settings.grace, Doorbell(settings.courier), settings.seat)
        self.settings: WorkerSettings = settings
        self.index: int | None = settings.index
        self.strict: bool = settings.strict
        at = arena.seat(settings.seat)
        self.at: int = at
        self.retire: memoryview[int] = arena.words[at + SeatWord.RETIRE : at + SeatWord.RETIRE + 1]
        arena.halves[settings.seat] = not settings.background
        self.bell: Doorbell = Doorbell(settings.bell)
        self.seat: Seat = Seat(self, settings.seat, range(*settings.halves), self.bell)
        self.seats.append(self.seat)
        self.backlog: Backlog = Backlog(self.seat, range(*settings.jobs), range(0))
        self.task_thread: int = get_ident()
        self._done = 0
        self._idling = Idling(self)
        self._stack = self.stacks.setdefault(self.task_thread, [])
        self._seen_public = [0] * arena.seats
        self._seen_public_all = b""
        self._seen_backlog = [0] * arena.seats
        self._seen_backlog_all = b""
        self._rung = [0] * arena.seats
        self._path_version = arena.path_version[0]

    # -- life ------------------------------------------------------------------------------------------------------

    def live(self) -> None:
        """Set up, work, clean up."""
        from subpool._schedule import relay

        watch()
        settings = self.settings
        sys.setswitchinterval(SWITCH)
        sys.setrecursionlimit(settings.recursion_limit)
        if settings.pin is not None:
            os.sched_setaffinity(0, {settings.pin})
        streams = relay.install(settings, self.task_thread)
        words, stage = self.arena.words, self.at + SeatWord.STAGE
        words[self.at + SeatWord.COURIER_STAGE] = Stage.PRESENT
        thread = courier.start(self, daemon=False)  # before any code of the user's, which may be stuck
        try:
            if not self.arena.stop[0]:
                words[stage] = Stage.PREPARING
                self._prepare()
                words[stage] = Stage.PRESENT
                self.work()
                words[stage] = Stage.LEAVING
                self._ring_host()
                if settings.finalizer:
                    unpacked(settings.finalizer)()
                for foreign in self._foreign_threads():
                    foreign.join()  # here and now: as the interpreter ends, it would hold up others
        finally:
            words[stage] = Stage.GONE if words[stage] >= Stage.PRESENT else Stage.FAILED
            self._leave()
            streams.flush()
            self.ending = True
            ring(self.courier.address)
            thread.join()
            self.interrupter.close()
            self._tell_heir()

    def _tell_heir(self) -> None:
        """The last act: the host learns what was lent and borrowed here."""
        told = self.loans.leave()
        if told is not None:
            put(self.arena.words[self.arena.seat(0) + SeatWord.INBOX], (heir_number(self.seat.index), memoryview(told)))

    def _prepare(self) -> None:
        """What the user wants done before the first task."""
        for module in self.settings.preload:
            __import__(module)
        if self.settings.initializer:
            from subpool._wire.initialised import initialise

            initialise(*unpacked(self.settings.initializer))
        self._warm_up()

    def _foreign_threads(self) -> list[Thread]:
        """The threads that tasks have started. The interpreter cannot end before them."""
        ours = (self.courier_ident, self.task_thread, main_thread().ident)  # the last one is the host's
        return [each for each in enumerate_threads() if each.ident not in ours and not each.daemon]

    def _warm_up(self) -> None:
        try:
            get(self.seat.channel)
        except RuntimeError:
            pass
        self._idling.warm_up()

    def _leave(self) -> None:
        """Stop being there for others; the doorbells are closed by the host, when nobody can ring any more."""
        self.arena.idle[self.seat.index] = WORKING
        self.seat.busy[0] = 0
        count(self.seat.channel)  # fence: who takes this worker for the clock sees that it is none, or is seen here
        self._idling.hand_over()

    # -- the loop --------------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Run what there is: foreground first, then background, else ask and sleep."""
        arena, idle, index = self.arena, self.arena.idle, self.seat.index
        stop, retire, idling = arena.stop, self.retire, self._idling
        idling.begin()
        idle[index] = SEEKING
        while not stop[0] and not retire[0] and not self._used_up():
            begun = clock()
            idle[index] = WORKING
            if self._foreground():
                idling.measure(begun)
            elif not (self._own_job() or self._background()):
                idle[index] = SEEKING
                idling.seek(begun)
                continue
            idling.quiet_since = idling.answered = clock()
        if not stop[0]:
            self._finish_own()

    def _finish_own(self) -> None:
        """Run what this interpreter's tasks have spawned, before it ends with it."""
        for job in self.backlog.jobs():
            call = self.backlog.claim(job)
            if call is not None:
                self.run_here(job, call)

    def _used_up(self) -> bool:
        most = self.settings.max_tasks
        return most is not None and self._done >= most and self.backlog.empty

    def _foreground(self) -> bool:
        """Steal the oldest public half of some seat."""
        public = self.arena.public
        now = public.tobytes()
        if now == self._seen_public_all:
            return False
        seen, words, arena = self._seen_public, self.arena.words, self.arena
        for seat in range(arena.seats):
            stamp = public[seat]
            if stamp == seen[seat] or seat == self.seat.index:
                continue
            try:
                item = get(words[arena.seat(seat) + SeatWord.CHANNEL])[0]
            except RuntimeError:
                seen[seat] = stamp
                continue
            self.seat.stats[Stat.STOLEN] += 1
            self._run(item)
            return True
        self._seen_public_all = now
        return False

    def _own_job(self) -> bool:
        """Run a job that this interpreter's own tasks spawned, from the live call."""
        backlog = self.backlog
        if backlog.empty:
            return False
        backlog.feed()
        while backlog.waiting:
            try:
                job = backlog.waiting.popleft()
            except IndexError:
                return False
            call = job._claim_private()
            if call is not None:
                self.seat.busy[0] = -1
                count(self.seat.channel)  # fence: who asks or falls asleep sees this, or is seen here
                self._idling.hand_over()
                self._done += 1
                try:
                    self.run_here(job, call)
                finally:
                    self.seat.busy[0] = 0
                return True
        return False

    def _background(self) -> bool:
        """Take the oldest published background job of some seat."""
        if not self.settings.background:
            return False
        backlog = self.arena.backlog
        now = backlog.tobytes()
        if now == self._seen_backlog_all:
            return False
        words, arena = self.arena.words, self.arena
        for seat in range(arena.seats):
            stamp = backlog[seat]
            if stamp == self._seen_backlog[seat]:
                continue
            at = arena.seat(seat)
            channel = words[at + SeatWord.BACKLOG]
            try:
                item = get(channel)[0]
            except RuntimeError:
                self._seen_backlog[seat] = stamp
                continue
            self._ask_for_more(seat, at, channel, stamp)
            self._run(item)
            return True
        self._seen_backlog_all = now
        return False

    def _ask_for_more(self, seat: int, at: int, channel: int, stamp: int) -> None:
        """Few are left on this channel, and their owner has more: wake its courier, once."""
        more = self.arena.words[at + SeatWord.MORE]
        if more and self._rung[seat] != stamp and count(channel) < more:
            self._rung[seat] = stamp
            ring(self.arena.words[at + SeatWord.COURIER])

    def _run(self, item: Any) -> None:
        idling = self._idling
        idling.woken = False
        idling.hand_over()
        if type(item) is int and item >= self.arena.slots:
            self._done += perform_batch(self.seat, item, self._stack)
        else:
            self._done += 1
            perform(self.seat, item)

    def anything(self) -> bool:
        """Whether there is something to do that was not looked at yet."""
        return (
            self.arena.public.tobytes() != self._seen_public_all
            or (self.settings.background and self.arena.backlog.tobytes() != self._seen_backlog_all)
            or (not self.backlog.empty and bool(self.backlog.waiting))
        )

    def pass_on(self) -> None:
        """Wake another worker for what stands on the channels besides what this one has.

        Two publishers may have found this one asleep, and rung no other; or it was rung, and leaves.
        """
        arena, words = self.arena, self.arena.words
        for stamps, seen, queue in (
            (arena.public, self._seen_public, SeatWord.CHANNEL),
            (arena.backlog, self._seen_backlog, SeatWord.BACKLOG),
        ):
            for seat in range(arena.seats):
                if stamps[seat] != seen[seat] and count(words[arena.seat(seat) + queue]):
                    self.wake(1, job=queue == SeatWord.BACKLOG)
                    return

    def refresh_path(self) -> bool:
        """Take over the host's `sys.path`, if it changed."""
        arena = self.arena
        version = arena.path_version[0]
        if version == self._path_version or version % 2:
            return False
        count(self.seat.channel)  # fence: the path is read after its version
        data = bytes(arena.path[: arena.path_length[0]])
        count(self.seat.channel)
        if arena.path_version[0] != version:
            return False
        self._path_version = version
        sys.path[:] = read(data)
        return True

    # -- what tasks of this interpreter need -----------------------------------------------------------------------

    def caller_seat(self) -> Seat:
        """The seat at which the calling thread forks."""
        return self.seat

    def await_job(self, job: Job, timeout: float | None) -> None:
        """Wait until a job is done; it is run here if nobody has begun it, since nobody else might be free to."""
        until = None if timeout is None else clock() + timeout
        while "_final" not in job.__dict__:
            call = self.backlog.claim(job)
            if call is not None:
                self.run_here(job, call)
            elif not self.backlog.feed() and (number := job._number) is not None:
                if not wait(self.seat, (number,), until):
                    raise TimeoutError
            elif until is not None and clock() >= until:
                raise TimeoutError

    def deliver(self, action: Any) -> None:
        """Run a callback. There is no delivery thread in a worker."""
        action()

    def borrow_bell(self) -> Doorbell:
        """A doorbell for a thread of the user's own in this interpreter."""
        return Doorbell()

    def return_bell(self, bell: Doorbell) -> None:
        """Close it."""
        bell.close()

    def force(self, general: bool) -> None:
        """See `Station.force`."""
        if general:
            self.seat.request[0] = 1

    def courier_left(self) -> None:
        """The courier has ended, which takes this interpreter's GIL: so the program may end, even beside the worker.

        But not beside threads that tasks have started; CPython would wait for them, or crash.
        """
        stage = Stage.GONE
        if not self.ending:
            self.interrupter.park(self.task_thread)
            stage = Stage.PRESENT if self._foreign_threads() else Stage.LEAVING
        self.arena.words[self.at + SeatWord.COURIER_STAGE] = stage

    def set_aside(self, taker: int, number: int) -> None:
        """Give a number up, and ask the host to replace the worker that has it."""
        self.give_up(number)
        self.arena.words[self.arena.seat(taker) + SeatWord.LATE] = 1
        self._ring_host()

    def _ring_host(self) -> None:
        ring(self.arena.words[self.arena.seat(0) + SeatWord.COURIER])

    def attend(self) -> float | None:
        """See `Station.attend`; and deadlines of this interpreter's own jobs, and what the host wants to know."""
        if self.arena.words[self.at + SeatWord.ASKED]:
            from subpool._schedule.snapshot import answer

            answer(self)
        if self.backlog.timed:
            self.look_at(self.backlog.attend())
        return super().attend()
