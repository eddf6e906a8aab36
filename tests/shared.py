"""Fixtures of the behaviour tests. A pool costs tens of milliseconds, so pools are made once per module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
import tasks
from helpers import Journal, held, stolen

import subpool


def started(workers: int, *, strict: bool = False) -> Iterator[subpool.Pool]:
    with subpool.Pool(workers, strict=strict) as pool:
        pool.spawn(tasks.zero).join()
        yield pool


@pytest.fixture(scope="module", params=[0, 1, 3], ids="workers-{}".format)
def sized(request: pytest.FixtureRequest) -> Iterator[subpool.Pool]:
    """Pools of several sizes, none among them: the semantics is the same."""
    yield from started(request.param)


@pytest.fixture(scope="module", params=[1, 3], ids="workers-{}".format)
def staffed(request: pytest.FixtureRequest) -> Iterator[subpool.Pool]:
    """Pools that have workers."""
    yield from started(request.param)


@pytest.fixture(scope="module", params=[0, 1], ids="strict-workers-{}".format)
def strict(request: pytest.FixtureRequest) -> Iterator[subpool.Pool]:
    """Pools in which everything that may cross does cross."""
    yield from started(request.param, strict=True)


@pytest.fixture(scope="module")
def inline() -> Iterator[subpool.Pool]:
    """A pool without workers."""
    yield from started(0)


@pytest.fixture(scope="module")
def single() -> Iterator[subpool.Pool]:
    """A pool of one worker."""
    yield from started(1)


@pytest.fixture(scope="module")
def double() -> Iterator[subpool.Pool]:
    """A pool of two workers."""
    yield from started(2)


@pytest.fixture
def gates() -> Iterator[Callable[[], tasks.Gate]]:
    """Makes gates, which are all open when the test ends."""
    made: list[tasks.Gate] = []

    def make() -> tasks.Gate:
        made.append(tasks.Gate.create())
        return made[-1]

    yield make
    for each in made:
        each.open()
    for each in made:
        each.dispose()


@pytest.fixture
def journal() -> Iterator[Journal]:
    it = Journal()
    yield it
    it.dispose()


type Joins = Callable[[Callable[[], object], Callable[[], object]], tuple[object, object]]
"""Joins two callables in one of the ways in which the work may be divided."""


@pytest.fixture(scope="module", params=["inline", "busy", "stolen", "strict"])
def joins(request: pytest.FixtureRequest) -> Iterator[Joins]:
    """The ways a join can go: no workers, no free worker, second half stolen for certain, or forced to cross."""
    way = request.param
    with subpool.Pool(0 if way == "inline" else 1, strict=way == "strict") as pool:
        if way == "stolen":
            yield partial(stolen, pool)
        elif way == "busy":
            with held(pool):
                yield pool.join
        else:
            yield pool.join
