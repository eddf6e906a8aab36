"""Workers that cannot be stopped: set aside after a grace, replaced, and in nobody's way, however late they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import partial

import pytest
import tasks
import tasks_stuck
from helpers import Journal, caught, in_a_batch, leaves, wait_until
from leaks import Holdings, left_since
from tasks import PATIENCE, Gate

import subpool
from subpool import process
from subpool._schedule.crew import Crew
from subpool._schedule.layout import Layout
from subpool._schedule.seat import PHASE, TAKEN

type Gates = Callable[[], Gate]

GRACE = 0.6
"""Seconds of grace in the tests that wait for it: longer than an interrupted wait for others takes."""
AT_ONCE = 2.0
"""Seconds that a program may need to end, whatever its workers do."""


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools of this test have little patience."""
    monkeypatch.setattr("subpool.pool.GRACE", GRACE)


@pytest.fixture
def hastier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools of this test have hardly any."""
    monkeypatch.setattr("subpool.pool.GRACE", 0.05)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools of this test set nobody aside."""
    monkeypatch.setattr("subpool.pool.GRACE", 1000.0)


def stuck(pool: subpool.Pool, gates: Gates, release: Gate, timeout: float | None = None) -> subpool.Task[int | None]:
    """A task that is stuck by now."""
    if timeout is not None:  # that is time to run, not to import
        pool.spawn(tasks_stuck.block_if, None, None).result(PATIENCE)
    started = gates()
    task = pool.spawn(tasks_stuck.be_stuck, started, release, timeout=timeout)
    started.wait()
    return task


def works(pool: subpool.Pool) -> bool:
    """Whether every worker of the pool runs tasks."""
    places = set[int | None]()
    deadline = time.monotonic() + PATIENCE
    while len(places) < pool.workers and time.monotonic() < deadline:
        places |= {task.result(PATIENCE) for task in [pool.spawn(tasks.where) for _ in range(4 * pool.workers)]}
    return places == set(range(pool.workers)) and pool.join(tasks.one, tasks.text) == (1, "text")


class TestItsTask:
    """It ends long before its worker is set aside: at once if it is cancelled, else at its deadline."""

    @pytest.mark.usefixtures("patient")
    def test_ends_at_its_deadline(self, gates: Gates) -> None:
        release = gates()
        with subpool.Pool(1) as pool:
            task = stuck(pool, gates, release, timeout=0.5)
            assert isinstance(task.exception(PATIENCE), TimeoutError)
            assert (pool.stats().workers_lost, pool.stats().tasks_failed) == (0, 1)
            release.open()

    @pytest.mark.usefixtures("patient")
    def test_ends_when_it_is_cancelled(self, gates: Gates) -> None:
        release = gates()
        with subpool.Pool(1) as pool:
            task = stuck(pool, gates, release)
            assert task.cancel()
            with pytest.raises(CancelledError):
                task.result(0)
            assert (pool.stats().workers_lost, pool.stats().tasks_cancelled) == (0, 1)
            release.open()

    @pytest.mark.usefixtures("patient")
    def test_ends_at_its_deadline_where_a_caller_is_stuck_in_it(self, gates: Gates) -> None:
        release = gates()
        with subpool.Pool(1) as pool:
            holder = stuck(pool, gates, release)
            started = gates()
            task = pool.spawn(tasks_stuck.be_stuck, started, release, timeout=0.5)
            caller = threading.Thread(target=partial(caught, task.join))
            caller.start()
            started.wait()
            assert isinstance(task.exception(PATIENCE), TimeoutError)
            assert caller.is_alive()
            release.open()
            caller.join()
            assert holder.result(PATIENCE) == 0

    @pytest.mark.usefixtures("patient")
    def test_what_it_returns_late_is_dropped(self, gates: Gates) -> None:
        release = gates()
        with subpool.Pool(1) as pool:
            task = stuck(pool, gates, release, timeout=0.5)
            error = task.exception(PATIENCE)
            release.open()
            assert pool.spawn(tasks.where).result(PATIENCE) == 0
            assert task.exception() is error

    @pytest.mark.usefixtures("hasty")
    def test_takes_nobody_of_its_batch_along(self, gates: Gates) -> None:
        """Only the stuck item is lost; those behind it are run by others."""
        release, started = gates(), gates()
        with subpool.Pool(1) as pool:
            calls: list[tuple[Gate | None, Gate | None]]
            calls = [(release, started) if place == 2 else (None, None) for place in range(40)]
            batch = in_a_batch(pool, tasks_stuck.block_if, calls)
            started.wait()
            assert batch[2].cancel()
            assert [task.result(PATIENCE) for place, task in enumerate(batch) if place != 2] == [0] * 39
            wait_until(lambda: pool.stats().workers_lost == 1)
            assert works(pool)


class TestIsReplaced:
    """A worker that does not come back within its grace is set aside and replaced; the pool keeps its size."""

    @pytest.mark.usefixtures("hastier")
    def test_all_at_once(self, gates: Gates) -> None:
        release = gates()
        with subpool.Pool(3) as pool:
            for task in [stuck(pool, gates, release, timeout=0.5) for _ in range(3)]:
                assert isinstance(task.exception(PATIENCE), TimeoutError)
            wait_until(lambda: pool.stats().workers_lost == 3)
            assert works(pool)
            assert pool.stats().workers == pool.workers == 3

    @pytest.mark.usefixtures("hastier")
    def test_again_and_again(self, gates: Gates) -> None:
        """… until they come back: then their seats serve again, as often as that happens."""
        with subpool.Pool(1) as pool:
            for lost in range(1, Layout(1).workers_end + 2):
                release = gates()
                assert stuck(pool, gates, release).cancel()
                wait_until(lambda lost=lost: pool.stats().workers_lost == lost)  # type: ignore[misc]
                assert works(pool)
                release.open()
                wait_until(lambda: len(crew(pool).threads) == 1)
            assert pool.stats().workers == 1

    @pytest.mark.usefixtures("hastier")
    def test_until_no_seat_is_left(self, gates: Gates) -> None:
        """Then nothing waits in vain: jobs fail, forks run in their callers; the pool recovers with its workers."""
        release, late = gates(), gates()
        with subpool.Pool(1) as pool:
            seats = Layout(1).workers_end - 1
            for number in range(seats - 1):
                assert stuck(pool, gates, release).cancel()
                wait_until(lambda number=number: pool.stats().workers_lost == number + 1)  # type: ignore[misc]
                assert pool.stats().workers == 1
            last = stuck(pool, gates, late)
            waiting = [pool.spawn(tasks.one) for _ in range(500)]
            assert last.cancel()
            for task in (*waiting, pool.spawn(tasks.one)):
                assert isinstance(task.exception(PATIENCE), subpool.BrokenPoolError)
            assert (pool.stats().workers, pool.stats().workers_lost, pool.workers) == (0, seats, 1)
            assert pool.join(tasks.one, tasks.text) == (1, "text")
            with pool.install():
                assert tasks.fib(12) == 144
            with pool.scope() as s:
                inside = s.spawn(tasks.add, 1, 2)
            assert inside.result() == 3
            late.open()
            wait_until(lambda: pool.stats().workers == 1)
            assert works(pool)

    @pytest.mark.usefixtures("hasty")
    def test_one_that_waits_for_another(self, gates: Gates) -> None:
        """Not only the host notices: a worker's own wait for another has an end, too."""
        for kind in (tasks_stuck.join_with_stuck_half, tasks_stuck.scope_with_stuck_task):
            ready, started, release = gates(), gates(), gates()
            with subpool.Pool(2) as pool:
                task = pool.spawn(kind, ready, started, release)
                ready.wait()
                assert task.cancel()
                wait_until(lambda: pool.stats().workers_lost == 1)
                assert works(pool)
                release.open()

    @pytest.mark.usefixtures("hasty")
    def test_what_it_has_forked_is_stopped(self, gates: Gates) -> None:
        release, started, other, unwound = (gates() for _ in range(4))
        with subpool.Pool(2) as pool:
            task = pool.spawn(tasks_stuck.join_with_stuck_first, started, release, other, unwound)
            started.wait()
            assert task.cancel()
            unwound.wait()
            assert works(pool)

    @pytest.mark.usefixtures("hasty")
    def test_what_it_has_spawned_is_done(self, gates: Gates, journal: Journal) -> None:
        """By others, or by itself when it comes back."""
        started, release = gates(), gates()
        with subpool.Pool(1) as pool:
            task = pool.spawn(tasks_stuck.spawn_and_be_stuck, journal.fd, started, release)
            started.wait()
            assert task.cancel()
            wait_until(lambda: pool.stats().workers_lost == 1)
            release.open()
            journal.wait_for(5)
            wait_until(lambda: len(crew(pool).threads) == 1)
            assert works(pool)
        assert sorted(journal.lines()) == [str(number) for number in range(5)]

    @pytest.mark.usefixtures("hasty")
    def test_where_each_task_has_a_worker_of_its_own(self, gates: Gates) -> None:
        """`max_tasks_per_worker`."""
        release = gates()
        with subpool.Pool(2, max_tasks_per_worker=1) as pool:
            for lost in (1, 2, 3):
                assert stuck(pool, gates, release).cancel()
                wait_until(lambda lost=lost: pool.stats().workers_lost >= lost)  # type: ignore[misc]
                assert [pool.spawn(tasks.add, 1, 2).result(PATIENCE) for _ in range(4)] == [3] * 4
            assert pool.stats().workers == 2

    @pytest.mark.usefixtures("patient")
    def test_its_seat_is_not_given_away_beneath_others(self, gates: Gates) -> None:
        """A worker has ended, but what it forked still runs, and will be written into its slots."""
        ready, started, release = gates(), gates(), gates()
        with subpool.Pool(2, max_tasks_per_worker=1) as pool:
            task = pool.spawn(tasks_stuck.join_with_stuck_half, ready, started, release)
            ready.wait()
            host = pool._host
            assert host is not None
            (number,) = (n for n in host.layout.numbers if host.begun(n) and n in halves_of_workers(host.layout))
            (seat,) = (seat for seat in range(1, host.layout.workers_end) if number in host.layout.halves(seat))
            former = crew(pool).threads[seat]
            assert task.cancel()
            wait_until(lambda: not former.is_alive())
            wait_until(lambda: len(crew(pool).threads) == 2)
            assert seat not in crew(pool).threads
            assert [pool.spawn(tasks.add, 1, 2).result(PATIENCE) for _ in range(6)] == [3] * 6
            assert seat not in crew(pool).threads
            assert host.arena.words[host.arena.cell(number)] & PHASE == TAKEN
            release.open()
            wait_until(lambda: host.arena.words[host.arena.cell(number)] & PHASE != TAKEN)
            assert [pool.spawn(tasks.add, 1, 2).result(PATIENCE) for _ in range(6)] == [3] * 6

    def test_one_that_dies_in_a_batch(self) -> None:
        """Only what it ran is lost."""
        with subpool.Pool(1) as pool:
            batch = in_a_batch(pool, tasks_stuck.die_in_a_batch, [(place == 2,) for place in range(40)])
            outcomes = [task.exception(PATIENCE) for task in batch]
            assert [place for place, outcome in enumerate(outcomes) if outcome is not None] == [2]
            assert isinstance(outcomes[2], subpool.WorkerLostError)
            assert works(pool)


def crew(pool: subpool.Pool) -> Crew:
    assert pool._host is not None
    return pool._host.crew


def halves_of_workers(layout: Layout) -> set[int]:
    return {number for seat in range(1, layout.workers_end) for number in layout.halves(seat)}


def expire(pool: subpool.Pool, scope: subpool.Scope) -> None:
    """The deadline of a scope is over now: the courier does what it does then."""
    assert pool._host is not None
    pool._host.call_at(0.0, scope._expire)


class TestForeground:
    """Who waits for a half that is stuck goes on after its grace; so do those who wait where a deadline is over."""

    @pytest.mark.usefixtures("hasty")
    @pytest.mark.parametrize("of_any_width", [False, True], ids=["two", "all"])
    def test_a_first_that_fails(self, gates: Gates, of_any_width: bool) -> None:
        started, release = gates(), gates()
        with subpool.Pool(1) as pool:
            failing = partial(tasks.after, started, tasks.fail)
            with pytest.raises(ValueError, match="on purpose"):
                half = partial(tasks_stuck.be_stuck, started, release)
                pool.join_all((failing, half)) if of_any_width else pool.join(failing, half)
            assert pool.stats().workers_lost == 1
            assert works(pool)

    @pytest.mark.usefixtures("hasty")
    def test_a_scope_with_a_deadline(self, gates: Gates) -> None:
        started, release = gates(), gates()
        with subpool.Pool(1) as pool:
            with pytest.raises(TimeoutError, match="deadline"), pool.scope(timeout=1000) as s:
                s.spawn(tasks_stuck.be_stuck, started, release)
                started.wait()
                expire(pool, s)
            assert pool.stats().tasks_cancelled == 1
            assert pool.stats().workers_lost == 1
            assert works(pool)

    @pytest.mark.usefixtures("hasty")
    def test_a_scope_whose_other_task_fails(self, gates: Gates) -> None:
        started, release = gates(), gates()
        with subpool.Pool(2) as pool:
            with pytest.raises(ExceptionGroup) as raised, pool.scope() as s:
                s.spawn(tasks_stuck.be_stuck, started, release)
                started.wait()
                s.spawn(tasks.fail)
            assert [type(leaf) for leaf in leaves(raised.value)] == [ValueError]
            assert pool.stats().tasks_cancelled == 1
            assert pool.stats().workers_lost == 1
            assert works(pool)

    @pytest.mark.usefixtures("patient")
    @pytest.mark.parametrize("inner", ["join", "join_all", "scope", "result"])
    def test_a_wait_in_the_block_of_a_scope(self, gates: Gates, inner: str) -> None:
        """Deadlines are seen at the next subpool call, and by one that waits; the worker is left to its task."""
        started, release = gates(), gates()
        half = partial(tasks_stuck.be_stuck, started, release)
        with subpool.Pool(1) as pool:
            with pytest.raises(TimeoutError, match="the scope's deadline"), pool.scope(timeout=1000) as s:

                def first() -> None:
                    started.wait()
                    expire(pool, s)

                if inner == "join":
                    pool.join(first, half)
                elif inner == "join_all":
                    pool.join_all((first, half))
                elif inner == "scope":
                    with pool.scope() as within:
                        within.spawn(half)
                        first()
                else:
                    task = pool.spawn(half)
                    first()
                    task.result()
            assert pool.stats().workers_lost == 0
            release.open()
            assert works(pool)

    def test_a_join_in_the_block_of_a_scope_after_its_deadline(self) -> None:
        with subpool.Pool(1) as pool:
            with pytest.raises(TimeoutError, match="the scope's deadline"), pool.scope(timeout=0.05):
                while True:
                    pool.join(tasks.one, tasks.text)
            assert pool.join(tasks.one, tasks.text) == (1, "text")
            assert not pool._forcers

    def test_a_block_that_is_left_in_time(self) -> None:
        with subpool.Pool(1) as pool:
            with pool.scope(timeout=1000) as s:
                task = s.spawn(tasks.fib, 10)
                assert pool.join(tasks.one, tasks.text) == (1, "text")
            assert task.result() == 55
            assert pool._host is not None
            assert not any(pool._host.blocks.values())

    def test_an_inner_block_leaves_its_deadline_to_the_outer_one(self) -> None:
        with subpool.Pool(1) as pool, pytest.raises(TimeoutError, match="the scope's deadline"):
            with pool.scope(timeout=0.05), pool.scope(timeout=1000):
                while True:
                    pool.join(tasks.one, tasks.text)

    def test_a_task_that_waits_for_another_where_a_caller_runs_it(self, gates: Gates) -> None:
        """It heeds its own cancellation while the other goes on."""
        begun, unwound, started, free, release = (gates() for _ in range(5))
        with subpool.Pool(1) as pool:
            blocker = stuck(pool, gates, free)
            task = pool.spawn(tasks_stuck.wait_for_another, begun, unwound, started, release)
            caller = threading.Thread(target=task.help)
            caller.start()
            begun.wait()
            free.open()
            started.wait()
            assert task.cancel()
            unwound.wait()
            caller.join()
            assert blocker.result(PATIENCE) == 0
            assert not release.is_open()
            release.open()
            assert pool.spawn(tasks.where).result(PATIENCE) == 0


@pytest.mark.usefixtures("hasty")
class TestBeginningAndEnd:
    """A worker may be stuck before its first task and after its last; a pool ends all the same."""

    def test_an_initializer(self, gates: Gates) -> None:
        """Callers get on without workers, and the pool can be closed."""
        started, release = gates(), gates()
        with subpool.Pool(1, initializer=tasks_stuck.be_stuck, initargs=(started, release)) as pool:
            assert pool.join(tasks.one, tasks.text) == (1, "text")
            assert pool.spawn(tasks.add, 1, 2).join() == 3
            waiting = pool.spawn(tasks.one)
            started.wait()
            pool.close(cancel=True)
            assert waiting.cancelled()

    def test_an_initializer_of_one_worker(self, gates: Gates) -> None:
        """The others work."""
        started, release, turn = gates(), gates(), gates()
        turn.open()
        with subpool.Pool(2, initializer=tasks_stuck.block_once, initargs=(started, release, turn)) as pool:
            waiting = [pool.spawn(tasks.add, 1, number) for number in range(9)]
            started.wait()
            assert [task.result(PATIENCE) for task in waiting] == [*range(1, 10)]

    def test_an_initializer_that_returns_late(self, gates: Gates) -> None:
        started, release = gates(), gates()
        with subpool.Pool(1, initializer=tasks_stuck.be_stuck, initargs=(started, release)) as pool:
            waiting = [pool.spawn(tasks.where) for _ in range(3)]
            started.wait()
            release.open()
            assert [task.result(PATIENCE) for task in waiting] == [0, 0, 0]
            assert pool.stats().workers_lost == 0

    def test_a_finalizer(self, gates: Gates) -> None:
        """A worker that leaves has a grace, too."""
        started, release, turn = gates(), gates(), gates()
        turn.open()
        finalizer = partial(tasks_stuck.block_once, started, release, turn)
        with subpool.Pool(1, max_tasks_per_worker=1, finalizer=finalizer) as pool:
            assert pool.spawn(tasks.where).result(PATIENCE) == 0
            started.wait()
            assert [pool.spawn(tasks.where).result(PATIENCE) for _ in range(3)] == [0] * 3
            assert (pool.stats().workers, pool.stats().workers_lost) == (1, 1)

    def test_a_finalizer_as_the_pool_ends(self, gates: Gates) -> None:
        started, release = gates(), gates()
        with subpool.Pool(1, finalizer=partial(tasks_stuck.be_stuck, started, release)) as pool:
            assert pool.spawn(tasks.where).result(PATIENCE) == 0
        assert started.is_open()

    def test_a_thread_that_a_task_has_started(self, gates: Gates) -> None:
        """The interpreter cannot end before it; nobody is held up by that."""
        started, release = gates(), gates()
        with subpool.Pool(1, max_tasks_per_worker=1) as pool:
            assert pool.spawn(tasks_stuck.start_a_thread, started, release).result(PATIENCE) == 0
            large = bytes(100_000)
            assert [pool.spawn(tasks.identity, large).result(PATIENCE) for _ in range(3)] == [large] * 3
            assert not release.is_open()
            assert pool.stats().workers_lost == 1

    def test_a_task_that_is_waited_for_as_the_pool_ends(self, gates: Gates) -> None:
        """Until its deadline."""
        started, release = gates(), gates()
        with subpool.Pool(1) as pool:
            task = pool.spawn(tasks_stuck.be_stuck, started, release, timeout=0.5)
            behind = pool.spawn(tasks.where)
        assert isinstance(task.exception(0), TimeoutError)
        assert behind.result(0) == 0

    @pytest.mark.parametrize("wait", [True, False], ids=["wait", "behind the scenes"])
    def test_a_task_that_is_cancelled_as_the_pool_ends(self, gates: Gates, wait: bool) -> None:
        started, release = gates(), gates()
        before = Holdings.now()
        pool = subpool.Pool(2)
        task = pool.spawn(tasks_stuck.be_stuck, started, release)
        started.wait()
        pool.close(wait=wait, cancel=True)
        assert task.cancelled()
        wait_until(lambda: pool not in process.open_pools)
        assert process.left_behind()
        release.open()
        wait_until(lambda: not process.left_behind())
        assert left_since(before) == {}

    def test_a_half_of_another_thread_as_the_pool_ends(self, gates: Gates) -> None:
        """Closing waits for it; so it does for one that comes back."""
        started, release = gates(), gates()
        pool = subpool.Pool(1)
        results: list[object] = []
        half = partial(tasks_stuck.be_stuck, started, release)
        caller = threading.Thread(target=lambda: results.append(caught(lambda: pool.join(started.wait, half))))
        caller.start()
        started.wait()
        closer = threading.Thread(target=partial(pool.close, cancel=True))
        closer.start()
        release.open()
        closer.join()
        caller.join()
        assert results == [None]
