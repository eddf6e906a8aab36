"""`Pool`: workers, and the calls that use them; where it starts, closes, and steps aside for a fork."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import partial
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, Any, Self, TextIO, overload

from subpool import data, process
from subpool._schedule import worker as worker_side
from subpool._schedule.forkjoin import ASKED, make_join
from subpool.broken import BrokenPoolError
from subpool.calls import in_order, join_all_at, join_at, spawn_at
from subpool.errors import PoolClosedError
from subpool.options import IDLE_SPIN, checked, strict_by_environment, worker_count
from subpool.stats import PoolStats

if TYPE_CHECKING:
    from collections.abc import Buffer, Callable, Generator, Iterable, Sequence
    from types import TracebackType

    from subpool._schedule.host import Host
    from subpool.data import Broadcast
    from subpool.iterators import ParIter, ParIterMut
    from subpool.options import Unsupported
    from subpool.scopes import Scope
    from subpool.task import Station, Task

__all__ = ["Pool"]

GRACE = 2.0
"""Seconds that a task has to stop in before its worker is set aside."""


class Pool:
    """A pool of workers: subinterpreters with a GIL of their own, in threads of this process.

    Args:
        workers: how many; `max(1, os.process_cpu_count() - 1)` by default, since the caller works too. With 0
            everything runs in the caller, in order.
        idle_spin: seconds an idle worker looks around before it sleeps.
        initializer: called in each worker as it starts, with `initargs`.
        initargs: its arguments.
        finalizer: called without arguments in each worker as it ends.
        preload: names of modules that each worker imports as it starts.
        pin_cpus: whether each worker stays on a CPU of its own (Linux).
        background_workers: how many of the workers take background tasks; all by default.
        max_tasks_per_worker: after how many tasks a worker is replaced by a fresh one; never by default.
        strict: make every half but the first, every task and every result cross (see `SUBPOOL_STRICT`).
        on_unsupported: what becomes of work that needs a module which does not load in subinterpreters, before any of
            it has run: "inline" (a thread of the host runs background tasks, callers run their foreground work),
            "process" (as many processes as there are workers run either; `initializer` and `finalizer` are called
            there, too), or "raise" (it fails with `UnsupportedInSubinterpreter`).

    Workers start at first need. A pool that is not closed is closed when the program ends.

    Raises:
        TypeError, ValueError: an argument cannot be what it is; the message names it.
        SerializationError: initializer, its arguments or finalizer cannot cross.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        idle_spin: float = IDLE_SPIN,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        finalizer: Callable[[], object] | None = None,
        preload: Sequence[str] = (),
        pin_cpus: bool = False,
        background_workers: int | None = None,
        max_tasks_per_worker: int | None = None,
        strict: bool = False,
        on_unsupported: Unsupported = "inline",
    ) -> None:
        if worker_side.station is not None:
            raise RuntimeError("a Pool is made in the host: code in a worker uses the pool that it runs in")
        self.workers: int = worker_count(workers)
        """How many workers it has."""
        self._options = checked(
            idle_spin=idle_spin,
            initializer=initializer,
            initargs=initargs,
            finalizer=finalizer,
            preload=preload,
            pin_cpus=pin_cpus,
            background_workers=background_workers,
            max_tasks=max_tasks_per_worker,
            on_unsupported=on_unsupported,
        )
        self._strict = bool(strict) or strict_by_environment()
        self._initialise = partial(initializer, *initargs) if initializer is not None else None
        self._finalise = finalizer
        self._host: Host | None = None
        self._served: Host | None = None  # the same, and still there while it is being closed
        self._closed = False
        self._broken: str | None = None
        self._lock = RLock()
        self._forcers: list[int] = []
        self._past = PoolStats._make([0] * 10 + [self.workers, 0])  # of the hosts it had before
        self._fast = make_join(self._general_join)
        self._connected = [self._fast]
        self.join = self._fast.function  # type: ignore[method-assign]

    # -- foreground ------------------------------------------------------------------------------------------------

    @overload
    def join[A, B](self, a: Callable[[], A], b: Callable[[], B], /) -> tuple[A, B]: ...
    @overload
    def join[A, B, C](self, a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], /) -> tuple[A, B, C]: ...
    @overload
    def join[A, B, C, D](
        self, a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], /
    ) -> tuple[A, B, C, D]: ...
    @overload
    def join[A, B, C, D, E](
        self, a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], e: Callable[[], E], /
    ) -> tuple[A, B, C, D, E]: ...
    @overload
    def join[A, B, C, D, E, F](
        self,
        a: Callable[[], A],
        b: Callable[[], B],
        c: Callable[[], C],
        d: Callable[[], D],
        e: Callable[[], E],
        f: Callable[[], F],
        /,
    ) -> tuple[A, B, C, D, E, F]: ...
    @overload
    def join[A, B, C, D, E, F, G](
        self,
        a: Callable[[], A],
        b: Callable[[], B],
        c: Callable[[], C],
        d: Callable[[], D],
        e: Callable[[], E],
        f: Callable[[], F],
        g: Callable[[], G],
        /,
    ) -> tuple[A, B, C, D, E, F, G]: ...
    @overload
    def join[A, B, C, D, E, F, G, H](
        self,
        a: Callable[[], A],
        b: Callable[[], B],
        c: Callable[[], C],
        d: Callable[[], D],
        e: Callable[[], E],
        f: Callable[[], F],
        g: Callable[[], G],
        h: Callable[[], H],
        /,
    ) -> tuple[A, B, C, D, E, F, G, H]: ...
    @overload
    def join[R](self, a: Callable[[], R], b: Callable[[], R], /, *more: Callable[[], R]) -> tuple[R, ...]: ...
    def join(self, a: Callable[[], Any], b: Callable[[], Any], /, *more: Callable[[], Any]) -> tuple[Any, ...]:
        """Run callables, if possible at the same time; the first one here and now. See `subpool.join`."""
        return self._general_join(a, b, *more)

    def _general_join(self, a: Callable[[], Any], b: Callable[[], Any], /, *more: Callable[[], Any]) -> tuple[Any, ...]:
        if process.End.begun:
            return tuple(in_order((a, b, *more)))
        return join_at(self._station(), a, b, more)

    def join_all[R](self, callables: Iterable[Callable[[], R]]) -> list[R]:
        """Run any number of callables; their results in order. See `subpool.join_all`."""
        return in_order(callables) if process.End.begun else join_all_at(self._station(), callables)

    def scope(self, timeout: float | None = None) -> Scope:
        """A block that waits for what it spawned. See `subpool.scope`."""
        from subpool.scopes import Scope

        return Scope(self._station(), timeout)

    def par_iter[T](self, source: Iterable[T]) -> ParIter[T]:
        """Go over a source in parallel, in this pool. See `subpool.par_iter`."""
        return _iterators().par_iter(source).on(self)  # type: ignore[no-any-return]

    def par_iter_mut(self, buffer: Buffer) -> ParIterMut[Any]:
        """Change the items of a buffer in parallel, in this pool. See `subpool.par_iter_mut`."""
        return _iterators().par_iter_mut(buffer).on(self)  # type: ignore[no-any-return]

    def par_zip(self, *sources: Any, **options: Any) -> ParIter[tuple[Any, ...]]:
        """Go over several sources side by side, in this pool. See `subpool.par_zip`."""
        return _iterators().par_zip(*sources, **options).on(self)  # type: ignore[no-any-return]

    # -- background ------------------------------------------------------------------------------------------------

    def spawn[*Ts, R](
        self,
        fn: Callable[[*Ts], R],
        /,
        *args: *Ts,
        timeout: float | None = None,
        name: str | None = None,
        copy_context: bool = False,
    ) -> Task[R]:
        """Hand over a call as background work. See `subpool.spawn`."""
        return spawn_at(self._station(), fn, args, timeout, name, copy_context)

    def broadcast[T](self, value: T) -> Broadcast[T]:
        """Write a value once, for all workers. See `subpool.broadcast`."""
        return data.broadcast(value)

    # -- life ------------------------------------------------------------------------------------------------------

    @contextmanager
    def install(self) -> Generator[Self]:
        """Within this block, and what it calls, the module-level functions use this pool."""
        if self._closed and not process.End.begun:
            raise PoolClosedError("the pool is closed")
        token = process.installed.set(self)
        process.default.force(True)
        try:
            yield self
        finally:
            process.installed.reset(token)
            process.default.force(False)

    def stats(self) -> PoolStats:
        """What the pool has done so far."""
        host = self._host
        return self._past if host is None else self._figures(host)

    def _figures(self, host: Host) -> PoolStats:
        counters = [old + host.stat(which) for which, old in enumerate(self._past[:10])]
        return PoolStats._make([*counters, host.workers, self._past.workers_lost + host.lost])

    def dump_stacks(self, file: TextIO | int | None = None, *, timeout: float = 1.0) -> None:
        """Write what every thread of the host and every worker executes now, and what each waits for.

        Args:
            file: a text file, or whatever else has a `fileno()`, or a file descriptor; `sys.stderr` by default.
            timeout: seconds that the workers have to answer. One that is in C code and holds its GIL cannot.
        """
        from subpool.stacks import dump_pools

        dump_pools([self], file, timeout)

    def close(self, wait: bool = True, cancel: bool = False) -> None:
        """End the pool. It takes nothing new; what it has is finished first, unless it is cancelled.

        Args:
            wait: return when everything is done and released; if False, that happens behind the scenes.
            cancel: cancel what is not done.
        """
        with self._lock:
            self._closed = True
            host, self._host = self._host, None
        self._disconnect()
        if host is None:
            return
        if cancel:
            host.cancel_all()
        if wait:
            self._end(host)
        else:
            threading.Thread(target=self._end, args=(host,), name="subpool-closer").start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, cls: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "idle" if self._host is None else "running"
        return f"<Pool of {self.workers} workers, {state}>"

    def _end(self, host: Host) -> None:
        try:
            host.drain()
        finally:
            host.fail_all(PoolClosedError("the pool was closed before this was done"))  # who drained it was interrupted
            self._shut_down(host)
            process.open_pools.pop(self, None)
            self._served = None
            if self._finalise is not None and not self.workers:
                self._finalise()

    def _shut_down(self, host: Host) -> bool:
        """End the workers; whether none was left behind."""
        clean = host.shut_down(GRACE)
        if not clean:
            process.remains[host] = None
        self._past = self._figures(host)
        return clean

    def _station(self) -> Station:
        """The running pool; started if need be."""
        host = self._host
        if host is None:
            host = self._start()
        if self._broken is not None:
            raise BrokenPoolError(f"a worker of the pool could not start:\n{self._broken}")
        return host

    def _start(self) -> Host:
        from subpool._schedule.host import Host, Plan

        with self._lock:
            if self._closed:
                raise PoolClosedError("the pool is closed")
            if self._host is not None:
                return self._host
            process.prepare()
            if not self.workers and self._initialise is not None:
                self._initialise()
            plan = Plan(
                self.workers,
                strict=self._strict,
                grace=GRACE,
                broken=self._break,
                general=self._force,
                **self._options,
            )
            host = Host(plan)
            process.open_pools[self] = None
            self._host = self._served = host
            for fast in self._connected:
                fast.connect(host.root, ASKED)
            self._settle_force()
            return host

    def _break(self, failure: str) -> None:
        """A worker could not start: nothing that needs one can be done."""
        self._broken = failure
        self._disconnect()
        host = self._served
        if host is not None:
            host.fail_all(BrokenPoolError(f"a worker of the pool could not start:\n{failure}"))

    # -- the fast path's switch --------------------------------------------------------------------------------------

    def _force(self, general: bool) -> None:
        """Send every join to the general path, until as many calls have taken that back."""
        if general:
            self._forcers.append(1)
        else:
            self._forcers.pop()
        self._settle_force()

    def _settle_force(self) -> None:
        host = self._host
        fast = host is not None and not self._forcers and not self._strict and self._broken is None
        for join in self._connected:
            join.connect(None, host.root.request if fast and host is not None else ASKED)
        if fast and (self._forcers or self._host is not host):
            self._disconnect()  # somebody came between the look and the switch

    def _disconnect(self) -> None:
        for join in self._connected:
            join.connect(None, ASKED)

    # -- fork --------------------------------------------------------------------------------------------------------

    def _step_aside(self, patience: float) -> bool:
        """Before a fork: end the workers if nothing runs; they start anew at the next use."""
        with self._lock:
            host = self._host
            if host is None:
                return True
            until = monotonic() + patience
            while not host.at_rest:
                if monotonic() > until:
                    return False
                host.backlog.feed()
                threading.Event().wait(0.005)
            self._host = self._served = None
            self._disconnect()
            return self._shut_down(host)

    # -- exit --------------------------------------------------------------------------------------------------------

    def _abandon(self) -> Host | None:
        """The program ends: cancel everything. The host, if there is one that has to be shut down."""
        with self._lock:
            host = self._served
            self._host, self._closed = None, True
        self._disconnect()
        if host is not None:
            host.cancel_all()
            host.stop()
        return host


def _iterators() -> Any:
    from subpool import iterators

    return iterators
