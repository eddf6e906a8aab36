"""A simulation that keeps 60 frames a second while background jobs use every core that it leaves.

Each frame moves some stars that attract each other. `join` splits the work, down to a few stars, so a frame takes what
help it can get; `spawn` keeps long jobs in the background, which workers touch only when no frame has work for them.
Look at the last two lines of the table: the frames hardly notice the jobs, and the jobs get done all the same.
"""

import argparse
import math
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from statistics import quantiles
from typing import NamedTuple

import subpool

FRAME = 1 / 60  # seconds
TIME_STEP = 0.01
STARS = 160
FEW = 5  # stars whose forces one call computes
JOB = 300_000  # turns of a background job's loop


class Star(NamedTuple):
    """Where it is, and where it goes."""

    x: float
    y: float
    dx: float
    dy: float


def spiral(count: int) -> list[Star]:
    angles = [0.4 * number for number in range(count)]
    return [
        Star(angle * math.cos(angle), angle * math.sin(angle), -math.sin(angle), math.cos(angle)) for angle in angles
    ]


def move(stars: list[Star], start: int, end: int) -> list[Star]:
    return [moved(stars[position], stars) for position in range(start, end)]


def move_by_join(stars: list[Star], start: int, end: int) -> list[Star]:
    if end - start <= FEW:
        return move(stars, start, end)
    middle = (start + end) // 2
    left, right = subpool.join(partial(move_by_join, stars, start, middle), partial(move_by_join, stars, middle, end))
    return left + right


def moved(star: Star, stars: list[Star]) -> Star:
    pull_x = pull_y = 0.0
    for other in stars:
        away_x, away_y = other.x - star.x, other.y - star.y
        strength = 1 / (away_x * away_x + away_y * away_y + 1) ** 1.5
        pull_x += away_x * strength
        pull_y += away_y * strength
    dx, dy = star.dx + pull_x * TIME_STEP, star.dy + pull_y * TIME_STEP
    return Star(star.x + dx * TIME_STEP, star.y + dy * TIME_STEP, dx, dy)


def background_job(turns: int) -> int:
    total = 0
    for number in range(turns):
        total += number * number % 7
    return total


class Jobs:
    """Keeps two jobs for each worker under way or waiting."""

    def __init__(self, pool: subpool.Pool) -> None:
        self._pool, self._tasks, self.done = pool, list[subpool.Task[int]](), 0

    def top_up(self) -> None:
        """Count those that are done, and spawn others."""
        waiting = [task for task in self._tasks if not task.done()]
        self.done += len(self._tasks) - len(waiting)
        more = 2 * self._pool.workers - len(waiting)
        self._tasks = waiting + [self._pool.spawn(background_job, JOB) for _ in range(more)]

    def stop(self) -> None:
        """Withdraw what waits, and stop what runs."""
        for task in self._tasks:
            task.cancel()


@contextmanager
def background_jobs(pool: subpool.Pool) -> Generator[Jobs]:
    jobs = Jobs(pool)
    try:
        yield jobs
    finally:
        jobs.stop()


type Move = Callable[[list[Star], int, int], list[Star]]


def run_frames(count: int, step: Move, between: Callable[[], object]) -> tuple[list[float], list[Star]]:
    """The frames' times in milliseconds, and where the stars are after them."""
    stars, times = spiral(STARS), list[float]()
    due = time.perf_counter()
    for _ in range(count):
        started = time.perf_counter()
        stars = step(stars, 0, len(stars))
        times.append(1000 * (time.perf_counter() - started))
        between()
        due = max(due + FRAME, time.perf_counter())
        time.sleep(max(0.0, due - time.perf_counter()))
    return times, stars


def show(title: str, times: list[float], jobs_done: int) -> None:
    percentiles = quantiles(times, n=100, method="inclusive")
    late = sum(milliseconds > 1000 * FRAME for milliseconds in times)
    figures = "".join(f"{percentiles[percent - 1]:8.2f}" for percent in (50, 90, 99))
    print(f"{title:32}{figures}{max(times):8.2f}{late:7}{jobs_done:7}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Frames on time, with jobs in the background.")
    parser.add_argument("--quick", action="store_true", help="fewer frames")
    count = 40 if parser.parse_args().quick else 180

    with subpool.Pool() as pool, pool.install():
        pool.spawn(background_job, 1).result()  # starts the workers
        print(f"{count} frames of {STARS} stars; milliseconds for a frame, of {1000 * FRAME:.1f}")
        print(f"{'':32}{'median':>8}{'90 %':>8}{'99 %':>8}{'worst':>8}{'late':>7}{'jobs':>7}")
        times, expected = run_frames(count, move, int)
        show("plain calls", times, 0)
        times, quiet = run_frames(count, move_by_join, int)
        show("join", times, 0)
        with background_jobs(pool) as jobs:
            times, loaded = run_frames(count, move_by_join, jobs.top_up)
            show("join, with jobs in background", times, jobs.done)
        print(f"the stars are in the same places: {expected == quiet == loaded}")


if __name__ == "__main__":
    main()
