"""Stages: what is done with each item on its way. Neighbouring stages are one node, and run as one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from subpool._iter.node import Node, Setup

if TYPE_CHECKING:
    from subpool._iter.plan import Plan

__all__ = ["Form", "Loop", "Op", "Over", "Staged", "fused", "staged"]


class Op(Enum):
    """What a stage does with an item."""

    MAP = "gives what the function makes of it"
    STARMAP = "gives what the function makes of its parts"
    MAP_INIT = "gives what the function makes of the worker's state and it"
    FILTER = "lets it pass if the function says so"
    FILTER_MAP = "gives what the function makes of it, unless that is None"
    FLAT_MAP = "gives each item of what the function makes of it"
    INSPECT = "passes it on after the function has seen it"


LOSES_PLACES: Final = {Op.FILTER: "filter", Op.FILTER_MAP: "filter_map", Op.FLAT_MAP: "flat_map"}
CLAUSES: Final = {
    Op.FILTER: "for {new} in ({item},) if {call}({new})",
    Op.FILTER_MAP: "for {new} in ({call}({item}),) if {new} is not None",
    Op.FLAT_MAP: "for {new} in {call}({item})",
    Op.INSPECT: "for {new} in ({item},) for _ in ({call}({new}),)",
}
VALUES: Final = {Op.MAP: "{call}({item})", Op.STARMAP: "{call}(*{item})", Op.MAP_INIT: "{call}({state}, {item})"}


class Form(Enum):
    """What becomes of the values of a loop."""

    LAZY = "return ({value} {clauses})"
    LIST = "return [{value} {clauses}]"
    INTO = "for place, item in enumerate(items): into[place] = {value}"
    """Each is written where its item is: for stages that only give values (0.8 times what a generator takes)."""


@cache
def fused(ops: tuple[Op, ...], form: Form) -> Callable[..., Any]:
    """The one loop that these stages are: given a function and a state for each stage, a function of the items.

    A generated comprehension takes 0.7 to 1.0 times what built-in `map` and `filter` put into each other take
    (3.13: 46 and 57 ns an item, 3.15: 30 and 43), and does not take a StopIteration of the user's for the end.
    """
    item, clauses = "item", ["for item in items"]
    names: list[str] = []
    for place, op in enumerate(ops):
        words = {"new": f"item{place}", "call": f"call{place}", "state": f"state{place}", "item": item}
        names += [words["call"], words["state"]]
        if op in VALUES:
            item = VALUES[op].format(**words)
        else:
            clauses.append(CLAUSES[op].format(**words))
            item = words["new"]
    body = form.value.format(value=item, clauses=" ".join(clauses))
    made: dict[str, Any] = {"__name__": __name__}
    source = f"def bind({', '.join(names)}):\n  def loop(items, into=None):\n    {body}\n  return loop"
    exec(compile(source, "<subpool loop>", "exec"), made)
    bind: Callable[..., Any] = made["bind"]
    return bind


class Over(Node):
    """A node whose items are as many, or as endless, as those of its child."""

    __slots__ = ("child",)

    child: Node

    @property
    def endless(self) -> bool:
        """Whether the child's items never end."""
        return self.child.endless


class Staged(Over):
    """Stages over a node, as the user put them there."""

    __slots__ = ("calls", "ops", "size", "unplaced")

    computes = True

    def __init__(self, child: Node, ops: tuple[Op, ...], calls: tuple[tuple[Callable[..., Any], ...], ...]) -> None:
        self.child = child
        self.ops = ops
        self.calls = calls
        self.size = child.size
        self.unplaced = child.unplaced
        for op in ops:
            self.unplaced = self.unplaced or LOSES_PLACES.get(op)

    def ready(self, setup: Setup) -> Node:
        """The loop; its functions stay with the plan, which crosses once."""
        child = self.child.ready(setup)
        setup.stages.append((self.ops, self.calls))
        return Loop(child, len(setup.stages) - 1)


class Loop(Over):
    """Stages that are ready to run: those with this number in the plan."""

    __slots__ = ("number", "size")

    unplaced = None
    computes = True

    def __init__(self, child: Node, number: int) -> None:
        self.child = child
        self.number = number
        self.size = child.size

    def __reduce__(self) -> tuple[Any, ...]:
        return Loop, (self.child, self.number)

    def bind(self, positions: range) -> Node:
        return Loop(self.child.bind(positions), self.number)

    def items(self, plan: Plan, *, lazy: bool) -> Iterable[Any]:
        form = Form.LAZY if lazy else Form.LIST
        items: Iterable[Any] = plan.loop(self.number, form)(self.child.items(plan, lazy=True))
        return items

    def write(self, plan: Plan, view: memoryview[Any]) -> None:
        ops, _ = plan.stages[self.number]
        if VALUES.keys() >= set(ops):
            plan.loop(self.number, Form.INTO)(self.child.items(plan, lazy=True), view)
        else:
            super().write(plan, view)


def staged(child: Node, op: Op, *calls: Callable[..., Any]) -> Node:
    """One more stage over a node."""
    if isinstance(child, Staged):
        return Staged(child.child, (*child.ops, op), (*child.calls, calls))
    return Staged(child, (op,), (calls,))
