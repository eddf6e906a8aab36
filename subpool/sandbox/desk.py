"""The desk: where the jobs of one sandbox wait, and what a `Task` takes for its station."""

from __future__ import annotations

from collections import deque
from concurrent.futures import CancelledError
from concurrent.futures._base import CANCELLED_AND_NOTIFIED
from queue import Full
from threading import Condition
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any, cast

from subpool._schedule.interrupt import Stoppable
from subpool.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._schedule.job import Call, Job
    from subpool.sandbox.order import Order
    from subpool.sandbox.runners import Runners
    from subpool.task import Station

__all__ = ["Desk", "PluginTask"]


class PluginTask(Task[Any]):
    """A `subpool.Task` whose call goes to a plugin."""

    def __init__(self, desk: Desk, order: Order, name: str | None) -> None:
        super().__init__(cast("Station", desk), (desk.perform, (order,)), order.seconds, name)
        self.order: Order = order
        self.attempts: int = 0
        self.due: float = 0.0
        """Time of the clock before which it is not tried again."""


class Desk:
    """The jobs of one sandbox that nobody has begun, oldest first."""

    def __init__(self, perform: Callable[[Order], Any], runners: Runners, most_waiting: int, most_running: int) -> None:
        self.perform: Callable[[Order], Any] = perform
        self.backlog: Desk = self
        self.running: int = 0
        self._runners = runners
        self._most_waiting = most_waiting
        self._most_running = most_running
        self._tasks: deque[PluginTask] = deque()
        self._open: dict[PluginTask, None] = {}
        self._changed = Condition()
        self._closed: BaseException | None = None

    # -- handing over ----------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many jobs nobody has begun."""
        return sum("_call" in task.__dict__ for task in list(self._tasks))

    def add(self, task: PluginTask, wait: bool) -> None:
        """Take a job; if too many wait already, wait until there is room.

        Raises:
            queue.Full: too many wait already, and this one is not to.
        """
        with self._changed:
            while self.waiting >= self._most_waiting and self._closed is None:
                if not wait:
                    raise Full(f"{self._most_waiting} jobs are waiting already")
                self._changed.wait()
            if self._closed is not None:
                raise self._closed
            self._tasks.append(task)
            self._open[task] = None
        self._runners.wake(self)

    def next_task(self) -> tuple[PluginTask | None, float | None]:
        """A job to see through now; or else when to ask again, None if there is no telling."""
        with self._changed:
            soonest: float | None = None
            now = clock()
            for task in [task for task in self._tasks if "_call" not in task.__dict__]:
                self._tasks.remove(task)
            if self.running >= self._most_running:
                return None, None
            for task in self._tasks:
                if task.due <= now:
                    self._tasks.remove(task)
                    self.running += 1
                    return task, None
                soonest = task.due if soonest is None else min(soonest, task.due)
            return None, soonest

    def see_through(self, task: PluginTask) -> None:
        """Run a job to its end, on a runner's thread."""
        try:
            call = self.claim(task)
            if call is not None:
                self.run_here(task, call)
        finally:
            with self._changed:
                self.running -= 1
            self._runners.wake(self)

    def run_here(self, task: Job, call: Call) -> None:
        """Run a job that was claimed; or have it tried again later, if it failed and may be."""
        assert isinstance(task, PluginTask)
        function, args = call
        task._local = Stoppable()
        task.attempts += 1
        try:
            value = function(*args)
        except CancelledError:
            task._complete(CANCELLED_AND_NOTIFIED, None, None)
        except BaseException as error:
            if not self._again(task, call, error):
                task._fail(error)
            if isinstance(error, KeyboardInterrupt):
                raise
        else:
            task._succeed(value)
        if "_final" in task.__dict__:
            self._open.pop(task, None)

    def _again(self, task: PluginTask, call: Call, error: BaseException) -> bool:
        delay = task.order.delay_after(task.attempts, error)
        if delay is None or "_final" in task.__dict__ or self._closed is not None:
            return False
        task._local = None
        task.due = clock() + delay
        with self._changed:
            task._call = call
            self._tasks.append(task)
        self._runners.wake(self)
        return True

    # -- what a task asks of its station ---------------------------------------------------------------------------

    def claim(self, task: Job) -> Call | None:
        """Get a job that nobody has begun; None if somebody has it."""
        call = task._claim_private()
        if call is not None:
            with self._changed:
                self._changed.notify()  # there is room for another one
        return call

    def stop(self, task: Job) -> None:
        """Withdraw a job, or have it stopped if it runs."""
        assert isinstance(task, PluginTask)
        self.claim(task)
        self._open.pop(task, None)
        task.order.cancel()

    def feed(self) -> bool:
        """Nothing comes home here that was not told."""
        return False

    def watch(self, _task: Job) -> None:
        """Whoever ends a job tells everybody."""

    def await_job(self, _task: Job, _timeout: float | None) -> None:
        """Nothing to look around for: waiting at the job's condition is all there is."""

    def catch_up(self) -> None:
        """What a plugin printed is delivered before its outcome anyway."""

    def tally(self, _which: int) -> None:
        """A sandbox counts for itself."""

    def deliver(self, action: Callable[[], object]) -> None:
        """Run a callback, here and now."""
        action()

    # -- the end ---------------------------------------------------------------------------------------------------

    def close(self, error: BaseException) -> None:
        """Take nothing new, and cancel what is not done. Whoever waits for room gets this error."""
        with self._changed:
            self._closed = error
            self._changed.notify_all()
        for task in list(self._open):
            task.cancel()
        self._runners.forget(self)
