"""`join_all`: any iterable of callables, a list of values, the errors of the sequential program."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
import tasks
from helpers import Journal, held

import subpool


def _squares(count: int) -> list[Callable[[], int]]:
    return [partial(pow, number, 2) for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 7, 300])
def test_returns_a_list_of_the_values_in_order(sized: subpool.Pool, count: int) -> None:
    """join_all(callables) -> list."""
    values = sized.join_all(_squares(count))
    assert values == [number**2 for number in range(count)]
    assert isinstance(values, list)


@pytest.mark.parametrize("make", [list, tuple, iter, deque, dict.fromkeys, set, OrderedDict.fromkeys])
def test_takes_any_iterable(sized: subpool.Pool, make: Callable[[list[Any]], Iterable[Callable[[], int]]]) -> None:
    """Any iterable of them."""
    assert sorted(sized.join_all(make(_squares(5)))) == [0, 1, 4, 9, 16]


def test_takes_a_generator(sized: subpool.Pool) -> None:
    """Any iterable of them."""
    assert sized.join_all(partial(tasks.add, n, n) for n in range(5)) == [0, 2, 4, 6, 8]


def test_takes_the_same_callable_many_times(sized: subpool.Pool) -> None:
    """Any iterable of them."""
    assert sized.join_all([tasks.one] * 100) == [1] * 100


def test_the_caller_runs_the_first_itself(sized: subpool.Pool) -> None:
    """The caller runs the first callable itself, at once, in its own interpreter."""
    for _ in range(10):
        assert sized.join_all([tasks.where] * 4)[0] is None


def test_a_single_callable_runs_here(sized: subpool.Pool) -> None:
    """The caller runs the first callable itself."""
    assert sized.join_all([tasks.where]) == [None]


def test_without_workers_everything_runs_in_order(inline: subpool.Pool) -> None:
    """workers=0: everything runs in the caller, in order."""
    seen: list[int] = []
    inline.join_all(partial(seen.append, number) for number in range(20))
    assert seen == list(range(20))


def test_a_busy_pool_runs_everything_here_in_order(staffed: subpool.Pool) -> None:
    """Progress is guaranteed with every worker stuck in background tasks."""
    seen: list[int] = []
    with held(staffed):
        staffed.join_all(partial(seen.append, number) for number in range(20))
    assert seen == list(range(20))


def test_all_seats_take_part(gates: Callable[[], tasks.Gate]) -> None:
    """The others may be taken by workers: as many as are hungry."""
    started = [gates() for _ in range(4)]

    def all_started(mine: tasks.Gate, everybody: list[tasks.Gate]) -> int | None:
        mine.open()
        for each in everybody:
            each.wait()
        return subpool.worker_index()

    with subpool.Pool(3) as pool:
        places = pool.join_all([partial(all_started, mine, started) for mine in started])
    assert sorted(places, key=str) == [0, 1, 2, None]


def test_each_runs_exactly_once(sized: subpool.Pool, journal: Journal) -> None:
    """Nothing lost, nothing twice."""
    sized.join_all(partial(tasks.note, journal.fd, str(number)) for number in range(500))
    assert sorted(map(int, journal.lines())) == list(range(500))


def test_nested(sized: subpool.Pool) -> None:
    """Progress is guaranteed at any nesting depth."""
    with sized.install():
        assert sized.join_all([partial(tasks.fib_all, n) for n in range(10)]) == [
            tasks.sequential_fib(n) for n in range(10)
        ]


@pytest.mark.parametrize("position", [0, 1, 5, 9])
def test_raises_the_first_error(sized: subpool.Pool, position: int) -> None:
    """`join_all` raises exactly what the sequential program would raise."""
    halves: list[Callable[[], object]] = [tasks.zero] * 10
    halves[position] = partial(tasks.refuse, position)
    halves[9] = partial(tasks.refuse, position if position == 9 else 99)
    with pytest.raises(tasks.Refusal) as raised:
        sized.join_all(halves)
    assert raised.value.code == position


def test_all_fail(sized: subpool.Pool) -> None:
    """`join_all` raises exactly what the sequential program would raise."""
    for _ in range(10):
        with pytest.raises(tasks.Refusal) as raised:
            sized.join_all([partial(tasks.refuse, number) for number in range(20)])
        assert raised.value.code == 0


def test_what_comes_before_the_failure_has_run(sized: subpool.Pool, journal: Journal) -> None:
    """What comes before a failure finishes."""
    halves: list[Callable[[], object]] = [partial(tasks.note, journal.fd, str(number)) for number in range(20)]
    halves[10] = tasks.fail
    with pytest.raises(ValueError, match="on purpose"):
        sized.join_all(halves)
    assert {str(number) for number in range(10)} <= set(journal.lines())


def test_what_comes_after_the_failure_is_withdrawn(inline: subpool.Pool, journal: Journal) -> None:
    """A failure at position i withdraws or cancels only what comes after i."""
    halves: list[Callable[[], object]] = [partial(tasks.note, journal.fd, str(number)) for number in range(5)]
    with pytest.raises(ValueError, match="on purpose"):
        inline.join_all([*halves, tasks.fail, *halves])
    assert journal.lines() == [str(number) for number in range(5)]


def test_what_runs_after_the_failure_is_stopped(staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
    """… cancels only what comes after i (and waits for it)."""
    started, unwound = gates(), gates()
    with pytest.raises(ValueError, match="on purpose"):
        staffed.join_all(
            [partial(tasks.after, started, tasks.fail), partial(tasks.spin_until_stopped, started, unwound)]
        )
    assert unwound.is_open()


def test_an_iterable_that_fails(sized: subpool.Pool) -> None:
    """`join_all` raises exactly what the sequential program would raise."""

    def failing() -> Iterator[Callable[[], int]]:
        yield tasks.zero
        yield tasks.zero
        raise LookupError("the iterable failed")

    with pytest.raises(LookupError, match="the iterable failed"):
        sized.join_all(failing())
    assert sized.join_all([tasks.one, tasks.one]) == [1, 1]


@pytest.mark.parametrize("position", [0, 3])
def test_not_callable(sized: subpool.Pool, position: int) -> None:
    """A non-callable: a clear exception naming the culprit."""
    halves: list[Any] = [tasks.zero] * 4
    halves[position] = "nonsense"
    with pytest.raises(TypeError, match=r"str|nonsense"):
        sized.join_all(halves)


def test_not_iterable(sized: subpool.Pool) -> None:
    """A clear exception naming the culprit."""
    join_all: Any = sized.join_all
    with pytest.raises(TypeError):
        join_all(tasks.zero)


def test_strict(strict: subpool.Pool) -> None:
    """Strict mode makes every half but the first cross."""
    items: list[int] = []
    halves: list[Callable[[], object]] = [partial(tasks.append_to, items, number) for number in range(3)]
    assert strict.join_all([tasks.zero, *halves]) == [0, [0], [1], [2]]
    assert items == []
    with pytest.raises(subpool.SerializationError):
        strict.join_all([tasks.zero, tasks.make_generator])


def test_module_level_function(sized: subpool.Pool) -> None:
    """pool.install(): the module-level functions use this pool here."""
    with sized.install():
        assert subpool.join_all(_squares(3)) == [0, 1, 4]
