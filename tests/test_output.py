"""What workers print, log and warn about arrives."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import tasks
from helpers import end, expect, run, running, silent, written

import subpool


class _Collector(logging.Handler):
    """A handler of the host's, which can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self._arrived = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._arrived:
            self.records.append(record)
            self._arrived.notify_all()

    def wait_for(self, count: int) -> list[logging.LogRecord]:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.records) >= count, tasks.PATIENCE)
        return self.records


@pytest.fixture
def collector() -> Iterator[_Collector]:
    logger = logging.getLogger("tests.tasks")
    handler = _Collector()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


class TestPrinting:
    """What a worker prints appears at once and in whole lines."""

    def test_in_whole_lines(self, tmp_path: Path) -> None:
        path = written(
            """
            import subpool, tasks
            with subpool.Pool(3) as pool:
                for task in [pool.spawn(tasks.chatter, name, 200, 70) for name in "abc"]:
                    task.result()
            """,
            tmp_path,
        )
        result = run([path])
        assert (result.returncode, result.stderr) == (0, "")
        assert sorted(result.stdout.splitlines()) == [name * 70 for name in "abc" for _ in range(200)]

    def test_before_the_callbacks(self, tmp_path: Path) -> None:
        path = written(
            """
            import subpool, tasks
            with subpool.Pool(1) as pool:
                for number in range(20):
                    task = pool.spawn(tasks.say, "said", number)
                    task.add_done_callback(lambda _, number=number: print("called", number))
            """,
            tmp_path,
        )
        result = run([path])
        assert (result.returncode, result.stderr) == (0, "")
        lines = result.stdout.splitlines()
        assert all(lines.index(f"said {number}") < lines.index(f"called {number}") for number in range(20))

    def test_at_once(self, tmp_path: Path) -> None:
        path = written(
            """
            import sys, subpool, tasks
            gate = tasks.Gate.create()
            def talk():
                print("first")
                gate.wait()
                print("second")
            with subpool.Pool(1) as pool:
                task = pool.spawn(talk)
                sys.stdin.readline()
                gate.open()
                task.result()
                print("third")
            """,
            tmp_path,
        )
        with running([path]) as process:
            expect(process, "first")
            silent(end(process, "go on\n"), "second\nthird\n")

    def test_in_order_with_what_the_caller_prints(self, tmp_path: Path) -> None:
        path = written(
            """
            import subpool, tasks
            with subpool.Pool(1) as pool:
                for number in range(20):
                    print("host", number)
                    pool.spawn(tasks.say, "worker", number).result()
            """,
            tmp_path,
        )
        silent(run([path]), "".join(f"host {number}\nworker {number}\n" for number in range(20)))

    def test_in_several_pieces(self, tmp_path: Path) -> None:
        path = written(
            """
            import sys, subpool
            def pieces(name):
                for _ in range(50):
                    print(name, end=" ")
                    sys.stdout.write("and ")
                    print(name)
            with subpool.Pool(2) as pool:
                for task in [pool.spawn(pieces, name) for name in ("this", "that")]:
                    task.result()
            """,
            tmp_path,
        )
        result = run([path])
        assert (result.returncode, result.stderr) == (0, "")
        assert sorted(result.stdout.splitlines()) == ["that and that"] * 50 + ["this and this"] * 50

    def test_a_line_without_an_end(self, tmp_path: Path) -> None:
        path = written(
            """
            import subpool
            with subpool.Pool(1) as pool:
                pool.spawn(lambda: print("no end", end="")).result()
            """,
            tmp_path,
        )
        silent(run([path]), "no end")

    def test_to_standard_error(self, tmp_path: Path) -> None:
        path = written(
            """
            import sys, subpool
            with subpool.Pool(1) as pool:
                pool.spawn(lambda: print("careful: ü", file=sys.stderr)).result()
            """,
            tmp_path,
        )
        result = run([path], variables={"PYTHONIOENCODING": "utf-8"})
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "careful: ü\n")


class TestLogging:
    """Its `logging` records reach the host's own handlers and filters."""

    def test_reach_the_hosts_handlers(self, single: subpool.Pool, collector: _Collector) -> None:
        single.spawn(tasks.log, logging.WARNING, "%s of %d", "one", 3).result(tasks.PATIENCE)
        (record,) = collector.wait_for(1)
        assert record.getMessage() == "one of 3"
        assert (record.name, record.levelname, record.funcName) == ("tests.tasks", "WARNING", "log")
        assert record.filename == "tasks.py"

    def test_pass_the_hosts_levels(self, single: subpool.Pool, collector: _Collector) -> None:
        for level in (logging.DEBUG, logging.INFO, logging.ERROR):
            single.spawn(tasks.log, level, logging.getLevelName(level)).result(tasks.PATIENCE)
        assert [record.getMessage() for record in collector.wait_for(2)] == ["INFO", "ERROR"]

    def test_pass_the_hosts_filters(self, single: subpool.Pool, collector: _Collector) -> None:
        collector.addFilter(lambda record: "secret" not in record.getMessage())
        for message in ("a secret", "no such thing"):
            single.spawn(tasks.log, logging.INFO, message).result(tasks.PATIENCE)
        assert [record.getMessage() for record in collector.wait_for(1)] == ["no such thing"]

    def test_keep_their_order(self, single: subpool.Pool, collector: _Collector) -> None:
        for number in range(50):
            single.spawn(tasks.log, logging.INFO, str(number))
        assert [record.getMessage() for record in collector.wait_for(50)] == [str(number) for number in range(50)]

    def test_carry_tracebacks(self, single: subpool.Pool, collector: _Collector) -> None:
        single.spawn(tasks.log_failure).result(tasks.PATIENCE)
        (record,) = collector.wait_for(1)
        assert "ValueError: logged" in logging.Formatter().format(record)

    def test_may_have_arguments_that_cannot_cross(self, single: subpool.Pool, collector: _Collector) -> None:
        def log() -> None:
            logging.getLogger("tests.tasks").warning("about %s", threading.Lock())

        single.spawn(log).result(tasks.PATIENCE)
        (record,) = collector.wait_for(1)
        assert record.getMessage().startswith("about <unlocked _thread.lock")

    def test_from_every_worker(self, collector: _Collector) -> None:
        with subpool.Pool(3) as pool:
            for number in range(30):
                pool.spawn(tasks.log, logging.INFO, str(number))
        assert sorted(int(record.getMessage()) for record in collector.wait_for(30)) == list(range(30))

    def test_from_the_host_are_its_own(self, inline: subpool.Pool, collector: _Collector) -> None:
        inline.spawn(tasks.log, logging.INFO, "here").join()
        assert [record.getMessage() for record in collector.wait_for(1)] == ["here"]

    def test_are_out_before_the_program_ends(self, tmp_path: Path) -> None:
        path = written(
            """
            import logging, sys, subpool, tasks
            logging.basicConfig(format="%(levelname)s %(message)s", stream=sys.stdout, level=logging.INFO)
            with subpool.Pool(1) as pool:
                pool.spawn(tasks.log, logging.INFO, "last words")
            """,
            tmp_path,
        )
        silent(run([path]), "INFO last words\n")

    def test_without_any_handler(self, tmp_path: Path) -> None:
        """As in the host: the handler of last resort prints warnings on standard error."""
        path = written(
            """
            import logging, subpool, tasks
            with subpool.Pool(1) as pool:
                pool.spawn(tasks.log, logging.INFO, "hidden").result()
                pool.spawn(tasks.log, logging.WARNING, "shown").result()
            """,
            tmp_path,
        )
        result = run([path])
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "shown\n")


class TestWarnings:
    """`warnings` reach the host's own filters."""

    PROGRAM = """
        import sys, warnings, subpool, tasks
        warnings.filterwarnings("ignore", message="hidden")
        with subpool.Pool(1) as pool:
            pool.spawn(tasks.warn, "hidden").result()
            pool.spawn(tasks.warn, "shown").result()
        """

    def test_are_shown_as_the_host_would(self, tmp_path: Path) -> None:
        result = run([written(self.PROGRAM, tmp_path)])
        assert (result.returncode, result.stdout) == (0, "")
        assert "tasks.py" in result.stderr
        assert "UserWarning: shown" in result.stderr
        assert "hidden" not in result.stderr

    def test_pass_the_hosts_filters(self, tmp_path: Path) -> None:
        silent(run(["-W", "ignore", written(self.PROGRAM, tmp_path)]), "")

    def test_are_shown_once_where_the_host_says_so(self, tmp_path: Path) -> None:
        path = written(
            """
            import subpool, tasks
            with subpool.Pool(2) as pool:
                for _ in range(20):
                    pool.spawn(tasks.warn, "again").result()
            """,
            tmp_path,
        )
        result = run([path])
        assert result.stderr.count("UserWarning: again") == 1

    def test_reach_a_replaced_showwarning(self, tmp_path: Path) -> None:
        path = written(
            """
            import warnings, subpool, tasks
            warnings.showwarning = lambda message, category, *_: print(category.__name__, message)
            with subpool.Pool(1) as pool:
                pool.spawn(tasks.warn, "caught").result()
            """,
            tmp_path,
        )
        silent(run([path]), "UserWarning caught\n")
