"""Stack dumps: they tell what every worker does, whatever it does, and hang for none."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import tasks
import tasks_stuck
from helpers import expect, program, run, running, written
from tasks import PATIENCE, Gate

import subpool

type Gates = Callable[[], Gate]


def dumped(pool: subpool.Pool, timeout: float = PATIENCE) -> str:
    file = io.StringIO()
    pool.dump_stacks(file, timeout=timeout)
    return file.getvalue()


class TestWorkers:
    def test_that_run_python_code(self, single: subpool.Pool, gates: Gates) -> None:
        started = gates()
        task = single.spawn(tasks.spin_until_stopped, started, gates(), name="the spinner")
        started.wait()
        text = dumped(single)
        assert task.cancel()
        assert "tasks.spin_until_stopped 'the spinner', run by worker 0 for " in text
        assert " in spin_until_stopped\n" in text

    def test_that_are_blocked_in_c(self, single: subpool.Pool, gates: Gates) -> None:
        started, release = gates(), gates()
        task = single.spawn(tasks_stuck.be_stuck, started, release)
        started.wait()
        text = dumped(single)
        release.open()
        assert task.result(PATIENCE) == 0
        assert " in be_stuck\n" in text

    def test_that_have_nothing_to_do(self, single: subpool.Pool) -> None:
        assert single.spawn(tasks.where).result(PATIENCE) == 0
        assert "Worker 0: " in dumped(single)

    def test_that_wait_for_others(self, double: subpool.Pool, gates: Gates) -> None:
        ready, started, release = gates(), gates(), gates()
        task = double.spawn(tasks_stuck.join_with_stuck_half, ready, started, release)
        ready.wait()
        text = dumped(double)
        while "waits for" not in text:  # it looks around before it sleeps
            text = dumped(double)
        release.open()
        task.result(PATIENCE)
        assert "tasks_stuck.be_stuck, run by worker " in text
        assert " in join_with_stuck_half\n" in text

    def test_that_hold_their_gil(self, tmp_path: Path) -> None:
        """The dump does not hang, and tells what is known of them."""
        path = written(
            """
            import io, subpool, tasks_stuck
            from tasks import Gate
            pool, started = subpool.Pool(1), Gate.create()
            pool.spawn(tasks_stuck.announce_and_hang, started)
            started.wait()
            text = ""
            while "does not answer" not in text:
                file = io.StringIO()
                subpool.dump_stacks(file, timeout=0.2)
                text = file.getvalue()
            print("tasks_stuck.announce_and_hang, run by worker 0 for " in text)
            """,
            tmp_path,
        )
        result = run([path])
        assert (result.stdout, result.stderr) == ("True\n", "")


class TestFiles:
    def test_a_descriptor_and_a_file(self, single: subpool.Pool, tmp_path: Path) -> None:
        path = tmp_path / "dump"
        with path.open("w", encoding="utf-8") as file:
            file.write("before\n")
            single.dump_stacks(file, timeout=PATIENCE)
            single.dump_stacks(file.fileno(), timeout=PATIENCE)
        text = path.read_text(encoding="utf-8")
        assert text.startswith("before\nsubpool: what runs now")
        assert text.count("Thread MainThread") == 2

    def test_standard_error(self, single: subpool.Pool, capfd: pytest.CaptureFixture[str]) -> None:
        single.dump_stacks(timeout=PATIENCE)
        assert " in TestFiles.test_standard_error\n" in capfd.readouterr().err

    def test_something_else(self, single: subpool.Pool) -> None:
        with pytest.raises(TypeError, match="neither a text file nor a file descriptor"):
            single.dump_stacks(object())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    def test_in_a_worker(self, single: subpool.Pool) -> None:
        assert isinstance(single.spawn(subpool.dump_stacks).exception(PATIENCE), RuntimeError)

    def test_without_workers_and_before_the_start(self, inline: subpool.Pool) -> None:
        assert "<Pool of 0 workers, running>" in dumped(inline)
        with subpool.Pool(1) as pool:
            assert "<Pool of 1 workers, idle>: not started" in dumped(pool)


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="there is no such signal")
def test_on_a_signal(tmp_path: Path) -> None:
    """The program goes on, and a handler that was there is called, too."""
    source = program(
        """
        import os, signal, subpool, tasks
        from tasks import Gate
        signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"before\\n"))
        subpool.dump_stacks_on(signal.SIGUSR1)
        pool, started, release = subpool.Pool(1), Gate.create(), Gate.create()
        task = pool.spawn(tasks.hold, started, release)
        started.wait()
        print("ready", flush=True)
        task.add_done_callback(lambda _: None)
        input()
        release.open()
        print(task.result(20), flush=True)
        """
    )
    with running([written(source, tmp_path)]) as process:
        expect(process, "ready")
        process.send_signal(signal.SIGUSR1)
        expect(process, "before")
        stdout, stderr = process.communicate("\n")
    assert (stdout, process.returncode) == ("0\n", 0)
    assert " in hold\n" in stderr


def test_when_a_test_hangs(tmp_path: Path) -> None:
    """The suite's own time-out tells what the workers do."""
    path = written(
        """
        import subpool, tasks
        from tasks import Gate

        def test_hangs() -> None:
            pool, release = subpool.Pool(1), Gate.create()
            pool.spawn(tasks.hold, Gate.create(), release).result()
        """,
        tmp_path,
        "test_hangs.py",
    )
    options = ["-p", "conftest", "-p", "no:cacheprovider", "--timeout", "3", "--timeout-method", "thread"]
    result = run(["-m", "pytest", "-c", os.devnull, "--rootdir", tmp_path, *options, path])
    assert result.returncode == 1
    assert " in hold\n" in result.stdout
    assert " in test_hangs\n" in result.stdout
