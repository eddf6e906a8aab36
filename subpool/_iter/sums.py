"""Sums that do not depend on who added what: ints and floats exactly, rounded once at the end.

Partial sums of floats are kept as expansions, floats whose exact sum is meant (Shewchuk, "Adaptive precision
floating-point arithmetic", 1997): `math.fsum` gives the nearest float, then that of what is left, until nothing is. So
a sum of floats is the exact one, rounded once, whatever the number of workers; built-in `sum` may be off in the last
digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from math import fsum, isfinite
from operator import add
from typing import Any, Final

from subpool._iter.folds import Fold, listed

__all__ = ["Sum"]

SCALE: Final = 1074
"""Every finite float is a whole number of ``2 ** -SCALE``."""
PLAIN: Final = {int, bool, float}


class Total:
    """The exact sum of ints and floats."""

    __slots__ = ("expansion", "fixed", "floats", "special", "whole")

    def __init__(self) -> None:
        self.whole: int = 0
        self.expansion: list[float] = []  # exact, with `fixed`, for the floats
        self.fixed: int = 0  # in units of 2 ** -SCALE: what no expansion can hold
        self.special: float = 0.0  # the sum of infinities and NaNs
        self.floats: bool = False

    def __getstate__(self) -> tuple[Any, ...]:
        return self.whole, self.expansion, self.fixed, self.special, self.floats

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.whole, self.expansion, self.fixed, self.special, self.floats = state

    def add(self, items: list[Any], kinds: set[type]) -> None:
        """Add ints and floats."""
        if len(kinds - {float}):
            self.whole += sum(item for item in items if type(item) is not float)
        if float in kinds:
            self.floats = True
            self._add_floats([item for item in items if type(item) is float])

    def merge(self, other: Total) -> None:
        """Add another total."""
        self.whole += other.whole
        self.fixed += other.fixed
        self.special += other.special
        self.floats = self.floats or other.floats
        self._add_floats(other.expansion)

    def _add_floats(self, items: list[float]) -> None:
        try:
            self.expansion = _expansion([*self.expansion, *items])
        except (OverflowError, ValueError):
            self._add_slowly(items)

    def _add_slowly(self, items: list[float]) -> None:
        for item in [*self.expansion, *items]:
            if isfinite(item):
                self.fixed += _in_units(item)
            else:
                self.special += item
        self.expansion = []

    def value(self) -> Any:
        """The sum: an int if there was no float."""
        if not self.floats:
            return self.whole
        if self.special:  # an infinity, or not a number
            return self.special
        if not self.fixed and not self.whole:
            return fsum(self.expansion)
        units = self.fixed + (self.whole << SCALE) + sum(map(_in_units, self.expansion))
        try:
            return units / (1 << SCALE)
        except OverflowError:
            return float("inf") if units > 0 else float("-inf")


def _in_units(item: float) -> int:
    numerator, denominator = item.as_integer_ratio()
    return numerator * ((1 << SCALE) // denominator)


def _expansion(items: list[float]) -> list[float]:
    """Few floats with the same exact sum.

    Raises:
        OverflowError, ValueError: there is none, or they are not all finite.
    """
    parts: list[float] = []
    while True:
        rest = fsum(items) if not parts else fsum([*items, *(-part for part in parts)])
        if not isfinite(rest):
            raise ValueError
        if not rest:
            return parts
        parts.append(rest)


def _total(acc: list[Any]) -> Total:
    """The exact sum at the end of what was added up so far."""
    if not acc or type(acc[-1]) is not Total:
        acc.append(Total())
    total: Total = acc[-1]
    return total


class Sum(Fold):
    """The sum, as built-in `sum` gives it, exact for ints and floats. Other values are added up in order."""

    def __init__(self, start: Any = 0) -> None:
        if isinstance(start, (str, bytes, bytearray)):
            raise TypeError(f"sum: cannot add up {type(start).__name__}: join them")
        self.start = start

    def __reduce__(self) -> tuple[Any, ...]:
        return Sum, ()  # the start is the caller's affair

    def step(self, acc: list[Any] | None, items: Iterable[Any]) -> list[Any] | None:
        values = listed(items)
        if not values:
            return acc
        acc = [] if acc is None else acc
        if type(values[0]) is int and type(values[-1]) is int:
            try:
                whole = sum(values)
            except TypeError:
                whole = None
            if type(whole) is int:  # then they all are, or add up like ints
                _total(acc).whole += whole
                return acc
        kinds = set(map(type, values))
        if kinds <= PLAIN:
            _total(acc).add(values, kinds)
        else:
            acc.append(reduce(add, values))
        return acc

    def join(self, acc: list[Any], other: list[Any]) -> list[Any]:
        for part in other:
            if acc and type(part) is Total and type(acc[-1]) is Total:
                acc[-1].merge(part)
            else:
                acc.append(part)
        return acc

    def finish(self, acc: list[Any] | None) -> Any:
        total = self.start
        for part in acc or ():
            if type(part) is Total:
                if type(total) in PLAIN:
                    part.add([total], {type(total)})
                    total = part.value()
                else:
                    total = total + part.value()
            else:
                total = total + part
        return total
