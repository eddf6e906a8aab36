"""How a refusal looks inside a plugin, and the record of what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from subpool.errors import PolicyViolation

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Denials", "Denied", "ImportDenied", "recorder"]

KEPT = 100
"""Refusals that wait to be told in detail; further ones are only counted."""


class Denied(PolicyViolation, PermissionError):  # noqa: N818 - as PolicyViolation
    """What the policy does not let out of the operating system's hands."""


class ImportDenied(PolicyViolation, ImportError):  # noqa: N818 - as PolicyViolation
    """A module that the policy does not let in."""


class Denials:
    """What was refused, until the host is told."""

    __slots__ = ("drain",)

    drain: Callable[[], dict[str, Any] | None]
    """Gives what has not been told yet; None if there is nothing."""

    def __init__(self) -> None:
        self.drain = _nothing


def _nothing() -> None:
    """There is no policy in force that could refuse anything."""


def recorder() -> tuple[Callable[[str, str], None], Callable[[], dict[str, Any] | None]]:
    """What notes a refusal, and what gives those noted. The record itself is out of everybody's reach."""
    told: list[list[str]] = []
    count: dict[str, int] = {}

    def note(event: str, what: str) -> None:
        count[event] = count.get(event, 0) + 1
        if len(told) < KEPT:
            told.append([event, what])

    def drain() -> dict[str, Any] | None:
        if not count:
            return None
        found = {"count": dict(count), "told": list(told)}
        count.clear()
        told.clear()
        return found

    return note, drain
