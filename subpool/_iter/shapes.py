"""Shapes: nodes that choose, order, number or group the items of other nodes by their positions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import batched, chain, islice, repeat
from typing import TYPE_CHECKING, Any

from subpool._iter.node import Node, Setup
from subpool._iter.ranges import ENDLESS, length, select, span, split_at
from subpool._iter.sources import Elements
from subpool._iter.stages import Over

if TYPE_CHECKING:
    from subpool._iter.plan import Plan

__all__ = ["Chained", "Chunked", "Cycled", "Enumerated", "Gathered", "Picked", "Windowed", "Zipped"]


class Picked(Over):
    """The items at some of a node's positions: what `skip`, `take`, `step_by` and `rev` leave, in their order."""

    __slots__ = ("computes", "picks")

    unplaced = None

    def __init__(self, child: Node, *picks: slice) -> None:
        self.child = child
        self.computes = child.computes
        self.picks = picks

    @property
    def positions(self) -> range:
        """The child's positions."""
        positions = range(self.child.size or 0)
        for pick in self.picks:
            positions = positions[pick]
        return positions

    @property
    def endless(self) -> bool:
        """Whether the child's items never end, and the last ones are among these."""
        return self.child.endless and self.positions.stop >= ENDLESS // 2

    @property
    def size(self) -> int:  # type: ignore[override]
        """How many positions are left."""
        return length(self.positions)

    def ready(self, setup: Setup) -> Node:
        return Picked(self.child.ready(setup), *self.picks)

    def bind(self, positions: range) -> Node:
        return self.child.bind(select(self.positions, positions))

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        return self.bind(range(self.size)).items(plan, lazy=lazy)


class Enumerated(Over):
    """Items with their numbers."""

    __slots__ = ("computes", "size", "start", "step")

    unplaced = None

    def __init__(self, child: Node, start: int, step: int = 1) -> None:
        self.child = child
        self.computes = child.computes
        self.start = start
        self.step = step
        self.size = child.size

    def __reduce__(self) -> tuple[Any, ...]:
        return Enumerated, (self.child, self.start, self.step)

    def ready(self, setup: Setup) -> Node:
        return Enumerated(self.child.ready(setup), self.start, self.step)

    def bind(self, positions: range) -> Node:
        start = self.start + positions.start * self.step
        return Enumerated(self.child.bind(positions), start, positions.step * self.step)

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        size = self.size or 0
        numbers = range(self.start, self.start + size * self.step, self.step)
        return zip(numbers, self.child.items(plan, lazy=True), strict=False)


class Zipped(Node):
    """Items of several nodes side by side; `padded` goes on to the longest, with `fill` for what is missing."""

    __slots__ = ("children", "fill", "padded", "size")

    unplaced = None

    def __init__(self, children: tuple[Node, ...], padded: bool = False, fill: object = None) -> None:
        self.children = children
        self.padded = padded
        self.fill = fill
        sizes = [child.size or 0 for child in children]
        self.size = max(sizes) if padded else min(sizes)

    def __reduce__(self) -> tuple[Any, ...]:
        return Zipped, (self.children, self.padded, self.fill)

    @property
    def endless(self) -> bool:
        """Whether the longest, or the shortest, never ends."""
        return (any if self.padded else all)(child.endless for child in self.children)

    @property
    def computes(self) -> bool:  # type: ignore[override]
        return any(child.computes for child in self.children)

    def ready(self, setup: Setup) -> Node:
        return Zipped(tuple(child.ready(setup) for child in self.children), self.padded, self.fill)

    def bind(self, positions: range) -> Node:
        if not self.padded:
            return Zipped(tuple(child.bind(positions) for child in self.children))
        return Zipped(tuple(self._padded(child, positions) for child in self.children))

    def _padded(self, child: Node, positions: range) -> Node:
        size = child.size or 0
        there = span(positions, size)
        filling = Cycled(Elements((self.fill,))).bind(range(len(positions) - len(there)))
        if not there:
            return filling
        return Chained((child.bind(there), filling) if positions.step > 0 else (filling, child.bind(there)))

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        if self.padded:
            return self.bind(range(self.size or 0)).items(plan, lazy=lazy)
        return zip(*(child.items(plan, lazy=True) for child in self.children), strict=False)


class Chained(Node):
    """The items of several nodes, one node after the other."""

    __slots__ = ("children", "size", "unplaced")

    def __init__(self, children: tuple[Node, ...]) -> None:
        self.children = children
        sizes = [child.size for child in children]
        self.size = None if None in sizes else min(ENDLESS, sum(size or 0 for size in sizes))
        self.unplaced = next((child.unplaced for child in children if child.unplaced), None)

    def __reduce__(self) -> tuple[Any, ...]:
        return Chained, (self.children,)

    @property
    def endless(self) -> bool:
        """Whether one of them never ends."""
        return any(child.endless for child in self.children)

    @property
    def computes(self) -> bool:  # type: ignore[override]
        return any(child.computes for child in self.children)

    def ready(self, setup: Setup) -> Node:
        return Chained(tuple(child.ready(setup) for child in self.children))

    def bind(self, positions: range) -> Node:
        parts: list[Node] = []
        step = positions.step
        for child in self.children:
            if not positions:
                break
            there, positions = split_at(positions, child.size or 0)
            if there:
                parts.append(child.bind(there))
        if len(parts) == 1:
            return parts[0]
        return Chained(tuple(parts if step > 0 else reversed(parts)))

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        return chain.from_iterable(child.items(plan, lazy=True) for child in self.children)


class Cycled(Node):
    """The items of a node again and again; once bound, `offset`, `size` and `step` say which part of that."""

    __slots__ = ("child", "offset", "size", "step", "unplaced")

    computes = False

    def __init__(self, child: Node, offset: int = 0, size: int | None = ENDLESS, step: int = 1) -> None:
        self.child = child
        self.offset = offset
        self.step = step
        self.size = 0 if child.size == 0 else size
        self.unplaced = child.unplaced

    def __reduce__(self) -> tuple[Any, ...]:
        return Cycled, (self.child, self.offset, self.size, self.step)

    def ready(self, setup: Setup) -> Node:
        return Cycled(self.child.ready(setup))

    def bind(self, positions: range) -> Node:
        period, size = self.child.size or 0, len(positions)
        offset, step = self.offset + positions.start * self.step, self.step * positions.step
        if size >= period or step != 1 or not period:
            return Cycled(self.child, offset % period if period else 0, size, step)
        offset %= period
        ahead = min(size, period - offset)
        parts = [self.child.bind(range(offset, offset + ahead))]
        if ahead < size:
            parts.append(self.child.bind(range(size - ahead)))
        return Chained(tuple(parts)) if len(parts) > 1 else parts[0]

    def items(self, plan: Plan, *, lazy: bool) -> Iterator[Any]:
        period, size = self.child.size or 0, self.size or 0
        if not size or not period:
            return iter(())
        whole = list(self.child.items(plan, lazy=lazy))
        if self.step == 1:
            rounds = chain.from_iterable(repeat(whole))
            return islice(rounds, self.offset, self.offset + size)
        return (whole[(self.offset + place * self.step) % period] for place in range(size))


class Chunked(Over):
    """Items in tuples of `chunk`; the last may be shorter."""

    __slots__ = ("chunk", "computes", "size")

    unplaced = None

    def __init__(self, child: Node, chunk: int) -> None:
        self.child = child
        self.computes = child.computes
        self.chunk = chunk
        self.size = -(-(child.size or 0) // chunk)

    def __reduce__(self) -> tuple[Any, ...]:
        return Chunked, (self.child, self.chunk)

    def ready(self, setup: Setup) -> Node:
        return Chunked(self.child.ready(setup), self.chunk)

    def _reach(self, chunk: int) -> range:
        return range(chunk * self.chunk, min((chunk + 1) * self.chunk, self.child.size or 0))

    def bind(self, positions: range) -> Node:
        if positions.step == 1 and positions:
            reach = range(self._reach(positions.start).start, self._reach(positions[-1]).stop)
            return Chunked(self.child.bind(reach), self.chunk)
        return Grouped(tuple(self.child.bind(self._reach(chunk)) for chunk in positions))

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        return batched(self.child.items(plan, lazy=True), self.chunk, strict=False)


class Windowed(Over):
    """Every `width` neighbouring items, as a tuple."""

    __slots__ = ("size", "width")

    unplaced = None
    computes = False

    def __init__(self, child: Node, width: int) -> None:
        self.child = child
        self.width = width
        self.size = max(0, (child.size or 0) - width + 1)

    def __reduce__(self) -> tuple[Any, ...]:
        return Windowed, (self.child, self.width)

    def ready(self, setup: Setup) -> Node:
        return Windowed(self.child.ready(setup), self.width)

    def bind(self, positions: range) -> Node:
        if positions.step == 1 and positions:
            reach = range(positions.start, positions.stop + self.width - 1)
            return Windowed(self.child.bind(reach), self.width)
        return Grouped(tuple(self.child.bind(range(first, first + self.width)) for first in positions))

    def items(self, plan: Plan, *, lazy: bool) -> Iterator[Any]:
        items = iter(self.child.items(plan, lazy=True))
        window = deque(islice(items, self.width - 1), maxlen=self.width)
        for item in items:
            window.append(item)
            yield tuple(window)


class Grouped(Node):
    """Tuples, each of all items of one node."""

    __slots__ = ("groups", "size")

    unplaced = None
    computes = True

    def __init__(self, groups: tuple[Node, ...]) -> None:
        self.groups = groups
        self.size = len(groups)

    def __reduce__(self) -> tuple[Any, ...]:
        return Grouped, (self.groups,)

    def bind(self, positions: range) -> Node:
        return Grouped(tuple(self.groups[position] for position in positions))

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        return (tuple(group.items(plan, lazy=True)) for group in self.groups)


class Gathered(Over):
    """The items of a node that have to be there before anything is made of them: each is computed once."""

    __slots__ = ()

    computes = False

    def __init__(self, child: Node) -> None:
        self.child = child

    @property
    def size(self) -> int | None:  # type: ignore[override]
        """As many as the child's positions, at most."""
        return self.child.size

    @property
    def unplaced(self) -> str | None:  # type: ignore[override]
        """As the child."""
        return self.child.unplaced

    def ready(self, setup: Setup) -> Node:
        return Elements(setup.collect(self.child))
