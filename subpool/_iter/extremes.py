"""Extremes: the smallest and the largest item, the first of equals, as the built-ins choose them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from subpool._iter.folds import Fold

__all__ = ["Extremes"]


class Extremes(Fold):
    """The smallest item, the largest, or both; each with its key."""

    def __init__(self, name: str, key: Callable[[Any], Any] | None, default: tuple[Any, ...]) -> None:
        """Look for "min", "max" or "minmax"."""
        self.name = name
        self.key = key
        self.default = default
        self.lazy = key is not None

    def __reduce__(self) -> tuple[Any, ...]:
        return Extremes, (self.name, self.key, ())  # the default is the caller's affair

    def step(self, acc: list[tuple[Any, Any]] | None, items: Iterable[Any]) -> list[tuple[Any, Any]] | None:
        key = self.key
        pairs = [(item, item) for item in items] if key is None else [(key(item), item) for item in items]
        if not pairs:
            return acc
        found: list[tuple[Any, Any]] = []
        if self.name != "max":
            found.append(min(pairs, key=_key))
        if self.name != "min":
            found.append(max(pairs, key=_key))
        return found if acc is None else self.join(acc, found)

    def join(self, acc: list[tuple[Any, Any]], other: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
        joined: list[tuple[Any, Any]] = []
        if self.name != "max":
            joined.append(min(acc[0], other[0], key=_key))
        if self.name != "min":
            joined.append(max(acc[-1], other[-1], key=_key))
        return joined

    def finish(self, acc: list[tuple[Any, Any]] | None) -> Any:
        if acc is None:
            if not self.default:
                raise ValueError(f"{self.name}: there are no items, and no default")
            return self.default[0]
        return (acc[0][1], acc[1][1]) if self.name == "minmax" else acc[0][1]


def _key(pair: tuple[Any, Any]) -> Any:
    return pair[0]
