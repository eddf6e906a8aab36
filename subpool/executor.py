"""`Executor`: a pool as a `concurrent.futures.Executor`.

An executor's calls are background tasks of a pool of its own. What differs from other pools is how things end: nothing
that runs is stopped, and the program waits for what was submitted.
"""

from __future__ import annotations

import concurrent.futures
import logging
from collections import deque
from concurrent.futures._base import CANCELLED_AND_NOTIFIED
from contextlib import closing
from functools import partial
from itertools import batched, islice
from threading import Event, get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, Unpack, overload
from weakref import finalize

from subpool import process
from subpool._schedule import worker as worker_side
from subpool._schedule.chunk import Chunk, ChunkCall
from subpool.calls import task_at
from subpool.errors import PoolClosedError
from subpool.options import WorkerOptions, worker_count
from subpool.pool import Pool
from subpool.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Future

    from subpool._schedule.host import Host

__all__ = ["Executor"]


class ExecutorTask[R](Task[R]):
    """A task with the manners of an executor's future: while it runs, nobody stops it."""

    def cancel(self) -> bool:
        """Withdraw the call if nobody has begun it.

        Returns:
            Whether it is cancelled.
        """
        if "_final" not in self.__dict__ and self._claim() is not None:
            self._complete(CANCELLED_AND_NOTIFIED, None, None)
        return self.cancelled()


class ExecutorPool(Pool):
    """A pool that finishes what it was given, even if the program ends, unless it is told otherwise."""

    def __init__(self, workers: int, **options: Unpack[WorkerOptions]) -> None:
        super().__init__(workers, **options)
        process.prepare()  # now, so that even a first call notices that the program ends
        self._over = Event()

    def take(self, function: Callable[..., Any], args: tuple[Any, ...]) -> Task[Any]:
        """Hand over a call.

        Raises:
            RuntimeError: the pool is closed.
            BrokenPoolError: a worker could not start.
        """
        while True:
            if process.End.begun:
                raise RuntimeError("cannot schedule new futures after interpreter shutdown")
            try:
                station = self._station()
            except PoolClosedError:
                raise RuntimeError("cannot schedule new futures after shutdown") from None
            task, waits = task_at(station, function, args, ExecutorTask)
            if not waits:
                return task
            with self._lock:
                if self._host is station:  # else it was closed meanwhile, or stepped aside for a fork
                    station.backlog.waiting.append(task)
                    break
        station.backlog.offer()
        if self._broken is not None:
            self._break(self._broken)  # once more: it may have been just too early for this task
        return task

    def close(self, wait: bool = True, cancel: bool = False) -> None:
        """See `Pool.close`; may be repeated, to wait or to cancel after all."""
        host = self._served
        if host is None:
            super().close()
            return
        if cancel:
            self._withdraw(host)
        wait = wait and get_ident() != host.delivery.ident  # who ends the pool waits for that thread's callbacks
        super().close(wait)
        if wait:
            self._over.wait()

    @staticmethod
    def _withdraw(host: Host) -> None:
        """Cancel what has not begun, all but what free workers are about to begin: they count as quicker than us."""
        jobs = host.jobs()
        waiting = [job for job in jobs if job._local is None and not job._begun()]
        for job in waiting[max(0, host.workers + len(waiting) - len(jobs)) :]:
            job.cancel()

    def forsake(self) -> None:
        """Its executor is gone. Called by the garbage collector, so that it takes no lock and starts no thread."""
        self._closed = True
        host = self._host
        if host is not None:
            host.deliver(partial(self.close, wait=False))

    def _end(self, host: Host) -> None:
        try:
            super()._end(host)
        finally:
            self._over.set()

    def _abandon(self) -> Host | None:
        try:
            self.close()
        except KeyboardInterrupt:  # whoever ends the program has lost patience
            if self._served is not None:
                self._served.cancel_all()
        return super()._abandon()

    def _break(self, failure: str) -> None:
        if self._broken is None:
            logging.getLogger("concurrent.futures").critical("A worker could not start: %s", failure)
        super()._break(failure)


class Executor(concurrent.futures.Executor):
    """A pool of workers as an executor of the standard library: what takes one of those, takes this one.

    Each executor has workers of its own: subinterpreters, started at first need. Functions and arguments may be
    anything that crosses, lambdas and closures too. Futures mean what they mean in `concurrent.futures`: one that runs
    is not cancelled, and the program does not end before all of them are done.

    Example::

        with subpool.Executor() as executor:
            for words in executor.map(count_words, paths):
                print(words)

    Args:
        max_workers: how many workers; by default as many as there are cores, or what `SUBPOOL_WORKERS` says.
        **options: as `Pool` takes them.

    Raises:
        TypeError, ValueError: an argument cannot be what it is; the message names it.
        SerializationError: initializer, its arguments or finalizer cannot cross.
        RuntimeError: this is a worker.
    """

    def __init__(self, max_workers: int | None = None, **options: Unpack[WorkerOptions]) -> None:
        if worker_side.station is not None:
            raise RuntimeError("an Executor is made in the host: code in a worker uses subpool.join, scope or spawn")
        for name in options:
            if name not in WorkerOptions.__optional_keys__:
                hint = ": the number of workers is max_workers" if name == "workers" else ""
                raise TypeError(f"Executor has no keyword {name!r}{hint}")
        if options.get("background_workers") == 0:
            raise ValueError("background_workers must be at least 1: nobody would do what is submitted")
        if isinstance(max_workers, int) and max_workers <= 0:
            raise ValueError(f"max_workers must be greater than 0, not {max_workers}")
        self._max_workers: int = worker_count(max_workers, "max_workers", spared=0)  # Dask, for one, looks it up
        self._pool = ExecutorPool(self._max_workers, **options)
        finalize(self, self._pool.forsake).atexit = False

    def submit[**P, R](self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Hand over a call.

        Args:
            fn: the function.
            *args: its arguments; they must not change before the call is done.
            **kwargs: its keywords, likewise.

        Returns:
            The future of the call. If the call cannot cross, that is how the future fails.

        Raises:
            RuntimeError: the executor was shut down, or the program ends.
            BrokenPoolError: a worker could not start; it is a `concurrent.futures.BrokenExecutor`.
            TypeError: `fn` is not callable.
        """
        if not callable(fn):
            raise TypeError(f"submit: not callable: {fn!r}")
        return self._pool.take(partial(fn, **kwargs) if kwargs else fn, args)

    @overload  # type: ignore[override]
    def map[R](
        self,
        fn: Callable[..., R],
        /,
        *,
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[R]: ...
    @overload
    def map[A, R](
        self,
        fn: Callable[[A], R],
        a: Iterable[A],
        /,
        *,
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[R]: ...
    @overload
    def map[A, B, R](
        self,
        fn: Callable[[A, B], R],
        a: Iterable[A],
        b: Iterable[B],
        /,
        *,
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[R]: ...
    @overload
    def map[A, B, C, R](
        self,
        fn: Callable[[A, B, C], R],
        a: Iterable[A],
        b: Iterable[B],
        c: Iterable[C],
        /,
        *,
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[R]: ...
    @overload
    def map[R](
        self,
        fn: Callable[..., R],
        a: Iterable[Any],
        b: Iterable[Any],
        c: Iterable[Any],
        d: Iterable[Any],
        /,
        *more: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[R]: ...
    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        """Like the built-in `map`, the calls being made ahead, in workers.

        Short calls travel in company by themselves, each with a claim and an outcome of its own. `chunksize` saves
        more: its calls cross as one, are done by one worker, and their results arrive together.

        Args:
            fn: the function.
            *iterables: its arguments, one iterable for each, up to the end of the shortest. All are read at once,
                except with `buffersize`.
            timeout: seconds from now after which the iteration is over.
            chunksize: how many calls are handed over as one.
            buffersize: how many of these may be underway, or done and not yet asked for; more is read from the
                iterables only as results are taken.

        Returns:
            An iterator over the results, in order. When it fails or is dropped, what has not begun is cancelled.

        Raises:
            TimeoutError: from the iterator.
            Exception: from the iterator, in its place: whatever a call raised.
            TypeError, ValueError: an argument cannot be what it is.
            RuntimeError: the executor was shut down, or the program ends.
            BrokenPoolError: a worker could not start.
        """
        if not callable(fn):
            raise TypeError(f"map: not callable: {fn!r}")
        _check_sizes(chunksize, buffersize)
        until = None if timeout is None else monotonic() + timeout
        calls: Iterator[tuple[Any, ...]] = zip(*iterables, strict=False)
        if chunksize == 1:
            return self._outcomes(fn, calls, buffersize, until)
        return _each(self._outcomes(ChunkCall(fn), batched(calls, chunksize, strict=False), buffersize, until))

    def _outcomes(
        self,
        call: Callable[..., Any],
        arguments: Iterator[tuple[Any, ...]],
        ahead: int | None,
        until: float | None,
    ) -> Generator[Any]:
        """Hand over what may go ahead, and then give out the results in order."""
        take = partial(self._pool.take, call)
        tasks = deque(map(take, islice(arguments, ahead)))
        return _in_order(tasks, until) if ahead is None else _in_order(tasks, until, map(take, arguments), self)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; may be repeated.

        Args:
            wait: return when all that was handed over is done, and the workers are gone.
            cancel_futures: cancel what has not begun.
        """
        self._pool.close(wait, cancel_futures)

    @property
    def _broken(self) -> str | None:
        """Why no worker can start, as other executors have it."""
        return self._pool._broken

    def __reduce__(self) -> Any:
        raise TypeError("an Executor belongs to the interpreter that made it: in workers, use subpool.spawn")

    def __repr__(self) -> str:
        return repr(self._pool).replace("Pool", "Executor", 1)


def _check_sizes(chunksize: object, buffersize: object) -> None:
    if not isinstance(chunksize, int):
        raise TypeError(f"chunksize must be an integer, not {chunksize!r}")
    if chunksize < 1:
        raise ValueError(f"chunksize must be >= 1, not {chunksize}")
    if buffersize is None:
        return
    if not isinstance(buffersize, int):
        raise TypeError(f"buffersize must be an integer or None, not {buffersize!r}")
    if buffersize < 1:
        raise ValueError(f"buffersize must be None or > 0, not {buffersize}")


def _in_order(
    tasks: deque[Task[Any]],
    until: float | None,
    more: Iterable[Task[Any]] = (),
    executor: Executor | None = None,
) -> Generator[Any]:
    """The results in order, with one task more for each; what is left in the end is cancelled.

    The executor stays as long as there may be more to hand over; else it may go before its results do.
    """
    try:
        while tasks:
            tasks.extend(islice(more, 1))
            yield _result(tasks.popleft(), until)
    finally:
        for task in tasks:
            task.cancel()


def _result(task: Task[Any], until: float | None) -> Any:
    """The result of a task that is of no use later."""
    try:
        return task.result(None if until is None else until - monotonic())
    except BaseException:
        task.cancel()
        raise
    finally:
        del task  # else the traceback of its own failure would keep it


def _each(chunks: Generator[Chunk]) -> Generator[Any]:
    """The values of each chunk; a failure comes after those before it."""
    with closing(chunks):
        for chunk in chunks:
            values, failure = chunk.values, chunk.failure
            del chunk
            values.reverse()
            while values:
                yield values.pop()  # nothing here keeps a value that was given out
            if failure is not None:
                raise failure
