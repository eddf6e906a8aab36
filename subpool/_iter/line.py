"""A line: a pipeline as its user has described it, and how it is run to an end."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self

from subpool import process
from subpool._iter.convoy import Convoy, joined_up
from subpool._iter.drivers import Work, run
from subpool._iter.folds import Collect, Fold, Search
from subpool._iter.limit import Limit
from subpool._iter.node import Node, Setup
from subpool._iter.plan import Plan
from subpool._iter.progress import Meter, Show, meter
from subpool._iter.ranges import Cut
from subpool._iter.reader import Reader
from subpool._iter.strategies import AS_NEEDED, Strategy
from subpool._schedule.crossing import crossed
from subpool.ambient import station as ambient_station
from subpool.calls import join_all_at

if TYPE_CHECKING:
    from subpool._schedule.seat import Seat
    from subpool.pool import Pool

__all__ = ["Line"]

_kept: list[list[memoryview]] = []  # memory that a worker which did not stop in time may still use


class Line:
    """What to go over and what to do with it, where, how divided, and who is told how far it is."""

    __slots__ = ("node", "pool", "progress", "strategy")

    def __init__(
        self,
        node: Node,
        pool: Pool | None = None,
        strategy: Strategy = AS_NEEDED,
        progress: tuple[str | None, Show | None] | None = None,
    ) -> None:
        self.node: Node = node
        self.pool: Pool | None = pool
        self.strategy: Strategy = strategy
        self.progress: tuple[str | None, Show | None] | None = progress

    def over(self, node: Node) -> Line:
        """The same line over another node."""
        return Line(node, self.pool, self.strategy, self.progress)

    # -- running it ------------------------------------------------------------------------------------------------

    def fold(self, name: str, fold: Fold) -> Any:
        """Run it, and make something of its items, for the terminal with this name.

        Raises:
            ValueError: its items never end, and all are needed.
            Exception: what the sequential program would have raised.
        """
        if self.node.endless and fold.search is Search.NONE:
            raise ValueError(f"{name}: the items never end: take some of them")
        with _Running(self, fold) as running:
            acc = running.acc()
        return fold.finish(acc)

    def stream(self, *, ordered: bool) -> Generator[Any]:
        """Run it, and give its items as they come."""
        with _Running(self, Collect()) as running:
            with closing(running.accs(ordered=ordered)) as accs:
                for items in accs:
                    yield from items

    def collect(self, node: Node) -> list[Any]:
        """All items of a part of it."""
        listed: list[Any] = Line(node, self.pool, AS_NEEDED).fold("collect", Collect())
        return listed


class _Running:
    """A line that runs: its plan and its limit, memory that is held, and the bar."""

    def __init__(self, line: Line, fold: Fold) -> None:
        self._line = line
        self._fold = fold
        self._setup = Setup(line.collect)
        self._seat: Seat | None = None
        self._station: Any = None
        self._meter: Meter | None = None

    def __enter__(self) -> Self:
        line, setup = self._line, self._setup
        self.node: Node = line.node.ready(setup)
        if not process.End.begun:
            self._station = ambient_station() if line.pool is None else line.pool._station()
            self._seat = self._station.caller_seat()
        limit = Limit(memoryview(b"").cast("q"), -1, 0) if self._seat is None else Limit.borrow(self._seat)
        self.plan: Plan = Plan(setup.stages, self._fold, limit)
        if line.progress is not None:
            size = self.node.size
            self._meter = meter(None if self.node.endless else size, *line.progress)
        if self._seat is not None and not self._station.strict:
            self.plan.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.plan.__exit__()
        if self._seat is not None:
            self.plan.limit.give_back(self._seat)
            self.plan.recall(self._station)
            if self._setup.held and self._seat.station.orphans:
                _kept.append(self._setup.held)
        if self._meter is not None:
            self._meter.finish()
        if not any(exception):
            for check in self._setup.checks:
                check()

    def acc(self) -> Any:
        """What the fold made of all items."""
        seat, node, plan = self._seat, self.node, self.plan
        size = node.size
        if size is None or node.endless:
            with closing(self.accs(ordered=self._fold.search is not Search.ANY)) as accs:
                return joined_up(accs, plan)
        if seat is None:
            return plan.run(node.bind(range(size))) if size else None
        if self._station.strict:
            return self._strictly(size)
        cut = self._line.strategy.cut(size, seat.station.workers)
        return run(seat, Work(plan, node, 0, size, 0, 1), cut, self._meter) if size else None

    def accs(self, *, ordered: bool) -> Generator[Any]:
        """What the fold made of one batch after the other."""
        reader, strategy = Reader(self.node), self._line.strategy
        if self._seat is None:
            return self._one_by_one(reader)
        fixed = strategy.batch
        if fixed is None and self.node.size is not None and not self.node.endless:
            cut = strategy.cut(self.node.size, self._seat.station.workers)
            fixed = -(-cut.size // max(1, cut.pieces)) or 1 if cut is not None else None
        return Convoy(self._seat, self.plan, reader, fixed, self._meter).accs(ordered=ordered)

    def _one_by_one(self, reader: Reader) -> Generator[Any]:
        """The end of the program has begun: nobody is there to share with."""
        while (node := reader.read(1)) is not None:
            yield self.plan.run(node)

    def _strictly(self, size: int) -> Any:
        """Every piece but the first crosses."""
        plan, fold = self.plan, self._fold
        workers = self._station.workers
        cut = self._line.strategy.cut(size, workers) or Cut(size, workers + 2)
        bounds = [cut.bounds(piece) for piece in range(cut.pieces)]
        pieces = [Work(plan, self.node, low, high, 0, 1, whole=True) for low, high in bounds]
        if fold.search is Search.NONE:
            return joined_up(iter(join_all_at(self._station, pieces)), plan)
        return joined_up((crossed(piece)() if piece.low else piece() for piece in pieces), plan)
