"""Who does what: workers take part, states are made once for each, searches and failures stop the rest, in order."""

# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
from __future__ import annotations

import itertools
import os
from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import tasks
import tasks_iter
from helpers import Journal, end, run, running, silent, written

import subpool
from subpool import par_iter

# -- everybody takes part --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda pool: pool.par_iter(range(40)),
        lambda pool: pool.par_iter(list(range(40))),
        lambda pool: pool.par_iter(array("q", range(40))),
        lambda pool: pool.par_iter(iter(range(40))),
        lambda pool: pool.par_iter(range(40)).split_by_workers(),
        lambda pool: pool.par_iter(range(40)).split_per(3),
    ],
    ids=["range", "list", "array", "iterator", "by workers", "per 3"],
)
def test_workers_take_part(
    staffed: subpool.Pool, gates: Callable[[], tasks.Gate], make: Callable[[subpool.Pool], subpool.ParIter[int]]
) -> None:
    """The caller stands still until a worker has had an item."""
    found = make(staffed).map(partial(tasks_iter.elsewhere, gates())).collect()
    assert [x for x, _ in found] == list(range(40))
    assert any(index is not None for _, index in found)


def test_a_long_item_does_not_keep_the_rest(staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
    """The first item waits for the last one: somebody else must come to that, while the caller is in the first."""
    gate = gates()
    body = partial(tasks_iter.opening_at, gate, 19)
    it = staffed.par_iter(range(20)).map(body).map(partial(tasks_iter.waiting_at, gate, 0))
    assert it.collect() == list(range(20))


def test_each_item_is_seen_exactly_once(staffed: subpool.Pool, journal: Journal) -> None:
    it = staffed.par_iter(range(300)).map(partial(tasks_iter.slowly, 0.0002))
    it.for_each(partial(tasks_iter.noted, journal.fd))
    assert sorted(map(int, journal.lines())) == list(range(300))


@pytest.mark.parametrize("cycled", [False, True])
def test_computed_items_of_windows_and_cycles_are_computed_once(
    staffed: subpool.Pool, journal: Journal, cycled: bool
) -> None:
    it = staffed.par_iter(range(50)).map(partial(tasks_iter.noted, journal.fd))
    if cycled:
        assert it.cycle().take(120).collect() == [x % 50 for x in range(120)]
    else:
        assert it.windows(3).count() == 48
    assert sorted(map(int, journal.lines())) == list(range(50))


def test_lambdas_and_closures(staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
    shift, gate = 5, gates()
    found = staffed.par_iter(range(20)).map(lambda x: (x + shift, tasks_iter.elsewhere(gate, x)[1])).collect()
    assert [x for x, _ in found] == list(range(5, 25))
    assert any(index is not None for _, index in found)


def test_functions_of_main(tmp_path: Path) -> None:
    source = """
        import subpool

        FACTOR = 3

        def scaled(x):
            return FACTOR * x

        print(subpool.par_iter(range(200_000)).map(scaled).filter(lambda x: x % 2).sum())
    """
    file = written(source, tmp_path)
    with running([str(file)]) as process:
        silent(end(process), f"{sum(x for x in range(0, 600_000, 3) if x % 2)}\n")


# -- states ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", [False, True])
def test_a_state_is_made_once_per_interpreter(
    staffed: subpool.Pool, journal: Journal, gates: Callable[[], tasks.Gate], each: bool
) -> None:
    init = partial(tasks_iter.made_at, journal.fd)
    it = staffed.par_iter(range(60)).map(partial(tasks_iter.elsewhere, gates())).map(lambda pair: pair[0]).split_per(2)
    if each:
        it.for_each_init(init, tasks_iter.state_of)
    else:
        assert it.map_init(init, tasks_iter.state_of).collect() == [(os.getpid(), x) for x in range(60)]
    made = journal.lines()
    assert len(made) == len(set(made)) > 1


def test_accumulators_are_one_per_interpreter(staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
    body = partial(tasks_iter.elsewhere, gates())
    indices = staffed.par_iter(range(60)).map(body).map(lambda pair: pair[1]).split_per(2)
    lists = indices.collect_per_worker()
    assert all(len(set(found)) == 1 for found in lists)
    assert len({found[0] for found in lists}) == len(lists) > 1
    assert lists[0][0] is None
    sums = (
        staffed.par_iter(range(60)).map(partial(tasks_iter.elsewhere, gates())).map(lambda pair: pair[0]).split_per(2)
    )
    totals = sums.fold_per_worker(int, tasks_iter.add)
    assert sum(totals) == sum(range(60))
    assert 1 < len(totals) <= staffed.workers + 1


# -- searches --------------------------------------------------------------------------------------------------------


def test_a_find_stops_who_is_at_it(staffed: subpool.Pool, gates: Callable[[], tasks.Gate], journal: Journal) -> None:
    """The caller's item finds; the workers are in the midst of theirs, which would never end by themselves."""
    begun, never = gates(), gates()

    def body(x: int) -> int:
        if subpool.worker_index() is None:
            begun.wait()
            return 1
        begun.open()
        never.wait()
        return 0

    assert staffed.par_iter(range(40)).map(body).split_per_item().find_any(bool) == 1


def test_a_find_in_a_worker_stops_the_caller(staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
    gate = gates()

    def body(x: int) -> bool:
        if subpool.worker_index() is not None:
            gate.open()
            return True
        tasks_iter.slowly(0.001, x)
        return False

    it = staffed.par_iter(itertools.chain(range(10), itertools.repeat(1))).map(body)
    assert it.any()
    assert staffed.par_iter(range(10**9)).map(body).any()


def test_find_first_waits_for_what_comes_before(staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
    """A worker finds the last item at once; the first is found only then."""
    found = gates()

    def body(x: int) -> bool:
        if x == 3:
            found.open()
            return True
        if x == 0:
            found.wait()
            return True
        return False

    assert staffed.par_iter(range(4)).split_by(2).find_first(body) == 0
    assert staffed.par_iter(range(4)).split_by(2).position(body) == 0


def test_a_search_looks_no_further_than_it_says(inline: subpool.Pool, journal: Journal) -> None:
    noted = partial(tasks_iter.noted, journal.fd)
    assert inline.par_iter(range(100)).map(noted).find_first(lambda x: x == 7) == 7
    assert list(map(int, journal.lines())) == list(range(8))


def test_a_search_in_a_failing_source(sized: subpool.Pool) -> None:
    it = sized.par_iter(range(1000)).map(partial(tasks_iter.failing_at, frozenset({600})))
    assert it.find_first(lambda x: x == 5) == 5
    with pytest.raises(ValueError, match="item 600"):
        it.find_first(lambda x: x == 700)


# -- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_reads_ahead_only_so_far(staffed: subpool.Pool) -> None:
    read: list[int] = []

    def source() -> Iterator[int]:
        for x in itertools.count():
            read.append(x)
            yield x

    stream = staffed.par_iter(source()).map(tasks_iter.double).split_per(10).stream()
    assert [next(stream) for _ in range(5)] == [0, 2, 4, 6, 8]
    assert len(read) <= 10 * (2 * staffed.workers + 3)
    stream.close()
    assert len(read) <= 10 * (2 * staffed.workers + 3)


def test_a_stream_given_up_stops_its_work(staffed: subpool.Pool) -> None:
    stream = staffed.par_iter(itertools.count()).map(partial(tasks_iter.slowly, 0.001)).stream()
    assert next(stream) == 0
    stream.close()
    assert staffed.par_iter(range(100)).sum() == 4950


def test_other_work_between_the_items_of_a_stream(staffed: subpool.Pool) -> None:
    for x in staffed.par_iter(range(300)).map(tasks_iter.double):
        assert staffed.join(partial(tasks_iter.double, x), partial(tasks_iter.add_one, x)) == (2 * x, x + 1)
    one, other = (staffed.par_iter(range(200)).map(tasks_iter.double).stream() for _ in range(2))
    assert list(zip(one, other, strict=True)) == [(2 * x, 2 * x) for x in range(200)]


def test_a_stream_that_fails_gives_what_comes_before(sized: subpool.Pool) -> None:
    stream = sized.par_iter(range(100)).map(partial(tasks_iter.failing_at, frozenset({50}))).split_per(10).stream()
    assert [next(stream) for _ in range(50)] == list(range(50))
    with pytest.raises(ValueError, match="item 50"):
        next(stream)
    assert next(stream, None) is None


def test_an_unordered_stream_gives_everything(staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
    """The first item waits for the second, which somebody else must come to."""
    gate = gates()
    body = partial(tasks_iter.opening_at, gate, 1)
    it = staffed.par_iter(range(9)).map(partial(tasks_iter.waiting_at, gate, 0)).map(body).split_per_item()
    assert sorted(it.stream(ordered=False)) == list(range(9))


@pytest.mark.slow
def test_a_long_source_takes_constant_memory(staffed: subpool.Pool) -> None:
    import tracemalloc

    tracemalloc.start()
    try:
        assert staffed.par_iter(iter(range(300_000))).map(tasks_iter.double).count() == 300_000
        assert sum(1 for _ in staffed.par_iter(iter(range(300_000))).stream()) == 300_000
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()


# -- nesting ---------------------------------------------------------------------------------------------------------


def test_pipelines_inside_pipelines(sized: subpool.Pool) -> None:
    with sized.install():
        found = par_iter(range(30)).map(tasks_iter.inner_sum).collect()
    assert found == [n * (n - 1) for n in range(30)]


def test_a_pipeline_in_a_background_task(staffed: subpool.Pool) -> None:
    assert staffed.spawn(tasks_iter.inner_sum, 5000).result(tasks.PATIENCE) == 5000 * 4999


def test_several_threads_at_once(staffed: subpool.Pool) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as threads:
        sums = threads.map(lambda n: staffed.par_iter(range(n)).map(tasks_iter.double).sum(), [20_000] * 12)
        assert set(sums) == {20_000 * 19_999}


def test_on_names_the_pool(staffed: subpool.Pool, inline: subpool.Pool) -> None:
    with inline.install():
        before = staffed.stats().published
        par_iter(range(3000)).map(partial(tasks_iter.slowly, 2e-5)).on(staffed).sum()
        assert staffed.stats().published > before
        assert set(par_iter(range(300)).map(tasks_iter.where).collect()) == {None}


def test_progress_is_told(sized: subpool.Pool) -> None:
    told: list[tuple[int, int | None]] = []
    it = sized.par_iter(range(500)).map(partial(tasks_iter.slowly, 2e-4))
    it.progress("items", hook=lambda done, total: told.append((done, total))).sum()
    assert told[-1] == (500, 500)
    assert len(told) > 1
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    later: list[tuple[int, int | None]] = []
    sized.par_iter(iter(range(50))).progress(hook=lambda done, total: later.append((done, total))).collect()
    assert later[-1] == (50, None)


BAR = """
    import sys, {bars}
    from subpool import Pool
    with Pool(1) as pool:
        print(pool.par_iter(range(500)).progress("squares").map(lambda x: x * x).sum())
        try:
            pool.par_iter([1, 0]).progress("quotients").map(lambda x: 1 // x).sum()
        except ZeroDivisionError:
            print("failed")
"""


@pytest.mark.parametrize("bars, begin", [("tqdm", "squares: 100%|"), ("rich; sys.modules['tqdm'] = None", "squares ")])
def test_a_bar_is_shown_beside_what_is_printed(tmp_path: Path, bars: str, begin: str) -> None:
    pytest.importorskip(bars.partition(";")[0])
    program = run([written(BAR.format(bars=bars), tmp_path)])
    assert (program.returncode, program.stdout) == (0, f"{sum(x * x for x in range(500))}\nfailed\n")
    assert begin in program.stderr
    assert "100%" in program.stderr
    assert "quotients" in program.stderr
    assert "Traceback" not in program.stderr
