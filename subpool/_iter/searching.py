"""The terminals that are decided by some of the items, and those that compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from subpool._iter.face import Face, node_of
from subpool._iter.folds import Parted
from subpool._iter.node import Node
from subpool._iter.searches import AllTrue, AnyTrue, Find, Order, Position
from subpool._iter.shapes import Zipped
from subpool._iter.sources import Elements
from subpool._iter.stages import Op, staged

if TYPE_CHECKING:
    from subpool.iterators import ParIter

__all__ = ["Searching"]


class Searching[T](Face):
    """What is decided early stops the rest: whoever runs a piece notices within a block of half a millisecond."""

    __slots__ = ()

    def any(self, predicate: Callable[[T], object] = bool) -> bool:
        """Whether `predicate` holds for an item, wherever it is; or whether an item is true.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(100)).any(lambda x: x > 50)
            True
        """
        line = self._line.over(self._staged("any", Op.MAP, predicate))
        return line.fold("any", AnyTrue())  # type: ignore[no-any-return]

    def all(self, predicate: Callable[[T], object] = bool) -> bool:
        """Whether `predicate` holds for all items; or whether all items are true.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(100)).all(lambda x: x > 50)
            False
        """
        line = self._line.over(self._staged("all", Op.MAP, predicate))
        return line.fold("all", AllTrue())  # type: ignore[no-any-return]

    def find_any(self, predicate: Callable[[T], object]) -> T | None:
        """An item for which `predicate` holds, whichever is met first; None if there is none.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([1, 2, 3]).find_any(lambda x: x % 2 == 0)
            2
        """
        line = self._line.over(self._staged("find_any", Op.FILTER, predicate))
        return line.fold("find_any", Find(first=False))  # type: ignore[no-any-return]

    def find_first(self, predicate: Callable[[T], object]) -> T | None:
        """The first item for which `predicate` holds; None if there is none.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(100)).find_first(lambda x: x * x > 50)
            8
        """
        line = self._line.over(self._staged("find_first", Op.FILTER, predicate))
        return line.fold("find_first", Find(first=True))  # type: ignore[no-any-return]

    def find_map_any[R](self, f: Callable[[T], R | None]) -> R | None:
        """What `f` makes of an item, if that is not None, of whichever is met first; None if there is none.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(["x", "7"]).find_map_any(lambda text: int(text) if text.isdigit() else None)
            7
        """
        line = self._line.over(self._staged("find_map_any", Op.FILTER_MAP, f))
        return line.fold("find_map_any", Find(first=False))  # type: ignore[no-any-return]

    def find_map_first[R](self, f: Callable[[T], R | None]) -> R | None:
        """What `f` makes of the first item for which that is not None; None if there is none.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(["x", "7", "8"]).find_map_first(lambda text: int(text) if text.isdigit() else None)
            7
        """
        line = self._line.over(self._staged("find_map_first", Op.FILTER_MAP, f))
        return line.fold("find_map_first", Find(first=True))  # type: ignore[no-any-return]

    def position(self, predicate: Callable[[T], object]) -> int | None:
        """How many items come before the first for which `predicate` holds; None if there is none.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("abc").position(lambda letter: letter == "c")
            2
        """
        line = self._line.over(self._staged("position", Op.MAP, predicate))
        return line.fold("position", Position())  # type: ignore[no-any-return]

    def partition(self, predicate: Callable[[T], object]) -> tuple[list[T], list[T]]:
        """Two lists: the items for which `predicate` holds, and the others.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(5)).partition(lambda x: x % 2)
            ([1, 3], [0, 2, 4])
        """
        if not callable(predicate):
            raise TypeError(f"partition: not callable: {predicate!r}")
        return self._line.fold("partition", Parted(predicate))  # type: ignore[no-any-return]

    # -- comparing -----------------------------------------------------------------------------------------------------

    def eq(self, other: Iterable[Any] | ParIter[Any], *, key: Callable[[Any], Any] | None = None) -> bool:
        """Whether the items equal those of another source or pipeline, one by one, and are as many.

        Args:
            other: a source as `par_iter` takes it, or a pipeline.
            key: what to compare the items by.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("ab").eq("AB", key=str.lower)
            True
        """
        mine, theirs = self._comparable("eq", self._line.node), self._comparable("eq", node_of(other))
        if mine.size != theirs.size:
            return False
        pairs = staged(Zipped((mine, theirs)), Op.STARMAP, Order("eq", key))
        return not self._line.over(pairs).fold("eq", AnyTrue())

    def ne(self, other: Iterable[Any] | ParIter[Any], *, key: Callable[[Any], Any] | None = None) -> bool:
        """Whether they are not equal; see `eq`.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([1, 2]).ne([1, 3])
            True
        """
        return not self.eq(other, key=key)

    def cmp(self, other: Iterable[Any] | ParIter[Any], *, key: Callable[[Any], Any] | None = None) -> int:
        """How the items compare to those of another source or pipeline, as two lists would: -1, 0 or 1.

        Args:
            other: a source as `par_iter` takes it, or a pipeline.
            key: what to compare the items by.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([1, 2]).cmp([1, 3])
            -1
        """
        mine, theirs = self._comparable("cmp", self._line.node), self._comparable("cmp", node_of(other))
        pairs = staged(staged(Zipped((mine, theirs)), Op.STARMAP, Order("cmp", key)), Op.FILTER, bool)
        order: int | None = self._line.over(pairs).fold("cmp", Find(first=True))
        if order is not None:
            return order
        here, there = mine.size or 0, theirs.size or 0
        return (here > there) - (here < there)

    def _comparable(self, name: str, node: Node) -> Node:
        """The node; or its items, where their positions are not known beforehand."""
        if node.size is not None and node.unplaced is None:
            return node
        if node.endless:
            raise ValueError(f"{name}: the items never end: take some of them")
        return Elements(self._line.collect(node))
