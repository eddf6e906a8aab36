"""The runners: threads of the host that see jobs through, of all sandboxes, plugin by plugin in turn.

They only hand over and wait; the work is done in the guests. There are no more of them than the default pool has
workers, so that plugins in the background leave room for everybody else.
"""

from __future__ import annotations

from collections import deque
from threading import Condition, Thread
from time import perf_counter as clock
from typing import TYPE_CHECKING, Final

from subpool.options import worker_count

if TYPE_CHECKING:
    from subpool.sandbox.desk import Desk, PluginTask

__all__ = ["Runners", "runners"]

LINGER: Final = 1.0
"""Seconds that a runner stays when there is nothing to do."""


class Runners:
    """Threads that start when there are jobs, and end when there have been none for a while."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._desks: deque[Desk] = deque()
        self._threads = 0
        self._idle = 0
        self._changed = Condition()

    def wake(self, desk: Desk) -> None:
        """There is something to do at this desk."""
        with self._changed:
            if desk not in self._desks:
                self._desks.appendleft(desk)  # before those that have had their turn
            if self._idle:
                self._changed.notify()
            elif self._threads < self._most():
                self._threads += 1
                Thread(target=self._run, name="subpool-sandbox-jobs", daemon=True).start()

    def forget(self, desk: Desk) -> None:
        """This desk is closed."""
        with self._changed:
            if desk in self._desks:
                self._desks.remove(desk)
            self._changed.notify_all()

    def _most(self) -> int:
        if self._limit is None:
            self._limit = max(1, worker_count(None))
        return self._limit

    def _run(self) -> None:
        while (found := self._next()) is not None:
            desk, task = found
            desk.see_through(task)

    def _next(self) -> tuple[Desk, PluginTask] | None:
        """The next job of the desk whose turn it is; None when it is time to go."""
        since = clock()
        with self._changed:
            while True:
                due = None
                for _ in range(len(self._desks)):
                    desk = self._desks[0]
                    self._desks.rotate(-1)
                    task, at = desk.next_task()
                    if task is not None:
                        return desk, task
                    due = at if due is None else due if at is None else min(due, at)
                if due is None and (not self._desks or clock() - since >= LINGER):
                    self._threads -= 1
                    return None
                self._idle += 1
                self._changed.wait(LINGER if due is None else max(0.0, due - clock()))
                self._idle -= 1


runners: Runners = Runners()
"""Those of this process."""
