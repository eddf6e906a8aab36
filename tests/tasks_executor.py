"""What the tests of `Executor` send to workers."""

from __future__ import annotations

from collections.abc import Callable

from tasks import make_lock

import subpool


def reciprocal(number: int) -> float:
    return 1 / number


def lock_for(number: int, refused: int) -> object:
    """The number itself, or something that cannot cross."""
    return make_lock() if number == refused else number


def given(*args: int, **keywords: int) -> tuple[tuple[int, ...], dict[str, int]]:
    return args, keywords


def call[T](function: Callable[[], T]) -> T:
    return function()


def place(_: int) -> int | None:
    return subpool.worker_index()


def opening(number: int) -> tuple[int | None, int]:
    """Workers refuse what it opens with."""
    import tracemalloc

    assert not tracemalloc.is_tracing()
    return subpool.worker_index(), number


@subpool.needs_host
def at_home(number: int) -> tuple[int | None, int]:
    return subpool.worker_index(), number


def make_an_executor() -> object:
    return subpool.Executor(1)
