"""The plan of a pipeline's run: its loops and what is made of the items. It crosses once per worker; pieces name it."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Self

from subpool._iter.limit import Limit
from subpool._iter.stages import Form, Op, fused
from subpool._schedule.refusal import Wrapper, imports, needs_host, refusal_in
from subpool._wire.bulk import Bulky
from subpool._wire.doorbell import ring
from subpool._wire.payload import unpacked, write
from subpool.errors import SerializationError

if TYPE_CHECKING:
    from subpool._iter.folds import Fold
    from subpool._iter.node import Node
    from subpool._schedule.station import Station

__all__ = ["Piece", "Plan", "Stages"]

Stages = tuple[tuple[Op, ...], tuple[tuple[Callable[..., Any], ...], ...]]

KEPT: Final = 32
"""Plans that a worker keeps, at most; those whose pipeline is over go first."""

_numbers = count(int.from_bytes(os.urandom(6), "little") << 16)
_plans: dict[int, Plan] = {}


class Plan:
    """What all pieces of a pipeline have in common, in one interpreter."""

    def __init__(self, stages: list[Stages], fold: Fold, limit: Limit, key: int | None = None) -> None:
        self.stages: list[Stages] = stages
        self.fold: Fold = fold
        self.limit: Limit = limit
        self.key: int = next(_numbers) if key is None else key
        self.hosted: bool = any(needs_host(call) for _, calls in stages for each in calls for call in each)
        """Whether a function of it must not run in a subinterpreter."""
        self.stays: bool = self.hosted
        """Whether it cannot cross, or must not: then all of it is run by its caller."""
        self._written: bytes | None = None
        self._loops: dict[tuple[int, Form], Callable[..., Any]] = {}
        self._states: dict[int, Any] = {}

    # -- running ---------------------------------------------------------------------------------------------------

    def loop(self, number: int, form: Form) -> Callable[..., Any]:
        """The loop of the stages with this number."""
        loop = self._loops.get((number, form))
        if loop is None:
            ops, calls = self.stages[number]
            arguments: list[Any] = []
            for each in calls:
                arguments += (each[-1], self._state(each) if len(each) > 1 else None)
            loop = self._loops[number, form] = fused(ops, form)(*arguments)
        return loop

    def _state(self, calls: tuple[Callable[..., Any], ...]) -> Any:
        """This interpreter's state for a stage: made at its first use."""
        if id(calls) not in self._states:
            self._states[id(calls)] = calls[0]()
        return self._states[id(calls)]

    def run(self, node: Node, acc: Any = None) -> Any:
        """Take in all items of a node at once."""
        fold = self.fold
        return fold.step(acc, node.items(self, lazy=fold.lazy))

    def failed(self, error: BaseException, end: int) -> None:
        """Nothing beyond this place is wanted any more; but what was only refused here will be run elsewhere."""
        if refusal_in(error, self.subject, ()) is None:
            self.limit.lower(end)

    # -- crossing --------------------------------------------------------------------------------------------------

    @property
    def subject(self) -> Any:
        """What a refusal to load in a worker is remembered by: the one function that is called before all others."""
        if len(self.stages) == 1:
            for each in self.stages[0][1]:
                return each[-1]
        return self.fold

    def __reduce__(self) -> tuple[Any, ...]:
        if self._written is None:
            try:
                self._written = write((self.stages, self.fold), lend=True)
            except SerializationError:
                self.stays = True
                raise
        return plan_of, (self.key, self.limit.at, self.limit.serial, self._written)

    def recall(self, station: Station) -> None:
        """The pipeline is over: have workers drop it, if buffers that they borrowed would stay with it."""
        if type(self._written) is Bulky:
            for address in station.couriers():
                ring(address)

    def __enter__(self) -> Self:
        _plans[self.key] = self  # a piece of it that comes back to this interpreter finds it, states and all
        return self

    def __exit__(self, *exception: object) -> None:
        _plans.pop(self.key, None)
        if _plans:
            _make_room()


def plan_of(key: int, at: int, serial: int, data: bytes) -> Plan:
    """The plan with this key in this interpreter: rebuilt when its first piece comes."""
    plan = _plans.get(key)
    if plan is None:
        from subpool.ambient import station

        stages, fold = unpacked(data)
        here = station()
        plan = Plan(stages, fold, Limit(here.arena.words, at, serial), key)
        if type(data) is Bulky and _make_room not in here.lookouts:
            here.lookouts.append(_make_room)  # rung by `Plan.recall`
        plan._written = data
        # Its first call may yet be refused here: then nothing of it may have gone to somebody who does not refuse.
        plan.stays = plan.stays or imports(plan.subject)
        _make_room()
        _plans[key] = plan
    return plan


def _make_room() -> None:
    """Drop the plans of pipelines that are over."""
    for key, plan in list(_plans.items()):
        if plan.limit.over and (plan.limit.at >= 0 or len(_plans) > KEPT):
            _plans.pop(key, None)


class Piece(Wrapper):
    """A part of a pipeline's work that may be done elsewhere. `drivers.Work` is the callable that does it."""

    __slots__ = ("base", "block", "high", "low", "node", "plan", "whole")

    def __init__(self, plan: Plan, node: Node, low: int, high: int, base: int, block: int, whole: bool = False) -> None:
        """The positions from `low` to `high` of a node that begins at `base` of the whole.

        Args:
            block: how many items to begin with.
            whole: it is not divided further.
        """
        self.plan = plan
        self.node = node
        self.low = low
        self.high = high
        self.base = base
        self.block = block
        self.whole = whole

    @property
    def part(self) -> tuple[Any, ...]:
        """What makes the same piece with only that part of the node which it needs."""
        node = self.node.bind(range(self.low, self.high))
        return self.plan, node, 0, self.high - self.low, self.base + self.low, self.block, self.whole

    @property
    def func(self) -> object:
        """What it calls, as `functools.partial` names it."""
        return self.plan.subject

    @property
    def _subpool_needs_host(self) -> bool:
        return self.plan.hosted
