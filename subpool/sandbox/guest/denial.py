"""How a refusal looks inside a plugin, and the record of what was refused."""

from __future__ import annotations

from typing import Any

from subpool.errors import PolicyViolation

__all__ = ["Denials", "Denied", "ImportDenied"]

KEPT = 100
"""Refusals that wait to be told in detail; further ones are only counted."""


class Denied(PolicyViolation, PermissionError):  # noqa: N818 - as PolicyViolation
    """What the policy does not let out of the operating system's hands."""


class ImportDenied(PolicyViolation, ImportError):  # noqa: N818 - as PolicyViolation
    """A module that the policy does not let in."""


class Denials:
    """What was refused, until the host is told."""

    __slots__ = ("_count", "_told")

    def __init__(self) -> None:
        self._told: list[list[str]] = []
        self._count: dict[str, int] = {}

    def refuse(self, event: str, what: str, kind: type[PolicyViolation] = Denied) -> Any:
        """Note it, and raise it."""
        self._count[event] = self._count.get(event, 0) + 1
        if len(self._told) < KEPT:
            self._told.append([event, what])
        raise kind(f"the policy does not allow {event}({what})")

    def drain(self) -> dict[str, Any] | None:
        """What has not been told yet; None if there is nothing."""
        if not self._count:
            return None
        told, count = self._told, self._count
        self._told, self._count = [], {}
        return {"count": count, "told": told}
