"""What a process holds: interpreters, queues, threads, file descriptors. A test module must give all of it back."""

import _interpqueues  # type: ignore[import-not-found, unused-ignore]
import _interpreters  # type: ignore[import-not-found, unused-ignore]
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

#: Seconds for what ends by itself, such as a pool that was dropped instead of closed.
GRACE = 5.0


@dataclass(frozen=True)
class Holdings:
    """One look at what the process holds: each thing by its number, described for the one who has to find it."""

    interpreters: frozenset[str]
    queues: frozenset[str]
    threads: frozenset[str]
    descriptors: frozenset[str]

    @classmethod
    def now(cls) -> Self:
        return cls(
            interpreters=frozenset(_numbers(_interpreters.list_all())),
            queues=frozenset(_numbers(_interpqueues.list_all())),
            threads=frozenset(_threads()),
            descriptors=frozenset(_descriptors()),
        )

    def beyond(self, before: Self) -> dict[str, list[str]]:
        """What is held now and was not before, by kind."""
        grown = {each.name: sorted(getattr(self, each.name) - getattr(before, each.name)) for each in fields(self)}
        return {kind: things for kind, things in grown.items() if things}


def left_since(before: Holdings, grace: float = GRACE) -> dict[str, list[str]]:
    """What is left over after `grace` seconds at the most; empty as soon as nothing is."""
    deadline = time.monotonic() + grace
    pause = threading.Event()  # never set: nobody tells when the kernel has reaped a thread
    while (left := Holdings.now().beyond(before)) and time.monotonic() < deadline:
        pause.wait(0.01)
    return left


def _numbers(listed: Sequence[int | tuple[int, ...]]) -> list[str]:
    """The ids in a listing, whose entries are ids on one CPython and tuples that begin with them on another."""
    return [str(each[0] if isinstance(each, tuple) else each) for each in listed]


def _threads() -> list[str]:
    """Threads as the kernel counts them, those inside subinterpreters too. The watchdog of each test is not ours."""
    named = {thread.native_id: thread.name for thread in threading.enumerate()}
    tids = [int(tid) for tid in os.listdir("/proc/self/task")] if Path("/proc/self/task").exists() else list(named)
    described = {tid: named.get(tid, "not a thread of this interpreter") for tid in tids if tid is not None}
    return [f"{tid} ({name})" for tid, name in described.items() if not name.startswith("pytest_timeout")]


def _descriptors() -> list[str]:
    found: list[str] = []
    for entry in os.listdir("/proc/self/fd") if Path("/proc/self/fd").exists() else ():
        try:
            found.append(f"{entry} → {os.readlink(f'/proc/self/fd/{entry}')}")
        except FileNotFoundError:  # the one that the listing itself used
            continue
    return found
