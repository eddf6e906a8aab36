"""What a pool takes when it starts, while it lives, and while it does nothing. Each figure from fresh processes."""

import sys
from collections.abc import Iterator
from statistics import median

import msgspec

from bench import machine, measure
from bench.measure import Row, percentile, timed, turns

MEGABYTE = 1_000_000


def ask[Answer](answer: type[Answer], question: str, *arguments: int) -> Answer:
    """Put a question of `bench.fresh` to a new process."""
    return msgspec.json.decode(machine.run_python("-m", "bench.fresh", question, *map(str, arguments)), type=answer)


def importing(quick: bool) -> Iterator[Row]:
    bare, full = turns(
        [timed(lambda: machine.run_python("-c", "pass")), timed(lambda: machine.run_python("-c", "import subpool"))],
        rounds=9 if quick else 41,
        warm_ups=2,
    )
    extra = [1e3 * (with_subpool - without) for without, with_subpool in zip(bare, full, strict=True)]
    yield Row(
        measure="`import subpool` over bare Python",
        value=median(extra),
        bound=40,
        unit="ms",
        note=f"bare {1e3 * median(bare):.1f} ms; 90th percentile {percentile(extra, 90):.1f} ms of {len(extra)}",
    )


def first_call(quick: bool) -> Iterator[Row]:
    rounds = 5 if quick else 21
    joins = [1e3 * ask(float, "first_join") for _ in range(rounds)]
    yield Row(
        measure="first `join` of a fresh process",
        value=median(joins),
        bound=80,
        unit="ms",
        note=f"two empty functions, global pool, without the import; slowest {max(joins):.1f} ms of {rounds}",
    )
    steals = [1e3 * ask(float, "first_steal") for _ in range(3 if quick else 7)]
    yield Row(
        measure="    and of two long halves: the second starts in a worker after",
        value=median(steals),
        unit="ms",
        note=f"slowest {max(steals):.1f} ms of {len(steals)}",
    )


def memory_per_worker(quick: bool) -> Iterator[Row]:
    few, many = 1, 5
    growth = [(ask(int, "memory", many) - ask(int, "memory", few)) / (many - few) for _ in range(1 if quick else 5)]
    yield Row(
        measure="memory per worker",
        value=median(growth) / MEGABYTE,
        bound=7,
        unit="MB",
        note=f"resident memory with {many} workers less that with {few}, divided by {many - few}; all have run tasks",
    )


def a_million_tasks(quick: bool) -> Iterator[Row]:
    warm_ups, count = (50_000, 100_000) if quick else (100_000, 1_000_000)
    before, after = ask(tuple[int, int], "many_tasks", warm_ups, count)
    yield Row(
        measure=f"{count:,} spawned tasks: growth of resident memory after warm-up",
        value=100 * (after - before) / before,
        bound=3,
        unit="%",
        note=f"from {before / MEGABYTE:.1f} to {after / MEGABYTE:.1f} MB, after {warm_ups:,} tasks to warm up",
    )


def idle_pool(quick: bool) -> Iterator[Row]:
    seconds = 2 if quick else 5
    without, with_pool, sleeps = ask(tuple[float, float, int], "idle", seconds)
    yield Row(
        measure=f"processor time of an idle pool of 2 workers in {seconds} s, over the same without a pool",
        value=max(0.0, 1e3 * (with_pool - without)),
        bound=1.0,
        unit="ms",
        note=f"without {1e3 * without:.3f} ms, with {1e3 * with_pool:.3f} ms; a thread went to sleep {sleeps} times",
    )


MEASURES = [importing, first_call, memory_per_worker, a_million_tasks, idle_pool]

if __name__ == "__main__":
    sys.exit(measure.main("footprint", MEASURES, __doc__))
