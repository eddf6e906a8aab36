"""What goes wrong: bad input, items that fail, sources that change, functions and results that cannot cross."""

# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
from __future__ import annotations

import itertools
import signal
import threading
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import host_only
import pytest
import tasks
import tasks_iter
from helpers import Journal, held

import subpool

# What is wrong on purpose is no affair of type checkers.
par_iter: Any = subpool.par_iter
par_iter_mut: Any = subpool.par_iter_mut
par_zip: Any = subpool.par_zip


@pytest.fixture(scope="module", autouse=True)
def installed() -> Iterator[subpool.Pool]:
    with subpool.Pool(1) as pool, pool.install():
        yield pool


# -- known before any work begins ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: par_iter(5), "par_iter: cannot be iterated: int 5"),
        (lambda: par_iter(None), "par_iter: cannot be iterated: NoneType None"),
        (lambda: par_iter(memoryview(b"abcdef").cast("B", (2, 3))), "a buffer of 2 dimensions"),
        (lambda: par_iter([1]).map(3), "map: not callable: 3"),
        (lambda: par_iter([1]).starmap("f"), "starmap: not callable: 'f'"),
        (lambda: par_iter([1]).map_init(int, 3), "map_init: not callable: 3"),
        (lambda: par_iter([1]).filter(3), "filter: not callable: 3"),
        (lambda: par_iter([1]).for_each(None), "for_each: not callable: None"),
        (lambda: par_iter([1]).reduce(None), "reduce: not callable: None"),
        (lambda: par_iter([1]).fold(int, 3, 4), "fold: not callable: 3"),
        (lambda: par_iter([1]).min(key=3), "min: not callable: 3"),
        (lambda: par_iter([1]).partition(3), "partition: not callable: 3"),
        (lambda: par_iter([1]).eq([1], key=3), "eq: not callable: 3"),
        (lambda: par_iter([1]).progress(hook=3), "progress: hook is not callable: 3"),
        (lambda: par_iter([1]).any(3), "any: not callable: 3"),
        (lambda: par_iter([1]).enumerate("a"), "enumerate: must be a whole number, not 'a'"),
        (lambda: par_iter([1]).chunks(1.5), "chunks: must be a whole number, not 1.5"),
        (lambda: par_iter([1]).sum(""), "sum: cannot add up str: join them"),
        (lambda: par_iter_mut(b"abc"), "par_iter_mut: the bytes is read-only"),
        (lambda: par_iter_mut([1, 2]), r"par_iter_mut: not a buffer: list \[1, 2\]"),
        (lambda: par_iter_mut(memoryview(bytearray(8))[::2]), "the memoryview is not contiguous"),
        (lambda: par_iter_mut(memoryview(bytearray(8)).cast("B", (2, 4))), "has 2 dimensions"),
        (lambda: par_iter([1]).collect_into(b"abc"), "collect_into: the bytes is read-only"),
        (lambda: par_iter_mut(bytearray(4)).chunks(2).map_in_place(bytes), "map_in_place: a chunk is a view"),
        (lambda: par_iter_mut(bytearray(4)).enumerate().chunks(2), "chunks: comes first"),
        (lambda: par_iter(iter([1])).split_by(2), "split_by: how much there is of a list_iterator is not known"),
        (lambda: par_iter(iter([1])).split_by_workers(), "split_by_workers: how much there is"),
    ],
)
def test_wrong_types(make: Callable[[], object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: par_iter([1]).take(-1), "take: must be at least 0, not -1"),
        (lambda: par_iter([1]).skip(-1), "skip: must be at least 0, not -1"),
        (lambda: par_iter([1]).step_by(0), "step_by: must be at least 1, not 0"),
        (lambda: par_iter([1]).step_by(-2), "step_by: must be at least 1, not -2"),
        (lambda: par_iter([1]).chunks(0), "chunks: must be at least 1, not 0"),
        (lambda: par_iter([1]).windows(0), "windows: must be at least 1, not 0"),
        (lambda: par_iter([1]).split_by(0), "split_by: must be at least 1, not 0"),
        (lambda: par_iter([1]).split_per(0), "split_per: must be at least 1, not 0"),
        (lambda: par_zip([1, 2], "a"), "par_zip: the sources have lengths 2, 1"),
        (lambda: par_zip([1], [2], mode="wide"), "mode must be 'equal', 'shortest' or 'longest', not 'wide'"),
        (lambda: par_iter([1, 2]).zip("a", strict=True), "zip: the sources have lengths 2 and 1"),
        (lambda: par_iter([1]).cycle().rev(), "rev: the items never end"),
        (lambda: par_iter(range(3)).collect_into(bytearray(2)), "collect_into: 3 items, and room for 2"),
        (lambda: par_iter([]).min(), "min: there are no items, and no default"),
        (lambda: par_iter([(1, 2), (3,)]).unzip(), "unzip: some items have 2 parts, others 1"),
    ],
)
def test_wrong_values(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


PLACED: list[Callable[[Any], object]] = [
    lambda it: it.enumerate(),
    lambda it: it.rev(),
    lambda it: it.chunks(2),
    lambda it: it.windows(2),
    lambda it: it.skip(1),
    lambda it: it.take(1),
    lambda it: it.step_by(2),
    lambda it: it.zip([1]),
    lambda it: par_iter([1]).zip(it),
    lambda it: par_zip([1], it),
]


@pytest.mark.parametrize("need", range(len(PLACED)))
@pytest.mark.parametrize(
    "make, blamed",
    [
        (lambda: par_iter([1]).filter(bool), "after filter"),
        (lambda: par_iter([1]).filter_map(bool).map(int), "after filter_map"),
        (lambda: par_iter([1]).flat_map(range), "after flat_map"),
        (lambda: par_iter({1}), "of a set"),
        (lambda: par_iter(iter([1])).map(str), "of a list_iterator"),
        (lambda: par_iter([1]).chain({2}), "of a set"),
    ],
)
def test_positions_that_are_not_known(need: int, make: Callable[[], Any], blamed: str) -> None:
    with pytest.raises(TypeError, match=f"needs to know each item's position, and those {blamed} are not known"):
        PLACED[need](make())


@pytest.mark.parametrize(
    "endless",
    [
        lambda: itertools.count(),
        lambda: itertools.repeat(1),
        lambda: itertools.cycle([1]),
    ],
)
@pytest.mark.parametrize("terminal", ["collect", "to_set", "sum", "count", "min", "collect_per_worker"])
def test_what_never_ends_is_not_collected(endless: Callable[[], Any], terminal: str) -> None:
    for it in (
        par_iter(endless()),
        par_iter([0]).chain(endless()),
        par_iter(endless()).map(str),
        par_iter([1]).cycle(),
    ):
        with pytest.raises(ValueError, match=f"{terminal}: the items never end"):
            getattr(it, terminal)()


def test_what_never_ends_can_be_searched() -> None:
    assert par_iter(itertools.count()).find_first(lambda x: x > 5000) == 5001
    assert par_iter([1, 2]).cycle().any(lambda x: x == 2)
    assert par_iter(itertools.repeat(3, 4)).collect() == [3] * 4


def test_a_pipeline_does_nothing_before_its_terminal(journal: Journal) -> None:
    it = par_iter(range(3)).map(partial(tasks_iter.noted, journal.fd)).chunks(2).inspect(print)
    assert journal.lines() == []
    assert repr(it) == "<ParIter over 2 positions>"


# -- items that fail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_failure_in_a_worker_comes_home_with_its_traceback(workers: int) -> None:
    with subpool.Pool(workers) as pool, pytest.raises(ValueError, match="item 7") as caught:
        pool.par_iter(range(9)).map(partial(tasks_iter.slowly, 0.01)).map(
            partial(tasks_iter.failing_at, frozenset({7, 8}))
        ).split_per_item().collect()
    if isinstance(caught.value.__cause__, subpool.RemoteTraceback):
        assert "failing_at" in str(caught.value.__cause__)


def test_a_failure_of_a_later_item_waits_for_an_earlier_one(
    staffed: subpool.Pool, gates: Callable[[], tasks.Gate]
) -> None:
    """The worker fails at once, at the far end; the caller's item fails later, and wins."""
    failed = gates()

    def body(x: int) -> int:
        if x == 3:
            failed.open()
            raise ValueError("late")
        if x == 0:
            failed.wait()
            raise ValueError("early")
        return x

    with pytest.raises(ValueError, match="early"):
        staffed.par_iter(range(4)).map(body).split_by(2).collect()


def test_a_failure_stops_the_rest(staffed: subpool.Pool, journal: Journal) -> None:
    body = partial(tasks_iter.failing_at, frozenset({0}))
    slow = partial(tasks_iter.slowly, 0.002)
    with pytest.raises(ValueError, match="item 0"):
        staffed.par_iter(range(5000)).map(body).map(slow).map(partial(tasks_iter.noted, journal.fd)).collect()
    assert len(journal.lines()) < 1000
    assert staffed.par_iter(range(10)).sum() == 45


def test_a_stop_iteration_is_a_failure_and_no_end() -> None:
    with pytest.raises((StopIteration, RuntimeError)):
        par_iter(range(9)).map(partial(tasks_iter.stop_iteration, 4)).collect()
    with pytest.raises((StopIteration, RuntimeError)):
        par_iter(range(9)).map(partial(tasks_iter.stop_iteration, 4)).to_set()


def test_a_failing_source_fails_after_what_it_gave(sized: subpool.Pool, journal: Journal) -> None:
    def source() -> Iterator[int]:
        yield from range(5)
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        sized.par_iter(source()).map(partial(tasks_iter.noted, journal.fd)).collect()
    assert sorted(journal.lines()) == list("01234")
    with pytest.raises(ValueError, match="item 3"):
        sized.par_iter(source()).map(partial(tasks_iter.failing_at, frozenset({3}))).collect()


def test_reduce_of_nothing() -> None:
    with pytest.raises(TypeError, match="reduce: there are no items, and no initial value"):
        par_iter([]).reduce(tasks_iter.add)
    assert par_iter([]).reduce(tasks_iter.add, 4) == 4
    assert par_iter([]).reduce(tasks_iter.add, None) is None


def test_sums_of_what_cannot_be_added() -> None:
    for items in (["a", "b"], [None], [1, "a"], [[1], [2]]):
        with pytest.raises(TypeError) as ours:
            par_iter(items).sum()
        with pytest.raises(TypeError) as theirs:
            sum(items)  # type: ignore[arg-type]
        assert str(ours.value) == str(theirs.value)


# -- sources that change ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source, change",
    [
        ([*range(50)], lambda items: items.append(1)),
        ([*range(50)], lambda items: items.pop()),
        ({*range(50)}, lambda items: items.discard(49)),
        (dict.fromkeys(range(50)), lambda items: items.popitem()),
        (bytearray(60), lambda items: items.append(1)),
    ],
    ids=["list grows", "list shrinks", "set shrinks", "dict shrinks", "bytearray grows"],
)
def test_a_source_that_changes_size(inline: subpool.Pool, source: Any, change: Callable[[Any], Any]) -> None:
    done: list[int] = []

    def body(x: int) -> None:
        if not done:
            done.append(x)
            change(source)

    with pytest.raises(RuntimeError, match="changed size during iteration"):
        inline.par_iter(source).for_each(body)


def test_a_large_buffer_cannot_change_size_meanwhile(inline: subpool.Pool) -> None:
    source = bytearray(5000)
    with suppress(BufferError):
        inline.par_iter(source).for_each(lambda x: source.append(x))
    assert len(source) == 5000
    source.append(1)


# -- what cannot cross -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 300])
def test_functions_that_cannot_cross_run_here(staffed: subpool.Pool, n: int) -> None:
    body = tasks_iter.only_here(threading.Lock())
    assert staffed.par_iter(range(n)).map(body).split_per(2).collect() == list(range(1, n + 1))


def test_items_that_cannot_cross_stay_here(staffed: subpool.Pool) -> None:
    locks = [threading.Lock() for _ in range(40)]
    taken = staffed.par_iter(locks).map(partial(tasks_iter.slowly, 0.001)).map(lambda lock: lock.acquire()).collect()
    assert taken == [True] * 40


def test_results_that_cannot_cross_are_named(gates: Callable[[], tasks.Gate], staffed: subpool.Pool) -> None:
    body: Any = partial(tasks_iter.elsewhere, gates())
    with pytest.raises(subpool.SerializationError, match="result"):
        staffed.par_iter(range(9)).map(body).map(tasks_iter.refuses_to_cross).split_per_item().collect()


@pytest.mark.filterwarnings("ignore::subpool.UnsupportedWarning")
@pytest.mark.parametrize("placed", [True, False])
def test_functions_whose_module_refuses_run_here(staffed: subpool.Pool, placed: bool) -> None:
    source = range(300) if placed else iter(range(300))
    slow = staffed.par_iter(source).map(partial(tasks_iter.slowly, 1e-4))
    assert slow.map(host_only.add_one).collect() == list(range(1, 301))


@pytest.mark.parametrize("placed", [True, False])
def test_ctrl_c(staffed: subpool.Pool, placed: bool) -> None:
    source = range(100_000) if placed else iter(range(100_000))

    def body(x: int) -> int:
        if x >= 40 and subpool.worker_index() is None:
            signal.raise_signal(signal.SIGINT)
        return int(tasks_iter.slowly(1e-4, x))

    with pytest.raises(KeyboardInterrupt):
        staffed.par_iter(source).map(body).sum()
    assert staffed.par_iter(range(1000)).map(tasks_iter.double).sum() == 999_000


def test_workers_that_are_replaced_meanwhile() -> None:
    with subpool.Pool(2, max_tasks_per_worker=3) as pool:
        slow = partial(tasks_iter.slowly, 1e-3)
        assert pool.par_iter(range(200)).map(slow).split_per(4).collect() == list(range(200))
        assert sum(pool.par_iter(range(200)).map(slow).split_per(4).fold_per_worker(int, tasks_iter.add)) == 19_900


class Twice(list[int]):
    """A list that is gone through in a way of its own."""

    def __iter__(self) -> Iterator[int]:
        for place in range(len(self)):
            yield from (self[place], self[place])


def test_a_subclass_is_gone_through_in_its_own_way(staffed: subpool.Pool) -> None:
    assert staffed.par_iter(Twice([1, 2])).collect() == [1, 1, 2, 2]
    with pytest.raises(TypeError, match="of a Twice are not known"):
        par_iter(Twice()).rev()


def test_strict_searches_stop_as_the_built_ins_do(strict: subpool.Pool) -> None:
    it = strict.par_iter(range(90)).map(partial(tasks_iter.failing_at, frozenset({80})))
    assert it.any(lambda x: x == 5)
    assert it.find_first(lambda x: x == 70) == 70
    with pytest.raises(ValueError, match="item 80"):
        it.find_first(lambda x: x == 85)


def test_with_every_worker_busy(staffed: subpool.Pool) -> None:
    with held(staffed):
        assert staffed.par_iter(range(5000)).map(tasks_iter.double).sum() == sum(range(0, 10000, 2))


def test_a_buffer_is_free_again_afterwards() -> None:
    numbers = array("q", range(1000))
    par_iter(numbers).sum()
    par_iter_mut(numbers).map_in_place(tasks_iter.double)
    numbers.append(1)
    assert len(numbers) == 1001
