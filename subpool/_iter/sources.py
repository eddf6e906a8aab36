"""Sources: what a pipeline goes over. Those with positions are divided; what can only be gone through is read."""

from __future__ import annotations

import itertools
import operator
from array import array
from collections import deque
from collections.abc import ItemsView, Iterable, KeysView, Sequence, Set as AbstractSet, ValuesView
from typing import TYPE_CHECKING, Any, Final

from subpool._iter.buffers import Shared, is_buffer
from subpool._iter.node import Node, Setup
from subpool._iter.packing import packed
from subpool._iter.ranges import as_slice, length, select

if TYPE_CHECKING:
    from subpool._iter.plan import Plan

__all__ = ["Elements", "Numbers", "Read", "Snapshot", "kind_of", "source_of"]

BUFFERS: Final = (bytes, bytearray, array, memoryview)
PLAIN: Final[tuple[Any, ...]] = (list, tuple, str)
ITERATIONS: Final[tuple[Any, ...]] = tuple(kind.__iter__ for kind in PLAIN)
"""A subclass with another way to go through it can only be gone through."""
SLICED: Final = (list, tuple, str, bytes, bytearray, array)
WIDE: Final = ("u", "w")
"""Type codes of arrays whose items no memoryview gives."""
FEW: Final = 512
"""Bytes: smaller buffers are copied."""


def source_of(source: Any) -> Node:
    """The node that goes over a source.

    Raises:
        TypeError: it cannot be iterated.
    """
    kind: Any = source.__class__
    if issubclass(kind, range):
        return Numbers(source)
    if issubclass(kind, PLAIN):
        return Elements(source) if kind.__iter__ in ITERATIONS else Read(source)
    if issubclass(kind, array) and source.typecode in WIDE:
        return Elements(source)
    if is_buffer(source):
        return _buffer(source)
    if issubclass(kind, (dict, KeysView, ValuesView, ItemsView, deque)):
        return Snapshot(source)
    if issubclass(kind, AbstractSet):
        return Snapshot(source, f"a {kind_of(source)}")
    if issubclass(kind, Sequence):
        return Elements(source)
    if not hasattr(kind, "__iter__") and not hasattr(kind, "__getitem__"):
        raise TypeError(f"par_iter: cannot be iterated: {kind_of(source)} {source!r}")
    return Read(source)


def _buffer(source: Any) -> Node:
    view = memoryview(source)
    if view.ndim != 1:
        raise TypeError(f"par_iter: a buffer of {view.ndim} dimensions has no items to go over: cast it to one")
    if issubclass(type(source), BUFFERS) and (view.nbytes < FEW or not view.c_contiguous):
        return Elements(source)
    return Shared(view)


def kind_of(value: object) -> str:
    """A value's type, for messages."""
    return type(value).__name__


class Numbers(Node):
    """The items of a range."""

    __slots__ = ("numbers", "size")

    unplaced = None
    computes = False

    def __init__(self, numbers: range) -> None:
        self.numbers = numbers
        self.size = length(numbers)

    def __reduce__(self) -> tuple[Any, ...]:
        return Numbers, (self.numbers,)

    def ready(self, setup: Setup) -> Node:
        return self

    def bind(self, positions: range) -> Node:
        return Numbers(select(self.numbers, positions))

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        return self.numbers


class Elements(Node):
    """The items of a sequence. What crosses is a slice of it."""

    __slots__ = ("elements", "size")

    unplaced = None
    computes = False

    def __init__(self, elements: Sequence[Any]) -> None:
        self.elements = elements
        self.size = len(elements)

    def __reduce__(self) -> tuple[Any, ...]:
        elements: Any = self.elements
        return Elements, (packed(elements) if type(self.elements) is list else elements,)

    def ready(self, setup: Setup) -> Node:
        elements: Any = self.elements
        return Elements(elements.tolist() if isinstance(elements, memoryview) else elements)

    def bind(self, positions: range) -> Node:
        elements = self.elements
        if len(elements) != self.size:
            raise RuntimeError(f"{kind_of(elements)} changed size during iteration")
        if isinstance(elements, SLICED):
            return Elements(elements[as_slice(positions)])
        return Elements([elements[position] for position in positions])

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        return self.elements


class Snapshot(Node):
    """The items of a collection that has no positions of its own: they are listed when the work begins."""

    __slots__ = ("source", "unplaced")

    computes = False

    def __init__(self, source: Any, unplaced: str | None = None) -> None:
        self.source = source
        self.unplaced = unplaced

    @property
    def size(self) -> int:  # type: ignore[override]
        """How many items it has now."""
        return len(self.source)

    def ready(self, setup: Setup) -> Node:
        source, items = self.source, list(self.source)

        def check() -> None:
            if len(source) != len(items):
                raise RuntimeError(f"{kind_of(source)} changed size during iteration")

        setup.checks.append(check)
        return Elements(items)


class Read(Node):
    """The items of an iterable that can only be gone through: the caller reads them, batch by batch."""

    __slots__ = ("source", "unplaced")

    size = None
    computes = True

    def __init__(self, source: Iterable[Any]) -> None:
        self.source = source
        self.unplaced = f"a {kind_of(source)}"

    @property
    def endless(self) -> bool:
        """Whether it is one of those iterators that are known to have no end."""
        source = self.source
        if isinstance(source, itertools.repeat):
            return operator.length_hint(source, -1) < 0  # its own hint is a TypeError if it has no end
        return isinstance(source, (itertools.count, itertools.cycle))

    def ready(self, setup: Setup) -> Node:
        return self
