"""The reader: takes a pipeline's source batch by batch, in order, where it cannot be divided beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from subpool._iter.node import Node
from subpool._iter.shapes import Chained
from subpool._iter.sources import Elements, Read
from subpool._iter.stages import Loop

__all__ = ["Reader"]


class Reader:
    """Reads the parts of a pipeline that is ready to run; what is read once is not read again."""

    def __init__(self, node: Node) -> None:
        self._segments = _segments(node, ())
        self._source: Node | None = None
        self._loops: tuple[int, ...] = ()
        self._items: Iterator[Any] = iter(())
        self._position = 0
        self._error: Exception | None = None

    def read(self, most: int) -> Node | None:
        """The next part of the pipeline, of so many positions at most; None at the end.

        Raises:
            Exception: what the source raises.
        """
        while True:
            part = None if self._source is None else self._part(most)
            if part is not None:
                for number in self._loops:
                    part = Loop(part, number)
                return part
            segment = next(self._segments, None)
            if segment is None:
                return None
            self._source, self._loops = segment
            self._position = 0
            if isinstance(self._source, Read):
                self._items = iter(self._source.source)

    def _part(self, most: int) -> Node | None:
        source = self._source
        if isinstance(source, Read):
            return self._batch(most)
        assert source is not None
        first = self._position
        self._position = min(first + most, source.size or 0)
        return source.bind(range(first, self._position)) if self._position > first else None

    def _batch(self, most: int) -> Node | None:
        """Some items of an iterable. If it fails, what it gave before that comes first."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        batch: list[Any] = []
        try:
            batch.extend(islice(self._items, most))
        except Exception as raised:
            if not batch:
                raise
            self._error = raised
        return Elements(batch) if batch else None


def _segments(node: Node, loops: tuple[int, ...]) -> Iterator[tuple[Node, tuple[int, ...]]]:
    """The parts of a pipeline that come one after the other, each with the loops over it, the innermost first."""
    if node.size is not None or isinstance(node, Read):
        yield node, loops
    elif isinstance(node, Loop):
        yield from _segments(node.child, (node.number, *loops))
    elif isinstance(node, Chained):
        for child in node.children:
            yield from _segments(child, loops)
