"""What this process knows of its pools: which are open, which is installed where, and what happens at exit and fork."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextvars import ContextVar
from time import monotonic
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from subpool._schedule.host import Host
    from subpool.pool import Pool

__all__ = [
    "Default",
    "End",
    "Resident",
    "default",
    "installed",
    "lock",
    "open_pools",
    "prepare",
    "remains",
    "residents",
]

AT_EXIT = 0.25
"""Seconds that running tasks have to stop in when the program ends."""
AT_FORK = 1.0
"""Seconds that a fork waits for running tasks to end."""

installed: ContextVar[Pool | None] = ContextVar("subpool_installed", default=None)
"""The pool that a `Pool.install` block put in force here."""
lock: threading.RLock = threading.RLock()
"""Held while the default pool is made."""
open_pools: dict[Pool, None] = {}
"""The pools that have workers."""
remains: dict[Host, None] = {}
"""The hosts of pools that are gone, where a worker did not come back when the pool ended."""


class Resident(Protocol):
    """What has interpreters of its own, which have to end before the program does."""

    def _abandon(self, patience: float) -> bool: ...
    def _step_aside(self, patience: float) -> bool: ...


residents: dict[Resident, None] = {}
"""Those other than pools: sandboxes."""


class Default:
    """The pool behind the module-level functions where no other is installed; `subpool.ambient` makes it at first need.

    While another pool is installed anywhere, every module-level join has to look which one it is for.
    """

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self._installs: list[int] = []

    def adopt(self, pool: Pool) -> None:
        """Make this pool the default one."""
        pool._forcers.extend(self._installs)
        self.pool = pool

    def force(self, general: bool) -> None:
        """A pool was installed somewhere (True), or is not any more."""
        if general:
            self._installs.append(1)
        else:
            self._installs.pop()
        if self.pool is not None:
            self.pool._force(general)


default: Default = Default()
_prepared = False


def prepare() -> None:
    """Have pools end before the interpreter does, and step aside around a fork."""
    global _prepared
    if not _prepared:
        _prepared = True
        atexit.register(_leave)
        threading._register_atexit(_end_all)  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_before_fork)


class End:
    """How far the end of the program has come."""

    begun = False
    """From now on what is foreground work runs in its caller."""
    frozen = False
    """A guest of a sandbox holds its GIL for good."""


def left_behind() -> list[Host]:
    """The hosts that are gone but for workers which have not come back to this day."""
    for host in [host for host in remains if not host.crew.threads]:
        del remains[host]
    return list(remains)


def _end_all() -> None:
    """The program ends: cancel what nobody waits for."""
    End.begun = True
    until = monotonic() + AT_EXIT
    hosts = [host for pool in list(open_pools) if (host := pool._abandon()) is not None]
    open_pools.clear()
    for host in hosts:
        host.shut_down(max(0.0, until - monotonic()))
    remains.update(dict.fromkeys(hosts))
    dirty = [each for each in list(residents) if not each._abandon(AT_EXIT)]
    if left_behind() or dirty:
        import warnings

        warnings.filterwarnings("ignore", "remaining subinterpreters", RuntimeWarning)


def _leave() -> None:
    """The last of the exit hooks. Where CPython itself could not end, end the process: all else has been done.

    CPython takes the GIL of every interpreter that is left, and a worker that is stuck in C may hold its own for good.
    Its courier tells: it leaves when it is told to, if it gets the GIL. Then the status is 1 after an uncaught
    exception, else 0: that of `sys.exit` is not known here.
    """
    left = left_behind()
    if not left and not End.frozen:
        return
    atexit.unregister(_leave)
    atexit._run_exitfuncs()
    if not any(host.crew.leave() for host in left) and not End.frozen:
        return
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(1 if getattr(sys, "last_exc", None) is not None else 0)


def _before_fork() -> None:
    """CPython kills a forked child that has subinterpreters: idle pools step aside, and start anew at next use."""
    everybody: list[Pool | Resident] = [*open_pools, *residents]
    busy = [each for each in everybody if not each._step_aside(AT_FORK)]
    if busy or left_behind():
        import warnings

        warnings.warn(
            "os.fork() while subpool tasks are running: the child will crash, as CPython cannot fork a process with "
            "subinterpreters; use subprocess, or multiprocessing's 'spawn' or 'forkserver' start method",
            RuntimeWarning,
            stacklevel=2,
        )
