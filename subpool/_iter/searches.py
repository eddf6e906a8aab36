"""Searches: folds that are decided by some of the items, and then need no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from subpool._iter.folds import Fold, Search

__all__ = ["AllTrue", "AnyTrue", "Find", "Order", "Position"]


class AnyTrue(Fold):
    """Whether one of the items is true."""

    lazy = True
    search = Search.ANY

    def step(self, acc: bool | None, items: Iterable[Any]) -> bool:
        return bool(acc) or any(items)

    def join(self, acc: bool, other: bool) -> bool:
        return acc or other

    def decided(self, acc: bool | None) -> bool:
        return bool(acc)

    def finish(self, acc: bool | None) -> bool:
        return bool(acc)


class AllTrue(Fold):
    """Whether all items are true."""

    lazy = True
    search = Search.ANY

    def step(self, acc: bool | None, items: Iterable[Any]) -> bool:
        return acc is not False and all(items)

    def join(self, acc: bool, other: bool) -> bool:
        return acc and other

    def decided(self, acc: bool | None) -> bool:
        return acc is False

    def finish(self, acc: bool | None) -> bool:
        return acc is not False


class Find(Fold):
    """The first item, or any: what comes so far has been looked for."""

    lazy = True

    def __init__(self, *, first: bool) -> None:
        self.search = Search.FIRST if first else Search.ANY

    def step(self, acc: tuple[Any, ...] | None, items: Iterable[Any]) -> tuple[Any, ...] | None:
        if acc is None:
            for item in items:
                return (item,)
        return acc

    def join(self, acc: tuple[Any, ...], other: tuple[Any, ...]) -> tuple[Any, ...]:
        return acc

    def decided(self, acc: tuple[Any, ...] | None) -> bool:
        return acc is not None

    def finish(self, acc: tuple[Any, ...] | None) -> Any:
        return None if acc is None else acc[0]


class Position(Fold):
    """How many items come before the first that is true: (how many were looked at, whether the last is true)."""

    lazy = True
    search = Search.FIRST

    def step(self, acc: tuple[int, bool] | None, items: Iterable[Any]) -> tuple[int, bool]:
        seen, found = acc or (0, False)
        if not found:
            for item in items:
                if item:
                    return seen, True
                seen += 1
        return seen, found

    def join(self, acc: tuple[int, bool], other: tuple[int, bool]) -> tuple[int, bool]:
        return acc if acc[1] else (acc[0] + other[0], other[1])

    def decided(self, acc: tuple[int, bool] | None) -> bool:
        return acc is not None and acc[1]

    def finish(self, acc: tuple[int, bool] | None) -> int | None:
        return acc[0] if acc is not None and acc[1] else None


class Order:
    """Compares two items: 0 for equal ones, else what `name` makes of that: 1, or for "cmp" -1 or 1."""

    def __init__(self, name: str, key: Callable[[Any], Any] | None) -> None:
        if key is not None and not callable(key):
            raise TypeError(f"{name}: not callable: {key!r}")
        self.name = name
        self.key = key

    def __call__(self, one: Any, other: Any) -> int:
        if self.key is not None:
            one, other = self.key(one), self.key(other)
        if one is other or one == other:
            return 0
        return -1 if self.name == "cmp" and one < other else 1
