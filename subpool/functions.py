"""The functions of the package that do work: `join`, `join_all`, `scope`, `spawn`, at whichever pool is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, Unpack, overload

from subpool import pool as _pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from subpool.scopes import Scope
    from subpool.task import Task

__all__ = ["join", "join_all", "scope", "spawn"]

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

if TYPE_CHECKING:

    @overload
    def join(a: Callable[[], A], b: Callable[[], B], /) -> tuple[A, B]: ...
    @overload
    def join(a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], /) -> tuple[A, B, C]: ...
    @overload
    def join(
        a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], /
    ) -> tuple[A, B, C, D]: ...
    @overload
    def join(
        a: Callable[[], A], b: Callable[[], B], c: Callable[[], C], d: Callable[[], D], e: Callable[[], E], /
    ) -> tuple[A, B, C, D, E]: ...
    @overload
    def join(
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
    def join(a: Callable[[], Any], b: Callable[[], Any], /, *more: Callable[[], Any]) -> tuple[Any, ...]: ...
    def join(a: Callable[[], Any], b: Callable[[], Any], /, *more: Callable[[], Any]) -> tuple[Any, ...]: ...

else:
    join = _pool._global.fast.function
    join.__module__ = __name__
    join.__qualname__ = join.__name__ = "join"
    join.__doc__ = """Run callables, if possible at the same time; their results, in order.

    The calling thread runs the first one itself, at once. The others may be taken by idle workers; what nobody took, the
    caller runs itself, from the live object. While it waits for what others took, it helps with work that serves it.
    What crosses to a worker is a copy. Costs some 50 to 70 ns over plain calls while nobody is idle.

    The idea of keeping halves private until somebody is hungry: Acar, Chargueraud & Rainey, "Scheduling parallel programs
    by work stealing with private deques" (2013); that of helping in scope: Wagner & Calder, "Leapfrogging" (1993).

    Args:
        a: the callable that runs here, without arguments.
        b: the one that may run elsewhere.
        *more: others that may, from left to right.

    Raises:
        Exception: what running them one after the other would have raised; those after it are withdrawn or stopped.
        TypeError: an argument is not callable.
    """


def join_all(callables: Iterable[Callable[[], R]]) -> list[R]:
    """Run any number of callables, if possible at the same time; their results, in order.

    Args:
        callables: taking no arguments; the first one runs in the calling thread. None at all give an empty list.

    Raises:
        Exception: what running them one after the other would have raised; those after it are withdrawn or stopped.
        TypeError: one of them is not callable; then none was run.
    """
    return _pool._join_all_at(_pool._station(), callables)


def scope(timeout: float | None = None) -> Scope:
    """A block that waits for what was spawned in it.

    Example:
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

    return Scope(_pool._station(), timeout)


def spawn(
    fn: Callable[[Unpack[Ts]], R],
    /,
    *args: Unpack[Ts],
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
        A `Task`, which is a `concurrent.futures.Future`. A call that cannot cross makes the task fail, not this function.

    Raises:
        TypeError: `fn` is not callable.
        ValueError: `timeout` is not positive.
    """
    return _pool._spawn_at(_pool._station(), fn, args, timeout, name, copy_context)
