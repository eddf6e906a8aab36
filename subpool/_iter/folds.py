"""Folds: what is made of the items of a pipeline. Each takes items in, in order, and joins what came of neighbours."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from functools import reduce
from math import prod
from typing import Any

from subpool._iter.packing import Packed, packed

__all__ = [
    "Collect",
    "Count",
    "Drain",
    "Fold",
    "FoldWith",
    "Parted",
    "Product",
    "Reduce",
    "Search",
    "ToDict",
    "ToSet",
    "Unzip",
    "listed",
]


class Search(Enum):
    """When a fold needs no more items."""

    NONE = "it needs all of them"
    ANY = "as soon as it is decided by some of them, wherever they are"
    FIRST = "when it is decided by some of them, it still needs those before"


class Fold:
    """Makes something of items. None stands for what was made of no items; what it gives may be changed by it later."""

    lazy: bool = False
    """Whether the items must be computed one by one as they are taken in: user's code is called in between."""
    search: Search = Search.NONE

    def step(self, acc: Any, items: Iterable[Any]) -> Any:
        """Take in more items, which come after those taken in so far."""
        raise NotImplementedError

    def join(self, acc: Any, other: Any) -> Any:
        """Join what was made of neighbouring items, neither of them None; `other` came `home`."""
        raise NotImplementedError

    def home(self, acc: Any) -> Any:
        """The same, as it is to be written for its caller."""
        return acc

    def decided(self, acc: Any) -> bool:
        """Whether no more items are needed."""
        return False

    def finish(self, acc: Any) -> Any:
        """The result."""
        return acc


def listed(items: Iterable[Any]) -> list[Any]:
    """A list of them: they themselves, if they are one."""
    found: Any = items
    return found if type(items) is list else list(items)


class Collect(Fold):
    """A list of them."""

    def step(self, acc: list[Any] | None, items: Iterable[Any]) -> list[Any]:
        if acc is None:
            return listed(items)
        acc += items
        return acc

    def join(self, acc: list[Any], other: list[Any]) -> list[Any]:
        acc += other
        return acc

    def home(self, acc: list[Any] | None) -> list[Any] | Packed | None:
        return acc and packed(acc)

    def finish(self, acc: list[Any] | None) -> list[Any]:
        return [] if acc is None else acc


class ToSet(Fold):
    """A set of them."""

    lazy = True

    def step(self, acc: set[Any] | None, items: Iterable[Any]) -> set[Any]:
        if acc is None:
            return set(items)
        acc.update(items)
        return acc

    def join(self, acc: set[Any], other: set[Any]) -> set[Any]:
        acc |= other
        return acc

    def finish(self, acc: set[Any] | None) -> set[Any]:
        return set() if acc is None else acc


class ToDict(Fold):
    """A dict of pairs; later ones win."""

    lazy = True

    def step(self, acc: dict[Any, Any] | None, items: Iterable[Any]) -> dict[Any, Any]:
        if acc is None:
            return dict(items)
        acc.update(items)
        return acc

    def join(self, acc: dict[Any, Any], other: dict[Any, Any]) -> dict[Any, Any]:
        acc.update(other)
        return acc

    def finish(self, acc: dict[Any, Any] | None) -> dict[Any, Any]:
        return {} if acc is None else acc


class Drain(Fold):
    """Nothing: what counts is that they were computed."""

    lazy = True

    def step(self, acc: None, items: Iterable[Any]) -> None:
        deque(items, maxlen=0)

    def join(self, acc: None, other: None) -> None:
        return None


class Count(Fold):
    """How many there are."""

    def step(self, acc: int | None, items: Iterable[Any]) -> int:
        sized: Any = items if hasattr(items, "__len__") else listed(items)
        return (acc or 0) + len(sized)

    def join(self, acc: int, other: int) -> int:
        return acc + other

    def finish(self, acc: int | None) -> int:
        return acc or 0


class Product(Fold):
    """Their product."""

    def step(self, acc: Any, items: Iterable[Any]) -> Any:
        return prod(items, start=1 if acc is None else acc)

    def join(self, acc: Any, other: Any) -> Any:
        return acc * other

    def finish(self, acc: Any) -> Any:
        return 1 if acc is None else acc


class Reduce(Fold):
    """What an associative function makes of two, and of that and the next, and so on."""

    lazy = True

    def __init__(self, f: Callable[[Any, Any], Any], initial: tuple[Any, ...]) -> None:
        self.f = f
        self.initial = initial

    def __reduce__(self) -> tuple[Any, ...]:
        return Reduce, (self.f, ())  # the initial value is the caller's affair

    def step(self, acc: tuple[Any] | None, items: Iterable[Any]) -> tuple[Any] | None:
        items = iter(items)
        if acc is None:
            for first in items:
                return (reduce(self.f, items, first),)
            return None
        return (reduce(self.f, items, acc[0]),)

    def join(self, acc: tuple[Any], other: tuple[Any]) -> tuple[Any]:
        return (self.f(acc[0], other[0]),)

    def finish(self, acc: tuple[Any] | None) -> Any:
        if acc is not None and self.initial:
            return self.f(self.initial[0], acc[0])
        if acc is None and not self.initial:
            raise TypeError("reduce: there are no items, and no initial value")
        return self.initial[0] if acc is None else acc[0]


class FoldWith(Fold):
    """An accumulator for each run of neighbours, all of them combined."""

    lazy = True

    def __init__(self, make: Callable[[], Any], f: Callable[[Any, Any], Any], combine: Callable[[Any, Any], Any]):
        self.make = make
        self.f = f
        self.combine = combine

    def step(self, acc: tuple[Any] | None, items: Iterable[Any]) -> tuple[Any]:
        return (reduce(self.f, items, self.make() if acc is None else acc[0]),)

    def join(self, acc: tuple[Any], other: tuple[Any]) -> tuple[Any]:
        return (self.combine(acc[0], other[0]),)

    def finish(self, acc: tuple[Any] | None) -> Any:
        return self.make() if acc is None else acc[0]


class Parted(Fold):
    """Two lists: those that a predicate holds for, and the others."""

    lazy = True

    def __init__(self, predicate: Callable[[Any], object]) -> None:
        self.predicate = predicate

    def step(self, acc: tuple[list[Any], list[Any]] | None, items: Iterable[Any]) -> tuple[list[Any], list[Any]]:
        acc = ([], []) if acc is None else acc
        matching, rest, predicate = acc[0].append, acc[1].append, self.predicate
        for item in items:
            if predicate(item):
                matching(item)
            else:
                rest(item)
        return acc

    def join(self, acc: Any, other: Any) -> Any:
        for mine, theirs in zip(acc, other, strict=True):
            mine.extend(theirs)
        return acc

    def home(self, acc: Any) -> Any:
        return acc and tuple([packed(each) for each in acc])

    def finish(self, acc: tuple[list[Any], list[Any]] | None) -> tuple[list[Any], list[Any]]:
        return ([], []) if acc is None else acc


class Unzip(Parted):
    """A list for each part of the items, which are all of one length."""

    lazy = False

    def __init__(self) -> None:
        pass

    def step(self, acc: Any, items: Iterable[Any]) -> Any:
        columns = tuple(map(list, zip(*items, strict=True)))
        if acc is None or not columns:
            return acc or columns or None
        return self.join(acc, columns)

    def join(self, acc: Any, other: Any) -> Any:
        if len(acc) != len(other):
            raise ValueError(f"unzip: some items have {len(acc)} parts, others {len(other)}")
        return super().join(acc, other)
