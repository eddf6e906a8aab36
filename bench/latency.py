"""How soon another core joins in: from the moment somebody wants a half until the half has started there."""

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import subpool
from bench import measure
from bench.bare import Sleepers
from bench.measure import Row, pairs, percentile
from bench.pools import ASLEEP, busy, settle, warm
from bench.workloads import empty, nap, spin


def spread(delays: list[float]) -> str:
    return f"90th percentile {1e3 * percentile(delays, 90):.2f} ms, last {1e3 * max(delays):.2f} ms of {len(delays)}"


def sleeping_worker(quick: bool) -> Iterator[Row]:
    """From the call of `join` to the first line of the stolen half, while the worker was asleep."""
    delays, whole = [], []
    half = partial(spin, 0.2)
    with subpool.Pool(workers=1) as pool:
        warm(pool)
        for _ in range(5 if quick else 21):
            time.sleep(ASLEEP)
            called = time.perf_counter()
            _, (started, _) = pool.join(half, half)
            whole.append(time.perf_counter() - called)
            delays.append(started - called)
    yield Row(
        measure="two 200 ms halves, worker asleep: start of the stolen half",
        value=1e3 * median(delays),
        bound=1.0,
        unit="ms",
        note=f"{spread(delays)}; the whole join {1e3 * median(whole):.1f} ms",
    )


def nobody_hungry(quick: bool) -> Iterator[Row]:
    """How many halves are published by joins that nobody waits for."""
    joins = 20_000 if quick else 200_000
    with subpool.Pool(workers=1) as pool:
        warm(pool)
        with busy(pool):
            before = pool.stats().published
            for _ in range(joins):
                pool.join(empty, empty)
            pool.join(partial(spin, 0.2), partial(spin, 0.2))
            published = pool.stats().published - before
    yield Row(
        measure="halves published while nobody is hungry (all workers busy)",
        value=published,
        bound=0,
        unit="halves",
        note=f"{joins:,} joins of empty functions, and one of two 200 ms halves",
    )


def long_leaf(quick: bool) -> Iterator[Row]:
    """The worker becomes hungry while the owner of a private half is deep in a leaf that never looks up.

    The moment of becoming hungry is the end of a background task of 20 ms. Being published is told from outside by
    the start of the half in the worker, which comes a little later: the figure is an upper limit. A request that the
    worker left behind before it took the background task is answered first, so that the half is still private when
    the leaf begins; rounds in which it is not are left out, and counted.
    """
    delays, early = [], 0
    with subpool.Pool(workers=1) as pool:
        warm(pool)
        for _ in range(10 if quick else 60):
            delay = wanted_late(pool)
            if delay is None:
                early += 1
            else:
                delays.append(delay)
    yield Row(
        measure="wanted in the middle of a long leaf, one busy host thread: stolen half starts within",
        value=1e3 * percentile(delays, 90),
        bound=8.0,
        unit="ms",
        note=f"the figure is the 90th percentile; median {1e3 * median(delays):.2f} ms, {spread(delays)};"
        f" {early} rounds left out; switch interval {1e3 * sys.getswitchinterval():g} ms",
    )


def wanted_late(pool: subpool.Pool) -> float | None:
    """One round: seconds from hunger to the start of the half; None where it was published before the leaf began."""
    published: list[int] = []

    def leaf() -> None:
        published.append(pool.stats().published)
        spin(0.06)

    time.sleep(ASLEEP)
    task = pool.spawn(spin, 0.02)
    time.sleep(0.005)
    settle(pool)
    published.append(pool.stats().published)
    _, (started, _) = pool.join(leaf, partial(spin, 0.06))
    _, hungry = task.result()
    return started - hungry if published[0] == published[1] else None


def eight_halves(quick: bool) -> Iterator[Row]:
    """`join_all` of eight halves, seven workers asleep. The caller's half computes, the others sleep.

    Beside it, turn by turn: seven sleeping interpreters of nobody's pool are rung, and the ringer computes. The second
    row is the same with all halves, and all woken interpreters, computing: there the operating system's time slices
    are most of both figures.
    """
    rounds = 10 if quick else 40
    with subpool.Pool(workers=7) as pool:
        warm(pool)
        with Sleepers(7) as sleepers:
            yield last_row("the others sleep", pool, sleepers, nap, rounds, bound=2.5)
        with Sleepers(7, computing=HALF) as sleepers:
            yield last_row("the others compute", pool, sleepers, spin, rounds)


HALF = 0.1
"""Seconds that each of the eight halves takes."""


def last_row(name: str, pool: subpool.Pool, sleepers: Sleepers, other: Callable[[float], tuple[float, float]],
             rounds: int, bound: float | None = None) -> Row:  # fmt: skip
    halves = [partial(spin, HALF), *[partial(other, HALF)] * 7]

    def bare() -> float:
        time.sleep(ASLEEP)
        called = time.perf_counter()
        sleepers.ring()
        spin(HALF)
        return max(sleepers.answers()) - called

    def pooled() -> float:
        time.sleep(ASLEEP)
        called = time.perf_counter()
        spans = pool.join_all(halves)
        return max(start for start, _ in spans[1:]) - called

    result = pairs(bare, pooled, rounds=rounds)
    return Row(
        measure=f"join_all of 8 coarse halves ({name}), 7 workers asleep: last start over bare wake-up of 7",
        value=result.ratio,
        bound=bound,
        note=f"bare {1e3 * median(result.base):.2f} ms, pool {1e3 * median(result.other):.2f} ms,"
        f" middle half {result.spread}; {spread(result.other)}",
    )


MEASURES = [sleeping_worker, nobody_hungry, long_leaf, eight_halves]

if __name__ == "__main__":
    sys.exit(measure.main("latency", MEASURES, __doc__))
