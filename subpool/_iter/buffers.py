"""Buffers as shared memory: a worker reads and writes the very memory that the caller's buffer lies in.

Worker and caller are one process, so an address is enough; it is valid for as long as the caller keeps the buffer's
memory where it is, which a memoryview on it does until the last piece is home (`Plan.hold`). No view crosses a queue:
such a view must not outlive the interpreter that sent it, and pieces are passed on from worker to worker.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from subpool._iter.node import Node, Setup
from subpool._iter.ranges import as_slice
from subpool._wire.buffers import Description, Exporter, available, described

if TYPE_CHECKING:
    from subpool._iter.plan import Plan

__all__ = ["InPlace", "Shared", "Views", "is_buffer", "writable"]

PIECEWISE: Final = 65536
"""Items that are read at once, at most."""


def is_buffer(value: object) -> bool:
    """Whether a value offers its memory."""
    try:
        memoryview(value).release()  # type: ignore[arg-type]
    except (TypeError, BufferError, ValueError):
        return False
    return True


def writable(buffer: Any, name: str) -> memoryview[Any]:
    """A view on a buffer that can be written item by item.

    Raises:
        TypeError: it is no buffer, read-only, not contiguous, of several dimensions, or of items Python cannot write.
    """
    try:
        view = memoryview(buffer)
    except (TypeError, BufferError):
        raise TypeError(f"{name}: not a buffer: {type(buffer).__name__} {buffer!r:.60}") from None
    what = f"{name}: the {type(buffer).__name__}"
    if view.readonly:
        raise TypeError(f"{what} is read-only")
    if view.ndim != 1:
        raise TypeError(f"{what} has {view.ndim} dimensions: cast it to one")
    if not view.c_contiguous:
        raise TypeError(f"{what} is not contiguous: its items do not lie side by side")
    try:
        view[:0].tolist()
        if view.nbytes:
            view[0] = view[0]
    except (NotImplementedError, ValueError, TypeError):
        raise TypeError(f"{what} has items of format {view.format!r}, which cannot be written one by one") from None
    return view


# -- in another interpreter -----------------------------------------------------------------------------------------


def rebuilt(description: Description) -> Shared:
    """The same memory, in another interpreter; nothing of it is owned there."""
    return Shared(memoryview(Exporter(description)))


def copied(data: bytes, form: str) -> Shared:
    """What does not lie side by side, in another interpreter."""
    return Shared(memoryview(data).cast(form))  # type: ignore[call-overload]


# -- nodes ----------------------------------------------------------------------------------------------------------


class Shared(Node):
    """The items of a contiguous buffer, in the caller's memory."""

    __slots__ = ("size", "view")

    unplaced = None
    computes = False

    def __init__(self, view: memoryview[Any]) -> None:
        self.view = view
        self.size = len(view)

    def __reduce__(self) -> tuple[Any, ...]:
        view = self.view
        description = described(view) if view.c_contiguous else None
        return (copied, (view.tobytes(), view.format)) if description is None else (rebuilt, (description,))

    def ready(self, setup: Setup) -> Node:
        setup.held.append(self.view)
        available()  # which loads `ctypes`: here, and not on the courier's thread in the middle of the work
        return self

    def bind(self, positions: range) -> Node:
        return Shared(self.view[as_slice(positions)])

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        return self.view.tolist() if len(self.view) <= PIECEWISE else iter(self.view)


class Views(Node):
    """The memory of a buffer in chunks: views on it, each of which is for its own call only."""

    __slots__ = ("chunk", "shared", "size")

    unplaced = None
    computes = False

    def __init__(self, shared: Node, chunk: int) -> None:
        self.shared = shared
        self.chunk = chunk
        self.size = -(-(shared.size or 0) // chunk)

    def __reduce__(self) -> tuple[Any, ...]:
        return Views, (self.shared, self.chunk)

    def ready(self, setup: Setup) -> Node:
        return Views(self.shared.ready(setup), self.chunk)

    def bind(self, positions: range) -> Node:
        chunk, end = self.chunk, self.shared.size or 0
        return Views(self.shared.bind(range(positions.start * chunk, min(positions.stop * chunk, end))), chunk)

    def items(self, plan: Plan, *, lazy: bool) -> Iterator[Any]:
        assert isinstance(self.shared, Shared)
        view, chunk = self.shared.view, self.chunk
        for begin in range(0, len(view), chunk):
            part = view[begin : begin + chunk]
            yield part
            with suppress(BufferError):
                part.release()


class InPlace(Node):
    """Puts what the child gives in place of a buffer's items; gives nothing itself."""

    __slots__ = ("child", "size", "target")

    unplaced = None
    computes = True

    def __init__(self, child: Node, target: Node) -> None:
        self.child = child
        self.target = target
        self.size = child.size

    def __reduce__(self) -> tuple[Any, ...]:
        return InPlace, (self.child, self.target)

    def ready(self, setup: Setup) -> Node:
        return InPlace(self.child.ready(setup), self.target.ready(setup))

    def bind(self, positions: range) -> Node:
        return InPlace(self.child.bind(positions), self.target.bind(positions))

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        assert isinstance(self.target, Shared)
        self.child.write(plan, self.target.view)
        return ()
