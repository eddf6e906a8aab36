"""What a pipeline is made of: nodes, each of which gives items at positions, most of them out of other nodes'."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from subpool._iter.ranges import ENDLESS

if TYPE_CHECKING:
    from subpool._iter.plan import Plan

__all__ = ["Node", "Setup"]


class Setup:
    """What is gathered while a pipeline is made ready to run: its stages, memory to hold, and checks for the end."""

    def __init__(self, collect: Callable[[Node], list[Any]]) -> None:
        """Set up; `collect` runs a part of the pipeline beforehand."""
        self.collect: Callable[[Node], list[Any]] = collect
        self.stages: list[Any] = []
        self.held: list[memoryview] = []
        self.checks: list[Callable[[], None]] = []


class Node:
    """A part of a pipeline. `size` positions can be divided among workers; `items` gives what there is at all of them.

    A node is made by the user's calls, made `ready` when it is to run, and then `bind` gives the part of it that one
    piece of the work needs: that part is written for a worker, and rebuilt there.
    """

    __slots__ = ()

    size: int | None
    """How many positions it has; None if only going through it can tell."""
    unplaced: str | None
    """Why it is not known which position an item has; None where it is known."""
    computes: bool
    """Whether functions of the user's run for its items, or something is used up: then nothing is done twice."""

    @property
    def endless(self) -> bool:
        """Whether its items never end."""
        return self.size is not None and self.size >= ENDLESS // 2

    def ready(self, setup: Setup) -> Node:
        """The same, ready to run: functions are numbered, memory is held, what must be there first is there."""
        raise NotImplementedError

    def bind(self, positions: range) -> Node:
        """The part that gives the items at these positions, in this order."""
        raise NotImplementedError

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        """All items; unless `lazy`, they may be computed all at once."""
        raise NotImplementedError

    def write(self, plan: Plan, view: memoryview[Any]) -> None:
        """Write all items into a view; what comes before a failure is written, as in a loop of assignments."""
        for place, item in enumerate(self.items(plan, lazy=True)):
            view[place] = item
