"""A bare wake-up: threads in interpreters of their own, asleep on nothing but an event file descriptor.

This is what the operating system and CPython ask for a wake-up, with no pool in between. `sleeper` is the guest's side
and is imported by each interpreter; nothing but the standard library may be used here.
"""

import _interpreters
import os
import struct
import sys
import time
from threading import Thread
from typing import Any, Self

STAMP = struct.Struct("d")
RING = (1).to_bytes(8, sys.byteorder)
END = (2).to_bytes(8, sys.byteorder)

GUEST = """
import sys
sys.path[:] = search_path
from bench.bare import sleeper
sleeper(bell, reply, computing)
"""


def sleeper(bell: int, reply: int, computing: float) -> None:
    """Sleep until the bell rings; say when that woke us; compute for a while, if asked to; sleep again."""
    while os.read(bell, 8) == RING:
        woken = now = time.perf_counter()
        while now - woken < computing:
            now = time.perf_counter()
        os.write(reply, STAMP.pack(woken))


def bell() -> tuple[int, int]:
    """The end to sleep on and the end to ring: one event file descriptor, or a pipe where there are none."""
    if hasattr(os, "eventfd"):
        descriptor = os.eventfd(0)
        return descriptor, descriptor
    return os.pipe()


class Sleepers:
    """A number of sleeping interpreters. After waking up they compute for so many seconds, then sleep again."""

    def __init__(self, count: int, computing: float = 0.0) -> None:
        self._answers, self._reply = os.pipe()
        self._bells = [bell() for _ in range(count)]
        self._interpreters = [_interpreters.create("isolated") for _ in range(count)]
        self._threads = [
            Thread(target=run, args=(interpreter, sleeping_end, self._reply, computing), daemon=True)
            for interpreter, (sleeping_end, _) in zip(self._interpreters, self._bells, strict=True)
        ]
        for thread in self._threads:
            thread.start()
        self.ring()
        self.answers()

    def ring(self) -> None:
        """Wake them all."""
        for _, ringing_end in self._bells:
            os.write(ringing_end, RING)

    def answers(self) -> list[float]:
        """When each of them woke up; waits for the last."""
        return [STAMP.unpack(os.read(self._answers, STAMP.size))[0] for _ in self._bells]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for _, ringing_end in self._bells:
            os.write(ringing_end, END)
        for thread in self._threads:
            thread.join()
        for interpreter in self._interpreters:
            _interpreters.destroy(interpreter)
        for descriptor in {self._answers, self._reply, *(end for ends in self._bells for end in ends)}:
            os.close(descriptor)


def run(interpreter: Any, sleeping_end: int, reply: int, computing: float) -> None:
    """The life of one sleeper, in a thread of the host."""
    names = {"search_path": tuple(sys.path), "bell": sleeping_end, "reply": reply, "computing": computing}
    _interpreters.set___main___attrs(interpreter, names)
    if failure := _interpreters.exec(interpreter, GUEST):
        raise RuntimeError(failure.formatted)
