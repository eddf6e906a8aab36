"""What `join` costs when there is nothing to share, and what it gains when there is.

"Idle pool": its worker has started, is asleep or looks for work. "Busy pool": every worker is occupied by a background
task that does not end. In both, the program with `join` is timed against its twin with plain calls, turn by turn.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import NamedTuple

import subpool
from bench import measure
from bench.copies import Copy
from bench.measure import Pairs, Row, looped, pairs, repeated, timed, turns
from bench.pools import busy, global_pool, warm
from bench.workloads import (
    add_up,
    empty,
    fib_join,
    fib_plain,
    plain,
    queens_join,
    queens_plain,
    tree_join,
    tree_plain,
)


class Program(NamedTuple):
    """A program that forks down to its leaves, and its twin without a pool, in growing sizes."""

    name: str
    bound: float
    joined: Callable[..., int]
    plainly: Callable[..., int]
    sizes: list[tuple[int, ...]]

    def tiny(self) -> Iterator[tuple[int, ...]]:
        """The sizes whose plain form takes between 10 us and 1 ms."""
        for size in self.sizes:
            taken = measure.seconds_per_call(partial(self.plainly, *size))
            if taken > 1e-3:
                return
            if taken >= 10e-6:
                yield size

    def nearest(self, seconds: float) -> tuple[int, ...]:
        """The first size whose plain form takes about this long: two thirds of it, or more."""
        for size in self.sizes:
            if timed(partial(self.plainly, *size))() >= seconds * 2 / 3:
                return size
        return self.sizes[-1]

    def show(self, size: tuple[int, ...]) -> str:
        """The program as one would call it."""
        return f"{self.name}({', '.join(map(str, size))})"


PROGRAMS = [
    Program("fib", 1.35, fib_join, fib_plain, [(n,) for n in range(5, 40)]),
    Program("tree", 1.25, tree_join, tree_plain, [(0, 2**depth) for depth in range(3, 30)]),
    Program("queens", 1.15, queens_join, queens_plain, [(n,) for n in range(4, 14)]),
]


def unstolen(quick: bool) -> Iterator[Row]:
    with busy(global_pool()):
        count = 5_000 if quick else 20_000
        result = pairs(looped(plain, empty, empty, count), looped(subpool.join, empty, empty, count),
                       rounds=15 if quick else 61)  # fmt: skip
    costs = [1e9 * median(times) / count for times in (result.base, result.other)]
    yield Row(
        measure="unstolen join of two empty functions over plain calls, busy pool",
        value=result.ratio,
        bound=2.2,
        note=f"plain {costs[0]:.0f} ns, join {costs[1]:.0f} ns, middle half {result.spread}",
    )


def loops(quick: bool) -> Iterator[Row]:
    pool = global_pool()
    function = half_a_microsecond()
    yield loop_row(function, "idle", 1.15, quick)
    with busy(pool):
        yield loop_row(function, "busy", 1.10, quick)


def half_a_microsecond() -> Callable[[], int]:
    """A function that takes 0.5 us, or a little less."""
    additions = 1
    while measure.seconds_per_call(partial(add_up, additions + 1)) <= 0.5e-6:
        additions += 1
    return partial(add_up, additions)


def loop_row(function: Callable[[], int], state: str, bound: float, quick: bool) -> Row:
    count = 2_000 if quick else 5_000
    result = pairs(looped(plain, function, function, count), looped(subpool.join, function, function, count),
                   rounds=25 if quick else 101)  # fmt: skip
    single = measure.seconds_per_call(function) * 1e6
    return Row(
        measure=f"loop of joins of 0.5 us functions over plain calls, {state} pool",
        value=result.ratio,
        bound=bound,
        note=f"one function {single:.2f} us, middle half {result.spread}",
    )


def tiny_programs(quick: bool) -> Iterator[Row]:
    pool = global_pool()
    for program in PROGRAMS:
        yield tiny_row(program, "idle pool", quick)
    with busy(pool):
        for program in PROGRAMS:
            yield tiny_row(program, "busy pool", quick)
    with subpool.Pool(workers=4) as crowd, crowd.install():
        warm(crowd)
        for program in PROGRAMS:
            yield tiny_row(program, "4 workers", quick, promised=False)


def tiny_row(program: Program, state: str, quick: bool, *, promised: bool = True) -> Row:
    """The worst of all tiny sizes of one program: a small program must not be slower at any of them."""
    sizes = list(program.tiny())
    chosen = [sizes[0], sizes[len(sizes) // 2], sizes[-1]] if quick else sizes
    ratios = {size: tiny_pairs(program, size, quick).ratio for size in chosen}
    worst = max(ratios.values())
    each = ", ".join(f"{program.show(size)} {ratio:.2f}" for size, ratio in ratios.items())
    return Row(
        measure=f"{program.name} of 10 us to 1 ms over plain calls, {state}, the worst of its sizes",
        value=worst,
        bound=program.bound if promised else None,
        note=each,
    )


def tiny_pairs(program: Program, size: tuple[int, ...], quick: bool) -> Pairs:
    plainly, joined = partial(program.plainly, *size), partial(program.joined, *size)
    assert plainly() == joined()
    count = max(1, round(4e-3 / measure.seconds_per_call(plainly)))
    return pairs(repeated(plainly, count), repeated(joined, count), rounds=15 if quick else 61)


def whole_second(quick: bool) -> Iterator[Row]:
    """Speed-up, as a share of the ceiling: what two independent copies of the plain program reach, in two processes.

    ceiling = 2 x (one copy alone) / (two copies at once); speed-up = (one copy alone) / (program with `join`).
    """
    global_pool()
    with Copy() as copy:
        for program in PROGRAMS:
            yield share_row(program, copy, quick)


def work(quick: bool) -> str:
    return "a quarter of a second" if quick else "a second"


def share_row(program: Program, copy: Copy, quick: bool) -> Row:
    size = program.nearest(0.25 if quick else 1.0)
    plainly, joined = partial(program.plainly, *size), partial(program.joined, *size)
    alone, together, forked = turns(
        [timed(plainly), lambda: copy.together(plainly), timed(joined)], rounds=3 if quick else 9
    )
    ceilings = [2 * one / two for one, two in zip(alone, together, strict=True)]
    speedups = [one / join for one, join in zip(alone, forked, strict=True)]
    shares = [speedup / ceiling for speedup, ceiling in zip(speedups, ceilings, strict=True)]
    return Row(
        measure=f"{program.name}, {work(quick)} of work: speed-up as a share of two independent copies",
        value=median(shares),
        bound=0.90,
        at_least=True,
        unit="",
        note=f"{program.show(size)} in {median(alone):.2f} s, speed-up {median(speedups):.2f}x,"
        f" ceiling {median(ceilings):.2f}x, shares {min(shares):.2f}-{max(shares):.2f}",
    )


def four_workers(quick: bool) -> Iterator[Row]:
    global_pool()
    with subpool.Pool(workers=4) as crowd:
        warm(crowd)
        for program in PROGRAMS:
            yield crowd_row(program, crowd, quick)


def crowd_row(program: Program, crowd: subpool.Pool, quick: bool) -> Row:
    size = program.nearest(0.25 if quick else 1.0)
    joined = partial(program.joined, *size)

    def in_crowd() -> float:
        with crowd.install():
            return timed(joined)()

    result = pairs(timed(joined), in_crowd, rounds=3 if quick else 9)
    return Row(
        measure=f"{program.name}, {work(quick)} of work: 4 workers on 2 cores over 1 worker",
        value=result.ratio,
        bound=1.10,
        note=f"{program.show(size)}, 1 worker {median(result.base):.2f} s, 4 workers {median(result.other):.2f} s,"
        f" middle half {result.spread}",
    )


MEASURES = [unstolen, loops, tiny_programs, whole_second, four_workers]

if __name__ == "__main__":
    subpool.configure(workers=1)
    sys.exit(measure.main("fork_join", MEASURES, __doc__))
