"""Stack dumps: what every host thread and every worker executes right now, and what each waits for.

A worker is asked for its stacks by way of its courier, so it answers whatever its task does: run Python code, sleep, or
be blocked in C, as long as it can get its GIL. One that cannot is described by what others know of it.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from functools import partial
from threading import RLock
from time import perf_counter as clock, perf_counter_ns as clock_ns, sleep
from typing import TYPE_CHECKING, Any, Final, TextIO, cast

from subpool import process
from subpool._schedule import worker as worker_side
from subpool._schedule.seat import DONE, PHASE, READY, TAKEN
from subpool._schedule.snapshot import stacks, take
from subpool._schedule.station import ASLEEP, NAPPING, SEEKING, WORKING
from subpool._schedule.taking import GONE, STOP
from subpool._wire import interpreters
from subpool._wire.arena import SeatWord, SlotWord, Stage
from subpool._wire.payload import read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from subpool._schedule.host import Host
    from subpool._schedule.snapshot import Snapshot, ThreadStack
    from subpool.pool import Pool

__all__ = ["ANSWER", "dump_pools", "dump_stacks", "dump_stacks_on"]

ANSWER: Final = 1.0
"""Seconds that workers have to answer, by default."""
GLANCE: Final = 0.002
"""Seconds between two looks for answers."""
MANY: Final = 20
FEW: Final = 4
IDLE: Final = {WORKING: "between two tasks", SEEKING: "looks for work", NAPPING: "naps", ASLEEP: "asleep"}
STAGES: Final = {
    Stage.MAKING: "is being started",
    Stage.PREPARING: "prepares itself",
    Stage.LEAVING: "leaves",
    Stage.GONE: "is being ended",
    Stage.FAILED: "is being ended",
}

_lock = RLock()


def dump_stacks(file: TextIO | int | None = None, *, timeout: float = ANSWER) -> None:
    """Write what every thread of the host and every worker of every open pool executes now. See `Pool.dump_stacks`.

    Args:
        file: a text file, or whatever else has a `fileno()`, or a file descriptor; `sys.stderr` by default.
        timeout: seconds that the workers have to answer.

    Raises:
        RuntimeError: this is a worker.
    """
    dump_pools(list(process.open_pools), file, timeout)


def dump_stacks_on(signum: int, file: TextIO | int | None = None) -> None:
    """Dump stacks whenever a signal arrives, and go on: `subpool.dump_stacks_on(signal.SIGUSR1)`.

    The main thread does it, as soon as it runs Python code or a blocking call of the standard library; while it is in
    other C code, the signal waits. A handler that was there before is called afterwards.

    Args:
        signum: the signal.
        file: as `dump_stacks` takes it.

    Raises:
        ValueError: this is not the main thread of the host, or there is no such signal.
    """
    signal.signal(signum, partial(_handle, file, signal.getsignal(signum)))


def _handle(file: TextIO | int | None, before: Any, signum: int, frame: FrameType | None) -> None:
    try:
        dump_stacks(file)
    except Exception as error:  # noqa: BLE001 - whom it interrupts has nothing to do with it
        sys.excepthook(type(error), error, error.__traceback__)
    if callable(before):
        before(signum, frame)


def dump_pools(pools: list[Pool], file: TextIO | int | None, timeout: float) -> None:
    """Dump the host's threads, and these pools."""
    if worker_side.station is not None:
        raise RuntimeError("dump_stacks is for the host, which asks the workers; this is one of them")
    _say("".join(f"{line}\n" for line in _report(pools, timeout)), file)


def _say(text: str, file: TextIO | int | None) -> None:
    """Write text: through the descriptor beneath a file, if it has one, for a signal may have come in mid-write."""
    stream = sys.stderr if file is None else file
    if stream is None:
        return
    descriptor = stream if isinstance(stream, int) else _descriptor(stream)
    if descriptor is None:
        cast("TextIO", stream).write(text)
        return
    with suppress(Exception):
        cast("TextIO", stream).flush()
    data = text.encode(errors="backslashreplace")
    while data:
        data = data[os.write(descriptor, data) :]


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (AttributeError, OSError, ValueError):
        if not hasattr(stream, "write"):
            raise TypeError(f"dump_stacks: neither a text file nor a file descriptor: {stream!r}") from None
        return None


# -- asking --------------------------------------------------------------------------------------------------------


def _ask(hosts: list[Host], timeout: float) -> dict[tuple[Host, int], Snapshot]:
    """The snapshots of the workers that answer in time."""
    answers: dict[tuple[Host, int], Snapshot] = {}
    queues = {host: interpreters.create_queue() for host in hosts}
    try:
        asked = [(host, seat) for host in hosts for seat in host.crew.ask(queues[host])]
        until = clock() + timeout
        while len(answers) < len(asked):
            for host, queue in queues.items():
                answers |= {(host, seat): snapshot for seat, snapshot in _received(queue)}
            if clock() > until:
                break
            sleep(GLANCE)
    finally:
        for queue in queues.values():
            interpreters.destroy_queue(queue)
    return answers


def _received(queue: int) -> Iterator[tuple[int, Snapshot]]:
    while True:
        try:
            seat, data = interpreters.get(queue)[0]
        except RuntimeError:
            return
        yield seat, read(data)


# -- telling -------------------------------------------------------------------------------------------------------


def _report(pools: list[Pool], timeout: float) -> Iterator[str]:
    hosts = {host: pool for pool in pools if (host := pool._served) is not None}
    left = [host for host in process.left_behind() if host not in hosts]
    locked = _lock.acquire(timeout=timeout + ANSWER)  # of two at once, one would take the other's answers
    try:
        answers = _ask([*hosts, *left], timeout)
    finally:
        if locked:
            _lock.release()
    boards = [_Board(host, answers) for host in (*hosts, *left)]
    yield "subpool: what runs now, the most recent call first"
    carriers = {thread.ident for board in boards for thread in list(board.host.crew.threads.values())}
    for stack in stacks():
        if stack[1] not in carriers:
            yield from _thread(stack, [line for board in boards for line in board.waits_of_thread(stack[1])])
    for board in boards:
        pool = hosts.get(board.host)
        yield from board.report(
            repr(pool) if pool is not None else "a pool that has ended, but for workers left behind"
        )
    for pool in pools:
        if pool not in hosts.values():
            yield f"{pool!r}: not started"


def _thread(stack: ThreadStack, remarks: list[str]) -> Iterator[str]:
    name, ident, calls, more = stack
    yield f"Thread {name} ({ident}):" if ident else f"Thread {name}:"
    yield from _calls(calls, more, remarks)


def _calls(calls: list[tuple[str, int, str]], more: int, remarks: list[str]) -> Iterator[str]:
    for remark in remarks:
        yield f"  {remark}"
    for path, line, name in calls:
        yield f'  File "{path}", line {line} in {name}'
    if more:
        yield f"  ... and {more} more calls"


def _some(lines: list[str], limit: int) -> list[str]:
    """No more lines than that, and how many there are beyond."""
    return lines if len(lines) <= limit else [*lines[:limit], f"  ... and {len(lines) - limit} more"]


class _Board:
    """One pool, by what its memory says, its host knows, and its workers answered."""

    def __init__(self, host: Host, answers: dict[tuple[Host, int], Snapshot]) -> None:
        self.host = host
        self.words = host.arena.words
        self.own = take(host)
        self.answers = {seat: answers[owner, seat] for owner, seat in answers if owner is host}
        self.names = dict(self.own["public"])
        for snapshot in self.answers.values():
            self.names |= snapshot["public"]
        self.taken: dict[int, list[int]] = {}
        self.awaited: dict[int, list[int]] = {}
        for number in host.layout.numbers:
            state = self.words[host.arena.cell(number)]
            if state & PHASE == TAKEN:
                self.taken.setdefault(state >> 8, []).append(number)
            waiter = self.words[host.arena.header(number) + SlotWord.WAITER]
            if waiter > 0 and number in self.names:
                self.awaited.setdefault(waiter, []).append(number)

    def report(self, pool: str) -> Iterator[str]:
        """All about it."""
        host, own = self.host, self.own
        yield f"{pool}, {host.lost} lost:"
        yield f"  {own['private']} halves private, {len(own['public'])} calls public, {own['waiting']} jobs waiting"
        yield from _some([f"  {self.call(number)}" for number in own["public"]], MANY)
        for seat in sorted(host.crew.threads):
            yield from self._worker(seat)

    def waits_of_thread(self, ident: int) -> list[str]:
        """What a thread of the host waits for in its sleep."""
        return self._waits(self.host.sleepers.get(ident, 0))

    def _waits(self, address: int) -> list[str]:
        return _some([f"waits for {self.call(number)}" for number in self.awaited.get(address, ())], FEW)

    def call(self, number: int) -> str:
        """A call: its name, who runs it, how long, and what its owner wants."""
        cell = self.host.arena.cell(number)
        state, wish = self.words[cell], self.words[cell + SlotWord.CANCEL]
        begun = self.words[cell + SlotWord.TIME]
        what = f"#{number} {self.names.get(number, 'of a worker that did not answer')}"
        if state & PHASE == READY:
            what += ", not begun"
        elif state & PHASE == DONE or begun <= 0:
            what += ", done"
        else:
            what += f", run by {self._who(state >> 8)} for {(clock_ns() - begun) * 1e-9:.3f} s"
        return what + {STOP: ", asked to stop", GONE: ", given up"}.get(wish, "")

    def _who(self, seat: int) -> str:
        number = self.host.crew.number_of(seat)
        return "a thread of the host" if number is None else f"worker {number}"

    def _worker(self, seat: int) -> Iterator[str]:
        host, answer = self.host, self.answers.get(seat)
        at = host.arena.seat(seat)
        stage = self.words[at + SeatWord.STAGE]
        running = self.taken.get(seat, [])
        doing = STAGES.get(stage) or ("runs" if running else IDLE.get(host.arena.idle[seat], "?"))
        aside = " (set aside)" if host.crew.is_aside(seat) else ""
        held = f"; {answer['private']} halves private, {answer['waiting']} jobs waiting" if answer else ""
        yield f"Worker {host.crew.number_of(seat)}{aside}: {doing}{held}"
        remarks = [f"runs {self.call(number)}" for number in running]
        remarks += self._waits(self.words[at + SeatWord.BELL])
        if answer is None and self.words[at + SeatWord.COURIER_STAGE] == Stage.PRESENT:
            remarks.append("it does not answer: it is in C code that holds its GIL")
        threads = answer["threads"] if answer else []
        for position, (name, _, calls, more) in enumerate(threads):
            if position:
                yield f"  Thread {name}:"
            yield from _calls(calls, more, [] if position else remarks)
        if not threads:
            yield from _calls([], 0, remarks)
