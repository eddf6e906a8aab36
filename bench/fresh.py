"""What a fresh process is asked to do: each function here is run in a Python of its own and prints what it found.

`python -m bench.fresh first_join` and so on; `bench.footprint` does the asking. Imports stand in the functions, since
what this module imports the first `join` would no longer have to.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future


def first_join() -> float:
    """Seconds that the first `join` of a process takes, of two empty functions. The import is not in it."""
    import subpool
    from bench.workloads import empty

    start = time.perf_counter()
    subpool.join(empty, empty)
    return time.perf_counter() - start


def first_steal() -> float:
    """Seconds from the first `join` of a process, of two long halves, until the second runs in a worker."""
    from functools import partial

    import subpool
    from bench.workloads import spin

    half = partial(spin, 0.5)
    start = time.perf_counter()
    _, (stolen, _) = subpool.join(half, half)
    return stolen - start


def memory(workers: int) -> int:
    """Bytes in memory once this many workers have all run something."""
    import gc

    import subpool
    from bench import machine
    from bench.pools import warm

    with subpool.Pool(workers=workers) as pool:
        warm(pool)
        gc.collect()
        return machine.resident()


def many_tasks(warm_ups: int, count: int) -> tuple[int, int]:
    """Bytes in memory before and after this many spawned tasks, in batches of which each is waited for."""
    import subpool
    from bench import machine
    from bench.pools import warm

    with subpool.Pool(workers=1) as pool:
        warm(pool)
        run_tasks(pool.spawn, warm_ups)
        before = machine.resident()
        run_tasks(pool.spawn, count)
        return before, machine.resident()


def run_tasks(spawn: Callable[..., Future[int]], count: int, batch: int = 10_000) -> None:
    """Spawn tiny tasks, a batch at a time."""
    import gc

    from bench.workloads import add_up

    for _ in range(0, count, batch):
        for task in [spawn(add_up, 1) for _ in range(batch)]:
            task.result()
    gc.collect()


def idle(seconds: float) -> tuple[float, float, int]:
    """Seconds of processor time, without a pool and with an idle one, in this time; and how often a thread slept."""
    without = processor_time(seconds)
    import subpool
    from bench import machine
    from bench.pools import warm

    with subpool.Pool(workers=2) as pool:
        warm(pool)
        time.sleep(1)
        before = machine.sleeps()
        return without, processor_time(seconds), machine.sleeps() - before


def processor_time(seconds: float) -> float:
    """Processor time of all threads of this process while it sleeps."""
    before = time.process_time()
    time.sleep(seconds)
    return time.process_time() - before


if __name__ == "__main__":
    questions: list[Callable[..., object]] = [first_join, first_steal, memory, many_tasks, idle]
    asked = {question.__name__: question for question in questions}
    answer = asked[sys.argv[1]](*map(int, sys.argv[2:]))
    import json

    json.dump(answer, sys.stdout)
