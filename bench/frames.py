"""The frame loop: short work at a steady beat, on top of a background load that never ends.

Every 12 ms a frame of 4 ms is due. Frames are split by `join` and computed plainly in turn, in the same loop, under the
same load: background tasks of 3 ms, then of 250 ms, always more of them than the workers can do. What counts is the
90th percentile of the split frames over that of the plain ones between them. Beside it the same loop with the
executors of the standard library, where the second half of a frame is submitted to the executor which runs the
background tasks.
"""

import math
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, wait
from contextlib import ExitStack
from functools import partial
from statistics import median
from typing import Any, NamedTuple

import subpool
from bench import measure
from bench.measure import Row, additions_in, percentile
from bench.pools import STANDARD, warm
from bench.workloads import add_up, plain

FRAME = 4e-3
PERIOD = 12e-3
WORKERS = 1

type Half = Callable[[], int]
type Fork = Callable[[Half, Half], object]


class Background:
    """Background tasks of one length: topped up before each frame, so that the workers never run out."""

    def __init__(self, submit: Callable[..., Future[Any]], seconds: float) -> None:
        self._submit = submit
        self._additions = additions_in(seconds)
        self._depth = WORKERS * (2 + 2 * math.ceil(PERIOD / seconds))
        self._tasks: list[Future[Any]] = []
        self.finished = 0

    def top_up(self) -> None:
        """Count what has been finished, and replace it."""
        waiting = [task for task in self._tasks if not task.done()]
        self.finished += len(self._tasks) - len(waiting)
        fresh = [self._submit(add_up, self._additions) for _ in range(self._depth - len(waiting))]
        self._tasks = waiting + fresh

    def stop(self) -> None:
        """Withdraw what has not started, and wait for the rest."""
        for task in self._tasks:
            task.cancel()
        wait(self._tasks)


class Loop(NamedTuple):
    """One run of the frame loop."""

    split: list[float]
    plainly: list[float]
    finished: int
    seconds: float

    @property
    def ratio(self) -> float:
        """The slow split frames over the slow plain ones."""
        return percentile(self.split, 90) / percentile(self.plainly, 90)


def frame_loop(fork: Fork, background: Background, half: Half, frames: int) -> Loop:
    """Compute `frames` frames of each kind, in turn."""
    times: tuple[list[float], list[float]] = [], []
    background.top_up()
    begin = due = time.perf_counter() + 10 * PERIOD
    time.sleep(10 * PERIOD)
    background.top_up()
    before = background.finished
    for number in range(2 * frames):
        background.top_up()
        due = wait_until(due + PERIOD)
        start = time.perf_counter()
        (plain if number % 2 else fork)(half, half)
        times[number % 2].append(time.perf_counter() - start)
    background.top_up()
    return Loop(*times, background.finished - before, time.perf_counter() - begin)


def wait_until(due: float) -> float:
    """Sleep until the next beat; after a late frame the beat starts anew."""
    now = time.perf_counter()
    if now >= due:
        return now
    time.sleep(due - now)
    return due


def with_subpool(quick: bool) -> Iterator[Row]:
    half = partial(add_up, additions_in(FRAME / 2))
    with subpool.Pool(workers=WORKERS) as pool:
        warm(pool)
        for seconds in (0.003, 0.25):
            loops = []
            for _ in range(2 if quick else 7):
                background = Background(pool.spawn, seconds)
                loops.append(frame_loop(pool.join, background, half, 50 if quick else 100))
                background.stop()
            yield from rows("subpool", seconds, loops, bound=1.10)


def with_executors(quick: bool) -> Iterator[Row]:
    half = partial(add_up, additions_in(FRAME / 2))
    for name, make in STANDARD.items():
        for seconds in (0.003, 0.25):
            with ExitStack() as stack:
                executor = stack.enter_context(make(WORKERS))
                executor.submit(add_up, 1).result()
                background = Background(executor.submit, seconds)
                stack.callback(background.stop)
                frames = (10 if quick else 50) if seconds < 0.1 else (3 if quick else 10)
                loop = frame_loop(partial(submit_second, executor), background, half, frames)
            yield from rows(name, seconds, [loop])


def submit_second(executor: Executor, first: Half, second: Half) -> tuple[int, int]:
    """The nearest thing to `join` that an executor offers."""
    other = executor.submit(second)
    return first(), other.result()


def rows(name: str, seconds: float, loops: list[Loop], bound: float | None = None) -> Iterator[Row]:
    split = median(percentile(loop.split, 90) for loop in loops)
    plainly = median(percentile(loop.plainly, 90) for loop in loops)
    tasks = f"tasks of {1e3 * seconds:g} ms"
    yield Row(
        measure=f"frame loop under {tasks}, 90th percentile over plain frames: {name}",
        value=median(loop.ratio for loop in loops),
        bound=bound,
        note=f"split {1e3 * split:.2f} ms (median {1e3 * median(median(loop.split) for loop in loops):.2f}),"
        f" plain {1e3 * plainly:.2f} ms; {sum(len(loop.split) for loop in loops)} frames of each kind",
    )
    finished, lasted = sum(loop.finished for loop in loops), sum(loop.seconds for loop in loops)
    yield Row(
        measure=f"    and the background gets on, tasks of {1e3 * seconds:g} ms finished meanwhile: {name}",
        value=finished,
        bound=None if bound is None else 1,
        at_least=True,
        unit="tasks",
        note=f"{100 * finished * seconds / (lasted * WORKERS):.0f} % of what the workers could do in {lasted:.1f} s",
    )


MEASURES = [with_subpool, with_executors]

if __name__ == "__main__":
    sys.exit(measure.main("frames", MEASURES, __doc__))
