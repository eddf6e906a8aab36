"""The demo's ways to do the same work: one after another, with subpool, and with the standard library's executors.

Every way may use the same number of cores: subpool's caller works and so counts as a seat, an executor's only waits.
What it takes to start workers is timed apart from the work, and before each way garbage is collected.
"""

import gc
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from functools import partial
from multiprocessing import get_context

import subpool
from subpool.cli import analysis
from subpool.cli.analysis import Analysis, Findings
from subpool.cli.gate import start_workers

CHUNKS_PER_SEAT = 8  # few enough that crossing costs little, enough of them that the last ones end together
NAP = 0.1  # seconds that an executor's worker is kept busy for while the others start

STATISTICS = (
    *("tasks_completed", "tasks_failed", "tasks_cancelled", "published", "stolen", "taken_back", "withdrawn"),
    *("helped", "sleeps", "wakes", "workers", "workers_lost"),
)
_LEVELS = frozenset({"workers", "workers_lost"})  # not counts of what happened meanwhile


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one way did."""

    name: str
    seats: int
    start_seconds: float
    seconds: float
    analysis: Analysis
    statistics: Mapping[str, int] = field(default_factory=dict[str, int])


def sequential(paths: Sequence[str], ticks: int | None) -> Outcome:
    """In a plain loop."""
    gc.collect()
    started = time.perf_counter()
    whole = analysis.one_after_another(paths, ticks)
    return Outcome("one after another", 1, 0.0, time.perf_counter() - started, whole)


def with_subpool(paths: Sequence[str], workers: int | None, ticks: int | None) -> Outcome:
    """By recursive joins, in a pool of so many workers."""
    gc.collect()
    began = time.perf_counter()
    with subpool.Pool(workers, preload=(analysis.__name__,)) as pool, pool.install():
        start_workers(pool)
        before = pool.stats()
        started = time.perf_counter()
        whole = analysis.fork_join(paths, ticks)
        ended = time.perf_counter()
        statistics = _difference(before, pool.stats())
        return Outcome("subpool", pool.workers + 1, started - began, ended - started, whole, statistics)


def with_executor(
    name: str, make: Callable[[int], Executor], paths: Sequence[str], seats: int, ticks: int | None
) -> Outcome:
    """In chunks of files, by an executor of so many workers."""
    gc.collect()
    began = time.perf_counter()
    with make(seats) as executor:
        list(executor.map(analysis.settle, [NAP] * seats))
        started = time.perf_counter()
        whole = _in_chunks(executor, paths, seats * CHUNKS_PER_SEAT, ticks)
        ended = time.perf_counter()
    return Outcome(name, seats, max(0.0, started - began - NAP), ended - started, whole)


def executors() -> Mapping[str, Callable[[int], Executor]]:
    """The executors to compare with, and how to make one of so many workers."""
    spawned = partial(ProcessPoolExecutor, mp_context=get_context("spawn"))
    makers: dict[str, Callable[[int], Executor]] = {
        "ThreadPoolExecutor": ThreadPoolExecutor,
        "ProcessPoolExecutor": spawned,
    }
    if sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        makers["InterpreterPoolExecutor"] = InterpreterPoolExecutor
    return makers


def differences(expected: Findings, found: Findings) -> list[str]:
    """Which of the findings are not equal: by name, with both values where they are numbers."""
    unequal: list[str] = []
    for name in (each.name for each in fields(Findings)):
        right, wrong = getattr(expected, name), getattr(found, name)
        if right != wrong:
            unequal.append(f"{name}: {wrong} instead of {right}" if isinstance(right, int) else name)
    return unequal


def cores() -> int:
    """How many cores this process may use."""
    return os.process_cpu_count() or 1


def _in_chunks(executor: Executor, paths: Sequence[str], count: int, ticks: int | None) -> Analysis:
    futures: list[Future[Analysis]] = []
    # Every `count`th file in a chunk: neighbours are of one package and alike in size, so this evens the chunks out.
    for chunk in filter(None, (paths[start::count] for start in range(count))):
        future = executor.submit(analysis.one_after_another, chunk)
        future.add_done_callback(partial(_tick_chunk, ticks, len(chunk)))
        futures.append(future)
    whole = Analysis()
    for future in futures:
        whole.absorb(future.result())
    return whole


def _tick_chunk(ticks: int | None, count: int, _done: Future[Analysis]) -> None:
    analysis.tick(ticks, count)


def _difference(before: object, after: object) -> dict[str, int]:
    return {name: getattr(after, name) - (0 if name in _LEVELS else getattr(before, name)) for name in STATISTICS}
