"""The terminals: what is made of the items of a pipeline. Each runs it, and returns when all of it is done."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, overload

from subpool._iter.buffers import InPlace, Shared, writable
from subpool._iter.extremes import Extremes
from subpool._iter.face import Face
from subpool._iter.folds import Collect, Count, Drain, FoldWith, Product, Reduce, ToDict, ToSet, Unzip
from subpool._iter.per_worker import CollectPerWorker, FoldPerWorker
from subpool._iter.stages import Op
from subpool._iter.sums import Sum

if TYPE_CHECKING:
    from subpool._iter.folds import Fold

__all__ = ["Terminals"]

_MISSING: Any = object()


class Terminals[T](Face):
    """Results come in source order wherever the built-in would give one.

    Every terminal raises what the sequential program would have raised first, and stops the rest early.
    """

    __slots__ = ()

    def _fold(self, name: str, fold: Fold) -> Any:
        return self._line.fold(name, fold)

    # -- collections ---------------------------------------------------------------------------------------------------

    def collect(self) -> list[T]:
        """All items, in a list.

        Raises:
            ValueError: the items never end.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(3)).map(str).collect()
            ['0', '1', '2']
        """
        return self._fold("collect", Collect())  # type: ignore[no-any-return]

    def to_set(self) -> set[T]:
        """All different items, in a set.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([3, -3]).map(abs).to_set()
            {3}
        """
        return self._fold("to_set", ToSet())  # type: ignore[no-any-return]

    def to_dict[K, V](self: Terminals[tuple[K, V]]) -> dict[K, V]:
        """A dict of the items, which are pairs; of equal keys the last one counts.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(["a", "bb"]).map(lambda word: (word, len(word))).to_dict()
            {'a': 1, 'bb': 2}
        """
        return self._fold("to_dict", ToDict())  # type: ignore[no-any-return]

    def unzip(self) -> tuple[list[Any], ...]:
        """A list for each part of the items, which are tuples of one length; two empty ones if there are no items.

        Raises:
            ValueError: items differ in length.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([1, 2, 3]).map(lambda x: (x, -x)).unzip()
            ([1, 2, 3], [-1, -2, -3])
        """
        return self._fold("unzip", Unzip())  # type: ignore[no-any-return]

    def collect_into(self, buffer: Any) -> int:
        """Write the items into a buffer, from its beginning; how many there are. Workers write into its very memory.

        Args:
            buffer: one whose items can be written: an `array.array`, a `bytearray`, an `mmap`, a memoryview.

        Raises:
            TypeError: it is no such buffer, or read-only, or not contiguous.
            ValueError: there are more items than it has room for.

        Example::

            >>> from array import array
            >>> from subpool import par_iter
            >>> squares = array("q", bytes(8 * 4))
            >>> par_iter(range(4)).map(lambda x: x * x).collect_into(squares)
            4
            >>> squares
            array('q', [0, 1, 4, 9])
        """
        view, node = writable(buffer, "collect_into"), self._line.node
        size = node.size
        if node.unplaced is None and size is not None:
            if size > len(view) and not node.endless:
                raise ValueError(f"collect_into: {size} items, and room for {len(view)}")
            self._line.over(InPlace(node, Shared(view[:size]))).fold("collect_into", Drain())
            return size
        items = self._fold("collect_into", Collect())
        if len(items) > len(view):
            raise ValueError(f"collect_into: {len(items)} items, and room for {len(view)}")
        for place, item in enumerate(items):
            view[place] = item
        return len(items)

    # -- effects -------------------------------------------------------------------------------------------------------

    def for_each(self, f: Callable[[T], object]) -> None:
        """Call `f` with each item.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(["a line"]).for_each(print)
            a line
        """
        self._line.over(self._staged("for_each", Op.MAP, f)).fold("for_each", Drain())

    def for_each_init[S](self, init: Callable[[], S], f: Callable[[S, T], object]) -> None:
        """Call `f` with a state and each item. Each interpreter that takes part makes a state of its own, once.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([1, 2]).for_each_init(list, list.append)
        """
        self._line.over(self._staged("for_each_init", Op.MAP_INIT, init, f)).fold("for_each_init", Drain())

    # -- one value -----------------------------------------------------------------------------------------------------

    def sum(self, start: Any = 0) -> Any:
        """The sum, the same for every number of workers.

        Ints and floats are added up exactly and rounded once, as by `math.fsum`; built-in `sum` may differ in a
        float's last digits. Other values are added up in order, neighbours first.

        Args:
            start: what to add to.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([0.1] * 10).sum()
            1.0
        """
        return self._fold("sum", Sum(start))

    def product(self) -> Any:
        """The product, 1 if there are no items. That of floats is rounded step by step, in an order that may vary.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(1, 6)).product()
            120
        """
        return self._fold("product", Product())

    def count(self) -> int:
        """How many items there are.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(10)).filter(lambda x: x % 2).count()
            5
        """
        return self._fold("count", Count())  # type: ignore[no-any-return]

    def reduce(self, f: Callable[[T, T], T], initial: T = _MISSING) -> T:
        """What `f` makes of the first two items, of that and the third, and so on, as `functools.reduce`.

        Args:
            f: associative: neighbouring items may be taken together first.
            initial: comes before the items.

        Raises:
            TypeError: there are no items, and no `initial`.

        Example::

            >>> from subpool import par_iter
            >>> par_iter("abc").reduce(lambda one, other: one + other)
            'abc'
        """
        _check("reduce", f)
        return self._fold("reduce", Reduce(f, () if initial is _MISSING else (initial,)))  # type: ignore[no-any-return]

    def fold[A](self, make: Callable[[], A], f: Callable[[A, T], A], combine: Callable[[A, A], A]) -> A:
        """Take the items into accumulators, one for each run of neighbours, and combine those in order.

        Args:
            make: gives an empty accumulator.
            f: takes one more item in, and returns the accumulator.
            combine: makes one of two neighbouring accumulators.

        Example::

            >>> from collections import Counter
            >>> from subpool import par_iter
            >>> def take_in(counter, word):
            ...     counter[word] += 1
            ...     return counter
            >>> par_iter("abab").fold(Counter, take_in, Counter.__add__)
            Counter({'a': 2, 'b': 2})
        """
        _check("fold", make, f, combine)
        return self._fold("fold", FoldWith(make, f, combine))  # type: ignore[no-any-return]

    def fold_per_worker[A](self, make: Callable[[], A], f: Callable[[A, T], A]) -> list[A]:
        """Take the items into accumulators, one for each interpreter that takes part; a list of them, in no set order.

        An accumulator comes home with each piece that its interpreter has done, so it had better be small.

        Example::

            >>> from subpool import par_iter
            >>> sum(par_iter(range(10)).fold_per_worker(int, lambda total, x: total + x))
            45
        """
        _check("fold_per_worker", make, f)
        return self._fold("fold_per_worker", FoldPerWorker(make, f))  # type: ignore[no-any-return]

    def collect_per_worker(self) -> list[list[T]]:
        """A list for each interpreter that took part, of the items that fell to it, in order; the caller's comes first.

        Example::

            >>> from subpool import par_iter
            >>> sorted(x for items in par_iter(range(4)).collect_per_worker() for x in items)
            [0, 1, 2, 3]
        """
        return self._fold("collect_per_worker", CollectPerWorker())  # type: ignore[no-any-return]

    # -- extremes ------------------------------------------------------------------------------------------------------

    @overload
    def min(self, *, key: Callable[[T], Any] | None = None) -> T: ...
    @overload
    def min[D](self, *, key: Callable[[T], Any] | None = None, default: D) -> T | D: ...
    def min(self, *, key: Callable[[T], Any] | None = None, default: Any = _MISSING) -> Any:
        """The smallest item, the first of equals.

        Args:
            key: what to compare the items by.
            default: what to return if there are no items.

        Raises:
            ValueError: there are no items, and no default.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(["bb", "a", "c"]).min(key=len)
            'a'
        """
        return self._extreme("min", key, default)

    @overload
    def max(self, *, key: Callable[[T], Any] | None = None) -> T: ...
    @overload
    def max[D](self, *, key: Callable[[T], Any] | None = None, default: D) -> T | D: ...
    def max(self, *, key: Callable[[T], Any] | None = None, default: Any = _MISSING) -> Any:
        """The largest item, the first of equals; see `min`.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([]).max(default=0)
            0
        """
        return self._extreme("max", key, default)

    @overload
    def minmax(self, *, key: Callable[[T], Any] | None = None) -> tuple[T, T]: ...
    @overload
    def minmax[D](self, *, key: Callable[[T], Any] | None = None, default: D) -> tuple[T, T] | D: ...
    def minmax(self, *, key: Callable[[T], Any] | None = None, default: Any = _MISSING) -> Any:
        """The smallest and the largest item; see `min`.

        Example::

            >>> from subpool import par_iter
            >>> par_iter([2, 3, 1]).minmax()
            (1, 3)
        """
        return self._extreme("minmax", key, default)

    def _extreme(self, name: str, key: Callable[[T], Any] | None, default: Any) -> Any:
        if key is not None:
            _check(name, key)
        return self._fold(name, Extremes(name, key, () if default is _MISSING else (default,)))

    # -- bit by bit ----------------------------------------------------------------------------------------------------

    def stream(self, ordered: bool = True) -> Generator[T]:
        """The items as a generator: work goes on ahead of whoever takes them, but not far.

        A source that can only be gone through is read no further ahead than that either.

        Args:
            ordered: whether they come in source order; if not, as they are done.

        Example::

            >>> from itertools import count, islice
            >>> from subpool import par_iter
            >>> list(islice(par_iter(count()).map(lambda x: x * x).stream(), 4))
            [0, 1, 4, 9]
        """
        return self._line.stream(ordered=bool(ordered))

    def __iter__(self) -> Iterator[T]:
        return self.stream()


def _check(name: str, *calls: object) -> None:
    for call in calls:
        if not callable(call):
            raise TypeError(f"{name}: not callable: {call!r}")
