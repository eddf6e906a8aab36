"""`join`: values, who runs what, and exactly the errors of the sequential program."""

from __future__ import annotations

import decimal
import random
import sys
import threading
import time
import types
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest
import tasks
from helpers import Journal, caught, held, stolen, traceback_of
from hypothesis import HealthCheck, given, settings, strategies as st
from shared import Joins

import subpool


class TestValues:
    def test_returns_a_tuple_of_the_values_in_order(self, joins: Joins) -> None:
        """join(f, g, *more) -> tuple."""
        assert joins(tasks.one, tasks.text) == (1, "text")

    @pytest.mark.parametrize("width", [2, 3, 8, 9, 40])
    def test_takes_any_number_of_callables(self, sized: subpool.Pool, width: int) -> None:
        """join(f, g, *more) -> tuple."""
        halves = [partial(tasks.identity, position) for position in range(width)]
        assert sized.join(*halves) == tuple(range(width))

    def test_none_and_empty_values_are_values(self, joins: Joins) -> None:
        """join(f, g, *more) -> tuple."""
        assert joins(partial(tasks.identity, None), partial(tasks.identity, ())) == (None, ())

    def test_exceptions_may_be_returned(self, joins: Joins) -> None:
        """What is returned is returned, even an exception."""
        first, second = joins(partial(tasks.identity, 1), partial(tasks.identity, ValueError("a value")))
        assert first == 1
        assert isinstance(second, ValueError)
        assert second.__cause__ is None

    @pytest.mark.parametrize("size", [0, 1, 100, 10_000, 300_000])
    def test_values_of_any_size_come_back_whole(self, joins: Joins, size: int) -> None:
        """What crosses to another interpreter is a copy."""
        text, data = "ü" * size, bytes(range(256)) * (size // 256)
        assert joins(partial(tasks.identity, data), partial(tasks.pair, text, data)) == (data, (text, data))


class TestCallables:
    """Zero-argument callables: functions, functools.partial, lambdas, bound methods."""

    def test_lambda(self, joins: Joins) -> None:
        assert joins(lambda: 1, lambda: 2) == (1, 2)

    def test_closure(self, joins: Joins) -> None:
        base = {"base": 40}
        assert joins(lambda: base["base"] + 1, lambda: base["base"] + 2) == (41, 42)

    def test_recursive_closure(self, joins: Joins) -> None:
        def factorial(n: int) -> int:
            return 1 if n == 0 else n * factorial(n - 1)

        assert joins(lambda: factorial(5), lambda: factorial(6)) == (120, 720)

    def test_bound_method(self, joins: Joins) -> None:
        assert joins(tasks.Account(1).current, tasks.Account(2).current) == (1, 2)

    def test_bound_method_of_a_built_in(self, joins: Joins) -> None:
        assert joins("a,b".split, "A".lower) == (["a,b"], "a")

    def test_class_method_and_static_method(self, joins: Joins) -> None:
        account, currency = joins(tasks.Account.empty, tasks.Account.currency)
        assert cast("tasks.Account", account).balance == 0
        assert currency == "EUR"

    def test_class(self, joins: Joins) -> None:
        assert joins(int, dict) == (0, {})

    def test_callable_object(self, joins: Joins) -> None:
        assert joins(tasks.Account(1), tasks.Account(2)) == (-1, -2)

    def test_partial_with_keywords(self, joins: Joins) -> None:
        half = partial(tasks.keywords, 1, 2, scale=10)
        assert joins(half, partial(half, 3, scale=100)) == (30, 600)

    def test_lambda_that_uses_a_library_module(self, joins: Joins) -> None:
        assert joins(lambda: tasks.add(1, 2), lambda: decimal.Decimal("1.5")) == (3, decimal.Decimal("1.5"))

    def test_local_class(self, joins: Joins) -> None:
        class Point:
            def __init__(self, x: int) -> None:
                self.x = x

        first, second = joins(lambda: Point(1), lambda: Point(2))
        assert isinstance(first, Point)
        assert isinstance(second, Point)
        assert (first.x, second.x) == (1, 2)


class TestWhoRunsWhat:
    def test_the_caller_runs_the_first_itself(self, sized: subpool.Pool) -> None:
        """The caller runs the first callable itself, at once, in its own interpreter."""
        me = threading.get_ident()
        ran: list[int] = []
        sized.join(lambda: ran.append(threading.get_ident()), tasks.zero)
        assert ran == [me]
        assert sized.join(tasks.where, tasks.zero)[0] is None

    def test_a_worker_runs_its_own_first_half_itself(self, staffed: subpool.Pool) -> None:
        """The caller runs the first callable itself, at once, in its own interpreter."""
        for _ in range(20):
            outside, inside = staffed.spawn(tasks.where_and_first_half).result(tasks.PATIENCE)
            assert outside == inside
            assert outside[0] is not None

    def test_a_hungry_worker_takes_the_second(self, staffed: subpool.Pool) -> None:
        """The others may be taken by workers."""
        first, second = stolen(staffed, tasks.where, tasks.where)
        assert first is None
        assert second in range(staffed.workers)

    def test_what_nobody_took_runs_here(self, single: subpool.Pool) -> None:
        """What nobody took, the caller runs itself, from the live object, with nothing serialised."""
        seen: list[object] = []
        lock = threading.Lock()
        with held(single):
            with lock:
                single.join(lambda: seen.append(lock.locked()), lambda: seen.append(lock.locked()))
        assert seen == [True, True]

    def test_without_workers_everything_runs_here_in_order(self, inline: subpool.Pool) -> None:
        """workers=0: everything runs in the caller, in order, same semantics."""
        seen: list[int] = []
        inline.join(*[partial(seen.append, position) for position in range(6)])
        assert seen == list(range(6))

    def test_what_cannot_cross_runs_here(self, staffed: subpool.Pool) -> None:
        """Foreground work that cannot cross is simply run by the caller."""
        lock = threading.Lock()
        for _ in range(20):
            first, second = staffed.join(partial(tasks.count_to, 20_000), lambda: (lock.locked(), tasks.where()))
            assert first == tasks.count_to(20_000)
            assert second == (False, None)

    def test_what_a_worker_cannot_rebuild_runs_here(self, staffed: subpool.Pool) -> None:
        """Work is moved only while nothing of it has run: foreground work runs in the caller."""
        for _ in range(20):
            first, second = staffed.join(
                partial(tasks.count_to, 20_000), partial(tasks.pair, tasks.RefusesWorkers(), tasks.where)
            )
            assert first == tasks.count_to(20_000)
            assert isinstance(second[0], tasks.RefusesWorkers)

    def test_a_function_that_workers_cannot_import_runs_here(
        self, staffed: subpool.Pool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Foreground work that cannot cross is simply run by the caller."""
        module = types.ModuleType("made_up_in_the_host")
        exec("def where():\n    import subpool\n    return subpool.worker_index()", module.__dict__)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        for _ in range(20):
            assert staffed.join(partial(tasks.count_to, 20_000), module.where)[1] is None

    def test_every_worker_may_take_one(self, gates: Callable[[], tasks.Gate]) -> None:
        """The others may be taken by workers."""
        started = [gates() for _ in range(3)]

        def all_started() -> None:
            for each in started:
                each.wait()

        with subpool.Pool(3) as pool:
            halves = [partial(tasks.announce_and_wait, each, started[0], tasks.where) for each in started]
            _, *places = pool.join(all_started, *halves)
        assert sorted(places, key=str) == [0, 1, 2]

    def test_waiting_runs_no_background_task(
        self, single: subpool.Pool, journal: Journal, gates: Callable[[], tasks.Gate]
    ) -> None:
        """A caller that must wait never runs background tasks."""
        started, release = gates(), gates()
        with _opened_from_a_thread(release, when=started):
            background: list[subpool.Task[None]] = []

            def first() -> None:
                started.wait()
                background.extend(single.spawn(tasks.note_where, journal.fd, "background") for _ in range(5))

            single.join(first, partial(tasks.hold, started, release))
        for task in background:
            task.result(tasks.PATIENCE)
        assert set(journal.wait_for(5)) == {"background 0"}

    def test_waiting_runs_no_other_callers_work(
        self, single: subpool.Pool, journal: Journal, gates: Callable[[], tasks.Gate]
    ) -> None:
        """A caller that must wait never runs other callers' work."""
        started, release, forked, finish = gates(), gates(), gates(), gates()
        threads: list[int] = []

        def elsewhere() -> None:
            def first() -> None:
                threads.append(threading.get_ident())
                forked.open()
                finish.wait()

            halves = [partial(tasks.note, journal.fd, "noted") for _ in range(4)]
            single.join(first, *halves, lambda: threads.append(threading.get_ident()))

        def here() -> None:
            started.wait()
            other.start()
            forked.wait()

        other = threading.Thread(target=elsewhere)
        with _opened_from_a_thread(release, when=forked):
            single.join(here, partial(tasks.hold, started, release))
        finish.open()
        other.join()
        assert set(threads) == {other.ident}
        assert len(journal.wait_for(4)) == 4


class _opened_from_a_thread:  # noqa: N801 - used as a function
    """Opens a gate from another thread, a good moment after another gate has opened."""

    def __init__(self, gate: tasks.Gate, *, when: tasks.Gate) -> None:
        self._thread = threading.Thread(target=self._open)
        self._gate, self._when = gate, when
        self._moment = threading.Event()

    def _open(self) -> None:
        self._when.wait()
        self._moment.wait(0.05)
        self._gate.open()

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._gate.open()
        self._when.open()
        self._thread.join()


class TestProgress:
    """Progress is guaranteed with zero free workers, all of them stuck in background tasks, at any nesting depth."""

    def test_with_every_worker_stuck(self, staffed: subpool.Pool) -> None:
        with held(staffed), staffed.install():
            assert tasks.fib(12) == 144
            assert staffed.join(tasks.where, tasks.where, tasks.where) == (None, None, None)

    @pytest.mark.parametrize("function", [tasks.fib, tasks.fib_all, tasks.fib_scope, tasks.fib_spawn])
    def test_nested(self, sized: subpool.Pool, function: Callable[[int], int]) -> None:
        with sized.install():
            assert function(11) == 89

    @pytest.mark.parametrize("function", [tasks.fib, tasks.fib_all, tasks.fib_scope, tasks.fib_spawn])
    def test_nested_inside_a_worker(self, staffed: subpool.Pool, function: Callable[[int], int]) -> None:
        assert staffed.spawn(function, 11).result(tasks.PATIENCE) == 89

    def test_from_every_worker_at_once(self, staffed: subpool.Pool) -> None:
        running = [staffed.spawn(tasks.fib, 12) for _ in range(2 * staffed.workers)]
        assert [task.result(tasks.PATIENCE) for task in running] == [144] * len(running)

    def test_from_several_host_threads_at_once(self, sized: subpool.Pool) -> None:
        """From any host thread, from several host threads at once."""
        results: list[int] = []

        def many() -> None:
            with sized.install():
                results.extend(tasks.fib(9) for _ in range(20))

        threads = [threading.Thread(target=many) for _ in range(4)]
        with sized.install():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert results == [34] * 80

    @pytest.mark.parametrize("dive", [tasks.deep_first, tasks.deep_second])
    def test_nested_to_any_depth_that_the_stack_bears(self, sized: subpool.Pool, dive: Callable[[int], int]) -> None:
        """Nested to any depth that Python's stack bears."""
        with sized.install():
            assert dive(150) == 150
            for _ in range(3):
                with pytest.raises(RecursionError):
                    dive(100_000)
            assert dive(150) == 150

    @pytest.mark.parametrize("dive", [tasks.deep_first, tasks.deep_second])
    def test_depth_in_a_worker(self, staffed: subpool.Pool, dive: Callable[[int], int]) -> None:
        """Nested to any depth that Python's stack bears."""
        assert staffed.spawn(dive, 150).result(tasks.PATIENCE) == 150
        with pytest.raises(RecursionError):
            staffed.spawn(dive, 100_000).result(tasks.PATIENCE)
        assert staffed.spawn(dive, 150).result(tasks.PATIENCE) == 150

    @pytest.mark.parametrize("dive", [tasks.deep_first, tasks.deep_second])
    def test_depth_in_a_host_thread(self, staffed: subpool.Pool, dive: Callable[[int], int]) -> None:
        """Nested to any depth that Python's stack bears, from any host thread."""
        errors: list[BaseException | None] = []
        thread = threading.Thread(target=lambda: errors.append(caught(partial(dive, 100_000))))
        with staffed.install():
            thread.start()
            thread.join()
        assert [type(error) for error in errors] == [RecursionError]

    def test_endless_recursion_in_a_stolen_half(self, staffed: subpool.Pool) -> None:
        """A failure of the stolen half is raised in the caller."""
        with pytest.raises(RecursionError):
            stolen(staffed, tasks.zero, tasks.recurse_for_ever)


class TestErrors:
    """`join`, `join_all` and parallel iterators raise exactly what the sequential program would raise."""

    def test_at_the_first(self, joins: Joins) -> None:
        with pytest.raises(tasks.Refusal, match="refused") as raised:
            joins(partial(tasks.refuse, 7), tasks.zero)
        assert raised.value.code == 7

    def test_at_the_second(self, joins: Joins) -> None:
        with pytest.raises(tasks.Refusal, match="refused") as raised:
            joins(tasks.zero, partial(tasks.refuse, 7))
        assert raised.value.code == 7
        assert raised.value.args == ("refused", 7)

    def test_at_both_the_first_wins(self, joins: Joins) -> None:
        with pytest.raises(tasks.Refusal) as raised:
            joins(partial(tasks.refuse, 1), partial(tasks.refuse, 2))
        assert raised.value.code == 1

    def test_nested(self, joins: Joins) -> None:
        with pytest.raises(tasks.Refusal, match="inner"):
            joins(tasks.zero, partial(tasks.forked, (1, (2, "inner", 3), "later")))

    @pytest.mark.parametrize("kind", [ValueError, KeyError, SystemExit, KeyboardInterrupt, StopIteration, GeneratorExit,
                                      MemoryError, AssertionError, tasks.Rebellion])  # fmt: skip
    def test_of_every_kind(self, joins: Joins, kind: type[BaseException]) -> None:
        """A remote exception keeps its type."""
        for halves in ((partial(tasks.fail, kind, "m"), tasks.zero), (tasks.zero, partial(tasks.fail, kind, "m"))):
            error = caught(partial(joins, *halves))
            assert error is not None
            assert type(error) is kind
            assert error.args == ("m",)

    @pytest.mark.parametrize("code", [None, 0, 3, "words"])
    def test_sys_exit_keeps_its_code(self, joins: Joins, code: object) -> None:
        """A remote exception keeps its type."""
        with pytest.raises(SystemExit) as raised:
            joins(tasks.zero, partial(tasks.leave, code))
        assert raised.value.code == code

    def test_group(self, joins: Joins) -> None:
        """A remote exception keeps its type."""
        with pytest.raises(ExceptionGroup, match="several") as raised:
            joins(tasks.zero, tasks.fail_with_group)
        assert [type(error) for error in raised.value.exceptions] == [ValueError, KeyError]

    def test_note(self, joins: Joins) -> None:
        """A remote exception is that exception, its notes included."""
        with pytest.raises(ValueError, match="with a note") as raised:
            joins(tasks.zero, tasks.fail_with_note)
        assert "remember this" in raised.value.__notes__

    def test_class_defined_in_the_calling_function(self, joins: Joins) -> None:
        """A remote exception keeps its type."""

        class Mine(Exception):  # noqa: N818
            pass

        def fail() -> None:
            raise Mine("mine")

        with pytest.raises(Mine, match="mine"):
            joins(tasks.zero, fail)

    def test_remote_traceback(self, staffed: subpool.Pool) -> None:
        """A remote exception carries the remote traceback text as its `__cause__` (`subpool.RemoteTraceback`)."""
        with pytest.raises(ValueError, match="on purpose") as raised:
            stolen(staffed, tasks.zero, tasks.fail)
        text = traceback_of(raised.value)
        assert "ValueError: on purpose" in text
        assert "in fail" in text
        assert "tasks.py" in text

    def test_remote_traceback_tells_of_the_cause(self, staffed: subpool.Pool) -> None:
        """A remote exception carries the remote traceback text."""
        with pytest.raises(ValueError, match="the leaf") as raised:
            stolen(staffed, tasks.zero, tasks.fail_with_cause)
        assert "the root" in traceback_of(raised.value)

    def test_local_errors_keep_their_own_cause(self, inline: subpool.Pool) -> None:
        """What nobody took, the caller runs itself."""
        with pytest.raises(ValueError, match="the leaf") as raised:
            inline.join(tasks.zero, tasks.fail_with_cause)
        assert isinstance(raised.value.__cause__, KeyError)

    def test_exception_that_cannot_cross(self, staffed: subpool.Pool) -> None:
        """One that cannot cross arrives as `subpool.RemoteError` with type name, message and traceback."""
        with pytest.raises(subpool.RemoteError) as raised:
            stolen(staffed, tasks.zero, tasks.fail_holding_a_lock)
        assert "HoldsLock" in str(raised.value)
        assert "cannot be pickled" in str(raised.value)
        assert "in fail_holding_a_lock" in traceback_of(raised.value)

    def test_exception_that_cannot_be_replayed(self, staffed: subpool.Pool) -> None:
        """An exception class whose `__init__` cannot be replayed: a clear exception naming the culprit."""
        with pytest.raises((subpool.RemoteError, tasks.Unreplayable)) as raised:
            stolen(staffed, tasks.zero, tasks.fail_unreplayably)
        assert "Unreplayable" in repr(raised.value) or "Unreplayable" in str(raised.value)
        assert "this and that" in str(raised.value)
        assert "in fail_unreplayably" in traceback_of(raised.value)

    def test_live_exception_that_cannot_cross(self, inline: subpool.Pool) -> None:
        """What nobody took, the caller runs itself, from the live object, with nothing serialised."""
        with pytest.raises(tasks.HoldsLock):
            inline.join(tasks.zero, tasks.fail_holding_a_lock)

    def test_result_that_cannot_cross(self, staffed: subpool.Pool) -> None:
        """A value that cannot be serialised fails fast with an error that says which one and where in it."""
        with pytest.raises(subpool.SerializationError, match=r'result\["a"\]\[1\]: _thread\.lock'):
            stolen(staffed, tasks.zero, tasks.make_lock)

    def test_result_that_nobody_can_pickle(self, staffed: subpool.Pool) -> None:
        """For results: `result[…]`."""
        with pytest.raises(subpool.SerializationError, match=r"result.*generator"):
            stolen(staffed, tasks.zero, tasks.make_generator)

    def test_result_that_cannot_be_rebuilt(self, staffed: subpool.Pool) -> None:
        """A result that cannot be rebuilt in the caller: a clear exception naming the culprit."""
        with pytest.raises(subpool.SerializationError, match="exploded while being rebuilt"):
            stolen(staffed, tasks.zero, tasks.make_exploding)

    def test_live_result_needs_no_pickling(self, inline: subpool.Pool) -> None:
        """What nobody took, the caller runs itself, from the live object, with nothing serialised."""
        assert isinstance(inline.join(tasks.zero, tasks.make_exploding)[1], tasks.ExplodesWhenRebuilt)

    @pytest.mark.parametrize("function", [tasks.make_lock, tasks.make_exploding, tasks.fail_unreplayably,
                                          tasks.fail_holding_a_lock, tasks.fail, tasks.recurse_for_ever])  # fmt: skip
    def test_a_failure_touches_no_other_work(self, staffed: subpool.Pool, function: Callable[[], object]) -> None:
        """No other task is touched, nothing hangs."""
        others = [staffed.spawn(tasks.fib, 8) for _ in range(3)]
        assert caught(lambda: stolen(staffed, tasks.zero, function)) is not None
        assert [task.result(tasks.PATIENCE) for task in others] == [21] * 3
        assert stolen(staffed, tasks.one, tasks.text) == (1, "text")

    @pytest.mark.parametrize("position", [0, 1, 2])
    def test_not_callable(self, sized: subpool.Pool, position: int) -> None:
        """A non-callable: a clear exception naming the culprit in the call that caused it."""
        halves: list[Any] = [tasks.zero] * 3
        halves[position] = 42
        with pytest.raises(TypeError, match=r"int|42"):
            sized.join(*halves)
        assert sized.join(tasks.one, tasks.text) == (1, "text")

    def test_too_few(self, sized: subpool.Pool) -> None:
        """join(f, g, *more)."""
        join: Any = sized.join
        with pytest.raises(TypeError):
            join()
        with pytest.raises(TypeError):
            join(tasks.zero)

    def test_callable_that_wants_arguments(self, joins: Joins) -> None:
        """Zero-argument callables."""
        wants: Any = tasks.add
        with pytest.raises(TypeError, match="add"):
            joins(tasks.zero, wants)


class TestWithdrawing:
    """A failure at position i withdraws or cancels only what comes after i; what comes before i finishes."""

    @pytest.mark.parametrize("position", range(5))
    def test_nothing_after_the_failure_runs(
        self, inline: subpool.Pool, single: subpool.Pool, journal: Journal, position: int
    ) -> None:
        halves: list[Callable[[], object]] = [partial(tasks.note, journal.fd, str(number)) for number in range(5)]
        halves[position] = tasks.fail
        before = [str(number) for number in range(position)]
        with pytest.raises(ValueError, match="on purpose"):
            inline.join(*halves)
        assert journal.lines() == before
        with held(single), pytest.raises(ValueError, match="on purpose"):
            single.join(*halves)
        assert sorted(journal.lines()) == sorted(2 * before)

    def test_a_first_that_fails_stops_the_second_and_waits_for_it(
        self, staffed: subpool.Pool, gates: Callable[[], tasks.Gate]
    ) -> None:
        """(… and waits for it)."""
        started, unwound = gates(), gates()
        with pytest.raises(ValueError, match="on purpose"):
            staffed.join(partial(tasks.after, started, tasks.fail), partial(tasks.spin_until_stopped, started, unwound))
        assert unwound.is_open()

    def test_a_failure_stops_what_comes_after_it(self, double: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        failing, spinning, unwound = gates(), gates(), gates()

        def first() -> None:
            failing.wait()
            spinning.wait()

        with pytest.raises(ValueError, match="on purpose"):
            double.join(
                first,
                partial(tasks.announce_and_wait, failing, spinning, tasks.fail),
                partial(tasks.spin_until_stopped, spinning, unwound),
            )
        assert unwound.is_open()

    def test_what_comes_before_a_failure_finishes(self, staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        failing, ended = gates(), gates()

        def first() -> None:
            failing.wait()
            for _ in range(50):
                tasks.count_to(1_000)
            ended.open()

        with pytest.raises(ValueError, match="on purpose"):
            staffed.join(first, partial(tasks.announce, failing, tasks.fail))
        assert ended.is_open()

    def test_a_failure_before_the_failure_wins(self, double: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
        """… and its own failure would win."""
        third = gates()

        def second() -> None:
            third.wait()
            tasks.fail(KeyError, "second")

        with pytest.raises(KeyError, match="second"):
            double.join(third.wait, second, partial(tasks.announce, third, tasks.fail))

    def test_a_second_that_ignores_the_request_is_waited_for(
        self, staffed: subpool.Pool, gates: Callable[[], tasks.Gate]
    ) -> None:
        """(… and waits for it)."""
        started, asked = gates(), gates()
        with pytest.raises(ValueError, match="on purpose"):
            staffed.join(partial(tasks.after, started, tasks.fail), partial(tasks.spin_and_swallow, started, asked))
        assert asked.is_open()


TREES = st.recursive(
    st.integers(0, 99) | st.text("abc", min_size=1, max_size=3),
    lambda branch: st.lists(branch, min_size=2, max_size=4).map(tuple),
    max_leaves=25,
)
MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _outcome(function: Callable[[tasks.Tree], object], tree: tasks.Tree) -> object:
    try:
        return function(tree)
    except tasks.Refusal as error:
        return repr(error)


class TestLaws:
    @MANY
    @given(tree=TREES)
    def test_a_tree_of_joins_is_the_sequential_program(self, sized: subpool.Pool, tree: tasks.Tree) -> None:
        """`join` and `join_all` return and raise exactly what the sequential program would."""
        expected = _outcome(tasks.sequential, tree)
        with sized.install():
            assert _outcome(tasks.forked, tree) == expected
            assert _outcome(tasks.forked_all, tree) == expected

    @settings(MANY, max_examples=15)
    @given(tree=TREES)
    def test_even_if_everything_crosses(self, strict: subpool.Pool, tree: tasks.Tree) -> None:
        """The semantics is the same in strict mode."""
        with strict.install():
            assert _outcome(tasks.forked, tree) == _outcome(tasks.sequential, tree)

    def test_nothing_is_lost_and_nothing_runs_twice(self, sized: subpool.Pool, journal: Journal) -> None:
        """Nothing lost, nothing twice."""
        tree: tasks.Tree = tuple(tuple(range(start, start + 6)) for start in range(0, 600, 6))
        with sized.install():
            tasks.forked_noting(journal.fd, tree)
        assert sorted(int(line) for line in journal.lines()) == list(range(600))


class TestStrictMode:
    """Strict mode makes every half but the first cross, and with `workers=0` each value make a round trip."""

    def test_the_first_half_does_not_cross(self, strict: subpool.Pool) -> None:
        lock = threading.Lock()
        assert strict.join(lambda: lock, tasks.zero)[0] is lock

    def test_a_stolen_callable_cannot_change_the_callers_objects(self, strict: subpool.Pool) -> None:
        """What crosses to another interpreter is a copy: a stolen callable cannot change the caller's objects."""
        items: list[int] = []
        assert strict.join(tasks.zero, partial(tasks.append_to, items, 1), lambda: tasks.append_to(items, 2)) == (
            0,
            [1],
            [2],
        )
        assert items == []

    def test_a_method_works_on_a_copy(self, strict: subpool.Pool) -> None:
        """What crosses to another interpreter is a copy."""
        account = tasks.Account(10)
        assert strict.join(tasks.zero, account.deposit) == (0, 11)
        assert account.balance == 10

    def test_what_cannot_cross_fails(self, strict: subpool.Pool) -> None:
        """… so that code which holds what cannot cross fails every time."""
        lock = threading.Lock()
        with pytest.raises(subpool.SerializationError, match=r"_thread\.lock"):
            strict.join(tasks.zero, lambda: lock.locked())
        with pytest.raises(subpool.SerializationError, match=r"\[1\].*_thread\.lock"):
            strict.join(tasks.zero, partial(tasks.identity, [0, lock]))

    def test_a_result_that_cannot_cross_fails(self, strict: subpool.Pool) -> None:
        """With `workers=0` each value makes a round trip through its written form."""
        with pytest.raises(subpool.SerializationError, match=r'result\["a"\]\[1\]'):
            strict.join(tasks.zero, tasks.make_lock)

    def test_without_strict_mode_objects_are_shared(self, inline: subpool.Pool) -> None:
        """The caller runs it itself, from the live object."""
        items: list[int] = []
        inline.join(partial(items.append, 1), partial(items.append, 2))
        assert items == [1, 2]


class TestWhatCrosses:
    def test_monkeypatches_do_not(self, single: subpool.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
        """Changes made at run time to the globals of an importable module and monkeypatches do not cross."""
        monkeypatch.setattr(tasks, "GLOBAL", "patched")
        assert stolen(single, tasks.read_global, tasks.read_global) == ("patched", "as imported")

    def test_context_variables_do_not(self, single: subpool.Pool) -> None:
        """Context variables do not cross."""
        token = tasks.VARIABLE.set("set in the host")
        try:
            first, second = stolen(single, tasks.read_variables, tasks.read_variables)
        finally:
            tasks.VARIABLE.reset(token)
        assert (first[0], second[0]) == ("set in the host", "unset")

    def test_the_state_of_random_does_not(self, single: subpool.Pool) -> None:
        """`random`'s state does not cross."""
        random.seed(1)
        here = random.random()
        random.seed(1)
        assert stolen(single, tasks.zero, tasks.read_random)[1] != here

    def test_the_decimal_context_does(self, single: subpool.Pool) -> None:
        """The decimal context does cross."""
        with decimal.localcontext(prec=5):
            assert stolen(single, tasks.one_third, tasks.one_third) == ("0.33333", "0.33333")
        time.sleep(0.05)  # the worker asks again: since that context was seen, only the caller itself publishes
        assert stolen(single, tasks.zero, tasks.one_third)[1] == tasks.one_third()

    def test_the_decimal_context_does_inside_workers(self, double: subpool.Pool) -> None:
        """The decimal context does cross."""
        with decimal.localcontext(prec=6):
            assert double.join_all([tasks.fork_thirds] * 8) == [("0.333333", "0.333333")] * 8

    def test_the_decimal_context_does_for_background_work(self, single: subpool.Pool) -> None:
        """The decimal context does cross."""
        with decimal.localcontext(prec=7):
            task = single.spawn(tasks.one_third)
            assert task.result(tasks.PATIENCE) == "0.3333333"
