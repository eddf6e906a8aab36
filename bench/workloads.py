"""The programs that are timed. Workers import this module too: nothing but the standard library and subpool in it.

Programs that fork come as twins of one shape: the one splits with `subpool.join`, the other with `plain`, which calls
the same two callables one after the other. What differs between their times is what `join` costs, and what it gains.
"""

import os
import time
from array import array
from collections.abc import Callable, Iterable
from functools import partial

from subpool import join


def plain[A, B](first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """What `join` means, without anything parallel in it."""
    return first(), second()


# --- Functions that do one thing -------------------------------------------------------------------------------------


def empty() -> None:
    """Do nothing: what is left is what the calling costs."""


def add_up(count: int) -> int:
    """A fixed amount of pure Python work; how many additions a given time holds is calibrated by the caller."""
    total = 0
    for number in range(count):
        total += number
    return total


def finish_time(count: int) -> float:
    """The work of `add_up`, answered by the moment at which it was done."""
    add_up(count)
    return time.perf_counter()


def spin(seconds: float) -> tuple[float, float]:
    """Keep Python busy for a stretch of time, and say from when to when. One clock serves all interpreters."""
    start = now = time.perf_counter()
    while now - start < seconds:
        now = time.perf_counter()
    return start, now


def nap(seconds: float) -> tuple[float, float]:
    """As `spin`, asleep."""
    start = time.perf_counter()
    time.sleep(seconds)
    return start, time.perf_counter()


def occupy(started: int, at_most: float) -> None:
    """Occupy a worker until cancelled. One byte written to the descriptor `started` says that it has begun."""
    os.write(started, b".")
    spin(at_most)


# --- Fibonacci: almost nothing but calls -----------------------------------------------------------------------------


def fib_join(n: int) -> int:
    if n < 2:
        return n
    one, two = join(partial(fib_join, n - 1), partial(fib_join, n - 2))
    return one + two


def fib_plain(n: int) -> int:
    if n < 2:
        return n
    one, two = plain(partial(fib_plain, n - 1), partial(fib_plain, n - 2))
    return one + two


# --- A balanced tree over a range, one number to a leaf --------------------------------------------------------------


def tree_join(low: int, high: int) -> int:
    if high - low == 1:
        return low * low % 7
    middle = (low + high) // 2
    left, right = join(partial(tree_join, low, middle), partial(tree_join, middle, high))
    return left + right


def tree_plain(low: int, high: int) -> int:
    if high - low == 1:
        return low * low % 7
    middle = (low + high) // 2
    left, right = plain(partial(tree_plain, low, middle), partial(tree_plain, middle, high))
    return left + right


# --- N queens: an irregular tree, with some work in each node --------------------------------------------------------
# Three bit sets say what the queens placed so far forbid: columns, rising and falling diagonals.


def free_columns(n: int, row: int, columns: int, rising: int, falling: int) -> list[int]:
    """Where a queen may stand in this row."""
    return [
        column
        for column in range(n)
        if not (columns >> column & 1 or rising >> (row + column) & 1 or falling >> (row - column + n) & 1)
    ]


def queens_join(n: int, row: int = 0, columns: int = 0, rising: int = 0, falling: int = 0) -> int:
    if row == n:
        return 1
    free = free_columns(n, row, columns, rising, falling)
    return try_join(n, row, columns, rising, falling, free) if free else 0


def try_join(n: int, row: int, columns: int, rising: int, falling: int, free: list[int]) -> int:
    if len(free) == 1:
        bit = free[0]
        return queens_join(n, row + 1, columns | 1 << bit, rising | 1 << (row + bit), falling | 1 << (row - bit + n))
    middle = len(free) // 2
    left, right = join(
        partial(try_join, n, row, columns, rising, falling, free[:middle]),
        partial(try_join, n, row, columns, rising, falling, free[middle:]),
    )
    return left + right


def queens_plain(n: int, row: int = 0, columns: int = 0, rising: int = 0, falling: int = 0) -> int:
    if row == n:
        return 1
    free = free_columns(n, row, columns, rising, falling)
    return try_plain(n, row, columns, rising, falling, free) if free else 0


def try_plain(n: int, row: int, columns: int, rising: int, falling: int, free: list[int]) -> int:
    if len(free) == 1:
        bit = free[0]
        return queens_plain(n, row + 1, columns | 1 << bit, rising | 1 << (row + bit), falling | 1 << (row - bit + n))
    middle = len(free) // 2
    left, right = plain(
        partial(try_plain, n, row, columns, rising, falling, free[:middle]),
        partial(try_plain, n, row, columns, rising, falling, free[middle:]),
    )
    return left + right


# --- Functions of an item --------------------------------------------------------------------------------------------


def tenth(number: int) -> int:
    """About a tenth of a microsecond of arithmetic."""
    return (number * 31 + 7) % 1009 + (number * 17 + 5) % 31 + number % 3


def half(number: int) -> int:
    """About half a microsecond of arithmetic."""
    for step in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47):
        number = (number * 31 + step) & 0xFFFFF
    return number


def half_text(text: str) -> str:
    """About half a microsecond of work on a short string."""
    turned = text[::-1].replace("1", "2").zfill(8).title().strip("0")
    return "-".join((text.upper(), turned, turned.center(9).strip(), text.swapcase()))


def odd(number: int) -> bool:
    return number % 2 == 1


def scaled(number: float) -> float:
    return number * 1.5 + 1.0


def summed(function: Callable[[int], int], numbers: Iterable[int]) -> int:
    return sum(map(function, numbers))


def mapped[T, R](function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    return list(map(function, items))


def mapped_texts(function: Callable[[str], str], count: int) -> list[str]:
    return list(map(function, map(str, range(count))))


def filtered(predicate: Callable[[int], bool], function: Callable[[int], int], numbers: Iterable[int]) -> list[int]:
    return list(map(function, filter(predicate, numbers)))


def scale_in_place(numbers: array[float]) -> None:
    """The plain loop that `map_in_place` stands for."""
    for place in range(len(numbers)):
        numbers[place] = scaled(numbers[place])


def scale_some(count: int) -> None:
    """The same for numbers that stay in this process."""
    if count not in _numbers:
        _numbers[count] = array("d", range(count))
    scale_in_place(_numbers[count])


_numbers: dict[int, array[float]] = {}
