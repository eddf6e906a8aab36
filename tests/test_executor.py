"""`subpool.Executor`: what CPython's own suites (tests/cpython) do not ask for."""

from __future__ import annotations

import asyncio
import decimal
import gc
import itertools
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import (
    ALL_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor as StandardExecutor,
    Future,
    as_completed,
    wait,
)
from functools import partial
from pathlib import Path
from typing import Any

import host_only
import pytest
import tasks
import tasks_executor
from helpers import Journal, caught, end, expect, held, run, running, silent, traceback_of, wait_until, written
from leaks import Holdings, left_since

import subpool

type Gates = Callable[[], tasks.Gate]

PATIENCE = tasks.PATIENCE


@pytest.fixture(scope="module")
def executor() -> Iterator[subpool.Executor]:
    with subpool.Executor(2) as it:
        yield it


@pytest.fixture(scope="module")
def alone() -> Iterator[subpool.Executor]:
    """An executor of one worker, which is there already."""
    with subpool.Executor(1) as it:
        it.submit(tasks.zero).result(PATIENCE)
        yield it


# ------------------------------------------------------------------------------------------------------- submitting


class TestSubmit:
    def test_gives_a_future(self, executor: subpool.Executor) -> None:
        """A real `concurrent.futures.Executor`."""
        future = executor.submit(tasks.where)
        assert isinstance(executor, StandardExecutor)
        assert isinstance(future, Future)
        assert future.result(PATIENCE) in (0, 1)

    @pytest.mark.parametrize("name", ["fn", "self", "timeout", "name", "copy_context"])
    def test_takes_any_keyword(self, executor: subpool.Executor, name: str) -> None:
        """submit(fn, /, *args, **kwargs)."""
        assert executor.submit(tasks_executor.given, 1, **{name: 2}).result(PATIENCE) == ((1,), {name: 2})

    def test_takes_functions_from_anywhere(self, executor: subpool.Executor) -> None:
        two = 2
        assert executor.submit(lambda: two + 1).result(PATIENCE) == 3
        assert executor.submit(tasks.Account(5).deposit, amount=2).result(PATIENCE) == 7

    def test_exceptions_carry_the_remote_traceback(self, executor: subpool.Executor) -> None:
        error = executor.submit(tasks.refuse, code=7).exception(PATIENCE)
        assert isinstance(error, tasks.Refusal)
        assert error.code == 7
        assert "in refuse" in traceback_of(error)

    def test_of_what_cannot_cross_fails_alone(self, executor: subpool.Executor) -> None:
        futures = [executor.submit(tasks.identity, each) for each in (1, threading.Lock(), 3)]
        with pytest.raises(subpool.SerializationError, match=r"args\[0\]: _thread.lock"):
            futures[1].result(PATIENCE)
        assert [futures[0].result(PATIENCE), futures[2].result(PATIENCE)] == [1, 3]

    @pytest.mark.parametrize("culprit", [None, "pow", 3])
    def test_of_what_is_not_callable(self, executor: subpool.Executor, culprit: Any) -> None:
        with pytest.raises(TypeError, match=f"submit: not callable: {culprit!r}"):
            executor.submit(culprit)
        with pytest.raises(TypeError, match=f"map: not callable: {culprit!r}"):
            executor.map(culprit, [1])

    def test_takes_the_decimal_context_along(self, executor: subpool.Executor) -> None:
        with decimal.localcontext(prec=5):
            future = executor.submit(tasks.one_third)
        assert future.result(PATIENCE) == "0.33333"

    def test_of_many(self, executor: subpool.Executor) -> None:
        """Short calls travel in company."""
        futures = [executor.submit(tasks.add, number, 1) for number in range(2000)]
        assert [future.result(PATIENCE) for future in futures] == list(range(1, 2001))

    def test_from_several_threads(self, executor: subpool.Executor) -> None:
        sums: list[int] = []
        threads = [threading.Thread(target=lambda: sums.append(sum(executor.map(abs, range(300))))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert sums == [300 * 299 // 2] * 4

    def test_in_asyncio(self, executor: subpool.Executor) -> None:
        async def program() -> list[int]:
            loop = asyncio.get_running_loop()
            return await asyncio.gather(*(loop.run_in_executor(executor, tasks.add, n, n) for n in range(5)))

        assert asyncio.run(program()) == [0, 2, 4, 6, 8]

    def test_tasks_may_fork(self, executor: subpool.Executor) -> None:
        """Code in a worker uses the pool that it runs in."""
        assert list(executor.map(tasks.fib, [10, 11, 12])) == [55, 89, 144]

    def test_from_a_worker_is_refused(self, executor: subpool.Executor) -> None:
        with pytest.raises(RuntimeError, match="an Executor is made in the host"):
            executor.submit(tasks_executor.make_an_executor).result(PATIENCE)

    def test_with_itself(self, executor: subpool.Executor) -> None:
        """It does not cross."""
        with pytest.raises(subpool.SerializationError, match="an Executor belongs to the interpreter that made it"):
            executor.submit(tasks.identity, executor).result(PATIENCE)


# ------------------------------------------------------------------------------------------------------- cancelling


class TestCancel:
    """Futures of `Executor` keep the standard meaning: a running one is not cancelled."""

    def test_what_runs(self, alone: subpool.Executor, gates: Gates) -> None:
        started, release = gates(), gates()
        future = alone.submit(tasks.hold, started, release)
        started.wait()
        assert future.running()
        assert not future.cancel()
        assert not future.cancelled()
        release.open()
        assert future.result(PATIENCE) == 0
        assert not future.cancel()
        assert not future.cancelled()

    def test_what_waits(self, alone: subpool.Executor, gates: Gates, journal: Journal) -> None:
        started, release = gates(), gates()
        first = alone.submit(tasks.hold, started, release)
        started.wait()
        futures = [alone.submit(tasks.note, journal.fd, str(number)) for number in range(60)]
        cancelled = futures[::2]
        assert [future.cancel() for future in cancelled] == [True] * 30
        assert [future.cancel() for future in cancelled] == [True] * 30
        assert all(future.done() and future.cancelled() and not future.running() for future in cancelled)
        with pytest.raises(CancelledError):
            futures[0].result(PATIENCE)
        release.open()
        everything: list[Future[Any]] = [first, *futures]
        done, pending = wait(everything, PATIENCE, ALL_COMPLETED)
        assert len(done) == 61
        assert not pending
        assert sorted(map(int, journal.lines())) == list(range(1, 60, 2))

    def test_is_told(self, alone: subpool.Executor, gates: Gates) -> None:
        started, release = gates(), gates()
        alone.submit(tasks.hold, started, release)
        started.wait()
        future = alone.submit(tasks.one)
        told: list[bool] = []
        ended = threading.Event()
        future.add_done_callback(lambda future: told.append(future.cancelled()))
        future.add_done_callback(lambda _: ended.set())
        waiting = threading.Thread(target=lambda: told.extend(each.cancelled() for each in as_completed([future])))
        waiting.start()
        assert future.cancel()
        assert ended.wait(PATIENCE)
        waiting.join(PATIENCE)
        release.open()
        assert told == [True, True]

    def test_a_wait_that_is_over_stops_nothing(self, alone: subpool.Executor, gates: Gates) -> None:
        """A timeout of `result` is the caller's, not the call's."""
        started, release = gates(), gates()
        future = alone.submit(tasks.hold, started, release)
        started.wait()
        with pytest.raises(TimeoutError):
            future.result(0.01)
        release.open()
        assert future.result(PATIENCE) == 0


# ---------------------------------------------------------------------------------------------------------- mapping


class Counted:
    """Numbers from 0, and how many of them were asked for."""

    def __init__(self, most: int = 1000) -> None:
        self.asked = 0
        self._most = most

    def __iter__(self) -> Iterator[int]:
        for number in range(self._most):
            self.asked += 1
            yield number


SIZES = [1, 2, 3, 7, 100]


class TestMap:
    @pytest.mark.parametrize("buffersize", [None, 1, 3, 100])
    @pytest.mark.parametrize("chunksize", SIZES)
    def test_is_the_built_in_map(self, executor: subpool.Executor, chunksize: int, buffersize: int | None) -> None:
        results = executor.map(tasks.add, range(20), itertools.count(5), chunksize=chunksize, buffersize=buffersize)
        assert list(results) == list(map(tasks.add, range(20), itertools.count(5)))

    @pytest.mark.parametrize("chunksize", SIZES)
    def test_of_nothing(self, executor: subpool.Executor, chunksize: int) -> None:
        assert list(executor.map(tasks.one, chunksize=chunksize)) == []
        assert list(executor.map(tasks.add, [1, 2], list[int](), chunksize=chunksize)) == []

    @pytest.mark.parametrize("buffersize", [None, 2])
    @pytest.mark.parametrize("chunksize", SIZES)
    def test_fails_in_its_place(self, executor: subpool.Executor, chunksize: int, buffersize: int | None) -> None:
        """Chunks are invisible: what comes before the failure comes out."""
        numbers = [1, 2, 4, 5, 0, 8, 0, 10]
        results = executor.map(tasks_executor.reciprocal, numbers, chunksize=chunksize, buffersize=buffersize)
        assert [next(results) for _ in range(4)] == [1, 0.5, 0.25, 0.2]
        with pytest.raises(ZeroDivisionError) as caught:
            next(results)
        assert "in reciprocal" in traceback_of(caught.value)
        assert "_schedule" not in traceback_of(caught.value)
        assert next(results, "over") == "over"

    @pytest.mark.parametrize("chunksize", SIZES)
    @pytest.mark.parametrize("refused", [0, 1, 5])
    def test_of_what_cannot_come_back(self, executor: subpool.Executor, chunksize: int, refused: int) -> None:
        results = executor.map(tasks_executor.lock_for, range(9), itertools.repeat(refused), chunksize=chunksize)
        assert [next(results) for _ in range(refused)] == list(range(refused))
        with pytest.raises(subpool.SerializationError, match=r'^result\["a"\]\[1\]: _thread.lock'):
            next(results)

    @pytest.mark.parametrize("chunksize", SIZES)
    def test_of_exceptions_that_are_no_exceptions(self, executor: subpool.Executor, chunksize: int) -> None:
        results = executor.map(tasks.leave, [1, 2], chunksize=chunksize)
        with pytest.raises(SystemExit):
            next(results)

    def test_reads_all_at_once(self, executor: subpool.Executor) -> None:
        numbers = Counted()
        executor.map(tasks.identity, numbers)
        assert numbers.asked == 1000

    @pytest.mark.parametrize("chunksize", SIZES)
    def test_reads_as_much_as_may_be_ahead(self, executor: subpool.Executor, chunksize: int) -> None:
        """As in 3.14, on every Python: `buffersize` counts chunks."""
        numbers = Counted()
        results = executor.map(tasks.identity, numbers, chunksize=chunksize, buffersize=4)
        assert numbers.asked == 4 * chunksize
        assert next(results) == 0
        assert numbers.asked == 5 * chunksize
        assert list(itertools.islice(results, chunksize)) == list(range(1, chunksize + 1))
        assert numbers.asked == 6 * chunksize

    def test_without_being_iterated_does_it_all(self, journal: Journal) -> None:
        with subpool.Executor(1) as executor:
            executor.map(partial(tasks.note, journal.fd), "abcdef")
        assert journal.lines() == list("abcdef")

    @pytest.mark.parametrize("chunksize", [1, 4])
    def test_that_is_dropped_cancels_what_waits(
        self, alone: subpool.Executor, gates: Gates, journal: Journal, chunksize: int
    ) -> None:
        results = alone.map(partial(tasks.note, journal.fd), itertools.repeat("before", 40), chunksize=chunksize)
        next(results)
        journal.wait_for(40)
        started, release = gates(), gates()
        holder = alone.submit(tasks.hold, started, release)
        started.wait()
        results = alone.map(partial(tasks.note, journal.fd), itertools.repeat("after", 40), timeout=0)
        with pytest.raises(TimeoutError):
            next(results)
        release.open()
        holder.result(PATIENCE)
        alone.submit(tasks.zero).result(PATIENCE)
        assert journal.lines() == ["before"] * 40

    def test_that_fails_lets_go_of_what_waits(self, alone: subpool.Executor, gates: Gates, journal: Journal) -> None:
        started, release = gates(), gates()
        calls: list[Callable[[], object]] = [
            tasks.fail,
            partial(tasks.hold, started, release),
            *[partial(tasks.note, journal.fd, "ran")] * 40,
        ]
        results = alone.map(tasks_executor.call, calls)
        started.wait()  # the first one has failed, the second runs, the others wait
        with pytest.raises(ValueError, match="on purpose"):
            next(results)
        release.open()
        alone.submit(tasks.zero).result(PATIENCE)
        assert journal.lines() == []

    @pytest.mark.parametrize("chunksize", [1, 3])
    def test_has_a_deadline_for_all_of_it(self, alone: subpool.Executor, gates: Gates, chunksize: int) -> None:
        started, release = gates(), gates()
        calls: list[Callable[[], object]] = [tasks.one, tasks.one, tasks.one, partial(tasks.hold, started, release)]
        results = alone.map(tasks_executor.call, calls, timeout=PATIENCE, chunksize=chunksize)
        assert [next(results), next(results)] == [1, 1]
        started.wait()
        release.open()
        assert list(results) == [1, 0]
        with pytest.raises(TimeoutError):
            list(
                alone.map(
                    tasks_executor.call, [partial(tasks.hold, started, gates())], timeout=0.01, chunksize=chunksize
                )
            )

    def test_chunks_are_done_by_one_worker_each(self, executor: subpool.Executor) -> None:
        places = list(executor.map(tasks_executor.place, range(40), chunksize=10))
        assert all(len(set(places[begin : begin + 10])) == 1 for begin in range(0, 40, 10))

    def test_keeps_no_result(self, executor: subpool.Executor) -> None:
        """A result that was given out belongs to who has it."""
        for chunksize in SIZES:
            for account in executor.map(tasks.Account, range(10), chunksize=chunksize):
                assert len(gc.get_referrers(account)) <= 1  # this frame, at the most

    @pytest.mark.parametrize(
        "keywords, error",
        [
            ({"chunksize": 0}, ValueError),
            ({"chunksize": -1}, ValueError),
            ({"chunksize": "2"}, TypeError),
            ({"chunksize": None}, TypeError),
            ({"buffersize": 0}, ValueError),
            ({"buffersize": 1.5}, TypeError),
        ],
        ids=str,
    )
    def test_of_bad_arguments(
        self, executor: subpool.Executor, keywords: dict[str, Any], error: type[Exception]
    ) -> None:
        with pytest.raises(error, match="|".join(keywords)):
            executor.map(tasks.identity, [1], **keywords)

    def test_of_an_iterable_that_fails(self, executor: subpool.Executor) -> None:
        def numbers() -> Iterator[int]:
            yield 1
            raise LookupError("no more")

        with pytest.raises(LookupError, match="no more"):
            executor.map(tasks.identity, numbers())
        results = executor.map(tasks.identity, numbers(), buffersize=1)
        with pytest.raises(LookupError, match="no more"):
            next(results)

    def test_of_arguments_that_cannot_cross(self, executor: subpool.Executor) -> None:
        results = executor.map(tasks.identity, [1, threading.Lock(), 3])
        assert next(results) == 1
        with pytest.raises(subpool.SerializationError):
            next(results)


# ------------------------------------------------------------------------------------------------------ constructing


class TestKeywords:
    def test_initializer(self) -> None:
        with subpool.Executor(1, initializer=tasks.initialise, initargs=(1, "two")) as executor:
            assert executor.submit(tasks.initialisations).result(PATIENCE) == [(1, "two")]

    def test_those_of_a_pool(self, journal: Journal) -> None:
        """Every keyword of `Pool`."""
        with subpool.Executor(
            2,
            idle_spin=0.0,
            initializer=tasks.note,
            initargs=(journal.fd, "begun"),
            finalizer=partial(tasks.note, journal.fd, "ended"),
            preload=("colorsys",),
            pin_cpus=False,
            background_workers=1,
            max_tasks_per_worker=None,
            strict=True,
            on_unsupported="raise",
        ) as executor:
            assert executor.submit(tasks.is_imported, "colorsys").result(PATIENCE)
            assert {future.result(PATIENCE) for future in [executor.submit(tasks.where) for _ in range(50)]} == {0}
            wait_until(lambda: len(journal.lines()) == 2)  # a worker that has not begun when the pool ends, need not
        assert sorted(journal.lines()) == ["begun", "begun", "ended", "ended"]

    def test_initializer_of_a_script(self, tmp_path: Path) -> None:
        """What it sets is there for the functions of the script."""
        source = """
            word = "home"
            def prepare(given):
                global word
                word = given
            def report(number):
                return word, number
            with subpool.Executor(1, initializer=prepare, initargs=("worker",)) as executor:
                print(executor.submit(report, 1).result(), *executor.map(report, [2, 3], chunksize=2))
        """
        silent(run([_program(source, tmp_path)]), "('worker', 1) ('worker', 2) ('worker', 3)\n")

    def test_max_tasks_per_worker(self) -> None:
        with subpool.Executor(1, max_tasks_per_worker=2) as executor:
            serials = [executor.submit(tasks.serial_in_this_interpreter).result(PATIENCE) for _ in range(4)]
        assert serials == [1, 2, 1, 2]

    def test_strict(self) -> None:
        with subpool.Executor(1, strict=True) as executor:
            assert executor.submit(tasks.fail, subpool.RemoteError, "x").exception(PATIENCE)
            with pytest.raises(subpool.SerializationError, match=r"_thread\.lock"):
                executor.submit(tasks.identity, threading.Lock()).result(0)  # written at once

    @pytest.mark.filterwarnings("ignore::subpool.UnsupportedWarning")
    def test_on_unsupported(self, gates: Gates) -> None:
        """What cannot live in a worker runs in the host, or fails."""
        started, release = gates(), gates()
        release.open()
        with subpool.Executor(1) as executor:
            assert executor.submit(host_only.hold, started, release).result(PATIENCE) is None
            calls = [[started] * 4, [release] * 4]
            assert list(executor.map(host_only.hold, *calls, chunksize=2)) == [None] * 4
            assert list(executor.map(tasks_executor.place, range(4), chunksize=2)) == [0] * 4
            homes = [(None, number) for number in range(4)]
            assert list(executor.map(tasks_executor.opening, range(4), chunksize=2)) == homes
            assert list(executor.map(tasks_executor.at_home, range(4), chunksize=2)) == homes
            assert list(executor.map(tasks_executor.place, range(4), chunksize=2)) == [0] * 4
        with subpool.Executor(1, on_unsupported="raise") as executor:
            with pytest.raises(subpool.UnsupportedInSubinterpreter, match="_tracemalloc"):
                executor.submit(host_only.hold, started, release).result(PATIENCE)

    @pytest.mark.parametrize(
        "arguments, keywords, error, culprit",
        [
            ((0,), {}, ValueError, "max_workers must be greater than 0, not 0"),
            ((-3,), {}, ValueError, "max_workers must be greater than 0, not -3"),
            ((2000,), {}, ValueError, "max_workers must be between 0 and 1024, not 2000"),
            (("two",), {}, TypeError, "max_workers must be an int, not 'two'"),
            ((True,), {}, TypeError, "max_workers must be an int, not True"),
            ((), {"workers": 3}, TypeError, "no keyword 'workers': the number of workers is max_workers"),
            ((1,), {"max_tasks_per_child": 3}, TypeError, "no keyword 'max_tasks_per_child'"),
            ((1,), {"thread_name_prefix": "x"}, TypeError, "no keyword 'thread_name_prefix'"),
            ((1,), {"initializer": 42}, TypeError, "initializer is not callable: 42"),
            ((1,), {"background_workers": 0}, ValueError, "background_workers must be at least 1"),
            ((1,), {"on_unsupported": "ignore"}, ValueError, "on_unsupported"),
        ],
        ids=str,
    )
    def test_that_cannot_be(
        self, arguments: tuple[Any, ...], keywords: dict[str, Any], error: type[Exception], culprit: str
    ) -> None:
        with pytest.raises(error, match=culprit):
            subpool.Executor(*arguments, **keywords)

    def test_number_of_workers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """One for each core: the caller of an executor only waits."""
        monkeypatch.delenv("SUBPOOL_WORKERS", raising=False)
        assert subpool.Executor()._max_workers == os.process_cpu_count()
        monkeypatch.setenv("SUBPOOL_WORKERS", "3")
        assert subpool.Executor()._max_workers == 3
        assert subpool.Executor(2)._max_workers == 2

    def test_without_workers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """SUBPOOL_WORKERS=0: everything runs in the caller, in order, with the same meaning."""
        monkeypatch.setenv("SUBPOOL_WORKERS", "0")
        seen: list[int] = []
        with subpool.Executor() as executor:
            future = executor.submit(seen.append, 1)
            assert future.done()
            assert seen == [1]
            assert not future.cancel()
            assert isinstance(executor.submit(tasks.fail).exception(), ValueError)
            for chunksize in SIZES:
                lock = threading.Lock()
                assert list(executor.map(tasks.identity, [lock, lock], chunksize=chunksize)) == [lock, lock]
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(tasks.one)

    def test_repr(self) -> None:
        executor = subpool.Executor(1)
        assert repr(executor) == "<Executor of 1 workers, idle>"
        executor.submit(tasks.one)
        assert repr(executor) == "<Executor of 1 workers, running>"
        executor.shutdown()
        assert repr(executor) == "<Executor of 1 workers, closed>"


class TestBroken:
    """Broken initializer → BrokenExecutor subclass."""

    def test_initializer(self, caplog: pytest.LogCaptureFixture) -> None:
        with subpool.Executor(2, initializer=tasks.fail_to_initialise) as executor:
            future = executor.submit(tasks.one)
            error = future.exception(PATIENCE)
            assert isinstance(error, BrokenExecutor)
            assert isinstance(error, subpool.BrokenPoolError)
            assert isinstance(error, subpool.SubpoolError)
            assert "the initializer failed" in str(error)
            with pytest.raises(BrokenExecutor, match="the initializer failed"):
                executor.submit(tasks.one)
            with pytest.raises(BrokenExecutor, match="the initializer failed"):
                executor.map(tasks.identity, [1])
        (record,) = (record for record in caplog.records if record.name == "concurrent.futures")
        assert record.levelno == logging.CRITICAL
        assert "the initializer failed" in record.getMessage()
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(tasks.one)

    def test_preload(self) -> None:
        with subpool.Executor(1, preload=("no_such_module_here",)) as executor:
            assert isinstance(executor.submit(tasks.one).exception(PATIENCE), BrokenExecutor)

    def test_while_it_ends(self, gates: Gates) -> None:
        """Nothing hangs: that no worker can start turns out when everybody waits for the end."""
        proceed = gates()
        with subpool.Executor(2, initializer=tasks.after, initargs=(proceed, tasks.fail_to_initialise)) as executor:
            future = executor.submit(tasks.one)
            threading.Timer(0.05, proceed.open).start()
        assert isinstance(future.exception(0), BrokenExecutor)


# ---------------------------------------------------------------------------------------------------------- the end


class TestShutdown:
    @pytest.mark.parametrize("wait", [True, False])
    def test_takes_nothing_more(self, wait: bool) -> None:
        executor = subpool.Executor(1)
        future = executor.submit(tasks.one)
        executor.shutdown(wait)
        for submit in (executor.submit, executor.map):
            with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
                submit(tasks.identity, [1])
        executor.shutdown()
        assert future.result(0) == 1

    def test_of_what_was_never_used(self) -> None:
        executor = subpool.Executor(1)
        executor.shutdown()
        executor.shutdown(cancel_futures=True)
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(tasks.one)

    def test_waits_also_the_second_time(self, gates: Gates) -> None:
        started, release = gates(), gates()
        executor = subpool.Executor(1)
        future = executor.submit(tasks.hold, started, release)
        started.wait()
        executor.shutdown(wait=False)
        assert future.running()
        ended = [threading.Thread(target=executor.shutdown) for _ in range(2)]
        for thread in ended:
            thread.start()
        assert all(thread.is_alive() for thread in ended)
        release.open()
        for thread in ended:
            thread.join(PATIENCE)
        assert future.result(0) == 0

    @pytest.mark.parametrize("at_once", [True, False])
    def test_cancels_what_has_not_begun(self, gates: Gates, journal: Journal, at_once: bool) -> None:
        """At once, or after all."""
        started, release = gates(), gates()
        executor = subpool.Executor(1)
        holder = executor.submit(tasks.hold, started, release)
        started.wait()
        others = [executor.submit(tasks.note, journal.fd, "ran") for _ in range(50)]
        if not at_once:
            executor.shutdown(wait=False)
        executor.shutdown(wait=False, cancel_futures=True)
        assert all(future.cancelled() for future in others)
        release.open()
        executor.shutdown()
        assert holder.result(0) == 0
        assert journal.lines() == []

    def test_leaves_a_free_worker_its_call(self) -> None:
        """What a free worker is about to take counts as begun."""
        executor = subpool.Executor(1)
        futures = [executor.submit(tasks.one) for _ in range(3)]
        executor.shutdown(cancel_futures=True)
        assert futures[0].result(0) == 1

    def test_callbacks_have_been_called(self) -> None:
        called: list[int] = []
        with subpool.Executor(1) as executor:
            for number in range(20):
                executor.submit(tasks.identity, number).add_done_callback(lambda done: called.append(done.result()))
        assert sorted(called) == list(range(20))

    def test_by_a_callback(self, gates: Gates) -> None:
        """It does not wait there: the pool ends after its callbacks."""
        started, release = gates(), gates()
        executor = subpool.Executor(1)
        future = executor.submit(tasks.hold, started, release)
        future.add_done_callback(lambda _: executor.shutdown())
        started.wait()
        ending = threading.Thread(target=executor.shutdown)
        ending.start()
        while not repr(executor).endswith("closed>"):
            pass
        release.open()
        ending.join(PATIENCE)
        assert not ending.is_alive()

    def test_against_submit(self) -> None:
        """Whatever was accepted is done."""
        executor, accepted = subpool.Executor(1), list[Future[int]]()
        begun = threading.Barrier(3)

        def submit() -> None:
            begun.wait(PATIENCE)
            with pytest.raises(RuntimeError, match="after shutdown"):
                while True:
                    accepted.append(executor.submit(tasks.one))

        threads = [threading.Thread(target=submit) for _ in range(2)]
        for thread in threads:
            thread.start()
        begun.wait(PATIENCE)
        executor.submit(tasks.zero).result(PATIENCE)
        executor.shutdown()
        for thread in threads:
            thread.join(PATIENCE)
        assert {future.result(0) for future in accepted} == {1}

    def test_by_dropping_it(self, gates: Gates) -> None:
        """Garbage-collected executors release the pool, once all is done."""
        started, release = gates(), gates()
        before = Holdings.now()
        executor = subpool.Executor(1)
        future = executor.submit(tasks.hold, started, release)
        results = executor.map(tasks.identity, range(100))
        started.wait()
        del executor
        gc.collect()
        assert future.running()
        release.open()
        assert list(results) == list(range(100))
        assert not left_since(before)

    def test_dropping_it_while_a_buffer_is_refilled(self) -> None:
        """What the iterator has yet to hand over is not lost."""
        results = subpool.Executor(1).map(tasks.identity, range(50), buffersize=2)
        gc.collect()
        assert list(results) == list(range(50))


def _program(source: str, folder: Path) -> Path:
    preface = "import atexit, os, signal, sys, threading, time\nimport subpool, tasks\nfrom tasks import Gate\n"
    path = folder / "program.py"
    path.write_text(preface + written(source, folder).read_text(encoding="utf-8"), encoding="utf-8")
    return path


class TestExit:
    """It waits at interpreter exit for what was submitted, as concurrent.futures does."""

    @pytest.mark.parametrize("options", [(), ("-X", "dev"), ("-W", "error")], ids=" ".join)
    @pytest.mark.parametrize(
        "source",
        [
            "executor = subpool.Executor(1)\nfor n in range(3): executor.submit(slow, n)",
            "executor = subpool.Executor(1)\nexecutor.map(slow, range(3))",
            "executor = subpool.Executor(1)\nexecutor.map(slow, range(3))\nexecutor.shutdown(wait=False)",
            "executor = subpool.Executor(1)\nexecutor.map(slow, range(3))\ndel executor",
            "subpool.Executor(1).map(slow, range(3), chunksize=2)",
            """
executors = [subpool.Executor(1) for _ in range(3)]
executors[0].submit(slow, 0).add_done_callback(lambda _: print('called', flush=True))
executors[1].submit(time.sleep, 0.3)
executors[2].submit(int)
""",
        ],
    )
    def test_waits(self, tmp_path: Path, source: str, options: tuple[str, ...]) -> None:
        slow = "def slow(n):\n    time.sleep(0.1)\n    print('did', n, flush=True)\n"
        expected = "end\ndid 0\ndid 1\ndid 2\n" if "executors" not in source else "end\ndid 0\ncalled\n"
        silent(run([*options, _program(f"{slow}{source}\nprint('end', flush=True)", tmp_path)]), expected)

    def test_keeps_the_code(self, tmp_path: Path) -> None:
        source = "executor = subpool.Executor(1)\nexecutor.submit(tasks.say, 'said')\nsys.exit(3)"
        silent(run([_program(source, tmp_path)]), "said\n", code=3)

    def test_after_an_exception(self, tmp_path: Path) -> None:
        source = "executor = subpool.Executor(1)\nexecutor.submit(tasks.say, 'said')\nraise LookupError('mine')"
        result = run([_program(source, tmp_path)])
        assert (result.stdout, result.returncode) == ("said\n", 1)
        assert result.stderr.strip().endswith("LookupError: mine")

    def test_does_not_wait_for_other_pools(self, tmp_path: Path) -> None:
        """Pools of any other kind cancel what nobody waits for."""
        source = """
            started, unwound = Gate.create(), Gate.create()
            executor, pool = subpool.Executor(1), subpool.Pool(1)
            pool.spawn(tasks.spin_until_stopped, started, unwound)
            started.wait()
            executor.submit(tasks.say, "said")
        """
        silent(run([_program(source, tmp_path)]), "said\n")

    @pytest.mark.parametrize("used", ["", "executor.submit(int).result()"], ids=["fresh", "used"])
    def test_takes_nothing_more(self, tmp_path: Path, used: str) -> None:
        source = f"""
            executor = subpool.Executor(1)
            {used}
            @atexit.register
            def late():
                try:
                    executor.submit(int)
                except RuntimeError as error:
                    print(type(error).__name__, str(error)[:29])
        """
        silent(run([_program(source, tmp_path)]), "RuntimeError cannot schedule new futures a\n")

    def test_of_a_thread_that_submits_for_ever(self, tmp_path: Path) -> None:
        """Whatever was accepted is done; the rest is refused."""
        source = """
            executor, accepted = subpool.Executor(1), []
            def work():
                try:
                    while True:
                        accepted.append(executor.submit(tasks.one))
                except RuntimeError as error:
                    print({future.result(20) for future in accepted}, str(error)[:27], flush=True)
            threading.Thread(target=work).start()
            executor.submit(int).result()
        """
        silent(run([_program(source, tmp_path)]), "{1} cannot schedule new futures\n")

    @pytest.mark.parametrize("leave", ["", "executor.shutdown()"], ids=["at exit", "in shutdown"])
    def test_ctrl_c(self, tmp_path: Path, leave: str) -> None:
        """Whoever interrupts the wait does not wait."""
        source = f"""
            started, release = Gate.create(), Gate.create()
            executor = subpool.Executor(1)
            executor.submit(tasks.hold, started, release)
            futures = [executor.submit(tasks.say, "never") for _ in range(50)]
            started.wait()
            threading.Timer(0.2, lambda: print("ready", flush=True)).start()
            try:
                {leave or "pass"}
            except KeyboardInterrupt:
                print({{type(future.exception(20)).__name__ for future in futures}}, flush=True)
        """
        with running([_program(source, tmp_path)]) as process:
            expect(process, "ready")
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            result = end(process)
        assert time.monotonic() - begin < PATIENCE / 2
        silent(result, "{'PoolClosedError'}\n" if leave else "")

    def test_fork(self, tmp_path: Path) -> None:
        """Around `os.fork` an idle executor steps aside, and comes back in parent and child."""
        source = """
            import warnings
            warnings.simplefilter("ignore", DeprecationWarning)  # fork in a process that has threads
            executor = subpool.Executor(1)
            assert executor.submit(tasks.one).result() == 1
            child = os.fork()
            assert list(executor.map(tasks.identity, range(5))) == list(range(5))
            if child:
                assert os.waitpid(child, 0)[1] == 0
                print("both")
        """
        silent(run([_program(source, tmp_path)]), "both\n")


def test_held_workers_and_cancelled_futures_leave_nothing(executor: subpool.Executor) -> None:
    """Slots of what was withdrawn are used again."""
    for _ in range(20):
        with held(executor._pool):
            assert all(future.cancel() for future in [executor.submit(tasks.one) for _ in range(100)])
    assert caught(lambda: executor.submit(tasks.one).result(PATIENCE)) is None
