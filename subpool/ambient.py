"""What `subpool.*` means here: the station that serves the calling thread, and the default pool behind it.

Workers import this module too, as soon as a task uses `subpool.join`: what only the host needs is imported late.
"""

from __future__ import annotations

from threading import get_ident
from typing import TYPE_CHECKING, Any, Unpack

from subpool import process
from subpool._schedule import worker as worker_side
from subpool._schedule.forkjoin import ASKED, make_join
from subpool._schedule.interrupt import stacks
from subpool.calls import in_order, join_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._schedule.forkjoin import FastJoin
    from subpool._schedule.host import Host
    from subpool.options import PoolOptions
    from subpool.pool import Pool
    from subpool.task import Station

__all__ = ["cancelled", "configure", "current_pool", "fast", "shutdown_default", "station", "worker_index"]


def station() -> Station:
    """What serves the calling thread: the worker it is in, the pool it helps, the one installed, or the default."""
    if worker_side.station is not None:
        return worker_side.station
    helped = _helped(get_ident())
    return helped if helped is not None else current_pool()._station()


def _helped(ident: int) -> Host | None:
    for pool in list(process.open_pools):
        host = pool._host
        if host is not None and host.helps(ident):
            return host
    return None


def _general_join(a: Callable[[], Any], b: Callable[[], Any], /, *more: Callable[[], Any]) -> tuple[Any, ...]:
    if process.End.begun:
        return tuple(in_order((a, b, *more)))
    return join_at(station(), a, b, more)


fast: FastJoin = make_join(_general_join)
"""The module-level join."""
if worker_side.station is not None:
    fast.connect(worker_side.station.seat, worker_side.station.seat.request)


def _default_pool() -> Pool:
    pool = process.default.pool
    if pool is None:
        with process.lock:
            pool = process.default.pool
            if pool is None:
                pool = _adopt({})
    return pool


def _adopt(options: PoolOptions) -> Pool:
    from subpool.pool import Pool

    pool = Pool(**options)
    pool._connected.append(fast)
    process.default.adopt(pool)
    return pool


def configure(**options: Unpack[PoolOptions]) -> None:
    """Set up the global pool, instead of the default one that its first use would make.

    Args:
        **options: as `Pool` takes them, `workers` too.

    Raises:
        RuntimeError: the global pool is in use already, or this is a worker.
    """
    if worker_side.station is not None:
        raise RuntimeError("configure is for the host: code in a worker uses the pool that it runs in")
    with process.lock:
        pool = process.default.pool
        if pool is not None and not pool._closed and pool._host is not None:
            raise RuntimeError("configure: the global pool is in use already; configure it before its first use")
        _adopt(options)


def shutdown_default() -> None:
    """Close the global pool, if there is one, and forget it: the next use makes another."""
    pool, process.default.pool = process.default.pool, None
    if pool is not None:
        pool.close(cancel=True)
        fast.connect(None, ASKED)


def current_pool() -> Pool:
    """The pool that the module-level functions use here."""
    if worker_side.station is not None:
        from subpool.visitor import visited_pool

        return visited_pool(worker_side.station)
    pool = process.installed.get()
    return _default_pool() if pool is None else pool


def worker_index() -> int | None:
    """The number of the worker that the calling code runs in, from 0; None in the host."""
    return None if worker_side.station is None else worker_side.station.index


def cancelled() -> bool:
    """Whether the task that calls this was asked to stop: for long-running code that wants to leave in its own way."""
    return any(task.cancelled for task in stacks.get(get_ident(), ()))
