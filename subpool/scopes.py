"""`scope`: structured foreground work. Whatever was spawned in the block is over when the block is left."""

from __future__ import annotations

from concurrent.futures._base import CANCELLED_AND_NOTIFIED
from functools import partial
from time import perf_counter as clock
from typing import TYPE_CHECKING, Any, Self

from subpool._schedule.block import Block
from subpool._schedule.bundle import Bundle
from subpool._schedule.crossing import crossing
from subpool._schedule.forkjoin import redeem, stop
from subpool._schedule.half import HalfState
from subpool._schedule.refusal import needs_host
from subpool._schedule.sharing import bring_home
from subpool._schedule.waiting import wait
from subpool.errors import TaskCancelled
from subpool.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from subpool._schedule.half import Half
    from subpool._schedule.job import Call
    from subpool._schedule.seat import Seat
    from subpool.task import Station

__all__ = ["Scope"]


class ScopeTask[R](Task[R]):
    """A task of a scope: foreground work, a half of the scope's fork."""

    _scope: Scope
    _half: Half

    def _claim(self) -> Call | None:
        return self._scope._claim(self)

    def _wait(self, timeout: float | None) -> None:
        until = None if timeout is None else clock() + timeout
        while "_final" not in self.__dict__:
            self.help()
            if "_final" not in self.__dict__ and not self._scope._await(self, until):
                raise TimeoutError

    def _await_end(self, until: float | None) -> bool:
        """Wait while another thread of the host runs it, or takes its outcome home; False: `until` came first."""
        with self._condition:
            timeout = None if until is None else until - clock()
            return self._condition.wait_for(lambda: "_final" in self.__dict__, timeout)

    def join(self, timeout: float | None = None) -> R:
        """See `Task.join`."""
        return self.result(timeout)

    def done(self) -> bool:
        """Whether it has returned, failed or been cancelled."""
        if "_final" not in self.__dict__:
            self._scope._arrivals()
        return "_final" in self.__dict__

    def _complete(self, state: str, result: Any, exception: BaseException | None) -> None:
        super()._complete(state, result, exception)
        self._scope._ended(self)

    def _begun(self) -> bool:
        return self._half.state is HalfState.PUBLIC and self._station.begun(self._half.number)

    def _halt(self) -> None:
        self._scope._halt(self)


class Scope:
    """A block that waits for what it spawned; made by `subpool.scope()` or `Pool.scope()`.

    Leaving the block runs what nobody has begun, helps with what others run, and waits for all of it. If a task or the
    block itself fails, the others are cancelled, and an `ExceptionGroup` with every failure is raised, as by
    `asyncio.TaskGroup`.
    """

    def __init__(self, station: Station, timeout: float | None = None) -> None:
        """Made by `scope()`."""
        if timeout is not None and not timeout >= 0:
            raise ValueError(f"scope: timeout must be a number of seconds, not negative: {timeout!r}")
        self._station = station
        self._timeout = timeout
        self._until: float | None = None
        self._bundle = Bundle()
        self._tasks: dict[int, ScopeTask[Any]] = {}  # by the place of their half, until they are over
        self._errors: list[BaseException] = []
        self._seat: Seat | None = None
        self._over = False
        self._stopping = False
        self._expired = False
        self._block: Block | None = None

    def __enter__(self) -> Self:
        if self._seat is not None:
            raise RuntimeError("a scope cannot be entered twice")
        self._seat = self._station.caller_seat()
        self._seat.ledger.append(self._bundle)
        if self._timeout is not None:
            self._until = clock() + self._timeout
            self._block = Block(self._station)
            self._station.call_at(self._until, self._expire)
        return self

    def spawn[*Ts, R](self, fn: Callable[[*Ts], R], /, *args: *Ts) -> Task[R]:
        """Hand over a call: it runs in a worker if one is free, else in the calling thread before the block is left.

        Args:
            fn: the function; keywords of its own go through `functools.partial`.
            *args: its arguments.

        Raises:
            RuntimeError: the block has not been entered, or was left already.
            TypeError: `fn` is not callable.
            TimeoutError: the scope's deadline is over.
        """
        seat = self._seat
        if seat is None or self._over:
            raise RuntimeError("scope: spawn is for the inside of its with-block")
        if not callable(fn):
            raise TypeError(f"scope.spawn: not callable: {fn!r}")
        if self._expired or (self._until is not None and clock() >= self._until):
            self._expire()
            raise TimeoutError(f"the scope's deadline of {self._timeout} s is over")
        if self._station.strict and not needs_host(fn):
            fn, args = crossing(fn, args)  # type: ignore[assignment]
        task: ScopeTask[R] = ScopeTask(self._station, (fn, args))
        task._scope = self
        task._half = half = self._bundle.add(partial(fn, *args))
        self._tasks[half.place] = task
        if not any(entry is self._bundle for entry in seat.ledger):
            seat.ledger.append(self._bundle)
        if seat.request[0]:
            self._station.respond(seat)
        return task

    def cancel(self) -> None:
        """Cancel everything spawned in this scope that is not done."""
        for task in list(self._tasks.values()):
            half = task._half
            if half.state is not HalfState.PUBLIC or not self._station.arrived(half.number):
                task._complete(CANCELLED_AND_NOTIFIED, None, None)
                self._halt(task)

    # -- leaving ---------------------------------------------------------------------------------------------------

    def __exit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        seat = self._seat
        assert seat is not None
        if self._block is not None:
            self._block.leave()
            if isinstance(error, TaskCancelled) and self._expired and not self._is_cancelled():
                error = None  # it was the deadline, seen in the block
        try:
            self._finish(seat, error)
        except BaseException as interruption:
            self._abort(seat, interruption)
            raise
        finally:
            self._over = True
            self._station.withdraw(seat, self._bundle)
        self._report(error)

    def _finish(self, seat: Seat, error: BaseException | None) -> None:
        """Run, help and wait until nothing is left."""
        if isinstance(error, (KeyboardInterrupt, TaskCancelled)):
            raise error
        if error is not None and not (self._expired and isinstance(error, TimeoutError)):
            self._note(error)
        while True:
            self._look_at_clock()
            half = self._bundle.next(seat)
            if half is not None:
                self._run(half)
                self._arrivals()
                continue
            pending = self._bundle.outstanding
            until = None if self._expired else self._until
            if pending:
                wait(seat, [half.number for half in pending], until, shared=pending)
                self._arrivals()
            elif self._tasks:  # another thread of the host runs what is left
                next(iter(self._tasks.values()))._await_end(until)
            else:
                return

    def _run(self, half: Half) -> None:
        """Run a half in the calling thread, unless it was cancelled."""
        task = self._tasks.get(half.place)
        call = None if task is None else task._claim_private()
        if task is not None and call is not None:
            self._run_watched(task, call)

    def _run_watched(self, task: ScopeTask[Any], call: Call) -> None:
        """Run a task here, while the courier looks out for failures elsewhere that should stop it."""
        station, bundle, seat = self._station, self._bundle, self._seat
        assert seat is not None
        bundle.watch(seat, station.courier.address)
        station.lookouts.append(self._look_out)
        station.fence()
        try:
            self._look_out()
            station.run_here(task, call)
        finally:
            bundle.alert = 0
            station.lookouts.remove(self._look_out)

    def _look_out(self) -> None:
        """If a task elsewhere failed, stop the others at once. Also called by the courier."""
        station, halves = self._station, self._bundle.outstanding
        if not self._stopping and any(
            half.state is HalfState.PUBLIC and station.failed(half.number) for half in halves
        ):
            self._stopping = True
            self.cancel()

    def _arrivals(self) -> None:
        """Take in what others have done."""
        seat = self._seat
        assert seat is not None
        for half in self._bundle.outstanding:
            outcome = bring_home(seat, half)
            task = self._tasks.get(half.place)
            if outcome is None or task is None:  # without a task, it was cancelled: whatever came is dropped
                continue
            try:
                task._succeed(redeem(seat, half, *outcome))
            except TaskCancelled:
                task._complete(CANCELLED_AND_NOTIFIED, None, None)
            except BaseException as error:  # noqa: BLE001 - it is the task's outcome
                task._fail(error)

    def _ended(self, task: ScopeTask[Any]) -> None:
        """A task is over, one way or another."""
        if self._tasks.pop(task._half.place, None) is not None:
            error = task._exception
            if error is not None:
                self._note(error)

    def _note(self, error: BaseException) -> None:
        """A failure: the others are not wanted any more."""
        self._errors.append(error)
        if not self._stopping:
            self._stopping = True
            self.cancel()

    def _report(self, error: BaseException | None) -> None:
        if not self._errors:
            if self._expired:
                raise TimeoutError(f"the scope's deadline of {self._timeout} s is over") from None
            return
        for failure in self._errors:
            if isinstance(failure, (KeyboardInterrupt, SystemExit)):
                raise failure
        group = BaseExceptionGroup("unhandled errors in a scope", self._errors)
        try:
            raise group from None
        finally:
            del group

    def _abort(self, seat: Seat, error: BaseException) -> None:
        """Interrupted while leaving: stop everything, and wait for that only as long as it answers quickly."""
        self._over = True
        self.cancel()
        stop(seat, self._bundle.outstanding, error)

    # -- deadline --------------------------------------------------------------------------------------------------

    def _look_at_clock(self) -> None:
        if self._until is not None and not self._over and clock() >= self._until:
            self._expire()

    def _expire(self) -> None:
        """The deadline is over: what has not begun is withdrawn, what runs is cancelled. Also called by the courier."""
        if not self._over and not self._expired:
            self._expired = self._stopping = True
            self.cancel()
            if self._block is not None:
                self._block.expire()

    def _is_cancelled(self) -> bool:
        """Whether what the scope is part of was asked to stop."""
        return any(each.cancelled for each in self._station.stoppable())

    # -- what its tasks need ---------------------------------------------------------------------------------------

    def _claim(self, task: ScopeTask[Any]) -> Call | None:
        """Take a task off the ledger, or back from the channel, to run it in the calling thread."""
        seat, half = self._seat, task._half
        assert seat is not None
        return task._claim_private() if self._withdraw(seat, half) else None

    def _withdraw(self, seat: Seat, half: Half) -> bool:
        """Take a half off the ledger, or away from a publisher that writes it; whether that came in time."""
        lock = seat.lock
        try:
            lock.acquire()  # so that no publisher has just drawn it, and not said so yet
            return self._bundle.remove(half) or (half.state is HalfState.WRITING and seat.revoke(half))
        finally:
            try:
                lock.release()
            except RuntimeError:
                pass  # it was never acquired

    def _await(self, task: ScopeTask[Any], until: float | None) -> bool:
        """Wait for a task that somebody has, or take it back from the channel and run it. False: `until` came first."""
        seat, half = self._seat, task._half
        assert seat is not None
        back = seat.take_back(self._bundle)
        if back is not None:
            self._run(back)
            return True
        if half.state is not HalfState.PUBLIC:
            return task._await_end(until)
        if not wait(seat, (half.number,), until, shared=(half,)):
            return False
        self._arrivals()
        return True

    def _halt(self, task: ScopeTask[Any]) -> None:
        seat, half = self._seat, task._half
        assert seat is not None
        task._claim_private()
        if not self._withdraw(seat, half):
            seat.cancel(half)
        local = task._local
        if local is not None:
            local.cancelled = True
            self._station.nudge_courier()
