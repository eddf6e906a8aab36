"""The seam's other side: the same operations over the public API, for a CPython whose low level is not known."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

if TYPE_CHECKING:
    api: Any
elif sys.version_info >= (3, 14):
    from concurrent import interpreters as api
else:
    import interpreters_backport as api

__all__ = ["QueueEmpty", "count", "create", "create_queue", "destroy", "destroy_queue", "execute", "get", "put"]


class QueueEmpty(RuntimeError):  # noqa: N818 - it is no error that a queue is empty
    """What `get` raises on an empty queue."""


_interpreters: dict[int, Any] = {}
_queues: dict[int, Any] = {}


def create() -> int:
    """Make an interpreter with its own GIL and give its id."""
    interp = api.create()
    number: int = interp.id
    _interpreters[number] = interp
    return number


def destroy(interp: int) -> None:
    """End an interpreter in which nothing runs any more."""
    _interpreters.pop(interp).close()


def execute(interp: int, body: Callable[[], object], names: dict[str, Any]) -> str | None:
    """Run a function's body in an interpreter's `__main__`; the formatted error if it failed."""
    import inspect
    import textwrap

    _interpreters[interp].prepare_main(names)
    source = textwrap.dedent(inspect.getsource(body)).partition(":\n")[2]
    try:
        _interpreters[interp].exec(textwrap.dedent(source))
    except api.ExecutionFailed as failure:
        return str(failure)
    return None


def create_queue() -> int:
    """Make an unbounded queue."""
    queue = api.create_queue()
    number: int = queue.id
    _queues[number] = queue
    return number


def destroy_queue(queue: int) -> None:
    """Drop a queue: it ends with the last reference to it."""
    _queues.pop(queue, None)


def _find(queue: int) -> Any:
    found = _queues.get(queue)
    if found is None:
        found = _queues[queue] = api.Queue(queue)
    return found


def put(queue: int, item: Any) -> None:
    """Append an item."""
    _find(queue).put_nowait(item)


def get(queue: int) -> tuple[Any]:
    """Take the oldest item, as a tuple of one; raises a `RuntimeError` when there is none."""
    try:
        return (_find(queue).get_nowait(),)
    except api.QueueEmpty:
        raise QueueEmpty from None


def count(queue: int) -> int:
    """How many items stand in a queue."""
    number: int = _find(queue).qsize()
    return number
