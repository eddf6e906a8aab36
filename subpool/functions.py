"""The functions of the package that do work: `join`, `join_all`, `scope`, `spawn`, at whichever pool is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from subpool import process
from subpool.ambient import fast, station
from subpool.calls import in_order, join_all_at, spawn_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from subpool.scopes import Scope
    from subpool.task import Task

__all__ = ["join", "join_all", "scope", "spawn"]

if TYPE_CHECKING:

    @overload
    def join[A, B](a: Callable[[], A], b: Callable[[], B], /) -> tuple[A, B]: ...
    @overload
    def join[A, B, C](a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], /) -> tuple[A, B, C]: ...
    @overload
    def join[A, B, C, D](
        a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], /
    ) -> tuple[A, B, C, D]: ...
    @overload
    def join[A, B, C, D, E](
        a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], e: Callable[[], E], /
    ) -> tuple[A, B, C, D, E]: ...
    @overload
    def join[A, B, C, D, E, F](
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
    def join[R](a: Callable[[], R], b: Callable[[], R], /, *more: Callable[[], R]) -> tuple[R, ...]: ...
    def join(a: Callable[[], Any], b: Callable[[], Any], /, *more: Callable[[], Any]) -> tuple[Any, ...]:
        """Run callables, if possible at the same time; their results, in order."""
        ...

else:
    join = fast.function
    join.__module__ = __name__
    join.__qualname__ = join.__name__ = "join"
    join.__doc__ = """Run callables, if possible at the same time; their results, in order.

    The calling thread runs the first one itself, at once. The others may be taken by idle workers; what nobody took,
    the caller runs itself, from the live object. While it waits for what others took, it helps with work that serves
    it. What crosses to a worker is a copy. Costs some 50 to 70 ns over plain calls while nobody is idle.

    The idea of keeping halves private until somebody is hungry: Acar, Chargueraud & Rainey, "Scheduling parallel
    programs by work stealing with private deques" (2013); that of helping in scope: Wagner & Calder, "Leapfrogging"
    (1993).

    Args:
        a: the callable that runs here, without arguments.
        b: the one that may run elsewhere.
        *more: others that may, from left to right.

    Raises:
        Exception: what running them one after the other would have raised; those after it are withdrawn or stopped.
        TypeError: an argument is not callable.
    """


def join_all[R](callables: Iterable[Callable[[], R]]) -> list[R]:
    """Run any number of callables, if possible at the same time; their results, in order.

    Args:
        callables: taking no arguments; the first one runs in the calling thread. None at all give an empty list.

    Raises:
        Exception: what running them one after the other would have raised; those after it are withdrawn or stopped.
        TypeError: one of them is not callable; then none was run.
    """
    return in_order(callables) if process.End.begun else join_all_at(station(), callables)


def scope(timeout: float | None = None) -> Scope:
    """A block that waits for what was spawned in it.

    Example::

        with subpool.scope() as s:
            tasks = [s.spawn(count_words, path) for path in paths]
        total = sum(task.result() for task in tasks)

    Args:
        timeout: seconds from entering the block after which what has not started is withdrawn, what runs is cancelled,
            and `TimeoutError` is raised.

    Raises:
        ExceptionGroup: on leaving the block, with what the tasks and the block raised; the other tasks are cancelled.
        TimeoutError: on leaving the block, if the deadline came and nothing failed.
    """
    from subpool.scopes import Scope

    return Scope(station(), timeout)


def spawn[*Ts, R](
    fn: Callable[[*Ts], R],
    /,
    *args: *Ts,
    timeout: float | None = None,
    name: str | None = None,
    copy_context: bool = False,
) -> Task[R]:
    """Hand over a call as background work: workers do it when no foreground work waits for them.

    Args:
        fn: the function; keywords of its own go through `functools.partial`.
        *args: its arguments; they must not change before the task is done.
        timeout: seconds of running time after which it is stopped and ends with `TimeoutError`.
        name: for humans.
        copy_context: carry the caller's context variables, those that are attributes of an importable module and whose
            values can be written.

    Returns:
        A `Task`, which is a `concurrent.futures.Future`. A call that cannot cross makes the task fail, and nothing
        else.

    Raises:
        TypeError: `fn` is not callable.
        ValueError: `timeout` is not positive.
    """
    return spawn_at(station(), fn, args, timeout, name, copy_context)
