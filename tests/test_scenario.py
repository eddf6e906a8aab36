"""The scheduling scenario: who runs what when foreground and background work meet.

One worker, warm. Main prints A and spawns B in the background, then joins [sleep 20 ms; C] with
[D; join([sleep 200 ms; E], [F])].
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Generator, Iterator
from functools import partial

import pytest
import stops
import tasks
from helpers import Journal
from stops import Stop, before

import subpool
from subpool._schedule.worker import WorkerStation

type Hold = Callable[[subpool.Pool], contextlib.AbstractContextManager[Callable[[], None]]]

ROUNDS = int(os.environ.get("SUBPOOL_ROUNDS", "10"))
OUTER, INNER = 0.020, 0.200
TOLERANCE = 0.150
"""What a loaded machine may add; far less than B would, which rests for `LONG`."""
LONG = 0.400


@contextlib.contextmanager
def _held(about_to_look: Stop, pool: subpool.Pool) -> Generator[Callable[[], None]]:
    host, held = pool._host, True
    assert host is not None

    def let_go() -> None:
        nonlocal held
        if held:
            held = False
            about_to_look.released.give()

    about_to_look.armed.give()
    while not about_to_look.reached.take(0.001):
        host.wake(1)
    host.root.request[0] = 1  # it has asked
    try:
        yield let_go
    finally:
        let_go()


@pytest.fixture
def hold_worker(about_to_look: Stop) -> Hold:
    """Holds the worker of a pool just before it looks for work, until the call that it gives.

    So D is published before the worker looks, and B must come last.
    """
    return partial(_held, about_to_look)


BACKGROUND_LAST = True


def _told(journal: Journal, count: int) -> dict[str, tuple[str, float]]:
    lines = [line.split() for line in journal.wait_for(count)]
    assert len(lines) == count
    return {name: (place, float(moment)) for name, place, moment in lines}


@pytest.fixture(scope="module")
def about_to_look() -> Iterator[Stop]:
    """Where the worker of `warm` is held; it outlives the pool."""
    stop = Stop.at(before(WorkerStation.work, "begun = clock()"))
    yield stop
    stop.dispose()


@pytest.fixture(scope="module")
def warm(about_to_look: Stop) -> Iterator[subpool.Pool]:
    """One worker, warm: it has run every kind of work, and knows the functions."""
    with subpool.Pool(1) as pool, tasks_journal() as journal:
        pool.spawn(stops.install, [about_to_look]).result(tasks.PATIENCE)
        with pool.install():
            for _ in range(3):
                pool.spawn(tasks.scenario_d, journal.fd, 0.0, partial(time.sleep, 0.001)).result(tasks.PATIENCE)
        yield pool


@contextlib.contextmanager
def tasks_journal() -> Generator[Journal]:
    journal = Journal()
    try:
        yield journal
    finally:
        journal.dispose()


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_one_worker(warm: subpool.Pool, journal: Journal, hold_worker: Hold, round_: int) -> None:
    """A and C in main; D in the worker at once; F in main, which takes it from the worker; E and B in the worker."""
    with warm.install(), hold_worker(warm) as let_go:
        begin = time.monotonic()
        tasks.scenario_note(journal.fd, "A", begin)
        b = warm.spawn(tasks.scenario_b, journal.fd, begin, partial(time.sleep, LONG if BACKGROUND_LAST else 0))
        warm.join(
            partial(tasks.scenario_c, journal.fd, begin, let_go, partial(time.sleep, OUTER)),
            partial(tasks.scenario_d, journal.fd, begin, partial(time.sleep, INNER)),
        )
        returned = time.monotonic() - begin
    b.result(tasks.PATIENCE)
    told = _told(journal, 6)
    assert {name: place for name, (place, _) in told.items()} == {
        "A": "None",
        "B": "0",
        "C": "None",
        "D": "0",
        "E": "0",
        "F": "None",
    }
    assert told["D"][1] < OUTER
    assert told["F"][1] < told["E"][1]
    assert returned < INNER + TOLERANCE
    if BACKGROUND_LAST:
        assert max(told, key=lambda name: told[name][1]) == "B"


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_one_worker_in_forced_order(
    warm: subpool.Pool, journal: Journal, hold_worker: Hold, gates: Callable[[], tasks.Gate], round_: int
) -> None:
    """The same with gates for sleeps: C rests until D runs in the worker, E rests until F has run in main."""
    d_runs, f_ran = gates(), gates()
    with warm.install(), hold_worker(warm) as let_go:
        tasks.scenario_note(journal.fd, "A", 0)
        b = warm.spawn(tasks.scenario_note, journal.fd, "B", 0)
        warm.join(
            partial(tasks.scenario_c, journal.fd, 0, let_go, d_runs.wait),
            partial(tasks.gated_scenario_d, journal.fd, d_runs, f_ran),
        )
    b.result(tasks.PATIENCE)
    assert {name: place for name, (place, _) in _told(journal, 6).items()} == {
        "A": "None",
        "B": "0",
        "C": "None",
        "D": "0",
        "E": "0",
        "F": "None",
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_every_worker_busy(journal: Journal, gates: Callable[[], tasks.Gate], workers: int) -> None:
    """Every worker busy with long background tasks: the join finishes in main alone without waiting for any of them."""
    started, release = [gates() for _ in range(workers)], gates()
    with subpool.Pool(workers) as pool, pool.install():
        long = [pool.spawn(tasks.hold, mine, release) for mine in started]
        for mine in started:
            mine.wait()
        begin = time.monotonic()
        tasks.scenario_note(journal.fd, "A", begin)
        b = pool.spawn(tasks.scenario_note, journal.fd, "B", begin)
        pool.join(
            partial(tasks.scenario_c, journal.fd, begin, tasks.zero, partial(time.sleep, OUTER)),
            partial(tasks.scenario_d, journal.fd, begin, partial(time.sleep, INNER)),
        )
        returned = time.monotonic() - begin
        assert not any(task.done() for task in long)
        assert {name: place for name, (place, _) in _told(journal, 5).items()} == dict.fromkeys("ACDEF", "None")
        assert OUTER + INNER <= returned < OUTER + INNER + TOLERANCE
        release.open()
        b.result(tasks.PATIENCE)
        assert _told(journal, 6)["B"][0] != "None"
