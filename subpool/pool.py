"""`Pool`, the global pool, and the functions of the package that use whichever pool is in force."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from threading import RLock, get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar, TypeVarTuple, Unpack, overload

from subpool._schedule import worker as worker_side
from subpool._schedule.context import arithmetic as decimal_context
from subpool._schedule.context import calculate
from subpool._schedule.crossing import crossed, crossing
from subpool._schedule.forkjoin import ASKED, join_all, join_two, make_join
from subpool.errors import BrokenPoolError, PoolClosedError, SerializationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import TracebackType

    from subpool._schedule.host import Host
    from subpool.scopes import Scope
    from subpool.task import Station, Task

__all__ = [
    "Pool",
    "PoolStats",
    "cancelled",
    "configure",
    "current_pool",
    "worker_index",
]

R = TypeVar("R")
Ts = TypeVarTuple("Ts")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")

GRACE = 2.0
"""Seconds that a task has to stop in before its worker is set aside."""
IDLE_SPIN = 50e-6
"""Seconds an idle worker looks around before it naps, by default."""


class PoolStats(NamedTuple):
    """A snapshot of what a pool has done since it started."""

    tasks_completed: int
    """Halves and background tasks that ran in a worker, or in a caller that helped, and returned."""
    tasks_failed: int
    tasks_cancelled: int
    published: int
    """Halves that were written for others, since somebody was hungry."""
    stolen: int
    taken_back: int
    """Published halves that their owner ran itself after all."""
    withdrawn: int
    """Halves that were not run, since one before them failed."""
    helped: int
    """Tasks that callers ran while they waited."""
    sleeps: int
    wakes: int
    workers: int
    workers_lost: int
    """Workers that died, or were set aside since they did not come back."""


class Pool:
    """A pool of workers: subinterpreters with a GIL of their own, in threads of this process.

    Args:
        workers: how many; `max(1, os.process_cpu_count() - 1)` by default, since the caller works too. With 0 everything
            runs in the caller, in order.
        idle_spin: seconds an idle worker looks around before it sleeps.
        initializer: called in each worker as it starts, with `initargs`.
        initargs: its arguments.
        finalizer: called without arguments in each worker as it ends.
        preload: names of modules that each worker imports as it starts.
        pin_cpus: whether each worker stays on a CPU of its own (Linux).
        background_workers: how many of the workers take background tasks; all by default.
        max_tasks_per_worker: after how many tasks a worker is replaced by a fresh one; never by default.
        strict: make every half but the first, every task and every result cross (see `SUBPOOL_STRICT`).
        on_unsupported: what becomes of a background task that needs a module which does not load in subinterpreters:
            "inline" (a thread of the host runs it) or "raise".

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
        on_unsupported: str = "inline",
    ) -> None:
        if worker_side.station is not None:
            raise RuntimeError("a Pool is made in the host: code in a worker uses the pool that it runs in")
        self.workers = _worker_count(workers)
        """How many workers it has."""
        self._options = _checked_options(
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
        self._strict = bool(strict) or os.environ.get("SUBPOOL_STRICT", "") not in ("", "0")
        self._initialise = partial(initializer, *initargs) if initializer is not None else None
        self._finalise = finalizer
        self._host: Host | None = None
        self._closed = False
        self._broken: str | None = None
        self._lock = RLock()
        self._forcers: list[int] = []
        self._past = PoolStats(*[0] * 10, self.workers, 0)  # of the hosts it had before
        self._fast = make_join(self._general_join)
        self._connected = [self._fast]
        self.join = self._fast.function  # type: ignore[method-assign]

    # -- foreground ------------------------------------------------------------------------------------------------

    @overload
    def join(self, a: Callable[[], A], b: Callable[[], B], /) -> tuple[A, B]: ...
    @overload
    def join(self, a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], /) -> tuple[A, B, C]: ...
    @overload
    def join(
        self, a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], /
    ) -> tuple[A, B, C, D]: ...
    @overload
    def join(
        self, a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], e: Callable[[], E], /
    ) -> tuple[A, B, C, D, E]: ...
    @overload
    def join(
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
    def join(
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
    def join(
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
    def join(self, a: Callable[[], Any], b: Callable[[], Any], /, *more: Callable[[], Any]) -> tuple[Any, ...]: ...
    def join(self, a: Callable[[], Any], b: Callable[[], Any], /, *more: Callable[[], Any]) -> tuple[Any, ...]:
        """Run callables, if possible at the same time; the first one here and now. See `subpool.join`."""
        return self._general_join(a, b, *more)

    def _general_join(self, a: Callable[[], Any], b: Callable[[], Any], /, *more: Callable[[], Any]) -> tuple[Any, ...]:
        return _join_at(self._station(), a, b, more)

    def join_all(self, callables: Iterable[Callable[[], R]]) -> list[R]:
        """Run any number of callables; their results in order. See `subpool.join_all`."""
        return _join_all_at(self._station(), callables)

    def scope(self, timeout: float | None = None) -> Scope:
        """A block that waits for what it spawned. See `subpool.scope`."""
        from subpool.scopes import Scope

        return Scope(self._station(), timeout)

    # -- background ------------------------------------------------------------------------------------------------

    def spawn(
        self,
        fn: Callable[[Unpack[Ts]], R],
        /,
        *args: Unpack[Ts],
        timeout: float | None = None,
        name: str | None = None,
        copy_context: bool = False,
    ) -> Task[R]:
        """Hand over a call as background work. See `subpool.spawn`."""
        return _spawn_at(self._station(), fn, args, timeout, name, copy_context)

    # -- life ------------------------------------------------------------------------------------------------------

    @contextmanager
    def install(self) -> Iterator[Self]:
        """Within this block, and what it calls, the module-level functions use this pool."""
        if self._closed:
            raise PoolClosedError("the pool is closed")
        token = _installed.set(self)
        _global.force(True)
        try:
            yield self
        finally:
            _installed.reset(token)
            _global.force(False)

    def stats(self) -> PoolStats:
        """What the pool has done so far."""
        host = self._host
        return self._past if host is None else self._figures(host)

    def _figures(self, host: Host) -> PoolStats:
        counters = [old + host.stat(which) for which, old in enumerate(self._past[:10])]
        return PoolStats(*counters, self.workers, self._past.workers_lost + host.lost)

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
            _open.pop(self, None)
            host.shut_down(GRACE)
            self._past = self._figures(host)
            if self._finalise is not None and not self.workers:
                self._finalise()

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
            _prepare_process()
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
            _open[self] = None
            self._host = host
            for fast in self._connected:
                fast.connect(host.root, ASKED)
            self._settle_force()
            return host

    def _break(self, failure: str) -> None:
        """A worker could not start: nothing that needs one can be done."""
        self._broken = failure
        self._disconnect()
        host = self._host
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
            self._host = None
            self._disconnect()
            clean = host.shut_down(GRACE)
            self._past = self._figures(host)
            return clean


def _worker_count(workers: object) -> int:
    source = "workers"
    if workers is None:
        workers = os.environ.get("SUBPOOL_WORKERS") or max(1, (os.process_cpu_count() or 1) - 1)
        if isinstance(workers, str):
            source = "SUBPOOL_WORKERS"
            try:
                workers = int(workers)
            except ValueError:
                raise ValueError(f"SUBPOOL_WORKERS must be a number of workers, not {workers!r}") from None
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise TypeError(f"{source} must be an int, not {workers!r}")
    if not 0 <= workers <= 1024:
        raise ValueError(f"{source} must be between 0 and 1024, not {workers}")
    return workers


def _checked_options(**options: Any) -> dict[str, Any]:
    """Validate what `Pool` was given, and write what crosses."""
    from subpool._wire.payload import write

    if isinstance(options["idle_spin"], bool) or not isinstance(options["idle_spin"], (int, float)):
        raise TypeError(f"idle_spin must be a number of seconds, not {options['idle_spin']!r}")
    if not 0 <= options["idle_spin"] <= 1:
        raise ValueError(f"idle_spin must be between 0 and 1 second, not {options['idle_spin']!r}")
    for name, least in (("background_workers", 0), ("max_tasks", 1)):
        value = options[name]
        shown = "max_tasks_per_worker" if name == "max_tasks" else name
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise TypeError(f"{shown} must be an int or None, not {value!r}")
        if value is not None and value < least:
            raise ValueError(f"{shown} must be at least {least}, not {value}")
    for name in ("initializer", "finalizer"):
        if options[name] is not None and not callable(options[name]):
            raise TypeError(f"{name} is not callable: {options[name]!r}")
    if isinstance(options["preload"], str):
        raise TypeError("preload must be a sequence of module names, not one string")
    options["preload"] = tuple(options["preload"])
    for module in options["preload"]:
        if not isinstance(module, str):
            raise TypeError(f"preload must hold module names, not {module!r}")
    if options["on_unsupported"] not in ("inline", "raise"):
        raise ValueError(f"on_unsupported must be 'inline' or 'raise', not {options['on_unsupported']!r}")
    initializer, initargs = options["initializer"], tuple(options.pop("initargs"))
    for name, value in (("initializer", initializer and (initializer, initargs)), ("finalizer", options["finalizer"])):
        try:
            options[name] = write(value) if value else b""
        except SerializationError as error:
            raise SerializationError(f"{name}: {error}") from error
    return options


# -- at a station --------------------------------------------------------------------------------------------------


def _join_at(station: Station, a: Any, b: Any, more: tuple[Any, ...]) -> tuple[Any, ...]:
    seat = station.caller_seat()
    if station.strict:
        return tuple(join_all(seat, [a, *(_crossed(call) for call in (b, *more))], eager=True))
    if more:
        return tuple(join_all(seat, [a, b, *more]))
    return join_two(seat, a, b)


def _join_all_at(station: Station, callables: Iterable[Any]) -> list[Any]:
    calls = list(callables)
    if station.strict:
        calls[1:] = [_crossed(call) for call in calls[1:]]
    return join_all(station.caller_seat(), calls, eager=station.strict)


def _crossed(call: Any) -> Any:
    return crossed(call) if callable(call) else call


def _spawn_at(
    station: Station, fn: Any, args: tuple[Any, ...], timeout: float | None, name: str | None, copy_context: bool
) -> Task[Any]:
    if not callable(fn):
        raise TypeError(f"spawn: not callable: {fn!r}")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"spawn: timeout must be a positive number of seconds, not {timeout!r}")
    from subpool.task import Task

    call = (fn, args)
    if copy_context:
        from subpool._schedule.context import carrying

        call = carrying(fn, args)
    arithmetic = decimal_context() if "decimal" in sys.modules else None
    if arithmetic is not None:
        call = (calculate, (arithmetic, *call))
    if station.strict:
        try:
            call = crossing(*call)
        except SerializationError as error:
            task: Task[Any] = Task(station, call, timeout, name)
            task._claim_private()
            task._fail(error)
            return task
    task = Task(station, call, timeout, name)
    if station.workers:
        station.backlog.add(task)
    else:
        task.help()
    return task


# -- the global pool -----------------------------------------------------------------------------------------------


class _Global:
    """The pool behind the module-level functions where no other is installed; made at first need."""

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.installs: list[int] = []
        self.fast = make_join(_general_join)

    def get(self) -> Pool:
        """The global pool."""
        if self.pool is None:
            with _process_lock:
                if self.pool is None:
                    self.adopt(Pool())
        assert self.pool is not None
        return self.pool

    def adopt(self, pool: Pool) -> None:
        """Make this pool the global one."""
        pool._connected.append(self.fast)
        pool._forcers.extend(self.installs)
        self.pool = pool

    def force(self, general: bool) -> None:
        """While another pool is installed anywhere, every module-level join has to look."""
        if general:
            self.installs.append(1)
        else:
            self.installs.pop()
        if self.pool is not None:
            self.pool._force(general)


_installed: ContextVar[Pool | None] = ContextVar("subpool_installed", default=None)
_process_lock = RLock()
_open: dict[Pool, None] = {}
_prepared = False


def _general_join(a: Any, b: Any, /, *more: Any) -> tuple[Any, ...]:
    return _join_at(_station(), a, b, more)


_global = _Global()


def _station() -> Station:
    """What serves the calling thread: the worker it is in, the pool it helps, the installed pool, or the global one."""
    if worker_side.station is not None:
        return worker_side.station
    helped = _helped(get_ident())
    return helped if helped is not None else current_pool()._station()


def _helped(ident: int) -> Host | None:
    for pool in list(_open):
        host = pool._host
        if host is not None and host.helps(ident):
            return host
    return None


def _prepare_process() -> None:
    """Have pools end before the interpreter does, and step aside around a fork."""
    global _prepared
    if not _prepared:
        _prepared = True
        threading._register_atexit(_end_all)  # type: ignore[attr-defined]
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=_before_fork)


def _end_all() -> None:
    """The program ends: cancel what nobody waits for."""
    clean = True
    for pool in list(_open):
        with pool._lock:
            host, pool._host, pool._closed = pool._host, None, True
        pool._disconnect()
        _open.pop(pool, None)
        if host is not None:
            host.cancel_all()
            clean = host.shut_down(0.25) and clean
    if not clean:
        import warnings

        warnings.filterwarnings("ignore", "remaining subinterpreters", RuntimeWarning)


def _before_fork() -> None:
    """CPython kills a forked child that has subinterpreters: idle pools step aside, and start anew at their next use."""
    busy = [pool for pool in list(_open) if not pool._step_aside(1.0)]
    if busy:
        import warnings

        warnings.warn(
            "os.fork() while subpool tasks are running: the child will crash, as CPython cannot fork a process with "
            "subinterpreters; use subprocess, or multiprocessing's 'spawn' or 'forkserver' start method",
            RuntimeWarning,
            stacklevel=2,
        )


def _shutdown_global() -> None:
    """Close the global pool, if there is one, and forget it: the next use makes another."""
    pool, _global.pool = _global.pool, None
    if pool is not None:
        pool.close(cancel=True)
        _global.fast.connect(None, ASKED)


def configure(**options: Any) -> None:
    """Set up the global pool, instead of the default one that its first use would make.

    Args:
        **options: as `Pool` takes them, `workers` too.

    Raises:
        RuntimeError: the global pool is in use already, or this is a worker.
    """
    if worker_side.station is not None:
        raise RuntimeError("configure is for the host: code in a worker uses the pool that it runs in")
    with _process_lock:
        pool = _global.pool
        if pool is not None and not pool._closed and pool._host is not None:
            raise RuntimeError("configure: the global pool is in use already; configure it before its first use")
        _global.adopt(Pool(**options))


def current_pool() -> Pool:
    """The pool that the module-level functions use here."""
    if worker_side.station is not None:
        return _worker_pool()
    pool = _installed.get()
    return _global.get() if pool is None else pool


def worker_index() -> int | None:
    """The number of the worker that the calling code runs in, from 0; None in the host."""
    return None if worker_side.station is None else worker_side.station.index


def cancelled() -> bool:
    """Whether the task that calls this was asked to stop: for long-running code that wants to leave in its own way."""
    ident = get_ident()
    stations: list[Any] = [worker_side.station] if worker_side.station is not None else []
    stations.extend(pool._host for pool in list(_open) if pool._host is not None)
    return any(task.cancelled for station in stations for task in station.stacks.get(ident, ()))


if worker_side.station is not None:
    _global.fast.connect(worker_side.station.seat, worker_side.station.seat.request)


class _WorkerPool(Pool):
    """The pool as code in one of its workers sees it."""

    def __init__(self, station: Any) -> None:
        self._here = station
        self.workers = station.workers

    def _station(self) -> Station:
        return self._here  # type: ignore[no-any-return]

    def close(self, wait: bool = True, cancel: bool = False) -> None:
        """Not for workers."""
        raise RuntimeError("a pool is closed by the host, not by a task that runs in it")

    def stats(self) -> PoolStats:
        """What the pool has done so far."""
        arena = self._here.arena
        places = [arena.stat(seat) for seat in range(arena.seats)]
        counters = [sum(arena.words[place + which] for place in places) for which in range(10)]
        return PoolStats(*counters, self.workers, 0)

    @contextmanager
    def install(self) -> Iterator[Self]:
        """It is installed here already."""
        yield self

    def __repr__(self) -> str:
        return f"<Pool of {self.workers} workers, seen from worker {self._here.index}>"


_worker_pools: list[_WorkerPool] = []


def _worker_pool() -> _WorkerPool:
    if not _worker_pools:
        _worker_pools.append(_WorkerPool(worker_side.station))
    return _worker_pools[0]
