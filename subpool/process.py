"""What this process knows of its pools: which are open, which is installed where, and what happens at exit and fork."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from subpool.pool import Pool

__all__ = ["Default", "End", "Resident", "default", "installed", "lock", "open_pools", "prepare", "residents"]

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
    """A worker holds its GIL for good: the interpreter's own end would wait for it for ever."""


def _end_all() -> None:
    """The program ends: cancel what nobody waits for."""
    End.begun = True
    clean = True
    for each in (*open_pools, *residents):
        clean = each._abandon(AT_EXIT) and clean
    if not clean:
        import warnings

        warnings.filterwarnings("ignore", "remaining subinterpreters", RuntimeWarning)


def _leave() -> None:
    """The last of the exit hooks. Where CPython itself could not end, end the process: all else has been done.

    The status is 1 after an uncaught exception, else 0: that of `sys.exit` is not known here.
    """
    if not End.frozen:
        return
    atexit.unregister(_leave)
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(1 if getattr(sys, "last_exc", None) is not None else 0)


def _before_fork() -> None:
    """CPython kills a forked child that has subinterpreters: idle pools step aside, and start anew at next use."""
    busy = [each for each in (*open_pools, *residents) if not each._step_aside(AT_FORK)]
    if busy:
        import warnings

        warnings.warn(
            "os.fork() while subpool tasks are running: the child will crash, as CPython cannot fork a process with "
            "subinterpreters; use subprocess, or multiprocessing's 'spawn' or 'forkserver' start method",
            RuntimeWarning,
            stacklevel=2,
        )
