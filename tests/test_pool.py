"""Pools: their parameters, their lives, and which one is in use."""

from __future__ import annotations

import _interpreters
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tasks
from helpers import Journal, caught, gate, held, program, run, silent, stolen, until

import subpool
from subpool._schedule.station import ASLEEP, WORKING

type Gates = Callable[[], tasks.Gate]


def _interpreter_count() -> int:
    return len(_interpreters.list_all())


class TestMaking:
    def test_default_size(self) -> None:
        """The default size is `max(1, os.process_cpu_count() - 1)`: the caller is the missing one."""
        with subpool.Pool() as pool:
            assert pool.workers == max(1, (os.process_cpu_count() or 1) - 1)

    @pytest.mark.parametrize("workers", [0, 1, 2, 7])
    def test_size(self, workers: int) -> None:
        """Pool(workers=None); pool.workers."""
        with subpool.Pool(workers) as pool:
            assert pool.workers == workers
            assert pool.join(tasks.one, tasks.text) == (1, "text")

    def test_workers_start_at_first_need(self) -> None:
        """Workers start at first need."""
        before = _interpreter_count()
        with subpool.Pool(3):
            assert _interpreter_count() == before
        assert _interpreter_count() == before

    def test_no_workers_no_interpreters(self) -> None:
        """workers=0: everything runs in the caller."""
        before = _interpreter_count()
        with subpool.Pool(0) as pool:
            assert pool.join(tasks.where, tasks.where) == (None, None)
            assert pool.join_all([tasks.where] * 3) == [None] * 3
            assert pool.spawn(tasks.where).join() is None
            with pool.scope() as s:
                task = s.spawn(tasks.where)
            assert task.result() is None
            assert _interpreter_count() == before

    @pytest.mark.parametrize("workers", [-1, -(10**9)])
    def test_negative_size(self, workers: int) -> None:
        """A negative worker count: a clear exception naming the culprit in the call that caused it."""
        with pytest.raises(ValueError, match="workers"):
            subpool.Pool(workers)

    @pytest.mark.parametrize("workers", ["two", 1.5, [3]])
    def test_size_of_a_wrong_type(self, workers: Any) -> None:
        """A clear exception naming the culprit in the call that caused it."""
        with pytest.raises(TypeError, match="workers"):
            subpool.Pool(workers)

    def test_size_beyond_reason(self) -> None:
        """A clear exception naming the culprit in the call that caused it."""
        with pytest.raises(ValueError, match="workers"):
            subpool.Pool(10**9)

    @pytest.mark.parametrize(
        "keywords, kind",
        [
            ({"initializer": 42}, TypeError),
            ({"finalizer": "nonsense"}, TypeError),
            ({"max_tasks_per_worker": 0}, ValueError),
            ({"max_tasks_per_worker": -1}, ValueError),
            ({"background_workers": -1}, ValueError),
            ({"on_unsupported": "ignore"}, ValueError),
            ({"idle_spin": -1.0}, ValueError),
            ({"wrokers": 1}, TypeError),
        ],
    )
    def test_nonsense(self, keywords: dict[str, Any], kind: type[Exception]) -> None:
        """A clear exception naming the culprit in the call that caused it."""
        (name,) = keywords
        with pytest.raises(kind, match=name):
            subpool.Pool(1, **keywords)

    @pytest.mark.parametrize("keywords", [{"idle_spin": 0.0}, {"pin_cpus": True}, {"preload": ()}, {"strict": True},
                                          {"max_tasks_per_worker": 100}, {"on_unsupported": "raise"}])  # fmt: skip
    def test_every_option_leaves_a_pool_that_works(self, keywords: dict[str, Any]) -> None:
        """Pool(workers=None, *, idle_spin=…, pin_cpus=False, …)."""
        with subpool.Pool(1, **keywords) as pool, pool.install():
            assert tasks.fib(8) == 21
            assert pool.spawn(tasks.where).result(tasks.PATIENCE) == 0

    def test_keywords_only(self) -> None:
        """Pool(workers=None, *, …)."""
        make: Any = subpool.Pool
        with pytest.raises(TypeError):
            make(1, 0.0)

    def test_several_at_once(self) -> None:
        """Pools are independent of each other."""
        with subpool.Pool(1) as one, subpool.Pool(2) as two:
            with held(one):
                assert two.spawn(tasks.where).result(tasks.PATIENCE) in (0, 1)
                assert two.join(partial(one.join, tasks.one, tasks.text), tasks.zero) == ((1, "text"), 0)
            assert one.spawn(tasks.where).result(tasks.PATIENCE) == 0


class TestWorkerIndex:
    def test_none_in_the_host(self, sized: subpool.Pool) -> None:
        """subpool.worker_index(): None in the host."""
        assert subpool.worker_index() is None
        assert sized.join(tasks.where, tasks.zero)[0] is None
        seen: list[int | None] = []
        thread = threading.Thread(target=lambda: seen.append(subpool.worker_index()))
        thread.start()
        thread.join()
        assert seen == [None]

    def test_a_number_in_a_worker(self, gates: Gates) -> None:
        """subpool.worker_index(): 0..n-1 in a worker."""
        release, started = gates(), [gates() for _ in range(3)]
        with subpool.Pool(3) as pool:
            spawned = [pool.spawn(tasks.hold, mine, release) for mine in started]
            for mine in started:
                mine.wait()
            release.open()
            assert sorted(task.result(tasks.PATIENCE) or 0 for task in spawned) == [0, 1, 2]


class TestInitializer:
    def test_runs_once_in_each_worker_before_its_tasks(self, gates: Gates) -> None:
        """Pool(initializer=None, initargs=())."""
        release, started = gates(), [gates() for _ in range(2)]
        with subpool.Pool(2, initializer=tasks.initialise, initargs=(1, "two")) as pool:
            spawned = [pool.spawn(tasks.announce_and_wait, mine, release, tasks.initialisations) for mine in started]
            for mine in started:
                mine.wait()
            release.open()
            assert [task.result(tasks.PATIENCE) for task in spawned] == [[(1, "two")]] * 2
        assert tasks.initialisations() == []

    def test_may_be_a_closure(self, journal: Journal) -> None:
        """Functions may come from anywhere."""
        fd = journal.fd
        with subpool.Pool(1, initializer=lambda: tasks.note(fd, "initialised")) as pool:
            assert pool.spawn(tasks.one).result(tasks.PATIENCE) == 1
        assert journal.lines() == ["initialised"]

    def test_finalizer_runs_in_each_worker(self, journal: Journal) -> None:
        """Pool(finalizer=None)."""
        finalizer = partial(tasks.note_where, journal.fd, "finalised")
        with subpool.Pool(2, finalizer=finalizer) as pool:
            with held(pool):
                pass
            assert journal.lines() == []
        assert sorted(journal.lines()) == ["finalised 0", "finalised 1"]

    def test_that_fails(self) -> None:
        """A clear exception naming the culprit; nothing hangs."""
        with subpool.Pool(1, initializer=tasks.fail_to_initialise) as pool:
            error = pool.spawn(tasks.one).exception(tasks.PATIENCE)
            assert error
            assert "the initializer failed" in f"{error} {error.__cause__}"
            caught(lambda: pool.join(tasks.one, tasks.text))  # may run here, or fail: it does not hang

    def test_that_fails_while_the_pool_ends(self, gates: Gates) -> None:
        """A clear exception naming the culprit; nothing hangs."""
        proceed = gates()
        with subpool.Pool(2, initializer=tasks.after, initargs=(proceed, tasks.fail_to_initialise)) as pool:
            task = pool.spawn(tasks.one)
            threading.Timer(0.05, proceed.open).start()
        error = task.exception(0)
        assert isinstance(error, subpool.BrokenPoolError)
        assert isinstance(error, BrokenExecutor)
        assert "the initializer failed" in str(error)

    def test_that_cannot_cross(self) -> None:
        """A clear exception naming the culprit; nothing hangs."""
        lock = threading.Lock()
        error = caught(lambda: _first_result(partial(tasks.identity, lock)))
        assert error
        assert "_thread.lock" in f"{error} {error.__cause__}"

    def test_preload(self) -> None:
        """Pool(preload=()): modules imported before the first task."""
        with subpool.Pool(1) as pool:
            assert pool.spawn(tasks.is_imported, "colorsys").result(tasks.PATIENCE) is False
        with subpool.Pool(1, preload=("colorsys",)) as pool:
            assert pool.spawn(tasks.is_imported, "colorsys").result(tasks.PATIENCE) is True

    def test_preload_of_nothing_there(self) -> None:
        """A clear exception naming the culprit; nothing hangs."""

        def use() -> None:
            with subpool.Pool(1, preload=("no_such_module_here",)) as pool:
                pool.spawn(tasks.one).result(tasks.PATIENCE)

        error = caught(use)
        assert error
        assert "no_such_module_here" in f"{error} {error.__cause__}"

    def test_without_workers(self, journal: Journal) -> None:
        """workers=0: same semantics; there is no worker to prepare."""
        with subpool.Pool(0, finalizer=partial(tasks.note, journal.fd, "finalised")) as pool:
            assert pool.join(tasks.one, tasks.text) == (1, "text")
        assert journal.lines() in ([], ["finalised"])


def _first_result(initializer: Callable[[], object]) -> int:
    with subpool.Pool(1, initializer=initializer) as pool:
        return pool.spawn(tasks.one).result(tasks.PATIENCE)


class TestRenewal:
    def test_workers_are_renewed(self) -> None:
        """Pool(max_tasks_per_worker=None)."""
        with subpool.Pool(1, max_tasks_per_worker=2) as pool:
            serials = [pool.spawn(tasks.serial_in_this_interpreter).result(tasks.PATIENCE) for _ in range(6)]
        assert serials == [1, 2, 1, 2, 1, 2]

    def test_are_not_otherwise(self) -> None:
        """Interpreters are reused."""
        with subpool.Pool(1) as pool:
            serials = [pool.spawn(tasks.serial_in_this_interpreter).result(tasks.PATIENCE) for _ in range(6)]
        assert serials == list(range(1, 7))

    def test_initialises_the_new_ones(self) -> None:
        """Pool(initializer=None, max_tasks_per_worker=None)."""
        with subpool.Pool(1, initializer=tasks.initialise, max_tasks_per_worker=1) as pool:
            for _ in range(3):
                assert pool.spawn(tasks.initialisations).result(tasks.PATIENCE) == [()]

    def test_with_foreground_work(self) -> None:
        """The semantics is the same."""
        with subpool.Pool(2, max_tasks_per_worker=3) as pool, pool.install():
            for _ in range(3):
                assert tasks.fib(11) == 89
            for _ in range(4):
                assert stolen(pool, tasks.one, tasks.text) == (1, "text")


class TestBackgroundWorkers:
    def test_limits_who_takes_background_tasks(self, gates: Gates) -> None:
        """Pool(background_workers=None)."""
        started, release = gates(), gates()
        with subpool.Pool(2, background_workers=1) as pool:
            first = pool.spawn(tasks.hold, started, release)
            started.wait()
            second = pool.spawn(tasks.where)
            assert stolen(pool, tasks.where, tasks.where)[1] is not None
            with pytest.raises(TimeoutError):
                second.result(0.05)
            release.open()
            assert second.result(tasks.PATIENCE) == first.result(tasks.PATIENCE)

    def test_a_task_wakes_a_worker_that_takes_it(self) -> None:
        """Pool(background_workers=None): it is not lost on a worker that takes none, and comes first."""
        with subpool.Pool(2, background_workers=1) as pool:
            assert pool.spawn(tasks.where).result(tasks.PATIENCE) == 0
            host = pool._host
            assert host is not None
            host.set_aside(1)
            until(lambda: host.wake(2) or 1 not in host.crew.threads, "it did not leave")
            until(lambda: [host.arena.idle[seat] for seat in (1, 2, 3)] == [WORKING, ASLEEP, ASLEEP], "they stay awake")
            assert pool.spawn(tasks.where).result(tasks.PATIENCE) == 0

    def test_none_at_all(self) -> None:
        """task.join() runs the task itself if nobody has started it (forward progress)."""
        with subpool.Pool(1, background_workers=0) as pool:
            assert pool.spawn(tasks.where).join() is None


class TestInstall:
    def test_the_module_level_functions_use_it(self, staffed: subpool.Pool) -> None:
        """pool.install(): the module-level functions use this pool here."""
        with staffed.install():
            assert subpool.current_pool() is staffed
            before = staffed.stats().tasks_completed
            assert subpool.spawn(tasks.where).result(tasks.PATIENCE) in range(staffed.workers)
            assert staffed.stats().tasks_completed > before

    def test_nests(self, single: subpool.Pool, double: subpool.Pool) -> None:
        """with-block."""
        with single.install():
            with double.install():
                assert subpool.current_pool() is double
            assert subpool.current_pool() is single

    def test_ends_with_the_block(self, single: subpool.Pool, double: subpool.Pool) -> None:
        """with-block."""
        with double.install():
            with pytest.raises(ValueError, match="on purpose"), single.install():
                tasks.fail()
            assert subpool.current_pool() is double

    def test_functions_imported_earlier_follow(self, single: subpool.Pool) -> None:
        """`from subpool import join` stays valid."""
        from subpool import join, join_all, scope, spawn

        with single.install():
            with held(single):
                assert join(tasks.where, tasks.where) == (None, None)
                assert join_all([tasks.where]) == [None]
                with scope() as s:
                    assert s.spawn(tasks.where).join() is None
                assert spawn(tasks.where).join() is None

    def test_worker_side_functions_belong_to_the_workers_pool(self, double: subpool.Pool) -> None:
        """Children may use subpool.* themselves."""
        assert double.spawn(tasks.fib, 10).result(tasks.PATIENCE) == 55


class TestStats:
    NAMES = (
        *("tasks_completed", "tasks_failed", "tasks_cancelled", "published", "stolen", "taken_back", "withdrawn"),
        *("helped", "sleeps", "wakes", "workers", "workers_lost"),
    )

    def test_has_these_figures(self, sized: subpool.Pool) -> None:
        """`pool.stats()`: tasks_completed, tasks_failed, …."""
        stats = sized.stats()
        for name in self.NAMES:
            assert isinstance(getattr(stats, name), int)
            assert getattr(stats, name) >= 0
        assert stats.workers == sized.workers

    def test_is_a_frozen_snapshot(self, sized: subpool.Pool) -> None:
        """Snapshots are frozen."""
        stats: Any = sized.stats()
        with pytest.raises((AttributeError, TypeError)):
            stats.workers = 99

    @pytest.mark.parametrize("workers", [0, 2])
    def test_counts_tasks(self, workers: int) -> None:
        """tasks_completed, tasks_failed, tasks_cancelled."""
        with subpool.Pool(workers) as pool:
            good = [pool.spawn(tasks.identity, number) for number in range(10)]
            bad = [pool.spawn(tasks.refuse, number) for number in range(4)]
            for task in good + bad:
                task.exception(tasks.PATIENCE)
            with held(pool):
                withdrawn = [task.cancel() for task in [pool.spawn(tasks.zero) for _ in range(3)]]
            stats = pool.stats()
        assert stats.tasks_completed == 10 + workers + withdrawn.count(False)
        assert stats.tasks_failed == 4
        assert stats.tasks_cancelled == withdrawn.count(True)
        assert stats.workers_lost == 0

    def test_counts_steals(self) -> None:
        """published, stolen."""
        with subpool.Pool(1) as pool:
            for _ in range(5):
                assert stolen(pool, tasks.where, tasks.where) == (None, 0)
            stats = pool.stats()
        assert stats.stolen >= 5
        assert stats.published >= stats.stolen

    def test_can_be_asked_of_a_closed_pool(self) -> None:
        """pool.stats()."""
        pool = subpool.Pool(1)
        pool.spawn(tasks.one).join()
        pool.close()
        assert pool.stats().tasks_completed == 1


class TestClosing:
    def test_waits_for_what_was_spawned(self, journal: Journal) -> None:
        """pool.close(wait=True, cancel=False)."""
        pool = subpool.Pool(1)
        spawned = [pool.spawn(tasks.note, journal.fd, str(number)) for number in range(50)]
        pool.close()
        assert all(task.done() for task in spawned)
        assert len(journal.lines()) == 50

    def test_is_a_context_manager(self, journal: Journal) -> None:
        """Also a context manager."""
        with subpool.Pool(1) as pool:
            task = pool.spawn(tasks.note, journal.fd, "noted")
        assert task.done()
        assert journal.lines() == ["noted"]

    def test_cancels(self, gates: Gates, journal: Journal) -> None:
        """pool.close(cancel=True)."""
        started, unwound = gates(), gates()
        pool = subpool.Pool(1)
        running = pool.spawn(tasks.spin_until_stopped, started, unwound)
        waiting = [pool.spawn(tasks.note, journal.fd, "never") for _ in range(5)]
        started.wait()
        pool.close(cancel=True)
        assert unwound.is_open()
        assert running.cancelled()
        assert all(task.cancelled() for task in waiting)
        assert journal.lines() == []

    def test_without_waiting(self, gates: Gates) -> None:
        """pool.close(wait=False): as `Executor.shutdown(wait=False)`, what was spawned is still done."""
        started, release = gates(), gates()
        pool = subpool.Pool(1)
        running = pool.spawn(tasks.hold, started, release)
        waiting = pool.spawn(tasks.one)
        started.wait()
        pool.close(wait=False)
        assert not running.done()
        release.open()
        assert running.result(tasks.PATIENCE) == 0
        assert waiting.result(tasks.PATIENCE) == 1
        pool.close()

    def test_twice(self) -> None:
        """A pool may be closed again."""
        pool = subpool.Pool(1)
        pool.spawn(tasks.one).join()
        pool.close()
        pool.close()
        with pool:
            pass

    def test_before_use(self) -> None:
        """Workers start at first need."""
        subpool.Pool(2).close()

    def test_leaves_no_interpreter_and_no_thread(self) -> None:
        """Nothing left behind."""
        before = _interpreter_count(), threading.active_count()
        with subpool.Pool(2) as pool, pool.install():
            tasks.fib(10)
        assert (_interpreter_count(), threading.active_count()) == before

    @pytest.mark.parametrize("workers", [0, 1])
    def test_use_afterwards(self, workers: int) -> None:
        """A pool used after `close`: a clear exception naming the culprit in the call that caused it."""
        pool = subpool.Pool(workers)
        pool.spawn(tasks.one).join()
        pool.close()
        for use in (
            lambda: pool.join(tasks.one, tasks.one),
            lambda: pool.join_all([tasks.one]),
            lambda: pool.spawn(tasks.one),
            lambda: pool.scope().__enter__(),
            lambda: pool.install().__enter__(),
        ):
            with pytest.raises(RuntimeError, match="closed"):
                use()

    def test_results_outlive_the_pool(self) -> None:
        """A Task is a Future."""
        with subpool.Pool(1) as pool:
            task = pool.spawn(tasks.pair, "a" * 100_000, b"b" * 100_000)
        assert task.result() == ("a" * 100_000, b"b" * 100_000)

    def test_from_another_thread_while_a_join_runs(self, gates: Gates) -> None:
        """Close in mid-work: what was started is finished."""
        started, release = gates(), gates()
        pool = subpool.Pool(1)
        closer = threading.Thread(target=pool.close)

        def first() -> None:
            started.wait()
            closer.start()
            release.open()

        assert pool.join(first, partial(tasks.hold, started, release)) == (None, 0)
        closer.join()

    def test_an_error_in_the_block(self, journal: Journal) -> None:
        """Also a context manager."""
        with pytest.raises(ValueError, match="on purpose"), subpool.Pool(1) as pool:
            pool.spawn(tasks.note, journal.fd, "noted")
            tasks.fail()
        with pytest.raises(RuntimeError, match="closed"):
            pool.spawn(tasks.one)


def test_an_idle_pool_uses_no_cpu(staffed: subpool.Pool) -> None:
    """An idle pool uses no CPU."""
    staffed.join(tasks.one, tasks.one)
    used = min(_cpu_used_in(0.3) for _ in range(5))
    assert used < 0.01


def _cpu_used_in(seconds: float) -> float:
    before = time.process_time()
    time.sleep(seconds)
    return time.process_time() - before


class TestGlobalPool:
    """The global pool and its configuration, each in a process of its own."""

    @pytest.fixture
    def check(self, tmp_path: Path) -> Callable[..., None]:
        def check(source: str, expected: str, **variables: str) -> None:
            path = tmp_path / "program.py"
            path.write_text(program("import subpool, tasks") + program(source), encoding="utf-8")
            silent(run([path], variables=variables), f"{expected}\n")

        return check

    def test_starts_by_itself(self, check: Callable[..., None]) -> None:
        """Workers start at first need."""
        check("print(subpool.join(tasks.one, tasks.text), subpool.current_pool().workers >= 1)", "(1, 'text') True")

    def test_importing_starts_nothing(self, check: Callable[..., None]) -> None:
        """Workers start at first need."""
        check("import threading, _interpreters; print(threading.active_count(), len(_interpreters.list_all()))", "1 1")

    def test_configure(self, check: Callable[..., None]) -> None:
        """subpool.configure(**same keywords): the global pool, before its lazy start."""
        check(
            """
            subpool.configure(workers=2, initializer=tasks.initialise, initargs=(7,))
            print(subpool.current_pool().workers, subpool.spawn(tasks.initialisations).result())
            """,
            "2 [(7,)]",
        )

    def test_configure_with_nonsense(self, check: Callable[..., None]) -> None:
        """A negative worker count: a clear exception naming the culprit in the call that caused it."""
        check(
            """
            try:
                subpool.configure(workers=-1)
            except ValueError as error:
                print("workers" in str(error))
            """,
            "True",
        )

    def test_nested_configure(self, check: Callable[..., None]) -> None:
        """A nested `configure`: a clear exception in the call that caused it."""
        check(
            """
            subpool.configure(workers=1)
            try:
                subpool.join(lambda: subpool.configure(workers=2), tasks.one)
            except RuntimeError as error:
                print("configure" in str(error))
            print(subpool.current_pool().workers, subpool.join(tasks.one, tasks.text))
            """,
            "True\n1 (1, 'text')",
        )

    def test_configure_in_a_worker(self, check: Callable[..., None]) -> None:
        """A nested `configure`: a clear exception in the call that caused it."""
        check(
            """
            from functools import partial
            subpool.configure(workers=1)
            error = subpool.spawn(partial(subpool.configure, workers=2)).exception()
            print(isinstance(error, RuntimeError), "configure" in str(error))
            """,
            "True True",
        )

    @pytest.mark.parametrize("workers", ["0", "1", "3"])
    def test_size_from_the_environment(self, check: Callable[..., None], workers: str) -> None:
        """SUBPOOL_WORKERS in the environment."""
        check(
            "print(subpool.current_pool().workers, subpool.join(tasks.one, tasks.text))",
            f"{workers} (1, 'text')",
            SUBPOOL_WORKERS=workers,
        )

    def test_the_call_wins_over_the_environment(self, check: Callable[..., None]) -> None:
        """subpool.configure(**same keywords)."""
        check("subpool.configure(workers=1); print(subpool.current_pool().workers)", "1", SUBPOOL_WORKERS="3")

    @pytest.mark.parametrize("workers", ["many", "-2", "1.5"])
    def test_nonsense_in_the_environment(self, check: Callable[..., None], workers: str) -> None:
        """A clear exception naming the culprit."""
        check(
            """
            try:
                subpool.join(tasks.one, tasks.text)
            except ValueError as error:
                print("SUBPOOL_WORKERS" in str(error))
            """,
            "True",
            SUBPOOL_WORKERS=workers,
        )

    @pytest.mark.parametrize("workers", ["0", "1"])
    def test_strict_from_the_environment(self, check: Callable[..., None], workers: str) -> None:
        """`SUBPOOL_STRICT=1` makes every half but the first cross."""
        check(
            """
            items = []
            subpool.join(lambda: None, lambda: items.append(1))
            print(items)
            """,
            "[]",
            SUBPOOL_WORKERS=workers,
            SUBPOOL_STRICT="1",
        )

    def test_not_strict_by_default(self, check: Callable[..., None]) -> None:
        """`SUBPOOL_STRICT=1`."""
        check(
            """
            items = []
            subpool.join(lambda: None, lambda: items.append(1))
            print(items)
            """,
            "[1]",
            SUBPOOL_WORKERS="0",
            SUBPOOL_STRICT="0",
        )

    def test_use_of_a_closed_global_pool(self, check: Callable[..., None]) -> None:
        """A `join` in a closed pool: a clear exception in the call that caused it."""
        check(
            """
            with subpool.Pool(1) as pool:
                pool.join(tasks.one, tasks.one)
            try:
                pool.join(tasks.one, tasks.one)
            except RuntimeError as error:
                print("closed" in str(error))
            """,
            "True",
        )


def test_gates_are_seen_everywhere(single: subpool.Pool) -> None:
    """The means of these tests: a gate opened in a worker is open here."""
    with gate() as it:
        single.spawn(it.open).result(tasks.PATIENCE)
        assert it.is_open()


class TestLostWorker:
    """A worker that dies is replaced, and only what it ran is lost."""

    def test_is_replaced(self) -> None:
        """The pool keeps its size."""
        with subpool.Pool(1) as pool:
            assert pool.spawn(tasks.end_my_worker).result(tasks.PATIENCE) == "last words"
            assert pool.spawn(tasks.add, 1, 2).result(tasks.PATIENCE) == 3
            assert pool.stats().workers_lost == 1

    def test_fails_its_task_and_no_other(self) -> None:
        """No other task is touched, nothing hangs."""
        with subpool.Pool(1) as pool:
            lost, other = pool.spawn(tasks.end_my_worker_now), pool.spawn(tasks.add, 1, 2)
            assert isinstance(lost.exception(tasks.PATIENCE), subpool.WorkerLostError)
            assert other.result(tasks.PATIENCE) == 3

    def test_fails_its_half(self) -> None:
        """What a join has lost, it says."""
        with subpool.Pool(1) as pool, pytest.raises(subpool.WorkerLostError):
            stolen(pool, tasks.zero, tasks.end_my_worker_now)
