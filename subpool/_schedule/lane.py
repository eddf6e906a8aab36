"""The lane: where work goes that needs a module which no subinterpreter can load.

Under "inline" a thread of the host runs it, one task after the other. Under "process" some threads, as many as the pool
has workers, each see to a process that runs it (`Sidecar`); they start at first need. Such a thread is a taker like
any other: of background jobs, by the same claim as whoever joins them, and of halves, by the same slots.

Guarantees:
    - A job that waits here is private (`Job._call`): it is cancelled, joined and helped like any other.
    - A half that waits here is in `Lane.halves`; one dictionary pop decides between its owner and a thread of the lane.
"""

from __future__ import annotations

import warnings
from collections import deque
from functools import partial
from queue import SimpleQueue
from threading import RLock, Thread, get_ident
from time import perf_counter as clock, perf_counter_ns as clock_ns
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule.refusal import Wrapper, innermost, name_of
from subpool._schedule.seat import DONE, TAKEN
from subpool._schedule.taking import CANCELLED, DECLINED, GONE, STOP, finish
from subpool._wire.arena import SlotWord, Stat
from subpool._wire.doorbell import ring
from subpool._wire.interpreters import count
from subpool._wire.payload import Kind, landed, write
from subpool.errors import SerializationError, UnsupportedInSubinterpreter, UnsupportedWarning, WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._schedule.host import Host
    from subpool._schedule.job import Call, Job
    from subpool._schedule.sidecar import Errand, Sidecar

__all__ = ["Lane"]

SHORT: Final = 1e-3
"""Seconds: what a caller runs more quickly itself than a process would be asked to."""
AGAIN: Final = 1.0
"""Seconds after which a process is asked again for what was as short as that."""
KEPT: Final = 256


class Lane:
    """The lane of one pool."""

    def __init__(self, host: Host, policy: str) -> None:
        """Run what comes on a thread ("inline") or in processes ("process"), or fail what was refused ("raise")."""
        self.halves: dict[int, tuple[Any, Callable[[], Any]]] = {}
        self._host = host
        self._policy = policy
        self._jobs: deque[Job] = deque()
        self._held: dict[Job, None] = {}
        self._warned: set[str] = set()
        self._tokens: SimpleQueue[bool] = SimpleQueue()
        self._threads: list[Thread] = []
        self._lock = RLock()
        self._ending = False
        self._running: dict[int, Errand] = {}  # of halves, by their number
        self._sidecars: dict[int, Sidecar] = {}  # by the thread that sees to it
        self._brief: dict[object, float] = {}  # until when these are left to their callers

    # -- what comes ------------------------------------------------------------------------------------------------

    def notice(self, module: str) -> None:
        """A module refused: warn of it once, or fail.

        Raises:
            UnsupportedInSubinterpreter: the policy is to raise.
            UnsupportedWarning: the filters make an error of it.
        """
        if self._policy == "raise":
            raise UnsupportedInSubinterpreter(f"module {module} does not load in a subinterpreter", name=module)
        package = module.partition(".")[0]
        if package not in self._warned:
            self._warned.add(package)
            where = "in worker processes" if self._policy == "process" else "on a thread of the host, or in its caller"
            text = f"{package} does not load in a subinterpreter: what needs it runs {where}"
            warnings.warn(text, UnsupportedWarning, stacklevel=3)

    def take(self, job: Job, call: Call, module: str | None) -> None:
        """Run a job of which nothing has run yet: this module refused, or the function asks for the host."""
        if module is not None:
            try:
                self.notice(module)
            except (UnsupportedInSubinterpreter, UnsupportedWarning) as error:  # of this job, not of who finds it
                job._fail(error)
                return
        self._held[job] = None
        if "_final" not in job.__dict__:
            job._call = call
        self._jobs.append(job)
        self._summon()
        if self._ending:
            job.cancel()

    def wants(self, call: Callable[[], Any]) -> bool:
        """Whether a half that workers refuse should come here: not if its caller is as quick."""
        if self._policy != "process" or self._ending or isinstance(call, Wrapper):
            return False  # what the pool itself hands out needs the pool's memory
        return self._brief.get(_key(call), 0.0) <= clock()

    def offer(self, number: int, item: Any, call: Callable[[], Any]) -> None:
        """Take a half that was published under this number."""
        self.halves[number] = item, call
        self._summon()

    def recall(self, number: int) -> bool:
        """Whether a half that waits here is its owner's again."""
        return self.halves.pop(number, None) is not None

    @property
    def jobs(self) -> list[Job]:
        """The jobs that are not done."""
        return [job for job in list(self._held) if "_final" not in job.__dict__]

    @property
    def busy(self) -> bool:
        """Whether anything waits or runs here."""
        return bool(self.jobs or self.halves or self._running)

    # -- threads ---------------------------------------------------------------------------------------------------

    def _summon(self) -> None:
        """Have a thread see to what came; start one if all are at work."""
        self._tokens.put(True)
        most = self._host.workers if self._policy == "process" else 1
        lock = self._lock
        try:
            lock.acquire()
            wanted = len(self._held) + len(self.halves) + len(self._running)
            if len(self._threads) < min(most, wanted) and not self._ending:
                serve = self._serve_processes if self._policy == "process" else self._serve_here
                thread = Thread(target=serve, name=f"subpool-{self._policy}", daemon=True)
                self._threads.append(thread)
                thread.start()
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired

    def _next_job(self) -> tuple[Job, Call] | None:
        while True:
            try:
                job = self._jobs.popleft()
            except IndexError:
                return None
            job._inline = self._policy != "process"  # before the claim: what is claimed can't be stopped
            call = job._claim_private()
            if call is not None and "_final" not in job.__dict__:
                return job, call
            job._inline = False  # it was cancelled, or somebody who joined it runs it
            self._held.pop(job, None)

    def _serve_here(self) -> None:
        while self._tokens.get():
            found = self._next_job()
            if found is not None:
                job, call = found
                try:
                    self._host.run_here(job, call, uninterrupted=True)
                except BaseException:  # noqa: BLE001 - Ctrl-C raised by the task's own hand: it is its outcome already
                    pass
                self._held.pop(job, None)

    def _serve_processes(self) -> None:
        from subpool._schedule.sidecar import Sidecar

        sidecar = self._sidecars[get_ident()] = Sidecar(self._host)
        try:
            while self._tokens.get():
                number = next(iter(list(self.halves)), None)
                if number is not None:
                    self._run_half(number, sidecar)
                elif (found := self._next_job()) is not None:
                    job, call = found
                    try:
                        self._run_job(job, call, sidecar)
                    except Exception as error:  # noqa: BLE001 - whoever waits for the job has to hear of it
                        job._fail(error)
                    self._held.pop(job, None)
        finally:
            sidecar.close()
            del self._sidecars[get_ident()]

    def _run_job(self, job: Job, call: Call, sidecar: Sidecar) -> None:
        """Have the process run a job."""
        try:
            data = write(partial(call[0], *call[1]))
        except SerializationError as error:
            from subpool._schedule.freight import explained

            job._fail(explained(call, error))
            return
        errand = sidecar.errand(partial(self._begin, job))
        job._local = errand
        if "_final" in job.__dict__:
            return  # it was cancelled before it could be told to stop
        try:
            kind, outcome = sidecar.run(errand, data)
        except OSError as error:
            job._fail(WorkerLostError(f"the process that should run this task could not start: {error}"))
            return
        job._local = None
        if kind in (Kind.VALUE, Kind.ERROR):
            self._host.tally(Stat.COMPLETED if kind == Kind.VALUE else Stat.FAILED)
        job._finish(kind, outcome)

    def _begin(self, job: Job, errand: Errand) -> None:
        if job._seconds is not None:
            self._host.call_at(clock() + job._seconds, partial(self._overdue, job, errand))

    def _overdue(self, job: Job, errand: Errand) -> None:
        if job._local is errand:
            job._overrun()
            errand.cancelled = True

    # -- halves ----------------------------------------------------------------------------------------------------

    def _run_half(self, number: int, sidecar: Sidecar) -> None:
        """Be the taker of a half: see `subpool._schedule.taking.perform`, whose steps these are."""
        taken = self.halves.pop(number, None)
        if taken is None:
            return  # its owner has taken it back
        item, call = taken
        seat, arena = self._host.root, self._host.arena
        words, cell, header = arena.words, arena.cell(number), arena.header(number)
        length = words[header + SlotWord.LENGTH]
        begin = (header + 8) * 8
        data = bytes(arena.memory[begin : begin + length]) if type(item) is int else landed(item[1])
        errand = self._running[number] = sidecar.errand()
        try:
            begun = words[cell + SlotWord.TIME] = clock_ns()
            words[cell] = TAKEN | seat.index << 8
            count(seat.channel)  # fence: either the owner sees TAKEN, or its wish is seen here
            wish = words[cell + SlotWord.CANCEL]
            kind, outcome = CANCELLED if wish == STOP else DECLINED, b""
            if not wish:
                try:
                    kind, outcome = sidecar.run(errand, data)
                except OSError:
                    self._policy = "inline"  # no process can be started: callers run everything
        finally:
            del self._running[number]
        if kind in (Kind.VALUE, Kind.ERROR):
            seat.stats[Stat.COMPLETED if kind == Kind.VALUE else Stat.FAILED] += 1
            self._learn(call, clock() - errand.begun)
        finish(seat, number, cell, kind, outcome, begun)

    def _learn(self, call: Callable[[], Any], seconds: float) -> None:
        if seconds < SHORT:
            if len(self._brief) >= KEPT:
                self._brief.clear()
            self._brief[_key(call)] = clock() + AGAIN

    def attend(self) -> None:
        """Stop the halves whose owners want that. Called by the courier."""
        words, arena = self._host.arena.words, self._host.arena
        for number, errand in list(self._running.items()):
            if words[arena.cell(number) + SlotWord.CANCEL] in (STOP, GONE):
                errand.cancelled = True

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self, until: float) -> bool:
        """Stop what runs, and end by this time of the clock. False: a task on a thread of the host would not."""
        lock = self._lock
        try:
            lock.acquire()
            self._ending = True
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired
        self._send_home()
        for sidecar in list(self._sidecars.values()):
            sidecar.dismiss()
        for _ in self._threads:
            self._tokens.put(False)
        for thread in self._threads:
            thread.join(max(0.0, until - clock()))
        for sidecar in list(self._sidecars.values()):
            sidecar.kill()
        if self._policy == "process":
            for thread in self._threads:
                thread.join()
        return not any(thread.is_alive() for thread in self._threads)

    def _send_home(self) -> None:
        words, arena = self._host.arena.words, self._host.arena
        for number in list(self.halves):
            if self.recall(number):
                words[arena.cell(number)] = DONE | DECLINED << 3
                self._host.fence()  # the state before the look at who sleeps
                if words[arena.header(number) + SlotWord.WAITER] > 0:
                    ring(words[arena.header(number) + SlotWord.WAITER])


def _key(call: Callable[[], Any]) -> object:
    return name_of(innermost(call)[0])
