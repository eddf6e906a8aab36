"""What the public classes have in common: the line that they describe, and the checks of what they are given."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any, Self

from subpool._iter.line import Line
from subpool._iter.node import Node
from subpool._iter.sources import source_of
from subpool._iter.stages import Op, staged
from subpool._iter.strategies import How, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._iter.progress import Show
    from subpool.pool import Pool

__all__ = ["Face"]


class Face:
    """A pipeline that is being described. Every method gives a new one."""

    __slots__ = ("_line",)

    def __init__(self, line: Line) -> None:
        self._line: Line = line

    # -- where and how -------------------------------------------------------------------------------------------------

    def on(self, pool: Pool) -> Self:
        """Run in this pool, and not in the one in force where the result is asked for.

        Example::

            >>> import subpool
            >>> with subpool.Pool(workers=2) as pool:
            ...     subpool.par_iter("abc").on(pool).map(str.upper).collect()
            ['A', 'B', 'C']
        """
        line = self._line
        return type(self)(Line(line.node, pool, line.strategy, line.progress))

    def progress(self, desc: str | None = None, hook: Show | None = None) -> Self:
        """Show how far the work is, on a bar of tqdm or rich, where one of them is installed.

        Args:
            desc: what the bar is for.
            hook: called now and then, in the caller, with how many items are done, and how many there are (None where
                that is not known), instead of a bar.

        Example::

            >>> from subpool import par_iter
            >>> seen = []
            >>> par_iter(range(9)).progress(hook=lambda done, total: seen.append((done, total))).sum()
            36
            >>> seen[-1]
            (9, 9)
        """
        if hook is not None and not callable(hook):
            raise TypeError(f"progress: hook is not callable: {hook!r}")
        line = self._line
        return type(self)(Line(line.node, line.pool, line.strategy, (desc, hook)))

    def split_by_workers(self) -> Self:
        """Cut the work into one piece for each worker and one for the caller, as equal as can be.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(10)).split_by_workers().sum()
            45
        """
        return self._split("split_by_workers", How.BY_WORKERS)

    def split_by(self, pieces: int) -> Self:
        """Cut the work into so many pieces, as equal as can be.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(10)).split_by(4).sum()
            45
        """
        return self._split("split_by", How.BY, positive("split_by", pieces))

    def split_per(self, size: int) -> Self:
        """Cut the work into pieces of so many items.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(10)).split_per(3).sum()
            45
        """
        return self._split("split_per", How.PER, positive("split_per", size))

    def split_per_item(self) -> Self:
        """Make each item a piece of its own: for few items that take long.

        Example::

            >>> from subpool import par_iter
            >>> par_iter(range(10)).split_per_item().sum()
            45
        """
        return self._split("split_per_item", How.PER, 1)

    def _split(self, name: str, how: How, number: int = 0) -> Self:
        line, strategy = self._line, Strategy(how, number)
        if strategy.needs_size and (line.node.size is None or line.node.endless):
            what = line.node.unplaced or "this source"
            raise TypeError(f"{name}: how much there is of {what} is not known beforehand: use split_per")
        return type(self)(Line(line.node, line.pool, strategy, line.progress))

    # -- for the subclasses --------------------------------------------------------------------------------------------

    def _over(self, node: Node) -> Any:
        return type(self)(self._line.over(node))

    def _staged(self, name: str, op: Op, *calls: Callable[..., Any]) -> Node:
        """One more stage."""
        for call in calls:
            if not callable(call):
                raise TypeError(f"{name}: not callable: {call!r}")
        return staged(self._line.node, op, *calls)

    def _placed(self, name: str) -> Node:
        """The node, if it has known positions."""
        return placed(name, self._line.node)


def placed(name: str, node: Node) -> Node:
    """The node, if it has known positions; `name` is what needs them.

    Raises:
        TypeError: it has none; the message names the stage or the source that is to blame.
    """
    why = node.unplaced
    if why is not None:
        where = f"of {why}" if why.startswith("a ") else f"after {why}"
        raise TypeError(f"{name} needs to know each item's position, and those {where} are not known")
    return node


def node_of(source: Any) -> Node:
    """The node of a source, or of a pipeline."""
    return source._line.node if isinstance(source, Face) else source_of(source)


def whole(name: str, number: Any, least: int) -> int:
    """A whole number that an argument must be."""
    try:
        value = index(number)
    except TypeError:
        raise TypeError(f"{name}: must be a whole number, not {number!r}") from None
    if value < least:
        raise ValueError(f"{name}: must be at least {least}, not {value}")
    return value


def positive(name: str, number: Any) -> int:
    """A whole number from 1 on."""
    return whole(name, number, 1)
