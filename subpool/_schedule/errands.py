"""What a sidecar process does, and the frames that it and its host exchange.

The main thread runs the calls. A second thread reads the frames, and so hears at once what should stop; it raises
`TaskCancelled` in the main thread just as a worker's courier does. When the pipe ends, so does the process.
"""

from __future__ import annotations

import os
import sys
from enum import IntEnum
from queue import SimpleQueue
from select import poll
from threading import Thread, get_ident
from time import perf_counter as clock, sleep
from typing import Final

from subpool._schedule.interrupt import interrupter, stacks
from subpool._schedule.taking import Stoppable, outcome_of_value
from subpool._wire.payload import Kind, encode_error, read, unpacked, unreadable
from subpool.errors import SerializationError, TaskCancelled

__all__ = ["Frame", "main", "read_frame", "write_frame"]

HEAD: Final = 17
"""Bytes before the data of a frame: kind, number, length."""
CHUNK: Final = 1 << 20


class Frame(IntEnum):
    """What a frame says."""

    BEGIN = 0  # to the process: how to begin
    PATH = 1  # to the process: `sys.path` has changed
    RUN = 2  # to the process: run this call
    STOP = 3  # to the process: stop it
    BEGUN = 4  # to the host: the call was rebuilt, and begins
    DONE = 5  # to the host: its outcome; the `Kind` is added to this number


def write_frame(fd: int, kind: int, number: int, data: bytes) -> None:
    """Write a frame whole.

    Raises:
        OSError: nobody reads any more.
    """
    head = kind.to_bytes(1) + number.to_bytes(8) + len(data).to_bytes(8)
    rest = memoryview(head + data if len(data) < CHUNK else head)
    while rest:
        rest = rest[os.write(fd, rest) :]
    if len(data) >= CHUNK:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]


def read_frame(fd: int) -> tuple[int, int, bytes] | None:
    """The next frame: kind, number, data; None at the end."""
    head = _read(fd, HEAD)
    if head is None:
        return None
    data = _read(fd, int.from_bytes(head[9:]))
    return None if data is None else (head[0], int.from_bytes(head[1:9]), data)


def _read(fd: int, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        try:
            part = os.read(fd, min(size - len(data), CHUNK))
        except OSError:
            return None
        if not part:
            return None
        data += part
    return bytes(data)


class Errands:
    """The process's part: what it was told, and what runs."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._frames: SimpleQueue[tuple[int, int, bytes] | None] = SimpleQueue()
        self._number = 0
        self._stopped = 0  # the last errand that was to stop; it may not have begun yet
        self._running: Stoppable | None = None
        self._stack = stacks.setdefault(get_ident(), [])
        self._grace = 0.0
        self._finalizer = b""
        self._failure: BaseException | None = None

    def live(self) -> None:
        """Run what comes until the pipe ends."""
        Thread(target=self._listen, name="subpool-listener", daemon=True).start()
        while (frame := self._frames.get()) is not None:
            kind, number, data = frame
            if kind == Frame.BEGIN:
                self._begin(data)
            elif kind == Frame.PATH:
                sys.path[:] = read(data)
            else:
                outcome, payload = self._outcome(number, data)
                for stream in (sys.stdout, sys.stderr):
                    if stream is not None:
                        stream.flush()
                self._tell(Frame.DONE + outcome, number, payload)
        if self._finalizer:
            unpacked(self._finalizer)()

    def _tell(self, kind: int, number: int, data: bytes = b"") -> bool:
        try:
            write_frame(self._writing, kind, number, data)
        except OSError:
            return False  # nobody listens any more: the other thread has heard of it, too
        return True

    def _begin(self, data: bytes) -> None:
        limit, self._grace, initializer, self._finalizer = read(data)
        sys.setrecursionlimit(limit)
        try:
            if initializer:
                function, args = unpacked(initializer)
                function(*args)
        except BaseException as error:  # noqa: BLE001 - told to each task that comes
            self._failure = error

    def _outcome(self, number: int, data: bytes) -> tuple[int, bytes]:
        """Run a call, and write what came of it."""
        running = Stoppable()
        self._number, self._running = number, running
        self._stack.append(running)
        self._heed()
        kind, payload = int(Kind.CANCELLED), b""
        try:
            kind, payload = self._called(running, number, data)
        except TaskCancelled:
            pass
        finally:
            self._stack.pop()
            self._running = None
            interrupter.settle()
        return kind, payload

    def _called(self, running: Stoppable, number: int, data: bytes) -> tuple[int, bytes]:
        try:
            if self._failure is not None:
                raise self._failure
            call = read(data)
        except BaseException as error:  # noqa: BLE001 - whatever rebuilding raises, the call has not begun
            return Kind.UNREADABLE, encode_error(SerializationError(unreadable(error)))
        if not self._tell(Frame.BEGUN, number):
            return Kind.CANCELLED, b""
        try:
            value = call()
        except TaskCancelled:
            return Kind.CANCELLED, b""
        except BaseException as error:  # noqa: BLE001 - SystemExit and the like cross like any other
            return Kind.ERROR, encode_error(error)
        return outcome_of_value(value, lend=False)

    # -- the second thread -----------------------------------------------------------------------------------------

    def _listen(self) -> None:
        again: float | None = None
        poller = poll()
        poller.register(self._reading)
        while True:
            if again is None or poller.poll(again * 1000):
                frame = read_frame(self._reading)
                if frame is None:
                    break
                self._hear(frame)
            again = interrupter.check()
        self._frames.put(None)
        self._leave()

    def _hear(self, frame: tuple[int, int, bytes]) -> None:
        if frame[0] == Frame.STOP:
            self._stopped = frame[1]
            self._heed()
        else:
            self._frames.put(frame)

    def _heed(self) -> None:
        """Stop what runs, if that is asked for. Called by both threads, each after it has told its part."""
        running = self._running
        if running is not None and self._number == self._stopped:
            running.cancelled = True
            interrupter.check()

    def _leave(self) -> None:
        """Nobody wants anything any more: what runs is stopped, and given up if it does not stop."""
        running, until = self._running, clock() + self._grace
        if running is not None:
            running.cancelled = True
        while self._running is running and running is not None and clock() < until:
            interrupter.check()
            sleep(0.01)
        if self._running is not None:
            os._exit(1)


def main(reading: int, writing: int) -> None:
    """Run the errands of the host at the other end of these pipes."""
    Errands(reading, writing).live()
