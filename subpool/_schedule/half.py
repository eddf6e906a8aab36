"""A half: a callable handed to a fork, and where it has got to."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Half", "HalfState"]


class HalfState(Enum):
    """Where a half is. Only the interpreter that owns it moves it, under the seat's lock."""

    PRIVATE = "on the ledger, or back from there: its owner runs it from the live object"
    WRITING = "taken off the ledger by a publisher that is serialising it; the owner may still revoke it"
    PUBLIC = "its number is on the seat's channel, or a taker has it"
    HOME = "nobody will touch it again: it was run, or withdrawn"


class Half:
    """One callable of a fork. `number` names its slot while it is public."""

    __slots__ = ("call", "fork", "number", "place", "state")

    def __init__(self, call: Callable[[], Any], fork: object, place: int = 1) -> None:
        """Wrap a callable that stands at a place of a fork; `fork` tells the halves of one fork from others."""
        self.call: Callable[[], Any] = call
        self.fork: object = fork
        self.place: int = place
        self.number: int = -1
        self.state: HalfState = HalfState.PRIVATE

    def part(self) -> None:
        """Leave the fork, if that is itself: else only the collector of cycles would let go of what it holds."""
        if self.fork is self:
            self.fork = None
