"""The scheduling scenario: six small acts that show who may run what, and when.

Main does A and spawns B in the background. Then it joins two halves:

    [sleep 20 ms; C]        [D; join([sleep 200 ms; E], [F])]

With one worker, D should start there at once, and E's sleep after it. Main, done with C, has to wait for the second
half: it helps, by taking F from the worker, but never B, which nobody waits for. B gets its turn in the worker when no
foreground work is left. Where every worker is stuck, main does everything but B, and waits for none of them.

The acts run in subinterpreters: this module imports the standard library and subpool, nothing else.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import subpool
from subpool.cli.gate import held_workers, start_workers

SHORT = 0.020  # seconds before C
LONG = 0.200  # seconds before E
TOLERANCE = 0.100  # seconds: how much longer than the sleeps that it waits for the outer join may take
WIDTH = 60  # characters of a timeline


class Act(NamedTuple):
    """A letter: who did it, and when, from the start of the sleep before it (`time.perf_counter`)."""

    name: str
    worker: int | None
    started: float
    ended: float


@dataclass(frozen=True, slots=True)
class Story:
    """One performance: its acts in the order in which they started, when the outer join began and when it returned."""

    acts: tuple[Act, ...]
    began: float
    returned: float

    def act(self, name: str) -> Act:
        """The act of that letter."""
        return next(act for act in self.acts if act.name == name)


def play(pool: subpool.Pool) -> Story:
    """The scenario with a worker that is awake. It may rightly take B before D is there."""
    start_workers(pool)
    return _perform(pool)


def play_held(pool: subpool.Pool) -> Story:
    """The same, but the worker goes on only when main is in C's sleep: B and D lie there, and D must go first."""
    with held_workers(pool) as gate:
        return _perform(pool, before_c=gate.release)


def play_busy(pool: subpool.Pool) -> Story:
    """The same while every worker is stuck in a background task that ends only after the join has returned."""
    with held_workers(pool) as gate:
        return _perform(pool, after_join=gate.release)


def promises(story: Story) -> Mapping[str, bool]:
    """What `play` must show on a pool of one worker, and whether it did."""
    b, d, e, f = (story.act(name) for name in "BDEF")
    return {
        "A and C in main": _all_in_main(story, "AC"),
        "D in the worker, while main is in C's sleep": d.worker is not None and d.started < story.act("C").ended,
        "E in the worker": e.worker is not None,
        "F in main, while the worker is in E's sleep": f.worker is None and f.started < e.ended,
        "B in the worker": b.worker is not None,
        "the join returns when E is done": story.returned - story.began < LONG + TOLERANCE,
    }


def promises_held(story: Story) -> Mapping[str, bool]:
    """What `play_held` must show."""
    return {**promises(story), "B after everything else": story.act("B").started >= story.act("E").ended}


def promises_busy(story: Story) -> Mapping[str, bool]:
    """What `play_busy` must show, on a pool of any size."""
    return {
        "A, C, D, E and F in main": _all_in_main(story, "ACDEF"),
        "B in a worker": story.act("B").worker is not None,
        "the join waits for no worker": story.returned - story.began < SHORT + LONG + TOLERANCE,
    }


def timeline(story: Story) -> list[str]:
    """A line of text for each place, and one for the time: `-` is a sleep, and a letter stands where its act ended."""
    start = story.acts[0].started
    scale = (WIDTH - 1) / max(1e-9, max(act.ended for act in story.acts) - start)
    rows = {place: list[str]() for place in sorted({place_name(act.worker) for act in story.acts})}
    for act in story.acts:
        row = rows[place_name(act.worker)]
        column = max(round((act.ended - start) * scale), len(row))  # letters at one moment stand side by side
        row += " " * (round((act.started - start) * scale) - len(row))
        row += "-" * (column - len(row)) if act.ended - act.started > SHORT / 2 else " " * (column - len(row))
        row += act.name
    margin = max(map(len, rows))
    end = f"{(WIDTH - 1) / scale * 1000:.0f} ms"
    lines = [f"{place:{margin}}  |{''.join(row)}" for place, row in rows.items()]
    return [*lines, f"{'':{margin}}  |0 ms{end:>{WIDTH - 4}}"]


def place_name(worker: int | None) -> str:
    """How a place is called in what people read."""
    return "main" if worker is None else f"worker {worker}"


def _perform(
    pool: subpool.Pool, *, before_c: Callable[[], object] | None = None, after_join: Callable[[], object] | None = None
) -> Story:
    with pool.install():
        opening = _act("A")
        background = pool.spawn(_act, "B")
        began = time.perf_counter()
        first, second = subpool.join(lambda: _first_half(before_c), _second_half)
        returned = time.perf_counter()
        if after_join is not None:
            after_join()
        # Not `background.join()`: that would offer to run B here.
        acts = (opening, background.result(), *first, *second)
    return Story(tuple(sorted(acts, key=lambda act: act.started)), began, returned)


def _first_half(before_c: Callable[[], object] | None) -> list[Act]:
    if before_c is not None:
        before_c()
    return [_act("C", SHORT)]


def _second_half() -> list[Act]:
    opening = _act("D")
    return [opening, *subpool.join(partial(_act, "E", LONG), partial(_act, "F"))]


def _act(name: str, sleep: float = 0.0) -> Act:
    started = time.perf_counter()
    if sleep:
        time.sleep(sleep)
    return Act(name, subpool.worker_index(), started, time.perf_counter())


def _all_in_main(story: Story, names: str) -> bool:
    return all(story.act(name).worker is None for name in names)
