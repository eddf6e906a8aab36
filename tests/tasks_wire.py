"""What the tests of the wire send to workers: keepers of secrets, and a watch for what leaves the process."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import wait
from functools import partial
from pathlib import Path
from typing import NoReturn

import tasks
from tasks import Gate

import subpool

WATCHED = (
    "os.exec",
    "os.fork",
    "os.link",
    "os.mkdir",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.symlink",
    "os.truncate",
    "shutil.",
    "socket.",
    "sqlite3.",
    "subprocess.",
    "tempfile.",
)
"""Audit events of names and files that are made outside the process, and of talk with others."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


def watch(fd: int) -> None:
    """Note in a journal whatever this interpreter opens for writing, binds, connects, creates or starts from now on."""

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event.startswith(WATCHED) or (event == "open" and _is_writing(*args)):
            tasks.note(fd, f"{subpool.worker_index()} {event} {args!r}")

    sys.addaudithook(hook)


def _is_writing(path: object, mode: object = None, flags: object = 0) -> bool:
    return isinstance(path, (str, bytes)) and isinstance(flags, int) and bool(flags & WRITING)


def write_a_file(path: Path) -> None:
    path.write_text("this is seen", encoding="utf-8")


def turned(secret: str) -> str:
    """The secret from behind: nobody else writes it so."""
    return secret[::-1]


def turned_with_ballast(secret: str, ballast: bytes) -> tuple[str, bytes]:
    return secret[::-1], ballast


def fail_with(secret: str) -> NoReturn:
    raise ValueError(secret[::-1])


def hold_secret(secret: str, started: Gate, release: Gate) -> str:
    started.open()
    release.block()
    return secret[::-1]


def fork_secret(secret: str, started: Gate) -> str:
    """Have somebody else turn it, for certain."""
    return subpool.join(started.wait, partial(tasks.announce, started, partial(turned, secret)))[1]


def chatter(name: str) -> int | None:
    print("print", name)
    warnings.warn(f"warn {name}", UserWarning, stacklevel=1)
    logging.getLogger("wire").warning("log %s", name)
    return subpool.worker_index()


def workout(pool: subpool.Pool) -> None:
    """Use everything that a pool has to do with its workers."""
    base = 7
    closure: Callable[[int], int] = lambda number: number + base  # noqa: E731 - one that has to be written by value
    with pool.install():
        assert tasks.fib(14) == 377
        assert tasks.fib_scope(10) == 55
        assert pool.spawn(tasks.fib_spawn, 8).result(tasks.PATIENCE) == 21
    started = Gate.create()
    assert pool.spawn(fork_secret, "abc", started).result(tasks.PATIENCE) == "cba"
    started.dispose()
    assert pool.join_all([partial(closure, number) for number in range(50)]) == [*range(7, 57)]
    spawned = [pool.spawn(closure, number) for number in range(500)]
    assert [task.result(tasks.PATIENCE) for task in spawned] == [*range(7, 507)]
    large = bytes(300_000)
    assert pool.spawn(tasks.identity, large).result(tasks.PATIENCE) == large
    wait([pool.spawn(chatter, str(number)) for number in range(8)])
    assert isinstance(pool.spawn(fail_with, "abc").exception(tasks.PATIENCE), ValueError)
    assert isinstance(pool.spawn(tasks.count_to, 10**12, timeout=0.1).exception(tasks.PATIENCE), TimeoutError)
    cancelled = [pool.spawn(tasks.count_to, 10**12) for _ in range(8)]
    assert [task.cancel() for task in cancelled] == [True] * 8
    assert pool.stats().workers == pool.workers
