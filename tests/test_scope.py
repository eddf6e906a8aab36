"""`scope`: structured tasks. Whatever is spawned in the block has ended when the block has."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any, cast

import pytest
import tasks
from helpers import Journal, held, leaves, traceback_of

import subpool
from subpool._schedule.host import Host


class TestStructure:
    def test_gives_tasks(self, sized: subpool.Pool) -> None:
        """`s.spawn(fn, *args)` gives a Task, which is a concurrent.futures.Future."""
        with sized.scope() as s:
            task = s.spawn(tasks.add, 1, 2)
            assert isinstance(task, subpool.Task)
            assert isinstance(task, Future)
        assert task.result() == 3

    def test_waits_for_everything_spawned_in_it(self, sized: subpool.Pool, journal: Journal) -> None:
        """Leaving the block helps, then waits for everything spawned in it."""
        with sized.scope() as s:
            spawned = [s.spawn(tasks.note, journal.fd, str(number)) for number in range(100)]
        assert all(task.done() for task in spawned)
        assert sorted(map(int, journal.lines())) == list(range(100))

    def test_an_empty_scope(self, sized: subpool.Pool) -> None:
        """Structured: nothing spawned, nothing to wait for."""
        with sized.scope():
            pass

    def test_waits_for_what_runs_elsewhere(self, staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        """Leaving the block helps, then waits for everything spawned in it."""
        started, release = gates(), gates()
        with staffed.scope() as s:
            task = s.spawn(tasks.hold, started, release)
            started.wait()
            assert not task.done()
            threading.Timer(0.05, release.open).start()
        assert task.result() in range(staffed.workers)

    def test_leaving_waits_for_what_another_thread_runs(
        self, sized: subpool.Pool, gates: Callable[[], tasks.Gate]
    ) -> None:
        """Whatever was spawned in the block has ended when the block has, whoever runs it."""
        begun, leave, got = gates(), gates(), list[int | None]()
        with held(sized):
            with sized.scope() as s:
                task = s.spawn(tasks.hold, begun, leave)
                others = [threading.Thread(target=lambda: got.append(task.result(tasks.PATIENCE))) for _ in range(2)]
                for each in others:
                    each.start()
                begun.wait()
                threading.Timer(0.05, leave.open).start()
            assert leave.is_open()
            assert task.done()
        for each in others:
            each.join()
        assert got == [None, None]

    def test_a_thread_helps_at_no_other_threads_seat(self, sized: subpool.Pool) -> None:
        """Any thread may want a task of a scope that a helping thread has entered, whose seat that is."""
        host = cast("Host", sized._station())
        helper, got = host.begin_helping(host.root), list[object]()
        assert helper is not None
        try:
            stranger = threading.Thread(target=lambda: got.append(host.begin_helping(helper)))
            stranger.start()
            stranger.join()
        finally:
            host.end_helping(host.root, helper)
        assert got == [None]

    def test_leaving_helps(self, staffed: subpool.Pool) -> None:
        """Progress is guaranteed with every worker stuck in background tasks."""
        with held(staffed), staffed.scope() as s:
            spawned = [s.spawn(tasks.where) for _ in range(10)]
        assert [task.result() for task in spawned] == [None] * 10

    def test_values_can_be_had_inside_the_block(self, sized: subpool.Pool) -> None:
        """A caller that must wait runs what descends from what it waits for."""
        with sized.scope() as s:
            spawned = [s.spawn(tasks.identity, number) for number in range(10)]
            assert [task.join() for task in reversed(spawned)] == list(reversed(range(10)))
            assert [task.result(tasks.PATIENCE) for task in spawned] == list(range(10))

    def test_children_may_fork(self, sized: subpool.Pool) -> None:
        """Children may use subpool.* themselves."""
        with sized.install(), sized.scope() as s:
            spawned = [s.spawn(function, 8) for function in (tasks.fib, tasks.fib_all, tasks.fib_scope)]
        assert [task.result() for task in spawned] == [21, 21, 21]

    def test_children_may_spawn_into_the_scope(self, sized: subpool.Pool) -> None:
        """Whatever is spawned in the block has ended when the block has; what cannot cross is run by the caller."""
        spawned: list[subpool.Task[int]] = []

        def child(depth: int) -> None:
            spawned.append(s.spawn(tasks.identity, depth))
            if depth:
                s.spawn(child, depth - 1)

        with sized.scope() as s:
            s.spawn(child, 5)
        assert sorted(task.result() for task in spawned) == list(range(6))

    def test_scopes_nest(self, sized: subpool.Pool, journal: Journal) -> None:
        """Structured."""
        with sized.scope() as outer:
            outer.spawn(tasks.note, journal.fd, "outer")
            with sized.scope() as inner:
                task = inner.spawn(tasks.note, journal.fd, "inner")
            assert task.done()
            assert "inner" in journal.lines()
        assert sorted(journal.lines()) == ["inner", "outer"]

    def test_joins_inside_a_scope(self, sized: subpool.Pool) -> None:
        """Foreground work of both kinds mixes."""
        with sized.scope() as s:
            task = s.spawn(tasks.add, 1, 1)
            assert sized.join(tasks.one, tasks.text, tasks.zero) == (1, "text", 0)
        assert task.result() == 2

    def test_from_several_threads_at_once(self, sized: subpool.Pool) -> None:
        """From several host threads at once."""
        results: list[int] = []

        def block(number: int) -> None:
            with sized.scope() as s:
                spawned = [s.spawn(tasks.add, number, n) for n in range(20)]
            results.append(sum(task.result() for task in spawned))

        threads = [threading.Thread(target=block, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == [190, 210, 230, 250]

    def test_inside_a_worker(self, staffed: subpool.Pool) -> None:
        """From inside workers."""
        assert staffed.spawn(tasks.fib_scope, 9).result(tasks.PATIENCE) == 34

    def test_is_closed_when_left(self, sized: subpool.Pool) -> None:
        """Structured: nothing can be spawned into a scope that has been left."""
        with sized.scope() as s:
            pass
        with pytest.raises(RuntimeError):
            s.spawn(tasks.zero)

    def test_without_workers_everything_runs_in_order(self, inline: subpool.Pool) -> None:
        """workers=0: everything runs in the caller, in order."""
        seen: list[int] = []
        with inline.scope() as s:
            for number in range(20):
                s.spawn(seen.append, number)
        assert seen == list(range(20))

    def test_is_foreground(self, single: subpool.Pool, journal: Journal, gates: Callable[[], tasks.Gate]) -> None:
        """Workers take foreground work before any background task."""
        done = gates()
        with held(single) as release:
            background = [single.spawn(tasks.rest_and_note, journal.fd) for _ in range(40)]
            with single.scope() as s:
                s.spawn(tasks.announce, done, partial(tasks.note_where, journal.fd, "foreground"))
                release.open()
                done.wait()
        for task in background:
            task.result(tasks.PATIENCE)
        assert journal.wait_for(41).index("foreground 0") < 20

    def test_waiting_runs_no_work_of_a_sibling_scope(
        self, single: subpool.Pool, journal: Journal, gates: Callable[[], tasks.Gate]
    ) -> None:
        """A caller that must wait never runs a sibling scope's work."""
        started, release = gates(), gates()
        holder = single.spawn(tasks.hold, started, release)
        started.wait()
        timer = threading.Timer(0.05, release.open)
        with single.scope() as s:
            s.spawn(tasks.note_where, journal.fd, "sibling")
            timer.start()
            assert holder.join() == 0
            assert "sibling None" not in journal.lines()
        timer.join()

    def test_not_callable(self, sized: subpool.Pool) -> None:
        """A non-callable: a clear exception naming the culprit in the call that caused it."""
        with sized.scope() as s:
            spawn: Any = s.spawn
            with pytest.raises(TypeError, match=r"int|42"):
                spawn(42)

    def test_module_level_function(self, sized: subpool.Pool) -> None:
        """`with subpool.scope(timeout=None) as s`."""
        with sized.install(), subpool.scope() as s:
            task = s.spawn(tasks.where)
        assert task.result() in (None, *range(sized.workers))


class TestErrors:
    """`scope` cancels its other tasks and raises an `ExceptionGroup` (as `asyncio.TaskGroup` does)."""

    def test_of_a_child(self, sized: subpool.Pool) -> None:
        with pytest.raises(ExceptionGroup) as raised, sized.scope() as s:
            task = s.spawn(tasks.refuse, 3)
        (error,) = raised.value.exceptions
        assert isinstance(error, tasks.Refusal)
        assert error.code == 3
        assert isinstance(task.exception(), tasks.Refusal)  # pyright: ignore[reportPossiblyUnboundVariable]

    def test_of_the_block(self, sized: subpool.Pool) -> None:
        """An exception of the block itself is in it too."""
        with pytest.raises(ExceptionGroup) as raised, sized.scope():
            tasks.refuse(4)
        (error,) = raised.value.exceptions
        assert isinstance(error, tasks.Refusal)

    def test_of_both(self, staffed: subpool.Pool) -> None:
        """An exception of the block itself is in it too."""
        with pytest.raises(ExceptionGroup) as raised, staffed.scope() as s:
            task = s.spawn(tasks.fail, KeyError, "child")
            assert isinstance(task.exception(tasks.PATIENCE), KeyError)
            tasks.fail(ValueError, "block")
        assert sorted(type(error).__name__ for error in raised.value.exceptions) == ["KeyError", "ValueError"]

    def test_of_several_children(self, double: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        """`scope` raises an `ExceptionGroup` of them."""
        first, second = gates(), gates()
        with pytest.raises(ExceptionGroup) as raised, double.scope() as s:
            s.spawn(tasks.fail_together, first, second, KeyError)
            s.spawn(tasks.fail_together, second, first, ValueError)
            first.wait()
            second.wait()
        assert {type(error) for error in raised.value.exceptions} <= {KeyError, ValueError}
        assert raised.value.exceptions

    def test_remote_traceback(self, single: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        """A remote exception carries the remote traceback text as its `__cause__`."""
        started = gates()
        with pytest.raises(ExceptionGroup) as raised, single.scope() as s:
            s.spawn(tasks.announce, started, tasks.fail)
            started.wait()
        (error,) = raised.value.exceptions
        assert "in fail" in traceback_of(error)

    def test_nested_scopes_nest_their_groups(self, sized: subpool.Pool) -> None:
        """As `asyncio.TaskGroup` does."""
        with pytest.raises(ExceptionGroup) as raised, sized.scope(), sized.scope() as inner:
            inner.spawn(tasks.refuse, 1)
        (group,) = raised.value.exceptions
        assert type(group) is ExceptionGroup
        assert [type(error) for error in leaves(raised.value)] == [tasks.Refusal]

    def test_result_inside_the_block(self, sized: subpool.Pool) -> None:
        """An exception of the block itself is in it too."""
        with pytest.raises(ExceptionGroup) as raised, sized.scope() as s:
            s.spawn(tasks.refuse, 5).join()
        assert {type(error) for error in leaves(raised.value)} == {tasks.Refusal}

    def test_an_error_that_is_handled_inside_still_counts(self, sized: subpool.Pool) -> None:
        """As `asyncio.TaskGroup` does: a child's failure is the scope's."""
        with pytest.raises(ExceptionGroup), sized.scope() as s:
            with pytest.raises(tasks.Refusal):
                s.spawn(tasks.refuse, 5).join()

    @pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
    def test_leaving_the_program_is_not_grouped(self, sized: subpool.Pool, kind: type[BaseException]) -> None:
        """As `asyncio.TaskGroup` does: SystemExit and KeyboardInterrupt of the block pass as they are."""
        with pytest.raises(kind), sized.scope() as s:
            s.spawn(tasks.zero)
            raise kind

    def test_leaving_the_block_early(self, sized: subpool.Pool, journal: Journal) -> None:
        """Leaving the block waits for everything spawned in it."""
        for _ in range(1):
            with sized.scope() as s:
                s.spawn(tasks.note, journal.fd, "noted")
                break
        assert journal.lines() == ["noted"]

    def test_siblings_that_run_are_stopped(self, double: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        """`scope` cancels its other tasks."""
        started, unwound = gates(), gates()
        with pytest.raises(ExceptionGroup) as raised, double.scope() as s:
            spinning = s.spawn(tasks.spin_until_stopped, started, unwound)
            s.spawn(tasks.after, started, tasks.fail)
        assert unwound.is_open()
        assert spinning.cancelled()  # pyright: ignore[reportPossiblyUnboundVariable]
        assert [type(error) for error in raised.value.exceptions] == [ValueError]

    def test_siblings_that_have_not_started_are_withdrawn(self, single: subpool.Pool, journal: Journal) -> None:
        """`scope` cancels its other tasks."""
        with held(single), pytest.raises(ExceptionGroup), single.scope() as s:
            later = [s.spawn(tasks.note, journal.fd, "never") for _ in range(5)]
            tasks.fail()
        assert journal.lines() == []
        assert all(task.cancelled() for task in later)  # pyright: ignore[reportPossiblyUnboundVariable]

    def test_an_error_of_the_block_stops_what_runs(
        self, staffed: subpool.Pool, gates: Callable[[], tasks.Gate]
    ) -> None:
        """`scope` cancels its other tasks."""
        started, unwound = gates(), gates()
        with pytest.raises(ExceptionGroup), staffed.scope() as s:
            s.spawn(tasks.spin_until_stopped, started, unwound)
            started.wait()
            tasks.fail()
        assert unwound.is_open()

    def test_cancelled_children_are_no_error(self, single: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        """As `asyncio.TaskGroup` does: a task that is cancelled does not fail the scope."""
        started, unwound = gates(), gates()
        with held(single), single.scope() as s:
            waiting = s.spawn(tasks.zero)
            assert waiting.cancel()
        with single.scope() as s:
            running = s.spawn(tasks.spin_until_stopped, started, unwound)
            started.wait()
            assert running.cancel()
        assert unwound.is_open()
        for task in (waiting, running):
            with pytest.raises(CancelledError):
                task.result()

    def test_a_result_that_cannot_cross(self, single: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        """A value that cannot be serialised fails with SerializationError, which says where in it."""
        started = gates()
        with pytest.raises(ExceptionGroup) as raised, single.scope() as s:
            s.spawn(tasks.announce, started, tasks.make_lock)
            started.wait()
        (error,) = raised.value.exceptions
        assert isinstance(error, subpool.SerializationError)
        assert 'result["a"][1]' in str(error)

    def test_what_cannot_cross_runs_here(self, sized: subpool.Pool) -> None:
        """Foreground work that cannot cross is simply run by the caller."""
        lock = threading.Lock()
        with sized.scope() as s:
            task = s.spawn(lambda: (lock.locked(), tasks.where()))
        assert task.result() == (False, None)

    def test_the_pool_is_well_afterwards(self, sized: subpool.Pool) -> None:
        """No other task is touched, nothing hangs."""
        for _ in range(10):
            with pytest.raises(ExceptionGroup), sized.scope() as s:
                for number in range(10):
                    s.spawn(tasks.refuse, number)
            assert sized.join(tasks.one, tasks.text) == (1, "text")


class TestDeadline:
    """`scope(timeout=…)` is a deadline: what waits is withdrawn, what runs is cancelled, `TimeoutError` is raised."""

    def test_in_time(self, sized: subpool.Pool) -> None:
        with sized.scope(timeout=60) as s:
            task = s.spawn(tasks.one)
        assert task.result() == 1

    def test_what_runs_is_cancelled(self, staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        """… what runs is cancelled, and `TimeoutError` is raised."""
        started, unwound = gates(), gates()
        with pytest.raises(TimeoutError), staffed.scope(timeout=0.3) as s:
            task = s.spawn(tasks.spin_until_stopped, started, unwound)
            started.wait()
        assert unwound.is_open()
        assert task.cancelled()  # pyright: ignore[reportPossiblyUnboundVariable]

    def test_what_the_caller_runs_while_it_helps_is_cancelled(
        self, sized: subpool.Pool, gates: Callable[[], tasks.Gate]
    ) -> None:
        """Tasks that a caller runs while it helps, joins or waits are stopped in the same way."""
        if not sized.workers:
            pytest.skip("the inline lane is never interrupted")
        started, unwound = gates(), gates()
        with held(sized), pytest.raises(TimeoutError), sized.scope(timeout=0.3) as s:
            s.spawn(tasks.spin_until_stopped, started, unwound)
        assert unwound.is_open()

    def test_what_has_not_started_is_withdrawn(self, single: subpool.Pool, journal: Journal) -> None:
        """What has not started is withdrawn."""
        with held(single), pytest.raises(TimeoutError), single.scope(timeout=0.02) as s:
            task = s.spawn(tasks.note, journal.fd, "never")
            _outlast(0.05)
        assert task.cancelled()  # pyright: ignore[reportPossiblyUnboundVariable]
        assert journal.lines() == []

    def test_the_block_is_never_interrupted(self, sized: subpool.Pool) -> None:
        """The block of a scope is never interrupted: deadlines are seen at the next subpool call."""
        passed = False
        with pytest.raises(TimeoutError), sized.scope(timeout=0.01):
            _outlast(0.05)
            passed = True
        assert passed

    def test_is_bare(self, sized: subpool.Pool) -> None:
        """A deadline alone is a bare `TimeoutError`."""
        try:
            with sized.scope(timeout=0.01):
                _outlast(0.03)
        except TimeoutError:
            pass
        else:
            pytest.fail("no TimeoutError")

    def test_with_an_error_beside_it(self, sized: subpool.Pool) -> None:
        """A deadline alone is a bare `TimeoutError`; beside another error it is in a group."""
        with pytest.raises(ExceptionGroup) as raised, sized.scope(timeout=0.01):
            _outlast(0.03)
            tasks.fail(KeyError)
        assert KeyError in {type(error) for error in leaves(raised.value)}

    def test_of_an_outer_scope_holds_inside(self, staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        """`scope(timeout=…)` is a deadline for everything in it."""
        started, unwound = gates(), gates()
        with pytest.raises(TimeoutError), staffed.scope(timeout=0.3) as s:
            s.spawn(tasks.after, started, tasks.zero)
            s.spawn(tasks.scope_of_its_own, started, unwound)
        assert unwound.is_open()

    def test_the_pool_is_well_afterwards(self, staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        """No other task is touched, nothing hangs."""
        outside = staffed.spawn(tasks.fib, 10)
        for _ in range(3):
            with pytest.raises(TimeoutError), staffed.scope(timeout=0.05) as s:
                s.spawn(tasks.spin_until_stopped, gates(), gates())
        assert outside.result(tasks.PATIENCE) == 55
        assert staffed.join(tasks.one, tasks.text) == (1, "text")

    @pytest.mark.parametrize("timeout", ["soon", object()])
    def test_nonsense(self, sized: subpool.Pool, timeout: Any) -> None:
        """A clear exception in the call that caused it."""
        with pytest.raises(TypeError), sized.scope(timeout=timeout):
            pass


def _outlast(seconds: float) -> None:
    """Be a block that takes its time and never looks at subpool."""
    end = time.monotonic() + seconds
    for _ in itertools.takewhile(lambda _: time.monotonic() < end, itertools.count()):
        tasks.count_to(100)


def test_partial_keywords(sized: subpool.Pool) -> None:
    """Keywords go through `functools.partial`."""
    with sized.scope() as s:
        task = s.spawn(partial(tasks.keywords, scale=3), 1, 2)
    assert task.result() == 9
