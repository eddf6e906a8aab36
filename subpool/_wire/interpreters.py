"""The version seam: subinterpreters and cross-interpreter queues, on every supported CPython.

CPython 3.13 to 3.15 offer both as low-level modules whose signatures differ; they are used directly, since a put and a
get cost a third of what the public classes cost. On a later CPython whose low level is unknown, the public API serves.

Guarantees:
    - A queue item that is an int is handed to exactly one getter, and never leaks.
    - Every queue operation takes a process-wide mutex, so it orders what a thread read and wrote in shared memory
      before and after it (the protocol note calls this the *fence*).
    - `get` on an empty queue raises a subclass of `RuntimeError` (`QueueEmpty`) and imports nothing.

Queues are named by plain ints, and belong to the process: any interpreter may use any of them.
"""

from __future__ import annotations

import sys
from threading import Lock
from time import sleep
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["QueueEmpty", "count", "create", "create_queue", "destroy", "destroy_queue", "execute", "get", "put"]

KNOWN: Final = (3, 13) <= sys.version_info[:2] <= (3, 15)

if TYPE_CHECKING:  # the low level has no stubs, or incomplete ones
    _interpqueues = _interpreters = cast("Any", None)
elif KNOWN:
    import _interpqueues
    import _interpreters

if KNOWN or TYPE_CHECKING:

    class QueueEmpty(RuntimeError):  # noqa: N818 - it is no error that a queue is empty
        """What `get` raises on an empty queue, unless somebody registered another class: a `RuntimeError` too."""

    class _Queue:
        """Stands in for the public queue class, which would have to be imported for the registration."""

    class _QueueFull(RuntimeError):  # noqa: N818 - as above
        pass

    if not any(name.rpartition(".")[2] == "_queues" for name in list(sys.modules)):
        # Without this, the first empty `get` of an interpreter imports a package for its exception: 5 to 48 ms.
        _interpqueues._register_heap_types(_Queue, QueueEmpty, _QueueFull)

    making = Lock()

    def create() -> int:
        """Make an interpreter with its own GIL and give its id.

        CPython 3.13.0 now and then fails to, when another thread makes one at the same time: hence one after the other,
        and another attempt.
        """
        with making:
            interp = _create(attempts=4)
        if sys.version_info < (3, 14):  # a memoryview crosses only to an interpreter that has this module
            _interpreters.exec(interp, "import _interpreters")
        return interp

    def _create(attempts: int) -> int:
        try:
            interp: int = _interpreters.create("isolated")
        except _interpreters.InterpreterError:
            if attempts == 1:
                raise
            sleep(0.01)
            return _create(attempts - 1)
        return interp

    def execute(interp: int, body: Callable[[], object], names: dict[str, Any]) -> str | None:
        """Run a function's body in an interpreter's `__main__`; the formatted error if it failed."""
        _interpreters.set___main___attrs(interp, names)
        failure = _interpreters.exec(interp, body)
        return None if failure is None else (getattr(failure, "errdisplay", None) or failure.formatted)

    destroy: Callable[[int], None] = _interpreters.destroy
    """Ends an interpreter in which nothing runs any more."""
    destroy_queue: Callable[[int], None] = _interpqueues.destroy
    get: Callable[[int], Any] = _interpqueues.get
    """Takes the oldest item: the first entry of the tuple that is returned. Raises `QueueEmpty`."""
    count: Callable[[int], int] = _interpqueues.get_count
    """How many items stand in a queue. The cheapest *fence*."""

    if sys.version_info < (3, 14):

        def create_queue() -> int:
            """Make an unbounded queue of items handed over by the interpreters' own protocol."""
            number: int = _interpqueues.create(0, 0, 2)
            return number

        def put(queue: int, item: Any, _put: Callable[..., None] = _interpqueues.put) -> None:
            """Append an item."""
            _put(queue, item, 0, 2)

    else:

        def create_queue() -> int:
            """Make an unbounded queue of items handed over by the interpreters' own protocol."""
            number: int = _interpqueues.create(0, 3, -1)
            return number

        put: Callable[[int, Any], None] = _interpqueues.put

else:
    from subpool._wire.public_interpreters import (
        QueueEmpty,
        count,
        create,
        create_queue,
        destroy,
        destroy_queue,
        execute,
        get,
        put,
    )
