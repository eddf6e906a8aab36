"""Code that cannot live in a subinterpreter: which work is moved, where to, what is warned of, and what is an error."""

# pyright: reportUnusedImport=false

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, wait
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import host_only
import pytest
import tasks
import tasks_refused as refused
from helpers import Journal, held, needs, run, silent, stolen, traceback_of, written
from tasks_refused import NamedGate, Place

import subpool
from subpool._schedule.host import Host
from subpool._schedule.refusal import opens_with
from subpool._schedule.seat import DONE, PHASE
from subpool._wire import extensions
from subpool.options import Unsupported

pytestmark = pytest.mark.filterwarnings("ignore::subpool.UnsupportedWarning")

HERE = os.getpid()
Gates = Callable[[], tasks.Gate]
NamedGates = Callable[[], NamedGate]


REFUSING = {
    "lxml.etree": "lxml",
    "msgspec": "msgspec",
    "numpy": "numpy",
    "PIL.Image": "PIL",
    "pydantic": "pydantic_core",
    "regex": "regex",
}
"""Packages that refuse on every supported CPython, and which of their packages it is that refuses."""


def _imported(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True


for _name in REFUSING:
    _imported(_name)  # before anybody looks at what is left behind


@pytest.fixture(scope="module")
def inlining() -> Iterator[subpool.Pool]:
    """A pool of one worker; what it refuses runs on a thread of the host."""
    with subpool.Pool(1) as pool:
        yield pool


@pytest.fixture(scope="module")
def raising() -> Iterator[subpool.Pool]:
    """A pool of one worker; what it refuses fails."""
    with subpool.Pool(1, on_unsupported="raise") as pool:
        yield pool


@pytest.fixture(scope="module")
def processing() -> Iterator[subpool.Pool]:
    """A pool of two workers; what they refuse runs in processes."""
    with subpool.Pool(2, on_unsupported="process") as pool:
        yield pool


@pytest.fixture(scope="module", params=["inline", "process", "strict", "strict-process"])
def moving(request: pytest.FixtureRequest) -> Iterator[subpool.Pool]:
    """Pools that move what is refused, in each of the ways."""
    policy: Unsupported = "process" if "process" in request.param else "inline"
    with subpool.Pool(1, on_unsupported=policy, strict="strict" in request.param) as pool:
        yield pool


@pytest.fixture
def named(tmp_path: Path) -> Iterator[NamedGates]:
    """Makes gates that processes see, too; all are open when the test ends."""
    made: list[NamedGate] = []

    def make() -> NamedGate:
        made.append(NamedGate.create(str(tmp_path / f"gate-{len(made)}")))
        return made[-1]

    yield make
    for each in made:
        each.open()
        each.dispose()


def moved(pool: subpool.Pool, place: Place) -> bool:
    """Whether this is where the pool's lane is."""
    worker, process, thread = place
    if pool._options["on_unsupported"] == "process":
        return worker is None and process != HERE
    return worker is None and process == HERE and thread != threading.get_ident()


def result[R](task: subpool.Task[R]) -> R:
    return task.result(tasks.PATIENCE)


class TestWhatIsMoved:
    """Work is moved only while nothing of it has run."""

    def test_when_the_function_cannot_be_rebuilt(self, inlining: subpool.Pool, gates: Gates) -> None:
        release = gates()
        release.open()
        assert result(inlining.spawn(host_only.hold, gates(), release)) is None

    def test_when_an_import_opens_the_body(self, moving: subpool.Pool) -> None:
        assert moved(moving, result(moving.spawn(refused.opening)))

    def test_after_a_docstring_and_other_imports(self, moving: subpool.Pool) -> None:
        text, place = result(moving.spawn(refused.opening_after_words, "1"))
        assert text == "1/Snapshot"
        assert moved(moving, place)

    @pytest.mark.parametrize(
        "call",
        [
            partial(refused.opening),
            partial(partial(refused.opening)),
            refused.Methods().opening,
            refused.Methods(),
        ],
        ids=["partial", "nested partial", "method", "callable"],
    )
    def test_whatever_wraps_the_function(self, moving: subpool.Pool, call: Callable[[], Place]) -> None:
        assert moved(moving, result(moving.spawn(call)))

    def test_a_function_written_by_value(self, moving: subpool.Pool) -> None:
        def local() -> Place:
            import tracemalloc  # noqa: F401

            return refused.place()

        for _ in range(3):
            assert moved(moving, result(moving.spawn(local)))

    def test_with_context_and_arithmetic(self, inlining: subpool.Pool) -> None:
        assert moved(inlining, result(inlining.spawn(refused.opening, copy_context=True)))

    def test_through_a_module_that_needs_another(self, moving: subpool.Pool) -> None:
        assert moved(moving, result(moving.spawn(refused.twice_through_modules)))

    def test_many(self, moving: subpool.Pool) -> None:
        """Nothing lost, nothing twice."""
        spawned = [moving.spawn(refused.opening_identity, number) for number in range(300)]
        assert [result(task) for task in spawned] == list(range(300))

    def test_among_others(self, moving: subpool.Pool) -> None:
        spawned = [
            moving.spawn(refused.opening_identity if number % 3 else tasks.identity, number) for number in range(120)
        ]
        assert [result(task) for task in spawned] == list(range(120))


class TestWhatIsNot:
    """A refusal later in a running body raises: nothing may run twice."""

    @pytest.mark.parametrize("function", [refused.opening_late, refused.opening_guarded])
    def test_a_body_that_has_begun(
        self, moving: subpool.Pool, journal: Journal, function: Callable[[int], Place]
    ) -> None:
        task = moving.spawn(function, journal.fd)
        with pytest.raises(subpool.UnsupportedInSubinterpreter, match="tracemalloc") as raised:
            result(task)
        assert raised.value.name == "_tracemalloc"
        assert "does not support loading in subinterpreters" in traceback_of(raised.value)
        assert journal.lines() == ["begun"]

    def test_an_import_one_call_deeper(self, moving: subpool.Pool) -> None:
        with pytest.raises(subpool.UnsupportedInSubinterpreter, match="tracemalloc"):
            result(moving.spawn(lambda: refused.opening()))

    def test_an_import_by_name(self, moving: subpool.Pool) -> None:
        with pytest.raises(subpool.UnsupportedInSubinterpreter, match="tracemalloc"):
            result(moving.spawn(refused.import_by_name, "tracemalloc"))

    def test_a_half_that_has_begun(self, inlining: subpool.Pool, journal: Journal) -> None:
        with pytest.raises(subpool.UnsupportedInSubinterpreter, match="tracemalloc"):
            stolen(inlining, tasks.zero, partial(refused.opening_late, journal.fd))
        assert journal.lines() == ["begun"]

    def test_a_function_that_has_a_choice(self, moving: subpool.Pool, journal: Journal) -> None:
        assert result(moving.spawn(refused.opening_with_choice, journal.fd)) == "without"
        assert journal.lines() == ["begun"]

    def test_another_error_where_an_import_had_failed(self, moving: subpool.Pool, journal: Journal) -> None:
        with pytest.raises(KeyError, match="none of the import's business"):
            result(moving.spawn(refused.opening_misfortune, journal.fd))

    def test_a_task_that_a_task_hands_over(self, inlining: subpool.Pool) -> None:
        """A worker has no lane: it can only say so."""
        with pytest.raises(subpool.UnsupportedInSubinterpreter, match="tracemalloc"):
            result(inlining.spawn(refused.spawning_opening))


class TestWarning:
    """One `UnsupportedWarning` per refusing module, not per module that imports it."""

    def test_once_per_refusing_module(self, gates: Gates) -> None:
        with warnings.catch_warnings(record=True) as caught, subpool.Pool(1) as pool:
            warnings.simplefilter("always")
            release = gates()
            release.open()
            for _ in range(3):
                result(pool.spawn(refused.opening))
                result(pool.spawn(refused.twice_through_modules))
                result(pool.spawn(host_only.hold, gates(), release))
            with pytest.raises(subpool.UnsupportedInSubinterpreter):
                result(pool.spawn(refused.import_by_name, "faulthandler"))
        assert [(each.category, str(each.message).partition(" ")[0]) for each in caught] == [
            (subpool.UnsupportedWarning, "_tracemalloc")
        ]

    def test_names_the_package_and_not_the_part(self) -> None:
        with warnings.catch_warnings(record=True) as caught, subpool.Pool(1) as pool:
            warnings.simplefilter("always")

            def local() -> Place:
                import msgspec  # noqa: F401

                return refused.place()

            assert moved(pool, result(pool.spawn(local)))
        assert [str(each.message).partition(" ")[0] for each in caught] == ["msgspec"]

    def test_for_foreground_work(self) -> None:
        with subpool.Pool(1) as pool:
            with pytest.warns(subpool.UnsupportedWarning, match="tracemalloc"):
                _, place = _stolen_and_refused(pool)
            assert place == refused.place()
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert result(pool.spawn(refused.opening))[0] is None

    def test_not_for_work_that_nobody_stole(self, inlining: subpool.Pool) -> None:
        with held(inlining), warnings.catch_warnings():
            warnings.simplefilter("error")
            assert inlining.join(tasks.zero, refused.opening)[1] == refused.place()

    def test_that_is_an_error_is_that_of_the_task(self) -> None:
        with warnings.catch_warnings(), subpool.Pool(1) as pool:
            warnings.simplefilter("error")
            with pytest.raises(subpool.UnsupportedWarning, match="tracemalloc"):
                result(pool.spawn(refused.opening))
            assert result(pool.spawn(tasks.one)) == 1


def _stolen_and_refused(pool: subpool.Pool) -> tuple[object, Place]:
    """Join with a half that a worker takes and refuses: the first one waits until it has been refused."""
    host = pool._station()
    assert isinstance(host, Host)
    never = threading.Event()

    def first() -> None:
        while not any(host.arena.words[host.arena.cell(number)] & PHASE == DONE for number in list(host.root.public)):
            never.wait(0.001)

    return pool.join(first, refused.opening)


class TestRaise:
    """`"raise"` makes it `UnsupportedInSubinterpreter`, naming the module that refused."""

    def test_for_background_work(self, raising: subpool.Pool) -> None:
        for _ in range(2):
            with pytest.raises(subpool.UnsupportedInSubinterpreter, match="_tracemalloc") as raised:
                result(raising.spawn(refused.opening))
            assert raised.value.name == "_tracemalloc"

    def test_for_foreground_work_that_was_stolen(self) -> None:
        with subpool.Pool(1, on_unsupported="raise") as pool:
            with pytest.raises(subpool.UnsupportedInSubinterpreter, match="_tracemalloc"):
                _stolen_and_refused(pool)

    def test_not_for_work_that_nobody_stole(self, raising: subpool.Pool) -> None:
        with held(raising):
            assert raising.join(tasks.zero, refused.opening)[1] == refused.place()

    def test_not_for_what_asks_for_the_host(self, raising: subpool.Pool) -> None:
        assert result(raising.spawn(refused.hosted))[0][0] is None


class TestMemory:
    """What refused refuses again at once."""

    def test_a_worker_loads_nothing_twice(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REFUSING_NOTED", str(journal.fd))
        monkeypatch.delitem(sys.modules, "refusing_noted", raising=False)
        with subpool.Pool(1) as pool:

            def by_value(number: int) -> tuple[int, Place]:
                import refusing_noted  # noqa: F401

                return number, refused.place()

            for number in range(3):
                assert result(pool.spawn(by_value, number))[0] == number
                assert moved(pool, result(pool.spawn(refused.through_a_module)))
        assert journal.lines() == ["loading"] * 2  # in the worker, and in the host

    def test_other_work_still_goes_to_workers(self, moving: subpool.Pool) -> None:
        assert moved(moving, result(moving.spawn(refused.opening)))
        assert result(moving.spawn(refused.place))[0] == 0
        assert result(moving.spawn(tasks.where)) == 0


class TestNeedsHost:
    """`@subpool.needs_host` on a function sends it to its lane from the start."""

    @pytest.mark.parametrize(
        "call",
        [refused.hosted, partial(refused.hosted, 1), partial(partial(refused.hosted, 1), 2), refused.Methods().hosted],
        ids=["function", "partial", "nested partial", "method"],
    )
    def test_spawn(self, moving: subpool.Pool, call: Callable[[], tuple[Place, object]]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert moved(moving, result(moving.spawn(call))[0])

    def test_arguments_and_copies_of_the_context(self, moving: subpool.Pool) -> None:
        assert result(moving.spawn(refused.hosted, 1, [2], copy_context=True))[1] == (1, [2])

    def test_join_runs_it_in_the_caller(self, moving: subpool.Pool) -> None:
        published = moving.stats().published
        for _ in range(20):
            assert moving.join(tasks.zero, refused.hosted)[1][0] == refused.place()
            assert moving.join_all([refused.hosted] * 5) == [(refused.place(), ())] * 5
            with moving.scope() as scope:
                task = scope.spawn(refused.hosted, 1)
            assert task.result() == (refused.place(), (1,))
        assert moving.stats().published == published

    def test_without_workers(self) -> None:
        with subpool.Pool(0, on_unsupported="process") as pool:
            assert result(pool.spawn(refused.hosted)) == (refused.place(), ())

    def test_gives_the_function_back(self) -> None:
        def function() -> None: ...

        assert subpool.needs_host(function) is function

    @pytest.mark.parametrize("bad, complaint", [(len, "wrap it"), (1, "not callable")])
    def test_of_what_takes_no_mark(self, bad: Callable[[], object], complaint: str) -> None:
        with pytest.raises(TypeError, match=complaint):
            subpool.needs_host(bad)


class TestIterators:
    """What a parallel iterator calls is foreground work: its caller runs what workers refuse."""

    @pytest.mark.parametrize("placed", [True, False])
    @pytest.mark.parametrize("function", [host_only.add_one, refused.opening_add_one])
    def test_what_refuses(self, moving: subpool.Pool, function: Callable[[int], int], placed: bool) -> None:
        for _ in range(3):
            source = range(300) if placed else iter(range(300))
            assert moving.par_iter(source).map(function).split_per(10).collect() == list(range(1, 301))

    @pytest.mark.parametrize("placed", [True, False])
    def test_what_needs_the_host(self, moving: subpool.Pool, placed: bool) -> None:
        source = range(300) if placed else iter(range(300))
        places = moving.par_iter(source).map(tasks.identity).map(refused.hosted).split_per(10).collect()
        assert {place for place, _ in places} == {refused.place()}


class TestInlineLane:
    """Background work on a host thread."""

    def test_cancels_what_waits(self, inlining: subpool.Pool, gates: Gates) -> None:
        started, release = gates(), gates()
        first = inlining.spawn(refused.opening_and, started, release)
        started.wait()
        second = inlining.spawn(refused.opening)
        assert second.cancel()
        assert not first.cancel()
        assert not second.running()
        assert first.running()
        release.open()
        assert moved(inlining, result(first))
        with pytest.raises(CancelledError):
            second.result()

    def test_a_caller_that_joins_runs_what_waits(self, inlining: subpool.Pool, gates: Gates) -> None:
        started, release = gates(), gates()
        first = inlining.spawn(refused.opening_and, started, release)
        started.wait()
        assert inlining.spawn(refused.opening).join(tasks.PATIENCE) == refused.place()
        release.open()
        result(first)

    def test_close_waits_for_it(self, gates: Gates) -> None:
        started, release = gates(), gates()
        with subpool.Pool(1) as pool:
            task = pool.spawn(refused.opening_and, started, release)
            started.wait()
            threading.Timer(0.01, release.open).start()
        assert task.done()

    def test_a_deadline_is_seen_by_who_asks(self, inlining: subpool.Pool, gates: Gates) -> None:
        """Deadlines are seen at the next subpool call."""
        started, asked = gates(), gates()
        task = inlining.spawn(refused.opening_asking, started, asked, timeout=0.01)
        with pytest.raises(TimeoutError, match=r"0\.01 s"):
            result(task)
        asked.wait()

    def test_a_program_ends_beside_it(self, tmp_path: Path) -> None:
        source = f"""
            import tasks, tasks_refused, subpool, warnings
            warnings.simplefilter("ignore")
            started = tasks_refused.NamedGate.create({str(tmp_path / "started")!r})
            never = tasks_refused.NamedGate.create({str(tmp_path / "never")!r})
            pool = subpool.Pool(1)
            waiting = [pool.spawn(tasks_refused.opening_stuck, started, never) for _ in range(3)]
            started.wait()
            print("end")
        """
        silent(run([written(source, tmp_path)]), "end\n")


class TestProcessLane:
    """`"process"` sends such tasks to worker processes, so that they run in parallel too."""

    @pytest.fixture(autouse=True)
    def nothing_is_too_short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("subpool._schedule.lane.SHORT", 0.0)

    def test_runs_in_parallel(self, processing: subpool.Pool, named: NamedGates) -> None:
        first, second = named(), named()
        spawned = [
            processing.spawn(refused.opening_meeting, first, second),
            processing.spawn(refused.opening_meeting, second, first),
        ]
        wait(spawned, tasks.PATIENCE)
        assert len({result(task)[1] for task in spawned} | {HERE}) == 3

    def test_foreground_work_runs_in_parallel(self, processing: subpool.Pool, named: NamedGates) -> None:
        _known(processing, named)
        first, second, third = named(), named(), named()
        places = processing.join_all(
            [
                partial(refused.opening_meeting, first, second),
                partial(refused.opening_meeting, second, third),
                partial(refused.opening_meeting, third, first),
            ]
        )
        assert len({process for _, process, _ in places}) == 3
        assert places[0] == refused.place()

    def test_scope_tasks_run_in_parallel(self, processing: subpool.Pool, named: NamedGates) -> None:
        _known(processing, named)
        first, second = named(), named()
        with processing.scope() as scope:
            spawned = [
                scope.spawn(refused.opening_meeting, first, second),
                scope.spawn(refused.opening_meeting, second, first),
            ]
        assert len({task.result()[1] for task in spawned}) == 2

    def test_a_caller_takes_back_what_no_process_has_begun(self, named: NamedGates) -> None:
        """Synchronous work has a thread processing it, whatever the processes are doing."""
        with subpool.Pool(1, on_unsupported="process") as pool:
            result(pool.spawn(refused.opening))
            started, release = named(), named()
            busy = pool.spawn(refused.opening_and, started, release)
            started.wait()
            assert pool.join_all([refused.opening] * 30) == [refused.place()] * 30
            release.open()
            result(busy)

    def test_cancel_stops_what_runs(self, processing: subpool.Pool, named: NamedGates) -> None:
        lost = processing.stats().workers_lost
        started, unwound = named(), named()
        task = processing.spawn(refused.opening_spinning, started, unwound)
        started.wait()
        assert task.running()
        assert task.cancel()
        unwound.wait()
        with pytest.raises(CancelledError):
            task.result()
        assert processing.stats().workers_lost == lost

    def test_cancel_at_any_moment(self, processing: subpool.Pool, named: NamedGates) -> None:
        lost, gate = processing.stats().workers_lost, named()
        for wanted in range(30):
            spawned = [processing.spawn(refused.opening_spinning, gate, gate) for _ in range(2)]
            for _ in range(wanted):
                spawned[0].running()
            assert all(task.cancel() for task in spawned)
        assert result(processing.spawn(refused.opening_identity, 1)) == 1
        assert processing.stats().workers_lost == lost

    def test_cancelled_is_true_for_who_asks(self, processing: subpool.Pool, named: NamedGates) -> None:
        started = named()
        task = processing.spawn(refused.opening_asking, started)
        started.wait()
        assert task.cancel()

    def test_a_timeout_stops_what_runs(self, processing: subpool.Pool, named: NamedGates) -> None:
        started, unwound = named(), named()
        task = processing.spawn(refused.opening_spinning, started, unwound, timeout=0.5)
        with pytest.raises(TimeoutError, match=r"0\.5 s"):
            result(task)
        unwound.wait()

    def test_a_failing_scope_stops_what_runs(self, processing: subpool.Pool, named: NamedGates) -> None:
        _known(processing, named)
        with pytest.raises(CancelledError):
            result(_cancelled(processing.spawn(refused.opening_spinning, named(), named())))
        started, unwound = named(), named()

        def fail() -> None:
            started.wait()
            raise KeyError

        with pytest.raises(KeyError):
            processing.join(fail, partial(refused.opening_spinning, started, unwound))
        unwound.wait()

    def test_one_stuck_in_c_is_ended(self, named: NamedGates, monkeypatch: pytest.MonkeyPatch) -> None:
        with subpool.Pool(1, on_unsupported="process") as pool:
            with monkeypatch.context() as patch:
                patch.setattr("subpool.pool.GRACE", 0.05)  # that of tasks; not that of the pool's own end
                result(pool.spawn(tasks.zero))
            started, never = named(), named()
            task = pool.spawn(refused.opening_stuck, started, never)
            started.wait()
            assert task.cancel()
            assert moved(pool, result(pool.spawn(refused.opening)))
            assert pool.stats().workers_lost == 1

    def test_errors_keep_their_type_and_traceback(self, processing: subpool.Pool) -> None:
        with pytest.raises(tasks.Refusal, match="refused") as raised:
            result(processing.spawn(refused.opening_refuse, 7, name="seven"))
        assert raised.value.args == ("refused", 7)
        assert "opening_refuse" in traceback_of(raised.value)

    def test_a_process_that_dies_is_replaced(self, processing: subpool.Pool) -> None:
        with pytest.raises(subpool.WorkerLostError):
            result(processing.spawn(refused.opening_exit))
        assert moved(processing, result(processing.spawn(refused.opening)))

    def test_values_cross_whole(self, processing: subpool.Pool) -> None:
        for value in ({"a": [1, 2]}, b"x" * 5_000_000, "é" * 100_000, None):
            assert result(processing.spawn(refused.opening_identity, value)) == value
        assert result(processing.spawn(refused.opening_lambda))() == 42

    def test_what_cannot_cross_is_named(self, processing: subpool.Pool) -> None:
        with pytest.raises(subpool.SerializationError, match=r"^args\[0\]"):
            result(processing.spawn(refused.hosted, threading.Lock()))
        with pytest.raises(subpool.SerializationError, match=r"^result"):
            result(processing.spawn(refused.opening_file))

    def test_names_and_callbacks(self, processing: subpool.Pool) -> None:
        called = threading.Event()
        task = processing.spawn(refused.opening, name="one")
        task.add_done_callback(lambda _: called.set())
        assert called.wait(tasks.PATIENCE)
        assert task.name == "one"

    def test_forks_in_a_process_run_in_order(self, processing: subpool.Pool) -> None:
        places = result(processing.spawn(refused.opening_fork))
        assert places[0] == places[1]

    def test_the_initializer_is_called(self) -> None:
        with subpool.Pool(1, on_unsupported="process", initializer=refused.initialise, initargs=("here",)) as pool:
            assert result(pool.spawn(refused.initialised)) == ["here"]

    def test_paths_added_later_are_seen(
        self, processing: subpool.Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        result(processing.spawn(refused.opening))
        (tmp_path / "found_later.py").write_text("")
        monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
        result(processing.spawn(subpool.needs_host(refused.import_by_name), "found_later"))
        del refused.import_by_name._subpool_needs_host  # type: ignore[attr-defined]

    def test_close_finishes_what_it_has(self) -> None:
        with subpool.Pool(2, on_unsupported="process") as pool:
            spawned = [pool.spawn(refused.opening_identity, number) for number in range(50)]
        assert [task.result(0) for task in spawned] == list(range(50))

    @pytest.mark.parametrize("waits", [True, False])
    def test_close_cancels(self, named: NamedGates, waits: bool) -> None:
        started, unwound = named(), named()
        pool = subpool.Pool(1, on_unsupported="process")
        running = pool.spawn(refused.opening_spinning, started, unwound)
        started.wait()
        waiting = pool.spawn(refused.opening)
        pool.close(wait=waits, cancel=True)
        for raised in (running.exception, waiting.exception):
            with pytest.raises(CancelledError):
                raised(tasks.PATIENCE)


def _known(pool: subpool.Pool, named: NamedGates) -> None:
    """From now on the pool knows that `opening_meeting` is refused."""
    gate = named()
    gate.open()
    result(pool.spawn(refused.opening_meeting, gate, gate))


def _cancelled[R](task: subpool.Task[R]) -> subpool.Task[R]:
    task.cancel()
    return task


class TestProgramsWithProcesses:
    """Closed with the pool, at exit too, silently; around a fork; and from a script without a guard."""

    PREFACE = """
        import os, sys, warnings
        import subpool, tasks, tasks_refused
        warnings.filterwarnings("ignore", category=subpool.UnsupportedWarning)

        def local(number, host):
            import tracemalloc
            return number, os.getpid() != host

        pool = subpool.Pool(1, on_unsupported="process")
    """

    def run(self, source: str, folder: Path, stdout: str, code: int = 0) -> None:
        silent(run(["-X", "dev", written(self.PREFACE + source, folder)]), stdout, code)

    def test_without_a_guard(self, tmp_path: Path) -> None:
        self.run(
            """
        print([pool.spawn(local, number, os.getpid()).result() for number in range(3)])
        """,
            tmp_path,
            "[(0, True), (1, True), (2, True)]\n",
        )

    def test_that_prints(self, tmp_path: Path) -> None:
        self.run(
            """
        def hello():
            import tracemalloc
            print("hello")
        pool.spawn(hello).result()
        """,
            tmp_path,
            "hello\n",
        )

    def test_that_ends_beside_a_running_task(self, tmp_path: Path) -> None:
        self.run(
            f"""
        started = tasks_refused.NamedGate.create({str(tmp_path / "started")!r})
        unwound = tasks_refused.NamedGate.create({str(tmp_path / "unwound")!r})
        tasks_run = [pool.spawn(tasks_refused.opening_spinning, started, unwound) for _ in range(3)]
        started.wait()
        print("end", flush=True)
        sys.exit(5)
        """,
            tmp_path,
            "end\n",
            5,
        )

    def test_that_ends_beside_one_stuck_in_c(self, tmp_path: Path) -> None:
        self.run(
            f"""
        started = tasks_refused.NamedGate.create({str(tmp_path / "started")!r})
        never = tasks_refused.NamedGate.create({str(tmp_path / "never")!r})
        task = pool.spawn(tasks_refused.opening_stuck, started, never)
        started.wait()
        print("end", flush=True)
        """,
            tmp_path,
            "end\n",
        )

    def test_that_forks(self, tmp_path: Path) -> None:
        self.run(
            """
        print(pool.spawn(local, 1, os.getpid()).result(), flush=True)
        child = os.fork()
        print(pool.spawn(local, 2, os.getpid()).result(), flush=True)
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        """,
            tmp_path,
            "(1, True)\n(2, True)\n(2, True)\n",
        )


class TestRecognition:
    """Refusals are recognised by their cause, and the blame goes to the extension module that refused."""

    def test_by_the_mark(self) -> None:
        error = extensions.mark(ImportError("any words"), "package._part")
        assert extensions.refusing_module(error) == "package._part"
        assert error.name == "package._part"

    def test_through_causes_and_contexts(self) -> None:
        inner = extensions.mark(ImportError("no"), "package._part")
        caused, wrapped, other = ImportError("advice"), ImportError("advice"), KeyError("unrelated")
        caused.__cause__ = inner
        wrapped.__context__ = other.__context__ = inner
        assert extensions.refusing_module(caused) == extensions.refusing_module(wrapped) == "package._part"
        assert extensions.refusing_module(other) is None
        assert extensions.refusing_module(other, lenient=True) == "package._part"

    def test_by_the_words_of_cpython(self) -> None:
        error = ImportError("module a.b does not support loading in subinterpreters")
        assert extensions.refusing_module(error) == "a.b"
        assert extensions.refusing_module(ImportError("no subinterpreter here")) is None
        assert extensions.refusing_module(ModuleNotFoundError("No module named 'x'", name="x")) is None
        assert extensions.refusing_module(None) is None

    @pytest.mark.parametrize(
        "function, offset_of, expected",
        [
            (refused.opening, "IMPORT_NAME", True),
            (refused.opening_after_words, "IMPORT_NAME", True),
            (refused.opening_after_words, "IMPORT_FROM", True),
            (refused.opening_late, "IMPORT_NAME", False),
            (refused.opening_guarded, "IMPORT_NAME", False),
            (refused.opening, "RETURN_VALUE", False),
        ],
    )
    def test_of_opening_imports(self, function: Callable[..., object], offset_of: str, expected: bool) -> None:
        import dis

        found = [each.offset for each in dis.get_instructions(function) if each.opname == offset_of]
        assert found
        assert {opens_with(function.__code__, offset) for offset in found} == {expected}

    def test_constants_are_no_imports(self) -> None:
        import dis

        names: dict[str, Any] = {}
        exec("def f():\n global g\n g = 1\n import tracemalloc\ndef h():\n x = 1\n import tracemalloc", names)
        for name in "fh":
            function = names[name]
            (offset,) = [each.offset for each in dis.get_instructions(function) if each.opname == "IMPORT_NAME"]
            assert not opens_with(function.__code__, offset)


class TestPackages:
    """Packages that refuse on every supported CPython."""

    @pytest.mark.parametrize("policy", ["inline", "process"])
    @pytest.mark.parametrize("name", REFUSING)
    def test_runs_in_its_lane(self, name: str, policy: Unsupported) -> None:
        needs(name)
        with warnings.catch_warnings(record=True) as caught, subpool.Pool(1, on_unsupported=policy) as pool:
            warnings.simplefilter("always")

            namespace: dict[str, Any] = {"refused": refused}
            exec(f"def local():\n import {name}\n return refused.place()", namespace)
            for _ in range(3):
                assert moved(pool, result(pool.spawn(namespace["local"])))
            with pytest.raises(subpool.UnsupportedInSubinterpreter, match=REFUSING[name]):
                result(pool.spawn(refused.package, name))
        ours = [str(each.message) for each in caught if each.category is subpool.UnsupportedWarning]
        assert [text.partition(" ")[0] for text in ours] == [REFUSING[name]]

    @pytest.mark.parametrize("policy", ["inline", "process"])
    def test_arrays_cross(self, policy: Unsupported) -> None:
        numpy: Any = needs("numpy")
        with subpool.Pool(1, on_unsupported=policy) as pool:
            for _ in range(3):
                total, place = result(pool.spawn(refused.numpy_sum, [float(number) for number in range(10)]))
                assert total == 45
                assert moved(pool, place)
                assert result(pool.spawn(tasks.identity, numpy.arange(3))).tolist() == [0, 1, 2]
            assert result(pool.spawn(tasks.where)) == 0
