"""The adaptors: what is done with the items on their way. Nothing runs until a result is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Self

from subpool._iter.face import Face, node_of, placed, positive, whole
from subpool._iter.node import Node
from subpool._iter.shapes import Chained, Chunked, Cycled, Enumerated, Gathered, Picked, Windowed, Zipped
from subpool._iter.stages import Op

if TYPE_CHECKING:
    from subpool.iterators import ParIter

__all__ = ["Adaptors"]


class Adaptors[T](Face):
    """Each adaptor gives a new pipeline; all of them are fused into one loop, which runs wherever a piece is done."""

    __slots__ = ()

    # -- item by item --------------------------------------------------------------------------------------------------

    def map[R](self, f: Callable[[T], R]) -> ParIter[R]:
        """What `f` makes of each item.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([1, 2, 3]).map(lambda x: x * x).collect()
            [1, 4, 9]
        """
        return self._over(self._staged("map", Op.MAP, f))  # type: ignore[no-any-return]

    def starmap[R](self, f: Callable[..., R]) -> ParIter[R]:
        """What `f` makes of each item's parts, as arguments.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([(2, 5), (3, 2)]).starmap(pow).collect()
            [32, 9]
        """
        return self._over(self._staged("starmap", Op.STARMAP, f))  # type: ignore[no-any-return]

    def map_init[S, R](self, init: Callable[[], S], f: Callable[[S, T], R]) -> ParIter[R]:
        """What `f` makes of a state and each item. Each interpreter that takes part makes a state of its own, once.

        Args:
            init: makes the state: a connection, a buffer, a random number generator.
            f: called with the state and an item.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("aab").map_init(dict, lambda cache, x: cache.setdefault(x, x.upper())).collect()
            ['A', 'A', 'B']
        """
        return self._over(self._staged("map_init", Op.MAP_INIT, init, f))  # type: ignore[no-any-return]

    def filter(self, predicate: Callable[[T], object] | None) -> Self:
        """The items for which `predicate` is true; with None, those that are true themselves.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(10)).filter(lambda x: x % 3 == 0).collect()
            [0, 3, 6, 9]
        """
        call: Callable[[T], object] = bool if predicate is None else predicate
        return self._over(self._staged("filter", Op.FILTER, call))  # type: ignore[no-any-return]

    def filter_map[R](self, f: Callable[[T], R | None]) -> ParIter[R]:
        """What `f` makes of each item, without the Nones.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(["1", "x", "3"]).filter_map(lambda text: int(text) if text.isdigit() else None).collect()
            [1, 3]
        """
        return self._over(self._staged("filter_map", Op.FILTER_MAP, f))  # type: ignore[no-any-return]

    def flat_map[R](self, f: Callable[[T], Iterable[R]]) -> ParIter[R]:
        """The items of what `f` makes of each item, one after the other.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([1, 3]).flat_map(range).collect()
            [0, 0, 1, 2]
        """
        return self._over(self._staged("flat_map", Op.FLAT_MAP, f))  # type: ignore[no-any-return]

    def inspect(self, f: Callable[[T], object]) -> Self:
        """The same items, each shown to `f` as it passes.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([1, 2]).inspect(lambda x: None).sum()
            3
        """
        return self._over(self._staged("inspect", Op.INSPECT, f))  # type: ignore[no-any-return]

    def update(self, f: Callable[[T], object]) -> Self:
        """The same items, each after `f` has changed it. What crosses is a copy: only what comes out shows the change.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([[1], [2]]).update(lambda part: part.append(0)).collect()
            [[1, 0], [2, 0]]
        """
        return self._over(self._staged("update", Op.INSPECT, f))  # type: ignore[no-any-return]

    # -- by position ---------------------------------------------------------------------------------------------------

    def enumerate(self, start: int = 0) -> ParIter[tuple[int, T]]:
        """Pairs of a number and an item.

        Raises:
            TypeError: the items have no known positions.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("ab").enumerate(1).collect()
            [(1, 'a'), (2, 'b')]
        """
        node = self._placed("enumerate")
        return self._over(Enumerated(node, whole("enumerate", start, start)))  # type: ignore[no-any-return]

    def rev(self) -> Self:
        """The items from the last to the first. What comes before is computed in that order too.

        Raises:
            TypeError: the items have no known positions.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("abc").rev().collect()
            ['c', 'b', 'a']
        """
        if self._line.node.endless:
            raise ValueError("rev: the items never end: there is no last one")
        return self._picked("rev", slice(None, None, -1))

    def skip(self, n: int) -> Self:
        """The items without the first `n`, which are not computed.

        Raises:
            TypeError: the items have no known positions.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("abcd").skip(2).collect()
            ['c', 'd']
        """
        return self._picked("skip", slice(whole("skip", n, 0), None))

    def take(self, n: int) -> Self:
        """The first `n` items, or all there are; no others are computed.

        Raises:
            TypeError: the items have no known positions.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("abcd").cycle().take(6).collect()
            ['a', 'b', 'c', 'd', 'a', 'b']
        """
        return self._picked("take", slice(whole("take", n, 0)))

    def step_by(self, n: int) -> Self:
        """The first item, and every `n`-th after it; no others are computed.

        Raises:
            TypeError: the items have no known positions.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("abcde").step_by(2).collect()
            ['a', 'c', 'e']
        """
        return self._picked("step_by", slice(None, None, positive("step_by", n)))

    def chunks(self, n: int) -> ParIter[tuple[T, ...]]:
        """Tuples of `n` items; the last may be shorter.

        Raises:
            TypeError: the items have no known positions.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("abcde").chunks(2).collect()
            [('a', 'b'), ('c', 'd'), ('e',)]
        """
        return self._over(Chunked(self._placed("chunks"), positive("chunks", n)))  # type: ignore[no-any-return]

    def windows(self, n: int) -> ParIter[tuple[T, ...]]:
        """Every `n` neighbouring items as a tuple. Items that have to be computed are all computed first, each once.

        Raises:
            TypeError: the items have no known positions.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([1, 4, 9]).windows(2).map(lambda pair: pair[1] - pair[0]).collect()
            [3, 5]
        """
        node = gathered(self._placed("windows"))
        return self._over(Windowed(node, positive("windows", n)))  # type: ignore[no-any-return]

    # -- with others ---------------------------------------------------------------------------------------------------

    def zip[U](self, other: Iterable[U] | ParIter[U], strict: bool = False) -> ParIter[tuple[T, U]]:
        """Pairs of an item and the one at the same position of another source or pipeline: as many as the shorter has.

        Args:
            other: a source as `par_iter` takes it, or a pipeline.
            strict: both must be of one length.

        Raises:
            TypeError: the items of one of them have no known positions.
            ValueError: they are of different lengths, and `strict`.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("ab").zip(range(5)).collect()
            [('a', 0), ('b', 1)]
        """
        mine, theirs = self._placed("zip"), placed("zip", node_of(other))
        if strict and mine.size != theirs.size:
            raise ValueError(f"zip: the sources have lengths {mine.size} and {theirs.size}")
        return self._over(Zipped((mine, theirs)))  # type: ignore[no-any-return]

    def chain[U](self, *others: Iterable[U] | ParIter[U]) -> ParIter[T | U]:
        """The items, and then those of other sources or pipelines.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("ab").chain(range(2)).collect()
            ['a', 'b', 0, 1]
        """
        return self._over(Chained((self._line.node, *map(node_of, others))))  # type: ignore[no-any-return]

    def cycle(self) -> Self:
        """The items again and again, without end. Items that have to be computed are all computed first, each once.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([1, 2]).cycle().find_first(lambda x: x > 1)
            2
        """
        node = self._line.node
        return self if node.endless else self._over(Cycled(gathered(node)))

    def _picked(self, name: str, pick: slice) -> Self:
        node = self._placed(name)
        if isinstance(node, Picked):
            return self._over(Picked(node.child, *node.picks, pick))  # type: ignore[no-any-return]
        return self._over(Picked(node, pick))  # type: ignore[no-any-return]


def gathered(node: Node) -> Node:
    """The node, or one that has its items there before they are used more than once."""
    return Gathered(node) if node.computes else node
