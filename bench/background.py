"""Background tasks, against the executors of the standard library.

The executors get as many workers as the pool, are warm, and are given the same work in the same number of tasks.
"""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from statistics import median
from typing import Any

import subpool
from bench import measure
from bench.measure import Pairs, Row, additions_in, pairs, repeated, timed
from bench.pools import ASLEEP, HAS_INTERPRETER_POOL, interpreter_pool, process_pool, warm
from bench.workloads import add_up, empty, finish_time, spin

type Submit = Callable[..., Future[Any]]

WITHOUT = "InterpreterPoolExecutor came with Python 3.14"


def spawn_to_result(quick: bool) -> Iterator[Row]:
    if not HAS_INTERPRETER_POOL:
        yield Row(measure="spawn → result, back to back: times less than InterpreterPoolExecutor",
                  value=None, bound=10, at_least=True, note=WITHOUT)  # fmt: skip
        yield Row(measure="spawn → result, worker asleep: times less than InterpreterPoolExecutor",
                  value=None, bound=1.5, at_least=True, note=WITHOUT)  # fmt: skip
        return
    with subpool.Pool(workers=1) as pool, interpreter_pool(1) as executor:
        warm(pool)
        yield back_to_back(pool, executor, quick)
        yield after_sleep(pool, executor, quick)


def back_to_back(pool: subpool.Pool, executor: Executor, quick: bool) -> Row:
    count = 100 if quick else 500
    result = pairs(
        repeated(lambda: executor.submit(empty).result(), count),
        repeated(lambda: pool.spawn(empty).result(), count),
        rounds=9 if quick else 41,
        warm_ups=3,
    )
    return Row(
        measure="spawn → result, back to back: times less than InterpreterPoolExecutor",
        value=result.inverse,
        bound=10,
        at_least=True,
        note=compare(result, count),
    )


def after_sleep(pool: subpool.Pool, executor: Executor, quick: bool) -> Row:
    result = pairs(
        rested(lambda: executor.submit(empty).result()),
        rested(lambda: pool.spawn(empty).result()),
        rounds=15 if quick else 101,
        warm_ups=3,
    )
    return Row(
        measure="spawn → result, worker asleep: times less than InterpreterPoolExecutor",
        value=result.inverse,
        bound=1.5,
        at_least=True,
        note=compare(result, 1),
    )


def rested(call: Callable[[], object]) -> measure.Timed:
    """One call, timed, after everybody has gone to sleep."""

    def once() -> float:
        time.sleep(ASLEEP)
        return timed(call)()

    return once


def compare(result: Pairs, count: int) -> str:
    base, other = (1e6 * median(times) / count for times in (result.base, result.other))
    return f"executor {base:.0f} us, subpool {other:.1f} us, middle half of subpool/executor {result.spread}"


def throughput(quick: bool) -> Iterator[Row]:
    """Tiny tasks per second, from the first `spawn` until the last result has been fetched."""
    count, rounds = (10_000, 3) if quick else (100_000, 5)
    with subpool.Pool(workers=1) as pool:
        warm(pool)
        for name, make, bound in (
            ("InterpreterPoolExecutor", interpreter_pool if HAS_INTERPRETER_POOL else None, 18),
            ("ProcessPoolExecutor", process_pool, 20),
        ):
            measure_name = f"{count:,} tiny spawned tasks: times as many per second as {name}"
            if make is None:
                yield Row(measure=measure_name, value=None, bound=bound, at_least=True, note=WITHOUT)
                continue
            with make(1) as executor:
                result = pairs(
                    partial(drained, executor.submit, count), partial(drained, pool.spawn, count), rounds=rounds
                )
            yield Row(
                measure=measure_name,
                value=result.inverse,
                bound=bound,
                at_least=True,
                note=f"{count / median(result.other):,.0f} tasks a second against {count / median(result.base):,.0f},"
                f" middle half of subpool/executor {result.spread}",
            )


def drained(submit: Submit, count: int) -> float:
    """Seconds from the first task's submission to the last one's result."""
    start = time.perf_counter()
    tasks = [submit(empty) for _ in range(count)]
    for task in tasks:
        task.result()
    return time.perf_counter() - start


def busy_caller(quick: bool) -> Iterator[Row]:
    """200 tasks of 1 ms while the caller computes in pure Python, over the same tasks called one after the other.

    A task answers with the moment at which it was done: what counts is the last of these, not when the caller
    came to look. The caller computes all the time until then.
    """
    rounds = 5 if quick else 21
    additions = additions_in(1e-3)
    with subpool.Pool(workers=1) as pool:
        warm(pool)
        yield backlog_row("subpool", pool.spawn, additions, computing=0.5, rounds=rounds, bound=1.25)
    if HAS_INTERPRETER_POOL:
        with interpreter_pool(1) as executor:
            yield backlog_row("InterpreterPoolExecutor", executor.submit, additions, computing=2.5, rounds=3)
    with process_pool(1) as executor:
        yield backlog_row("ProcessPoolExecutor", executor.submit, additions, computing=2.5, rounds=3)


def backlog_row(name: str, submit: Submit, additions: int, *, computing: float, rounds: int,
                bound: float | None = None) -> Row:  # fmt: skip
    result = pairs(
        partial(one_after_the_other, additions),
        partial(backlog, submit, additions, computing),
        rounds=rounds,
    )
    return Row(
        measure=f"200 tasks of 1 ms while the caller computes in Python, over sequential: {name}",
        value=result.ratio,
        bound=bound,
        note=f"sequential {1e3 * median(result.base):.0f} ms, tasks {1e3 * median(result.other):.0f} ms,"
        f" middle half {result.spread}",
    )


def one_after_the_other(additions: int) -> float:
    return repeated(partial(add_up, additions), 200)()


def backlog(submit: Submit, additions: int, computing: float) -> float:
    """Seconds until the last of 200 tasks is done. The caller does nothing but compute for `computing` seconds."""
    time.sleep(ASLEEP)
    start = time.perf_counter()
    tasks = [submit(finish_time, additions) for _ in range(200)]
    spin(computing)
    finished: list[float] = [task.result() for task in tasks]
    return max(finished) - start


MEASURES = [spawn_to_result, throughput, busy_caller]

if __name__ == "__main__":
    sys.exit(measure.main("background", MEASURES, __doc__))
