"""What this process knows of its pools: which are open, which is installed where, and what happens at exit and fork."""

from __future__ import annotations

import os
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subpool.pool import Pool

__all__ = ["Default", "default", "installed", "lock", "open_pools", "prepare"]

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
        threading._register_atexit(_end_all)  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_before_fork)


def _end_all() -> None:
    """The program ends: cancel what nobody waits for."""
    clean = True
    for pool in list(open_pools):
        clean = pool._abandon(AT_EXIT) and clean
    if not clean:
        import warnings

        warnings.filterwarnings("ignore", "remaining subinterpreters", RuntimeWarning)


def _before_fork() -> None:
    """CPython kills a forked child that has subinterpreters: idle pools step aside, and start anew at next use."""
    busy = [pool for pool in list(open_pools) if not pool._step_aside(AT_FORK)]
    if busy:
        import warnings

        warnings.warn(
            "os.fork() while subpool tasks are running: the child will crash, as CPython cannot fork a process with "
            "subinterpreters; use subprocess, or multiprocessing's 'spawn' or 'forkserver' start method",
            RuntimeWarning,
            stacklevel=2,
        )
