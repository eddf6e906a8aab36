"""`spawn` and its `Task`: background work."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from typing import Any

import host_only
import pytest
import tasks
from helpers import Journal, caught, gate, held, traceback_of

import subpool

type Gates = Callable[[], tasks.Gate]


class TestSpawn:
    def test_gives_a_task(self, sized: subpool.Pool) -> None:
        """subpool.Task, a concurrent.futures.Future."""
        task = sized.spawn(tasks.add, 1, 2)
        assert isinstance(task, subpool.Task)
        assert isinstance(task, Future)
        assert task.join() == 3
        assert task.result() == 3

    @pytest.mark.parametrize("ask", ["join", "result", "exception", "wait", "callback"])
    def test_ends_whoever_asks(self, sized: subpool.Pool, ask: str) -> None:
        """`result` is Future's own meaning; workers=0 has the same semantics."""
        task = sized.spawn(tasks.add, 1, 2)
        ended = threading.Event()
        if ask == "join":
            assert task.join(tasks.PATIENCE) == 3
        elif ask == "result":
            assert task.result(tasks.PATIENCE) == 3
        elif ask == "exception":
            assert task.exception(tasks.PATIENCE) is None
        elif ask == "wait":
            assert concurrent.futures.wait([task], tasks.PATIENCE).done == {task}
        else:
            task.add_done_callback(lambda _: ended.set())
            assert ended.wait(tasks.PATIENCE)
        assert task.done()
        assert not task.running()
        assert not task.cancelled()

    def test_workers_run_it(self, staffed: subpool.Pool) -> None:
        """Background work: B in the worker."""
        places = [staffed.spawn(tasks.where) for _ in range(50)]
        assert {task.result(tasks.PATIENCE) for task in places} <= set(range(staffed.workers))

    def test_lambda_and_closure(self, sized: subpool.Pool) -> None:
        """Functions may come from anywhere."""
        base = 40
        assert sized.spawn(lambda x, y: base + x + y, 1, 1).join() == 42

    def test_keywords_through_partial(self, sized: subpool.Pool) -> None:
        """Keywords of its own go through `functools.partial`."""
        assert sized.spawn(partial(tasks.keywords, scale=2), 1, 2).join() == 6

    def test_unknown_keywords(self, sized: subpool.Pool) -> None:
        """The keywords of `spawn` are options."""
        spawn: Any = sized.spawn
        with pytest.raises(TypeError, match="scale"):
            spawn(tasks.keywords, 1, scale=2)

    def test_not_callable(self, sized: subpool.Pool) -> None:
        """A non-callable: a clear exception naming the culprit in the call that caused it."""
        spawn: Any = sized.spawn
        with pytest.raises(TypeError, match=r"int|42"):
            spawn(42)

    def test_wrong_arguments_fail_the_task(self, sized: subpool.Pool) -> None:
        """The error is the call's own."""
        spawn: Any = sized.spawn
        with pytest.raises(TypeError, match="add"):
            spawn(tasks.add, 1).join()

    def test_name(self, sized: subpool.Pool) -> None:
        """subpool.spawn(fn, *args, name=None)."""
        task = sized.spawn(tasks.zero, name="counting nothing")
        assert task.name == "counting nothing"
        assert "counting nothing" in repr(task)
        task.join()

    def test_module_level_function(self, sized: subpool.Pool) -> None:
        """`task = subpool.spawn(fn, *args)`."""
        with sized.install():
            assert subpool.spawn(tasks.add, 2, 2).join() == 4

    def test_from_workers(self, staffed: subpool.Pool) -> None:
        """From inside workers."""
        assert staffed.spawn(tasks.spawn_from_here, 10).result(tasks.PATIENCE) == 45

    def test_from_several_threads_at_once(self, sized: subpool.Pool) -> None:
        """From several host threads at once."""
        sums: list[int] = []

        def many(number: int) -> None:
            spawned = [sized.spawn(tasks.add, number, n) for n in range(100)]
            sums.append(sum(task.join() for task in spawned))

        threads = [threading.Thread(target=many, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(sums) == [4950, 5050, 5150, 5250]

    def test_without_workers_everything_runs_in_order(self, inline: subpool.Pool) -> None:
        """workers=0: everything runs in the caller, in order."""
        seen: list[int] = []
        spawned = [inline.spawn(seen.append, number) for number in range(20)]
        for task in spawned:
            task.join()
        assert seen == list(range(20))


class TestMany:
    def test_fire_and_forget(self, journal: Journal) -> None:
        """Nothing lost, nothing twice: whatever happens to the Task object."""
        for workers in (0, 1):
            with subpool.Pool(workers) as pool:
                for number in range(300):
                    pool.spawn(tasks.note, journal.fd, str(number))
        assert sorted(map(int, journal.lines())) == sorted(2 * list(range(300)))

    def test_a_batch(self, sized: subpool.Pool) -> None:
        """Each task has its own value, whatever was written together."""
        spawned = [sized.spawn(tasks.identity, number) for number in range(5_000)]
        assert [task.join() for task in spawned] == list(range(5_000))

    def test_a_batch_of_many_functions(self, sized: subpool.Pool) -> None:
        """Each task has its own value, whatever was written together."""
        spawned = [
            task
            for number in range(300)
            for task in (
                sized.spawn(tasks.add, number, 1),
                sized.spawn(pow, number, 2),
                sized.spawn(lambda x: -x, number),
            )
        ]
        assert [task.join() for task in spawned] == [
            value for number in range(300) for value in (number + 1, number**2, -number)
        ]

    def test_results_of_a_batch_come_without_help(self, staffed: subpool.Pool) -> None:
        """`result` is Future's own meaning."""
        spawned = [staffed.spawn(tasks.identity, number) for number in range(1_000)]
        assert [task.result(tasks.PATIENCE) for task in spawned] == list(range(1_000))

    def test_one_bad_task_in_a_batch(self, sized: subpool.Pool) -> None:
        """The Task fails with it, and nothing else does."""
        functions: list[Callable[[int], object]] = [tasks.identity] * 100
        functions[50] = tasks.refuse
        spawned = [sized.spawn(function, number) for number, function in enumerate(functions)]
        errors = [caught(task.join) for task in spawned]
        assert [type(error) for error in errors if error] == [tasks.Refusal]
        assert isinstance(errors[50], tasks.Refusal)
        assert errors[50].code == 50

    def test_one_unwritable_task_in_a_batch(self, staffed: subpool.Pool) -> None:
        """`spawn` never raises it: the Task fails with it, and nothing else does."""
        lock = threading.Lock()
        arguments: list[object] = list(range(100))
        arguments[50] = lock
        spawned = [staffed.spawn(tasks.identity, argument) for argument in arguments]
        errors = [caught(partial(task.result, tasks.PATIENCE)) for task in spawned]
        assert [type(error) for error in errors if error] == [subpool.SerializationError]

    def test_each_runs_exactly_once_with_everybody_helping(self, staffed: subpool.Pool, journal: Journal) -> None:
        """Nothing lost, nothing twice, though callers and workers claim the same tasks."""
        spawned = [staffed.spawn(tasks.note, journal.fd, str(number)) for number in range(2_000)]

        def help_with(part: list[subpool.Task[None]]) -> None:
            for task in part:
                task.help()

        helpers = [threading.Thread(target=help_with, args=(part,)) for part in (spawned, spawned[::-1])]
        for helper in helpers:
            helper.start()
        for task in spawned:
            task.join()
        for helper in helpers:
            helper.join()
        assert sorted(map(int, journal.wait_for(2_000))) == list(range(2_000))

    def test_foreground_work_goes_first(self, single: subpool.Pool, journal: Journal, gates: Gates) -> None:
        """Workers take foreground work before any background task."""
        done = gates()
        with held(single) as release:
            background = [single.spawn(tasks.rest_and_note, journal.fd) for _ in range(40)]

            def first() -> None:
                release.open()
                done.wait()

            single.join(first, partial(tasks.announce, done, partial(tasks.note_where, journal.fd, "foreground")))
        for task in background:
            task.result(tasks.PATIENCE)
        assert journal.wait_for(41).index("foreground 0") < 20


class TestJoinAndHelp:
    def test_join_runs_it_if_nobody_has_started_it(self, staffed: subpool.Pool) -> None:
        """task.join(): result; runs the task itself if nobody has started it (forward progress)."""
        with held(staffed):
            assert staffed.spawn(tasks.where).join() is None

    def test_join_waits_if_somebody_has(self, staffed: subpool.Pool, gates: Gates) -> None:
        """task.join(): result."""
        started, release = gates(), gates()
        task = staffed.spawn(tasks.hold, started, release)
        started.wait()
        threading.Timer(0.05, release.open).start()
        assert task.join() in range(staffed.workers)

    def test_join_can_time_out(self, staffed: subpool.Pool, gates: Gates) -> None:
        """task.join(timeout=None)."""
        started, release = gates(), gates()
        task = staffed.spawn(tasks.hold, started, release)
        started.wait()
        with pytest.raises(TimeoutError):
            task.join(timeout=0.02)
        release.open()
        assert task.join() in range(staffed.workers)

    def test_join_raises_what_the_task_raised(self, sized: subpool.Pool) -> None:
        """task.join(): result."""
        task = sized.spawn(tasks.refuse, 9)
        for _ in range(2):
            with pytest.raises(tasks.Refusal) as raised:
                task.join()
            assert raised.value.code == 9

    def test_result_does_not_run_it(self, staffed: subpool.Pool) -> None:
        """task.result(): Future's own meaning. B in the worker, and never in main."""
        with held(staffed):
            task = staffed.spawn(tasks.where)
            with pytest.raises(TimeoutError):
                task.result(timeout=0.02)
            assert not task.done()
        assert task.result(tasks.PATIENCE) in range(staffed.workers)

    def test_help_runs_it_now(self, staffed: subpool.Pool) -> None:
        """task.help(): run it now, here, if nobody has started it."""
        with held(staffed):
            task = staffed.spawn(tasks.where_with_thread)
            task.help()
            assert task.done()
            assert task.result(0) == (None, threading.get_ident())

    def test_help_returns_at_once_otherwise(self, staffed: subpool.Pool, gates: Gates) -> None:
        """task.help(): returns at once otherwise."""
        started, release = gates(), gates()
        task = staffed.spawn(tasks.hold, started, release)
        started.wait()
        task.help()
        assert not task.done()
        assert task.running()
        release.open()
        assert task.result(tasks.PATIENCE) in range(staffed.workers)
        task.help()

    def test_help_keeps_the_error_in_the_task(self, staffed: subpool.Pool) -> None:
        """task.help() runs it; its error is the Task's."""
        with held(staffed):
            task = staffed.spawn(tasks.refuse, 1)
            task.help()
        assert isinstance(task.exception(), tasks.Refusal)

    def test_join_inside_a_task(self, sized: subpool.Pool) -> None:
        """Progress is guaranteed at any nesting depth."""
        with sized.install():
            assert tasks.fib_spawn(10) == 55

    def test_the_first_failure_of_the_caller_is_not_the_tasks(self, sized: subpool.Pool) -> None:
        """An exception belongs to whoever asked."""
        task = sized.spawn(tasks.refuse, 2)
        assert isinstance(task.exception(tasks.PATIENCE), tasks.Refusal)
        assert sized.spawn(tasks.zero).join() == 0


class TestErrors:
    def test_keeps_type_and_state(self, sized: subpool.Pool) -> None:
        """A remote exception keeps its type."""
        error = sized.spawn(tasks.refuse, 7).exception(tasks.PATIENCE)
        assert isinstance(error, tasks.Refusal)
        assert error.code == 7

    def test_remote_traceback(self, staffed: subpool.Pool) -> None:
        """It carries the remote traceback text as its `__cause__` (`subpool.RemoteTraceback`)."""
        error = staffed.spawn(tasks.fail).exception(tasks.PATIENCE)
        assert error
        assert "in fail" in traceback_of(error)

    @pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, MemoryError,
                                      TimeoutError, tasks.Rebellion])  # fmt: skip
    def test_of_every_kind(self, staffed: subpool.Pool, kind: type[BaseException]) -> None:
        """Exceptions and `sys.exit` in tasks: the worker lives on."""
        error = staffed.spawn(tasks.fail, kind, "m").exception(tasks.PATIENCE)
        assert type(error) is kind
        assert staffed.spawn(tasks.one).result(tasks.PATIENCE) == 1

    def test_that_cannot_cross(self, staffed: subpool.Pool) -> None:
        """One that cannot cross arrives as `subpool.RemoteError` with type name, message and traceback."""
        error = staffed.spawn(tasks.fail_holding_a_lock).exception(tasks.PATIENCE)
        assert isinstance(error, subpool.RemoteError)
        assert "HoldsLock" in str(error)
        assert "cannot be pickled" in str(error)
        assert "in fail_holding_a_lock" in traceback_of(error)

    def test_of_a_class_nobody_can_import(self, staffed: subpool.Pool) -> None:
        """A remote exception keeps its type, or arrives as `subpool.RemoteError`."""
        error = staffed.spawn(tasks.fail_with_local_class).exception(tasks.PATIENCE)
        assert error
        assert "Local" in type(error).__name__ or "Local" in str(error)
        assert "nobody can import me" in str(error)

    def test_argument_that_cannot_cross(self, staffed: subpool.Pool) -> None:
        """It says which one and where in it (`args[1]["handlers"][0].stream: _io.TextIOWrapper`)."""
        with open(__file__, encoding="utf-8") as stream:
            argument = {"handlers": [tasks.Holder(stream)]}
            task = staffed.spawn(tasks.pair, 0, argument)
            with pytest.raises(subpool.SerializationError) as raised:
                task.result(tasks.PATIENCE)
        assert 'args[1]["handlers"][0].stream: _io.TextIOWrapper' in str(raised.value)

    def test_argument_that_cannot_be_rebuilt(self, staffed: subpool.Pool) -> None:
        """An unserialisable argument: a clear exception naming the culprit."""
        task = staffed.spawn(tasks.identity, tasks.ExplodesWhenRebuilt())
        with pytest.raises(subpool.SerializationError, match="exploded while being rebuilt"):
            task.result(tasks.PATIENCE)

    def test_function_that_holds_what_cannot_cross(self, staffed: subpool.Pool) -> None:
        """It says which one and where in it."""
        lock = threading.Lock()
        task = staffed.spawn(lambda: lock.locked())
        with pytest.raises(subpool.SerializationError, match=r"lock.*_thread\.lock"):
            task.result(tasks.PATIENCE)

    def test_result_that_cannot_cross(self, staffed: subpool.Pool) -> None:
        """For results `result[…]`."""
        with pytest.raises(subpool.SerializationError, match=r'result\["a"\]\[1\]: _thread\.lock'):
            staffed.spawn(tasks.make_lock).result(tasks.PATIENCE)

    def test_result_that_cannot_be_rebuilt(self, staffed: subpool.Pool) -> None:
        """A result that cannot be rebuilt in the caller: a clear exception naming the culprit."""
        with pytest.raises(subpool.SerializationError, match="exploded while being rebuilt"):
            staffed.spawn(tasks.make_exploding).result(tasks.PATIENCE)

    def test_task_that_the_caller_runs_itself_need_not_cross(self, inline: subpool.Pool) -> None:
        """A task that cannot cross fails, unless its caller ran it itself first."""
        lock = threading.Lock()
        assert inline.spawn(lambda: lock.locked()).join() is False

    def test_strict_mode_writes_at_once(self, strict: subpool.Pool) -> None:
        """… and every background task be written at once."""
        lock = threading.Lock()
        unwritable = strict.spawn(tasks.identity, lock)
        with pytest.raises(subpool.SerializationError, match=r"args\[0\].*_thread\.lock"):
            unwritable.join()
        items = [1]
        task = strict.spawn(tasks.append_to, items, 2)
        items.append(99)
        assert task.join() == [1, 2]

    def test_a_task_is_no_argument(self, staffed: subpool.Pool) -> None:
        """An unserialisable argument: a clear exception naming the culprit."""
        inner = staffed.spawn(tasks.zero)
        with pytest.raises(subpool.SerializationError, match="Task"):
            staffed.spawn(tasks.identity, inner).result(tasks.PATIENCE)
        assert inner.result(tasks.PATIENCE) == 0


class TestCancel:
    def test_withdraws_what_has_not_started(self, staffed: subpool.Pool, journal: Journal) -> None:
        """`task.cancel()` withdraws a task that has not started."""
        with held(staffed):
            task = staffed.spawn(tasks.note, journal.fd, "never")
            assert task.cancel()
            assert task.done()
            assert task.cancelled()
            for ask in (task.result, task.join, task.exception):
                with pytest.raises(CancelledError):
                    ask()
            task.help()
        staffed.spawn(tasks.zero).result(tasks.PATIENCE)
        assert journal.lines() == []

    def test_stops_what_runs(self, staffed: subpool.Pool, gates: Gates) -> None:
        """… and asks a running one to stop, by a `subpool.TaskCancelled` raised in the worker."""
        started, unwound = gates(), gates()
        task = staffed.spawn(tasks.spin_until_stopped, started, unwound)
        started.wait()
        assert task.running()
        assert task.cancel()
        with pytest.raises(CancelledError):
            task.result(tasks.PATIENCE)
        unwound.wait()
        assert task.cancelled()

    def test_within_milliseconds(self, staffed: subpool.Pool, gates: Gates) -> None:
        """… at a loop or call of the user's own code, within milliseconds."""
        quickest = min(self._seconds_to_stop(staffed, gates) for _ in range(5))
        assert quickest < 0.05

    @staticmethod
    def _seconds_to_stop(pool: subpool.Pool, gates: Gates) -> float:
        started, unwound = gates(), gates()
        task = pool.spawn(tasks.spin_until_stopped, started, unwound)
        started.wait()
        begin = time.perf_counter()
        assert task.cancel()
        unwound.block()
        return time.perf_counter() - begin

    def test_is_no_exception(self, staffed: subpool.Pool, gates: Gates) -> None:
        """A `BaseException`, so that `except Exception` does not swallow it."""
        assert not issubclass(subpool.TaskCancelled, Exception)
        started, unwound = gates(), gates()
        task = staffed.spawn(tasks.spin_under_except_exception, started, unwound)
        started.wait()
        assert task.cancel()
        unwound.wait()
        assert staffed.spawn(tasks.one).result(tasks.PATIENCE) == 1

    def test_stops_loops_in_called_functions(self, staffed: subpool.Pool, gates: Gates) -> None:
        """… raised at a loop or call of the user's own code."""
        started, unwound = gates(), gates()
        task = staffed.spawn(tasks.recurse_until_stopped, started, unwound)
        started.wait()
        assert task.cancel()
        unwound.wait()

    def test_stops_a_loop_of_one_instruction(self, staffed: subpool.Pool, gates: Gates) -> None:
        """… raised at a loop or call of the user's own code: `while True: pass` jumps to where it comes from."""
        started, unwound = gates(), gates()
        task = staffed.spawn(tasks.spin_tightly, started, unwound)
        started.wait()
        assert task.cancel()
        unwound.block()

    def test_true_is_final(self, staffed: subpool.Pool, gates: Gates) -> None:
        """True is final: whatever the task still returns is dropped, and `result()` raises `CancelledError`."""
        started, asked = gates(), gates()
        task = staffed.spawn(tasks.spin_and_swallow, started, asked)
        started.wait()
        assert task.cancel()
        asked.wait()
        staffed.spawn(tasks.zero).result(tasks.PATIENCE)
        with pytest.raises(CancelledError):
            task.result(tasks.PATIENCE)
        assert task.cancelled()
        assert task.cancel()

    def test_what_cannot_be_interrupted_is_dropped_all_the_same(self, staffed: subpool.Pool, gates: Gates) -> None:
        """True is final."""
        started, release = gates(), gates()
        task = staffed.spawn(tasks.hold_in_c, started, release)
        started.wait()
        assert task.cancel()
        release.open()
        with pytest.raises(CancelledError):
            task.result(tasks.PATIENCE)
        assert staffed.spawn(tasks.one).result(tasks.PATIENCE) == 1

    def test_is_false_when_it_is_done(self, sized: subpool.Pool) -> None:
        """As for any Future."""
        task = sized.spawn(tasks.one)
        assert task.join() == 1
        assert not task.cancel()
        assert task.result() == 1

    def test_of_a_withdrawn_one_is_true_again(self, sized: subpool.Pool) -> None:
        """As for any Future."""
        with held(sized):
            task = sized.spawn(tasks.one)
            first = task.cancel()
            assert task.cancel() is first

    def test_stops_what_a_caller_runs_while_it_joins(self, staffed: subpool.Pool, gates: Gates) -> None:
        """Tasks that a caller runs while it helps, joins or waits are stopped in the same way."""
        for method in ("join", "help"):
            started, unwound = gates(), gates()
            errors: list[BaseException | None] = []
            with held(staffed):
                task = staffed.spawn(tasks.spin_until_stopped, started, unwound)
                call = partial(caught, getattr(task, method))
                caller = threading.Thread(target=partial(_append_result, errors, call))
                caller.start()
                started.wait()
                assert task.cancel()
                caller.join()
            assert unwound.is_open()
            assert [type(error) for error in errors] == [CancelledError if method == "join" else type(None)]

    @pytest.mark.filterwarnings("ignore::subpool.UnsupportedWarning")
    def test_the_inline_lane_is_never_interrupted(self, single: subpool.Pool, gates: Gates) -> None:
        """The inline lane is never interrupted: there `cancel()` is False."""
        started, release = gates(), gates()
        task = single.spawn(host_only.hold, started, release)
        started.wait()
        assert not task.cancel()
        release.open()
        assert task.result(tasks.PATIENCE) is None
        assert not task.cancelled()

    def test_reaches_what_the_task_has_forked(self, double: subpool.Pool, gates: Gates) -> None:
        """Asks a running one to stop: with everything that it waits for."""
        first, second = (gates(), gates()), (gates(), gates())
        task = double.spawn(tasks.fork_spinners, first, second)
        first[0].wait()
        second[0].wait()
        assert task.cancel()
        first[1].wait()
        second[1].wait()
        with pytest.raises(CancelledError):
            task.result(tasks.PATIENCE)

    def test_touches_no_other_task(self, staffed: subpool.Pool, gates: Gates) -> None:
        """No other task is touched."""
        for _ in range(20):
            started, unwound = gates(), gates()
            spinning = staffed.spawn(tasks.spin_until_stopped, started, unwound)
            others = [staffed.spawn(tasks.fib, 6) for _ in range(5)]
            started.wait()
            assert spinning.cancel()
            assert [task.result(tasks.PATIENCE) for task in others] == [8] * 5

    def test_of_many(self, staffed: subpool.Pool) -> None:
        """Nothing lost, nothing twice: each task is either cancelled or has its value."""
        spawned = [staffed.spawn(tasks.identity, number) for number in range(2_000)]
        cancelled = [task.cancel() for task in spawned[::3]]
        for number, task in enumerate(spawned):
            if number % 3 or not cancelled[number // 3]:
                assert task.result(tasks.PATIENCE) == number
            else:
                with pytest.raises(CancelledError):
                    task.result(tasks.PATIENCE)

    def test_cancelled_is_false_otherwise(self, sized: subpool.Pool) -> None:
        """`subpool.cancelled()` lets long-running code ask."""
        assert subpool.cancelled() is False
        assert sized.spawn(tasks.ask_until_cancelled).join() is False
        assert sized.join(tasks.ask_until_cancelled, tasks.ask_until_cancelled) == (False, False)

    def test_cancelled_is_true_when_asked_to_stop(self, staffed: subpool.Pool, gates: Gates) -> None:
        """`subpool.cancelled()` lets long-running code ask."""
        started, asked = gates(), gates()
        task = staffed.spawn(tasks.spin_and_swallow, started, asked)
        started.wait()
        task.cancel()
        asked.wait()


def _append_result[T](results: list[T], call: Callable[[], T]) -> None:
    results.append(call())


class TestTimeout:
    """`timeout=` seconds of running time: the task is stopped the same way and ends with `TimeoutError`."""

    def test_stops_the_task(self, staffed: subpool.Pool, gates: Gates) -> None:
        started, unwound = gates(), gates()
        task = staffed.spawn(tasks.spin_until_stopped, started, unwound, timeout=0.3)
        with pytest.raises(TimeoutError):
            task.result(tasks.PATIENCE)
        unwound.wait()
        assert not task.cancelled()
        assert isinstance(task.exception(), TimeoutError)

    def test_in_time(self, sized: subpool.Pool) -> None:
        assert sized.spawn(tasks.add, 1, 2, timeout=60).join() == 3

    def test_counts_running_time_only(self, staffed: subpool.Pool) -> None:
        """Seconds of running time."""
        with held(staffed):
            task = staffed.spawn(tasks.one, timeout=0.4)
            with pytest.raises(TimeoutError):
                task.result(0.5)
            assert not task.done()
        assert task.result(tasks.PATIENCE) == 1

    def test_holds_where_the_caller_runs_it(self, staffed: subpool.Pool, gates: Gates) -> None:
        """Tasks that a caller runs while it joins are stopped in the same way."""
        started, unwound = gates(), gates()
        with held(staffed):
            task = staffed.spawn(tasks.spin_until_stopped, started, unwound, timeout=0.3)
            with pytest.raises(TimeoutError):
                task.join()
        assert unwound.is_open()

    def test_touches_no_other_task(self, staffed: subpool.Pool, gates: Gates) -> None:
        """No other task is touched."""
        for _ in range(3):
            task = staffed.spawn(tasks.spin_until_stopped, gates(), gates(), timeout=0.02)
            others = [staffed.spawn(tasks.fib, 8) for _ in range(5)]
            assert [other.result(tasks.PATIENCE) for other in others] == [21] * 5
            assert isinstance(task.exception(tasks.PATIENCE), TimeoutError)

    @pytest.mark.parametrize("timeout", ["soon", object()])
    def test_nonsense(self, sized: subpool.Pool, timeout: Any) -> None:
        """A clear exception in the call that caused it."""
        with pytest.raises(TypeError):
            sized.spawn(tasks.zero, timeout=timeout)

    def test_a_worker_stuck_in_c_is_replaced(self) -> None:
        """A worker that does not come back within a grace period is set aside and replaced; the pool keeps its size."""
        with gate() as started, gate() as release, subpool.Pool(1) as pool:
            task = pool.spawn(tasks.hold_in_c, started, release, timeout=0.05)
            assert isinstance(task.exception(tasks.PATIENCE), TimeoutError)
            assert pool.spawn(tasks.where).result(tasks.PATIENCE) == 0
            assert not release.is_open()
            assert pool.workers == 1
            assert pool.stats().workers_lost == 1
            assert pool.join(tasks.one, tasks.text) == (1, "text")
            release.open()


class TestContext:
    def test_is_not_copied(self, staffed: subpool.Pool) -> None:
        """Context variables do not cross."""
        token = tasks.VARIABLE.set("mine")
        try:
            assert staffed.spawn(tasks.read_variables).result(tasks.PATIENCE) == ("unset", None)
        finally:
            tasks.VARIABLE.reset(token)

    def test_is_copied_on_request(self, sized: subpool.Pool) -> None:
        """`copy_context=True` on `spawn` carries the caller's context variables, as they stand at the call."""
        token = tasks.VARIABLE.set("mine")
        try:
            task = sized.spawn(tasks.read_variables, copy_context=True)
        finally:
            tasks.VARIABLE.reset(token)
        assert task.join()[0] == "mine"

    def test_what_cannot_cross_stays(self, staffed: subpool.Pool) -> None:
        """… those that are attributes of an importable module and whose values can be serialised."""
        tokens = tasks.VARIABLE.set("mine"), tasks.OTHER_VARIABLE.set(threading.Lock())
        try:
            task = staffed.spawn(tasks.read_variables, copy_context=True)
            assert task.result(tasks.PATIENCE) == ("mine", None)
        finally:
            tasks.VARIABLE.reset(tokens[0])
            tasks.OTHER_VARIABLE.reset(tokens[1])

    def test_does_not_leak_into_the_next_task(self, single: subpool.Pool) -> None:
        """Context variables do not cross otherwise."""
        token = tasks.VARIABLE.set("mine")
        try:
            assert single.spawn(tasks.read_variables, copy_context=True).result(tasks.PATIENCE)[0] == "mine"
            assert single.spawn(tasks.read_variables).result(tasks.PATIENCE)[0] == "unset"
        finally:
            tasks.VARIABLE.reset(token)


class TestCallbacks:
    def test_gets_the_task(self, sized: subpool.Pool) -> None:
        """task.add_done_callback(cb)."""
        got: list[object] = []
        called = threading.Event()
        task = sized.spawn(tasks.one)
        task.add_done_callback(got.append)
        task.add_done_callback(lambda _: called.set())
        assert task.join() == 1
        assert called.wait(tasks.PATIENCE)
        assert got == [task]

    def test_added_later_is_called_at_once(self, sized: subpool.Pool) -> None:
        """As for any Future."""
        task = sized.spawn(tasks.one)
        task.join()
        got: list[int] = []
        task.add_done_callback(lambda it: got.append(it.result()))
        assert got == [1]

    def test_is_called_without_anybody_waiting(self, staffed: subpool.Pool) -> None:
        """As for any Future."""
        called = threading.Event()
        for _ in range(10):
            called.clear()
            staffed.spawn(tasks.one).add_done_callback(lambda _: called.set())
            assert called.wait(tasks.PATIENCE)

    def test_several_are_called_in_order(self, staffed: subpool.Pool, gates: Gates) -> None:
        """As for any Future."""
        started, release = gates(), gates()
        order: list[int] = []
        called = threading.Event()
        task = staffed.spawn(tasks.hold, started, release)

        def note(number: int, _: object) -> None:
            order.append(number)

        for number in range(5):
            task.add_done_callback(partial(note, number))
        task.add_done_callback(lambda _: called.set())
        release.open()
        assert called.wait(tasks.PATIENCE)
        assert order == list(range(5))

    @pytest.mark.parametrize("ending", ["cancelled", "failed", "unwritable", "timed out"])
    def test_is_called_however_it_ends(self, staffed: subpool.Pool, gates: Gates, ending: str) -> None:
        """As for any Future."""
        called = threading.Event()
        started = gates()
        if ending == "failed":
            task: Future[Any] = staffed.spawn(tasks.fail)
        elif ending == "unwritable":
            task = staffed.spawn(tasks.identity, threading.Lock())
        else:
            limit = 0.02 if ending == "timed out" else None
            task = staffed.spawn(tasks.spin_until_stopped, started, gates(), timeout=limit)
        task.add_done_callback(lambda _: called.set())
        if ending == "cancelled":
            started.wait()
            assert task.cancel()
        assert called.wait(tasks.PATIENCE)
        assert task.done()

    def test_that_fails_is_logged(
        self, staffed: subpool.Pool, caplog: pytest.LogCaptureFixture, gates: Callable[[], tasks.Gate]
    ) -> None:
        """As for any Future: an exception of a callback is logged, and the next is called."""
        called, started, release = threading.Event(), gates(), gates()
        with caplog.at_level(logging.ERROR, "concurrent.futures"):
            task = staffed.spawn(tasks.hold, started, release)  # not done before both are added: one thread calls both
            task.add_done_callback(lambda _: tasks.fail())
            task.add_done_callback(lambda _: called.set())
            release.open()
            assert called.wait(tasks.PATIENCE)
        assert "exception calling callback" in caplog.text

    def test_may_use_the_pool(self, staffed: subpool.Pool) -> None:
        """From any host thread."""
        values: list[object] = []
        called = threading.Event()

        def callback(_: object) -> None:
            values.append(staffed.join(tasks.one, tasks.text))
            values.append(staffed.spawn(tasks.add, 1, 2).join())
            called.set()

        staffed.spawn(tasks.zero).add_done_callback(callback)
        assert called.wait(tasks.PATIENCE)
        assert values == [(1, "text"), 3]


class TestFutures:
    """`concurrent.futures.wait` and `as_completed` accept Tasks."""

    def test_wait(self, sized: subpool.Pool) -> None:
        spawned = [sized.spawn(tasks.identity, number) for number in range(20)]
        done, pending = concurrent.futures.wait(spawned, tasks.PATIENCE)
        assert done == set(spawned)
        assert pending == set()

    def test_wait_for_the_first(self, double: subpool.Pool, gates: Gates) -> None:
        started, release = gates(), gates()
        slow = double.spawn(tasks.hold, started, release)
        started.wait()
        quick = double.spawn(tasks.where)
        done, pending = concurrent.futures.wait(
            [slow, quick], tasks.PATIENCE, return_when=concurrent.futures.FIRST_COMPLETED
        )
        assert (done, pending) == ({quick}, {slow})
        release.open()
        assert slow.result(tasks.PATIENCE) is not None

    def test_wait_for_an_exception(self, double: subpool.Pool, gates: Gates) -> None:
        started, release = gates(), gates()
        slow: Future[Any] = double.spawn(tasks.hold, started, release)
        started.wait()
        failing: Future[Any] = double.spawn(tasks.fail)
        done, _ = concurrent.futures.wait(
            [slow, failing], tasks.PATIENCE, return_when=concurrent.futures.FIRST_EXCEPTION
        )
        assert done == {failing}
        release.open()
        slow.result(tasks.PATIENCE)

    def test_wait_can_time_out(self, staffed: subpool.Pool) -> None:
        with held(staffed):
            task = staffed.spawn(tasks.one)
            assert concurrent.futures.wait([task], 0.02).not_done == {task}
        assert task.result(tasks.PATIENCE) == 1

    def test_as_completed(self, sized: subpool.Pool) -> None:
        spawned = {sized.spawn(tasks.identity, number): number for number in range(20)}
        got = {task: task.result() for task in concurrent.futures.as_completed(spawned, tasks.PATIENCE)}
        assert got == spawned

    def test_mixed_with_other_futures(self, sized: subpool.Pool) -> None:
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            futures: list[Future[int]] = [threads.submit(tasks.one), sized.spawn(tasks.one)]
            assert [future.result() for future in concurrent.futures.as_completed(futures, tasks.PATIENCE)] == [1, 1]

    def test_result_can_time_out(self, staffed: subpool.Pool) -> None:
        with held(staffed):
            task = staffed.spawn(tasks.one)
            for ask in (task.result, task.exception):
                with pytest.raises(TimeoutError):
                    ask(0.01)
        assert task.result(tasks.PATIENCE) == 1

    def test_result_from_several_threads(self, staffed: subpool.Pool, gates: Gates) -> None:
        started, release = gates(), gates()
        task = staffed.spawn(tasks.hold, started, release)
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            waiting = [threads.submit(task.result, tasks.PATIENCE) for _ in range(2)]
            waiting += [threads.submit(task.join, tasks.PATIENCE) for _ in range(2)]
            release.open()
            assert len({future.result(tasks.PATIENCE) for future in waiting}) == 1


class TestAsyncio:
    """`await task` in asyncio."""

    def test_await(self, sized: subpool.Pool) -> None:
        async def main() -> int:
            return await sized.spawn(tasks.add, 1, 2)

        assert asyncio.run(main()) == 3

    def test_await_many(self, sized: subpool.Pool) -> None:
        async def main() -> list[int]:
            spawned = [sized.spawn(tasks.identity, number) for number in range(50)]
            return [await task for task in spawned]

        assert asyncio.run(main()) == list(range(50))

    def test_await_what_is_done(self, sized: subpool.Pool) -> None:
        task = sized.spawn(tasks.one)
        task.join()

        async def main() -> int:
            return await task + await task

        assert asyncio.run(main()) == 2

    def test_the_error_is_raised(self, sized: subpool.Pool) -> None:
        async def main() -> None:
            await sized.spawn(tasks.refuse, 3)

        with pytest.raises(tasks.Refusal) as raised:
            asyncio.run(main())
        assert raised.value.code == 3

    def test_the_loop_runs_on(self, staffed: subpool.Pool, gates: Gates) -> None:
        """An awaited task blocks nobody else in the loop."""
        started, release = gates(), gates()

        async def main() -> int | None:
            task = staffed.spawn(tasks.hold, started, release)
            asyncio.get_running_loop().call_later(0.01, release.open)
            return await task

        assert asyncio.run(main()) in range(staffed.workers)

    def test_waiting_can_time_out(self, staffed: subpool.Pool, gates: Gates) -> None:
        started, release = gates(), gates()

        async def main() -> None:
            task = staffed.spawn(tasks.hold, started, release)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await task

        asyncio.run(main())
        release.open()
        assert staffed.spawn(tasks.one).result(tasks.PATIENCE) == 1

    def test_a_cancelled_task(self, staffed: subpool.Pool, gates: Gates) -> None:
        started, unwound = gates(), gates()

        async def main() -> None:
            task = staffed.spawn(tasks.spin_until_stopped, started, unwound)
            await asyncio.to_thread(started.wait)
            assert task.cancel()
            with pytest.raises((CancelledError, asyncio.CancelledError)):
                await task

        asyncio.run(main())

    def test_gather_through_wrap_future(self, sized: subpool.Pool) -> None:
        """A Task is a concurrent.futures.Future."""

        async def main() -> list[int]:
            return await asyncio.gather(*(asyncio.wrap_future(sized.spawn(tasks.identity, n)) for n in range(10)))

        assert asyncio.run(main()) == list(range(10))

    def test_in_a_task_group(self, sized: subpool.Pool) -> None:
        async def ask(number: int) -> int:
            return await sized.spawn(tasks.identity, number)

        async def main() -> list[int]:
            async with asyncio.TaskGroup() as group:
                asked = [group.create_task(ask(number)) for number in range(10)]
            return [task.result() for task in asked]

        assert asyncio.run(main()) == list(range(10))
