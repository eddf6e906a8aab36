"""Parallel iterators: `par_iter`, `par_iter_mut` and `par_zip`, and the pipelines that they begin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, overload

from subpool._iter.adaptors import Adaptors
from subpool._iter.buffers import InPlace, Shared, Views, writable
from subpool._iter.face import Face, node_of, placed, positive, whole
from subpool._iter.folds import Drain
from subpool._iter.line import Line
from subpool._iter.searching import Searching
from subpool._iter.shapes import Enumerated, Zipped
from subpool._iter.stages import Op
from subpool._iter.terminals import Terminals

if TYPE_CHECKING:
    from collections.abc import Buffer

__all__ = ["ParIter", "ParIterMut", "par_iter", "par_iter_mut", "par_zip"]

Mode = Literal["equal", "shortest", "longest"]


class ParIter[T](Adaptors[T], Terminals[T], Searching[T]):
    """A pipeline over a source, made by `par_iter`: adaptors describe it, a terminal runs it.

    The rest of the source is private to the caller, and divided only while somebody is hungry; so nobody has to choose
    a chunk size. The functions cross once per pipeline and worker; what they change there are copies. One pipeline may
    be run several times, unless its source can only be gone through once.

    Example::

        >>> from subpool import par_iter
        >>> par_iter(range(1000)).map(lambda x: x * x).filter(lambda x: x % 3 == 0).sum()
        111277611
    """

    __slots__ = ()

    def __repr__(self) -> str:
        size = self._line.node.size
        return f"<ParIter over {'any number of' if size is None or self._line.node.endless else size} positions>"


class ParIterMut[T](Face):
    """A pipeline over a buffer's memory, made by `par_iter_mut`: it changes the items where they lie."""

    __slots__ = ()

    def enumerate(self, start: int = 0) -> ParIterMut[tuple[int, T]]:
        """Number the items, or the chunks: functions get pairs of a number and an item.

        Example::

            >>> from subpool import par_iter_mut
            >>> numbers = bytearray(4)
            >>> par_iter_mut(numbers).enumerate().map_in_place(lambda pair: pair[0] * 10)
            >>> list(numbers)
            [0, 10, 20, 30]
        """
        return self._over(Enumerated(self._line.node, whole("enumerate", start, start)))  # type: ignore[no-any-return]

    def chunks(self, n: int) -> ParIterMut[memoryview]:
        """Go over views on `n` items each; the last may be shorter. A view is for its own call only.

        Example::

            >>> from subpool import par_iter_mut
            >>> data = bytearray(b"abcdef")
            >>> def turn(chunk):
            ...     chunk[:] = bytes(reversed(chunk))
            >>> par_iter_mut(data).chunks(3).for_each(turn)
            >>> data
            bytearray(b'cbafed')
        """
        if not isinstance(self._line.node, Shared):
            raise TypeError("chunks: comes first: enumerate the chunks")
        return self._over(Views(self._line.node, positive("chunks", n)))  # type: ignore[no-any-return]

    def map_in_place(self, f: Callable[[T], Any]) -> None:
        """Put what `f` makes of each item in its place.

        Args:
            f: called with an item, or a pair of its number and it after `enumerate`; returns the new item.

        Raises:
            TypeError: it returns what the buffer cannot hold; items before that one are written.

        Example::

            >>> from array import array
            >>> from subpool import par_iter_mut
            >>> numbers = array("d", [1.0, 2.0, 3.0])
            >>> par_iter_mut(numbers).map_in_place(lambda x: x / 2)
            >>> numbers
            array('d', [0.5, 1.0, 1.5])
        """
        node = self._line.node
        target = node.child if isinstance(node, Enumerated) else node
        if not isinstance(target, Shared):
            raise TypeError("map_in_place: a chunk is a view: change what it shows, with for_each")
        self._line.over(InPlace(self._staged("map_in_place", Op.MAP, f), target)).fold("map_in_place", Drain())

    def for_each(self, f: Callable[[T], object]) -> None:
        """Call `f` with each item: with `chunks`, a writable memoryview.

        Example::

            >>> from subpool import par_iter_mut
            >>> data = bytearray(6)
            >>> def fill(pair):
            ...     number, chunk = pair
            ...     chunk[:] = bytes([number]) * len(chunk)
            >>> par_iter_mut(data).chunks(2).enumerate().for_each(fill)
            >>> list(data)
            [0, 0, 1, 1, 2, 2]
        """
        self._line.over(self._staged("for_each", Op.MAP, f)).fold("for_each", Drain())

    def __repr__(self) -> str:
        return f"<ParIterMut over {self._line.node.size} positions>"


@overload
def par_iter[T](source: Iterable[T]) -> ParIter[T]: ...
@overload
def par_iter(source: Buffer) -> ParIter[Any]: ...
def par_iter(source: Any) -> ParIter[Any]:
    """Go over a source in parallel.

    Ranges, sequences and buffers are divided by position: a range crosses as two numbers, a list as a slice, a buffer
    stays where it is. Dicts, their views and sets are listed first. Any other iterable is read by the caller, in
    batches, no further ahead than the workers need.

    Args:
        source: anything that can be iterated, or a buffer of one dimension.

    Raises:
        TypeError: it cannot be iterated.

    Example::

        >>> from subpool import par_iter
        >>> par_iter(["b", "a"]).map(str.upper).collect()
        ['B', 'A']
    """
    return ParIter(Line(node_of(source)))


def par_iter_mut(buffer: Buffer) -> ParIterMut[Any]:
    """Change the items of a buffer in parallel, where they lie: nothing is copied.

    Args:
        buffer: one whose items can be written: an `array.array`, a `bytearray`, an `mmap`, a memoryview.

    Raises:
        TypeError: it is no such buffer, or read-only, or not contiguous.

    Example::

        >>> from array import array
        >>> from subpool import par_iter_mut
        >>> numbers = array("q", [1, 2, 3])
        >>> par_iter_mut(numbers).map_in_place(lambda x: x * x)
        >>> numbers
        array('q', [1, 4, 9])
    """
    return ParIterMut(Line(Shared(writable(buffer, "par_iter_mut"))))


def par_zip(
    first: Iterable[Any], second: Iterable[Any], /, *more: Iterable[Any], mode: Mode = "equal", fill: Any = None
) -> ParIter[tuple[Any, ...]]:
    """Go over several sources side by side.

    Args:
        first: a source as `par_iter` takes it, or a pipeline.
        second: another one.
        *more: others.
        mode: "equal": they must be of one length; "shortest": up to the end of the shortest; "longest": up to the end
            of the longest, with `fill` for what is missing.
        fill: stands for what is missing.

    Raises:
        TypeError: the items of one of them have no known positions.
        ValueError: they differ in length, and `mode` is "equal"; or there is no such mode.

    Example::

        >>> from subpool import par_zip
        >>> par_zip([1, 2], "ab").collect()
        [(1, 'a'), (2, 'b')]
    """
    nodes = tuple(
        placed(f"par_zip, argument {place},", node_of(source)) for place, source in enumerate((first, second, *more), 1)
    )
    if mode not in ("equal", "shortest", "longest"):
        raise ValueError(f"par_zip: mode must be 'equal', 'shortest' or 'longest', not {mode!r}")
    sizes = [node.size for node in nodes]
    if mode == "equal" and len(set(sizes)) > 1:
        raise ValueError(f"par_zip: the sources have lengths {', '.join(map(str, sizes))}")
    return ParIter(Line(Zipped(nodes, padded=mode == "longest", fill=fill)))
