"""`SandboxStats`: what a sandbox has done; and the counters behind it."""

from __future__ import annotations

from enum import IntEnum
from threading import Lock
from typing import NamedTuple

from subpool.sandbox.breaker import Circuit

__all__ = ["Counters", "Event", "SandboxStats"]


class SandboxStats(NamedTuple):
    """A snapshot of what a sandbox has done."""

    completed: int
    """Calls and jobs that returned."""
    failed: int
    """Those that raised, or gave back what they should not."""
    timed_out: int
    cancelled: int
    violations: int
    """How often the policy refused something."""
    denials: dict[str, int]
    """The same by what was refused, as CPython's audit events are called."""
    instances: int
    """How many instances are alive."""
    busy: int
    """How many of them are at work."""
    waiting: int
    """Jobs that nobody has begun."""
    started: int
    """Instances that were started so far."""
    replaced: int
    """Instances that were given up, since they ended, or did not come back from C."""
    reloads: int
    circuit: Circuit
    """Whether calls go through, or the plugin is left alone after failures."""


class Event(IntEnum):
    """What is counted."""

    COMPLETED = 0
    FAILED = 1
    TIMED_OUT = 2
    CANCELLED = 3
    RELOADED = 4


class Counters:
    """How often what happened."""

    def __init__(self) -> None:
        self.by_event: list[int] = [0] * len(Event)
        self._lock = Lock()

    def count(self, event: Event) -> None:
        """It happened once more."""
        with self._lock:
            self.by_event[event] += 1
