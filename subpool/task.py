"""`Task`: a call on its way, as a `concurrent.futures.Future`."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from concurrent.futures._base import CANCELLED_AND_NOTIFIED, FINISHED, PENDING, RUNNING
from contextlib import suppress
from threading import Condition
from time import monotonic
from typing import TYPE_CHECKING, Any

from subpool._schedule.job import Call, Job
from subpool._wire.arena import Stat
from subpool._wire.doorbell import ring
from subpool._wire.payload import Kind, decode_error, rebuild, rebuild_short
from subpool.errors import SerializationError, WorkerLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from subpool._schedule.host import Host
    from subpool._schedule.worker import WorkerStation

    Station = Host | WorkerStation

__all__ = ["Task"]


_completing: Condition = Condition()
"""Serves tasks that are completed before anybody has asked for a condition of their own."""


class Task[R](Job, Future[R]):
    """The handle of a call that `spawn` or `Scope.spawn` took.

    It is a `concurrent.futures.Future`: `wait`, `as_completed`, callbacks and `asyncio.wrap_future` take it as they
    take any other, and `await task` works in asyncio. What makes it cheap is that it becomes a full future only when
    somebody uses it as one. It cannot be pickled: it belongs to the interpreter that made it.
    """

    name: str | None = None
    """What the caller named it."""

    def __init__(self, station: Station, call: Call, seconds: float | None = None, name: str | None = None) -> None:
        """Made by `spawn`; not for users."""
        self._station = station
        self._call = call
        if seconds is not None:
            self._seconds = seconds
        if name is not None:
            self.name = name

    # -- running it here -------------------------------------------------------------------------------------------

    def join(self, timeout: float | None = None) -> R:
        """The result. If nobody has begun the task, the calling thread runs it: it never waits for a free worker.

        Args:
            timeout: seconds to wait for whoever runs it.

        Raises:
            TimeoutError: it was not done in time, or ran longer than its own `timeout`.
            CancelledError: it was cancelled.
            Exception: whatever the call raised.
        """
        until = None if timeout is None else monotonic() + timeout
        self._wanted = True
        while "_final" not in self.__dict__:
            self.help()
            if "_final" in self.__dict__:
                break
            left = None if until is None else until - monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            self._station.await_job(self, left)
            with self._condition:
                if "_final" not in self.__dict__ and "_call" not in self.__dict__:
                    self._condition.wait(left)
        return self.result()

    def help(self) -> None:
        """Run the task now, in the calling thread, if nobody has begun it; else return at once."""
        if "_final" in self.__dict__:
            return
        call = self._claim()
        if call is not None:
            self._station.run_here(self, call)

    def _claim(self) -> Call | None:
        return self._station.backlog.claim(self)

    # -- what a future does ----------------------------------------------------------------------------------------

    def result(self, timeout: float | None = None) -> R:
        """The result, as soon as somebody has run the task.

        Args:
            timeout: seconds to wait.

        Raises:
            TimeoutError: it was not done in time, or ran longer than its own `timeout`.
            CancelledError: it was cancelled.
            Exception: whatever the call raised.
        """
        if "_final" not in self.__dict__:
            self._wait(timeout)
        self._station.catch_up()
        state, value, exception = self.__dict__["_final"]
        if state == CANCELLED_AND_NOTIFIED:
            raise CancelledError
        if exception is not None:
            try:
                raise exception
            finally:
                del exception
        return value  # type: ignore[no-any-return]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the call raised, or None; waits like `result`.

        Args:
            timeout: seconds to wait.

        Raises:
            TimeoutError: it was not done in time.
            CancelledError: it was cancelled.
        """
        if "_final" not in self.__dict__:
            self._wait(timeout)
        self._station.catch_up()
        state, _, exception = self.__dict__["_final"]
        if state == CANCELLED_AND_NOTIFIED:
            raise CancelledError
        return exception  # type: ignore[no-any-return]

    def _wait(self, timeout: float | None) -> None:
        until = None if timeout is None else monotonic() + timeout
        self._station.await_job(self, timeout)
        if "_final" in self.__dict__:
            return
        with self._condition:
            while "_final" not in self.__dict__:
                left = None if until is None else until - monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError
                self._condition.wait(left)

    def _settled(self) -> None:
        with suppress(CancelledError):
            self.exception()

    def done(self) -> bool:
        """Whether it has returned, failed or been cancelled."""
        if "_final" not in self.__dict__:
            self._station.backlog.feed()
        return "_final" in self.__dict__

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self.done() and self.__dict__["_final"][0] == CANCELLED_AND_NOTIFIED

    def running(self) -> bool:
        """Whether somebody runs it now."""
        return not self.done() and self._state == RUNNING

    def cancel(self) -> bool:
        """Withdraw the task if nobody has begun it; ask it to stop if somebody runs it.

        Returns:
            True: it is cancelled, finally: what it still returns is dropped. False: it is done already, or it runs
            where nothing is interrupted (the inline lane).
        """
        if not self.done() and self._stoppable():
            self._complete(CANCELLED_AND_NOTIFIED, None, None)
            if self.__dict__["_final"][0] == CANCELLED_AND_NOTIFIED:
                self._halt()
        return self.cancelled()

    def _stoppable(self) -> bool:
        return not self._inline

    def _halt(self) -> None:
        self._station.backlog.stop(self)

    def add_done_callback(self, fn: Callable[[Future[R]], object]) -> None:
        """Call `fn(task)` once the task is done: on the delivery thread, or at once if it is done already."""
        self.__dict__.setdefault("_done_callbacks", []).append(fn)
        if "_final" in self.__dict__:
            self._run_callbacks()
        else:
            self._station.backlog.watch(self)

    def __await__(self) -> Generator[Any, None, R]:
        import asyncio

        return asyncio.wrap_future(self).__await__()

    def __reduce__(self) -> Any:
        raise TypeError("a Task belongs to the interpreter that made it: send its result instead")

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name is not None else ""
        return f"<Task{name} {self._state.lower()}>"

    # -- set_result and its kin: a task is set by whoever runs it --------------------------------------------------

    def set_result(self, result: R) -> None:
        """Not for tasks."""
        raise RuntimeError("the result of a Task is what its function returns")

    def set_exception(self, exception: BaseException | None) -> None:
        """Not for tasks."""
        raise RuntimeError("the exception of a Task is what its function raises")

    def set_running_or_notify_cancel(self) -> bool:
        """Not for tasks."""
        raise RuntimeError("a Task is started by whoever runs it")

    # -- the future's inner parts, made when somebody looks at them ------------------------------------------------

    def _get_state(self) -> str:
        final = self.__dict__.get("_final")
        if final is not None:
            return str(final[0])
        return RUNNING if self._local is not None or self._begun() else PENDING

    def _begun(self) -> bool:
        number = self._number
        return number is not None and self._station.begun(number)

    def _get_result(self) -> Any:
        final = self.__dict__.get("_final")
        return None if final is None else final[1]

    def _get_exception(self) -> BaseException | None:
        final = self.__dict__.get("_final")
        return None if final is None else final[2]

    def _get_condition(self) -> Condition:
        if "_made_condition" not in self.__dict__:
            self.__dict__.setdefault("_made_condition", Condition())
            if "_final" not in self.__dict__:
                self._station.backlog.watch(self)
        made: Condition = self.__dict__["_made_condition"]
        return made

    def _get_waiters(self) -> list[Any]:
        return self.__dict__.setdefault("_made_waiters", [])  # type: ignore[no-any-return]

    if not TYPE_CHECKING:  # to a type checker they are what `Future` declares: attributes
        _state = property(_get_state)
        _result = property(_get_result)
        _exception = property(_get_exception)
        _condition = property(_get_condition)
        _waiters = property(_get_waiters)

    # -- what the scheduler tells ----------------------------------------------------------------------------------

    def _complete(self, state: str, result: Any, exception: BaseException | None) -> None:
        """Set the outcome, if none is set, and tell whoever waits."""
        condition = self.__dict__.setdefault("_made_condition", _completing)
        with condition:
            if not self._set((state, result, exception)):
                return
            condition.notify_all()
        if state == CANCELLED_AND_NOTIFIED:
            self._station.tally(Stat.CANCELLED)
        self._announce()

    def _set(self, final: tuple[str, Any, BaseException | None]) -> bool:
        """Set the outcome, if none is set.

        Set and told under one lock: `as_completed` looks and installs its waiter under it, not to be told twice.
        """
        if self.__dict__.setdefault("_final", final) is not final:
            return False
        for waiter in self.__dict__.get("_made_waiters", ()):
            self._tell(waiter)
        return True

    def _announce(self) -> None:
        """Tell those who do not wait at the condition."""
        if self._sleeper:
            ring(self._sleeper)
        if self.__dict__.get("_done_callbacks"):
            self._station.deliver(self._run_callbacks)

    def _return(self, arrived: list[tuple[Any, bytes]]) -> None:
        finals: list[tuple[Task[Any], tuple[str, Any, None]]] = []
        for task, data in arrived:
            task._number = None
            task.__dict__.pop("_sent", None)
            try:
                finals.append((task, (FINISHED, rebuild_short(data), None)))
            except SerializationError as error:
                task._fail(error)
        own: list[tuple[Task[Any], tuple[str, Any, None]]] = []
        with _completing:
            for task, final in finals:
                if task.__dict__.setdefault("_made_condition", _completing) is _completing:
                    task._set(final)
                else:
                    own.append((task, final))
            _completing.notify_all()
        for task, final in own:
            task._complete(*final)
        for task, _ in finals:
            if task._sleeper or "_done_callbacks" in task.__dict__:
                task._announce()

    def _tell(self, waiter: Any) -> None:
        state, _, exception = self.__dict__["_final"]
        if state == CANCELLED_AND_NOTIFIED:
            waiter.add_cancelled(self)
        elif exception is not None:
            waiter.add_exception(self)
        else:
            waiter.add_result(self)

    def _run_callbacks(self) -> None:
        callbacks = self.__dict__.get("_done_callbacks", [])
        while True:
            try:
                callback = callbacks.pop(0)
            except IndexError:
                return
            try:
                callback(self)
            except Exception:
                import logging

                logging.getLogger("concurrent.futures").exception("exception calling callback for %r", self)

    def _nudge(self) -> None:
        if self._sleeper:
            ring(self._sleeper)
        condition = self.__dict__.get("_made_condition")
        if condition is not None:
            with condition:
                condition.notify_all()

    def _succeed(self, value: Any) -> None:
        self._complete(FINISHED, value, None)

    def _fail(self, error: BaseException) -> None:
        self._complete(FINISHED, None, error)

    def _finish(self, kind: int, data: Any) -> None:
        if kind == Kind.VALUE:
            try:
                value = rebuild(data)
            except SerializationError as error:
                self._fail(error)
            else:
                self._succeed(value)
        elif kind == Kind.CANCELLED:
            self._complete(CANCELLED_AND_NOTIFIED, None, None)
        elif kind == Kind.LOST:
            self._fail(WorkerLostError("the worker that ran this task ended before it was done"))
        else:
            raised = decode_error(data)
            if kind == Kind.UNREADABLE:
                raised.__cause__ = None
            self._fail(raised)

    def _overrun(self) -> None:
        if "_final" not in self.__dict__:
            self._station.tally(Stat.FAILED)
            self._fail(TimeoutError(f"the task ran longer than its timeout of {self._seconds} s"))

    def _unstaffed(self) -> None:
        from subpool.broken import BrokenPoolError

        text = "every worker of the pool is stuck in C code, and there is no seat left for another"
        self._fail(BrokenPoolError(text))

    def _refused(self, call: Call, module: str) -> None:
        self._station.divert(self, call, module)
