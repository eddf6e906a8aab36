"""How programs end: each way silent and prompt, with its own exit code. Also Ctrl-C, fork, and workers stuck in C."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import tasks
from helpers import PROMPT, end, expect, program, run, running, silent, written

AT_ONCE = 2.0
"""Seconds that a program may need to end. Generous: what is feared is a wait for the worker, or for ever."""

PREFACE = """
import os, signal, sys, threading, time
from functools import partial
import subpool, tasks
from tasks import Gate
started, release, unwound = Gate.create(), Gate.create(), Gate.create()
"""


class Ended(NamedTuple):
    """How a program has ended, and how long it took from its last statement on."""

    code: int
    stdout: str
    stderr: str
    seconds: float


def _ended(source: str, folder: Path, *options: str, **variables: str) -> Ended:
    """Run a program that calls `last_words()` as it ends."""
    words = "def last_words(): print('END', time.monotonic(), flush=True)\n"
    path = folder / "program.py"
    path.write_text(PREFACE + words + written(source, folder).read_text(), encoding="utf-8")
    result = run([*options, path], variables=variables)
    now = time.monotonic()
    stdout, _, moment = result.stdout.partition("END ")
    assert moment, result
    return Ended(result.returncode, stdout, result.stderr, now - float(moment))


class TestExit:
    """A program that ends without closing it ends silently, at once, with its own exit code."""

    @pytest.mark.parametrize("options", [(), ("-X", "dev"), ("-W", "error")], ids=" ".join)
    @pytest.mark.parametrize(
        "source",
        [
            "pool = subpool.Pool(2)",
            "pool = subpool.Pool(2); pool.join(tasks.one, tasks.text)",
            "subpool.join(tasks.one, tasks.text)",
            "pool = subpool.Pool(0); pool.spawn(tasks.one)",
            "pools = [subpool.Pool(1) for _ in range(3)]\nfor pool in pools: pool.spawn(tasks.one).join()",
            "subpool.Pool(1).spawn(tasks.one).join()",
            "with subpool.Pool(2) as pool: pool.spawn(tasks.one)",
            "pool = subpool.Pool(1); pool.spawn(tasks.one); pool.close(wait=False)",
            "with subpool.Pool(1).install(): tasks.fib(12)",
        ],
    )
    def test_idle(self, tmp_path: Path, source: str, options: tuple[str, ...]) -> None:
        ended = _ended(f"{source}\nlast_words()", tmp_path, *options)
        assert (ended.stderr, ended.code) == ("", 0)
        assert ended.seconds < AT_ONCE

    @pytest.mark.parametrize(
        "busy",
        [
            "pool.spawn(tasks.spin_until_stopped, started, unwound)",
            "pool.spawn(tasks.spin_under_except_exception, started, unwound)",
            "pool.spawn(tasks.hold, started, release)",
            "pool.spawn(tasks.hold_in_c, started, release)",
            "pool.spawn(tasks.announce, started, partial(time.sleep, 30))",
            "pool.spawn(tasks.announce, started, partial(tasks.catastrophic_regex, 60))",
        ],
        ids=["loop", "except Exception", "short calls", "blocked in C", "asleep", "regex"],
    )
    def test_busy(self, tmp_path: Path, busy: str) -> None:
        source = f"pool = subpool.Pool(1)\n{busy}\nqueue = [pool.spawn(tasks.one) for _ in range(100)]\nstarted.wait()"
        ended = _ended(f"{source}\nlast_words()", tmp_path)
        assert (ended.stderr, ended.code) == ("", 0)
        assert ended.seconds < AT_ONCE

    def test_busy_with_a_fork(self, tmp_path: Path) -> None:
        ended = _ended(
            """
            pool = subpool.Pool(2)
            other = Gate.create()
            pool.spawn(tasks.fork_spinners, (started, unwound), (other, unwound))
            started.wait(); other.wait()
            last_words()
            """,
            tmp_path,
        )
        assert (ended.stderr, ended.code) == ("", 0)
        assert ended.seconds < AT_ONCE

    @pytest.mark.parametrize(
        "leave, code, stderr",
        [
            ("sys.exit()", 0, ""),
            ("sys.exit(3)", 3, ""),
            ("sys.exit('words')", 1, "words\n"),
            ("os._exit(4)", 4, ""),
            ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
        ],
    )
    @pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
    def test_code(self, tmp_path: Path, busy: bool, leave: str, code: int, stderr: str) -> None:
        work = "pool.spawn(tasks.spin_until_stopped, started, unwound); started.wait()" if busy else "pool.spawn(int)"
        ended = _ended(f"pool = subpool.Pool(1)\n{work}\nlast_words()\n{leave}", tmp_path)
        assert (ended.stderr, ended.code) == (stderr, code)
        assert ended.seconds < AT_ONCE

    @pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
    def test_exception(self, tmp_path: Path, busy: bool) -> None:
        work = "pool.spawn(tasks.hold_in_c, started, release); started.wait()" if busy else "pool.spawn(int)"
        ended = _ended(f"pool = subpool.Pool(1)\n{work}\nlast_words()\nraise ValueError('the end')", tmp_path)
        assert ended.code == 1
        assert ended.stderr.startswith("Traceback (most recent call last):")
        assert ended.stderr.endswith("ValueError: the end\n")
        assert ended.stderr.count("\n") <= 6
        assert ended.seconds < AT_ONCE

    def test_an_error_nobody_asked_for(self, tmp_path: Path) -> None:
        """Errors go to whoever asked."""
        ended = _ended(
            """
            with subpool.Pool(1) as pool:
                pool.spawn(tasks.fail)
                pool.spawn(tasks.leave, 5)
                pool.spawn(tasks.fail, KeyboardInterrupt)
                pool.spawn(tasks.identity, threading.Lock())
            last_words()
            """,
            tmp_path,
        )
        assert (ended.stderr, ended.code) == ("", 0)

    def test_sys_exit_in_a_half(self, tmp_path: Path) -> None:
        """`sys.exit` in tasks: exactly what the sequential program would raise."""
        ended = _ended(
            """
            pool = subpool.Pool(1)
            last_words()
            pool.join(started.wait, partial(tasks.announce, started, partial(tasks.leave, 7)))
            """,
            tmp_path,
        )
        assert (ended.stderr, ended.code) == ("", 7)

    def test_error_in_a_half(self, tmp_path: Path) -> None:
        """The traceback shows where it happened, remotely too."""
        ended = _ended(
            """
            pool = subpool.Pool(1)
            last_words()
            pool.join(started.wait, partial(tasks.announce, started, tasks.fail))
            """,
            tmp_path,
        )
        assert ended.code == 1
        assert ended.stderr.endswith("ValueError: on purpose\n")
        assert "subpool.errors.RemoteTraceback" in ended.stderr or "RemoteTraceback" in ended.stderr
        assert "in fail" in ended.stderr

    def test_with_a_thread_at_work(self, tmp_path: Path) -> None:
        """Forward progress: a thread that outlives the main thread gets its values."""
        ended = _ended(
            """
            pool = subpool.Pool(1)
            def work():
                started.open()
                release.wait()
                with pool.install():
                    print(tasks.fib(14))
                last_words()
            threading.Thread(target=work).start()
            started.wait()
            pool.spawn(tasks.one).join()
            release.open()
            """,
            tmp_path,
        )
        assert (ended.stdout, ended.stderr, ended.code) == ("377\n", "", 0)

    def test_with_a_daemon_at_work(self, tmp_path: Path) -> None:
        """A program that ends without closing it ends silently."""
        ended = _ended(
            """
            def work():
                while True:
                    subpool.join(tasks.one, tasks.text)
                    started.open()
            threading.Thread(target=work, daemon=True).start()
            started.wait()
            last_words()
            """,
            tmp_path,
        )
        assert (ended.stderr, ended.code) == ("", 0)
        assert ended.seconds < AT_ONCE

    def test_exit_handlers_run(self, tmp_path: Path) -> None:
        """A program ends in its own way."""
        ended = _ended(
            """
            import atexit
            atexit.register(last_words)
            atexit.register(print, "leaving")
            pool = subpool.Pool(1)
            pool.spawn(tasks.one).join()
            """,
            tmp_path,
        )
        assert (ended.stdout, ended.stderr, ended.code) == ("leaving\n", "", 0)

    def test_what_was_printed_is_out(self, tmp_path: Path) -> None:
        """What a worker prints appears at once."""
        ended = _ended(
            """
            pool = subpool.Pool(1)
            pool.spawn(tasks.say, "said").result()
            pool.spawn(tasks.hold_in_c, started, release)
            started.wait()
            last_words()
            """,
            tmp_path,
        )
        assert (ended.stdout, ended.stderr, ended.code) == ("said\n", "", 0)

    def test_program_that_cannot_print_its_errors(self, tmp_path: Path) -> None:
        """Silently, with its own exit code."""
        ended = _ended(
            "pool = subpool.Pool(1)\npool.spawn(tasks.one)\nlast_words()\nsys.stderr = None\nsys.exit(6)", tmp_path
        )
        assert (ended.stderr, ended.code) == ("", 6)


INTERRUPTED = (
    PREFACE
    + """
pool = subpool.Pool(1)
pool.spawn(tasks.one).join()
helping = Gate.create()

def blocked():
{blocked}

def watch():
    {ready}.wait()
    threading.Event().wait(0.05)
    print("ready", flush=True)

watcher = threading.Thread(target=watch)
watcher.start()
try:
    blocked()
except KeyboardInterrupt:
    print("interrupted", flush=True)
watcher.join()
release.open()
{afterwards}
print(pool.join(tasks.one, tasks.text), pool.spawn(tasks.add, 1, 2).result(20), flush=True)
pool.close()
"""
)


def _interrupt(folder: Path, blocked: str, *, ready: str = "started", afterwards: str = "") -> float:
    """Interrupt a blocked program; it must use its pool again. Returns the seconds that it took to answer."""
    body = "".join(
        f"    {line.strip()}\n" if not line.startswith("    ") else f"{line}\n" for line in blocked.splitlines()
    )
    path = folder / "program.py"
    path.write_text(INTERRUPTED.format(blocked=body, ready=ready, afterwards=afterwards), encoding="utf-8")
    with running([path]) as process:
        expect(process, "ready")
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        expect(process, "interrupted")
        seconds = time.monotonic() - begin
        silent(end(process), "(1, 'text') 3\n")
        return seconds


class TestInterrupt:
    """Ctrl-C in a blocked or helping caller raises `KeyboardInterrupt` within half a second; the pool stays usable."""

    def test_join(self, tmp_path: Path) -> None:
        """What the call had started is asked to stop."""
        blocked = "pool.join(started.wait, partial(tasks.spin_until_stopped, started, unwound))"
        assert _interrupt(tmp_path, blocked, afterwards="unwound.wait()") < PROMPT

    def test_join_with_a_half_stuck_in_c(self, tmp_path: Path) -> None:
        """… and waited for only as long as it answers quickly."""
        blocked = "pool.join(started.wait, partial(tasks.hold_in_c, started, release))"
        assert _interrupt(tmp_path, blocked) < PROMPT

    def test_join_all(self, tmp_path: Path) -> None:
        blocked = "pool.join_all([started.wait, partial(tasks.spin_until_stopped, started, unwound)])"
        assert _interrupt(tmp_path, blocked, afterwards="unwound.wait()") < PROMPT

    def test_scope(self, tmp_path: Path) -> None:
        blocked = (
            "with pool.scope() as s:\n"
            "        s.spawn(tasks.spin_until_stopped, started, unwound)\n"
            "        started.wait()"
        )
        assert _interrupt(tmp_path, blocked, afterwards="unwound.wait()") < PROMPT

    @pytest.mark.parametrize("method", ["result", "join", "exception"])
    def test_task(self, tmp_path: Path, method: str) -> None:
        blocked = f"task = pool.spawn(tasks.hold, started, release)\nstarted.wait()\ntask.{method}()"
        assert _interrupt(tmp_path, blocked) < PROMPT

    def test_task_stuck_in_c(self, tmp_path: Path) -> None:
        blocked = "task = pool.spawn(tasks.hold_in_c, started, release)\nstarted.wait()\ntask.join()"
        assert _interrupt(tmp_path, blocked) < PROMPT

    def test_helping_with_work_of_ones_own(self, tmp_path: Path) -> None:
        """A helping caller: it runs the inner half, which the worker has left it."""
        blocked = "pool.join(started.wait, partial(tasks.fork_spinners, (started, unwound), (helping, release)))"
        assert _interrupt(tmp_path, blocked, ready="helping", afterwards="unwound.wait()") < PROMPT

    def test_running_the_task_oneself(self, tmp_path: Path) -> None:
        """A helping caller: it runs the task itself."""
        blocked = (
            "holder = pool.spawn(tasks.hold, helping, release)\n"
            "helping.wait()\n"
            "pool.spawn(tasks.spin_until_stopped, started, unwound).join()"
        )
        assert _interrupt(tmp_path, blocked, afterwards="unwound.wait()") < PROMPT

    def test_first_half(self, tmp_path: Path) -> None:
        blocked = "pool.join(partial(tasks.spin_until_stopped, started, unwound), tasks.zero)"
        assert _interrupt(tmp_path, blocked, afterwards="unwound.wait()") < PROMPT

    def test_inside_nested_joins(self, tmp_path: Path) -> None:
        blocked = (
            "inner = partial(pool.join, started.wait, partial(tasks.spin_until_stopped, started, unwound))\n"
            "pool.join(tasks.zero, tasks.zero, partial(pool.join, inner, tasks.zero))"
        )
        assert _interrupt(tmp_path, blocked, afterwards="unwound.wait()") < PROMPT

    def test_closing_a_pool_leaves_nothing_undone(self, tmp_path: Path) -> None:
        """What the interrupted call had started is asked to stop; what has not begun fails."""
        blocked = (
            "other = subpool.Pool(1)\n"
            "tasks_ = [other.spawn(tasks.hold, started, release), other.spawn(tasks.one)]\n"
            "started.wait()\n"
            "try: other.close()\n"
            "finally: assert [type(task.exception(20)) for task in tasks_] == [subpool.PoolClosedError] * 2"
        )
        _interrupt(tmp_path, blocked)

    def test_waiting_for_the_pool_to_close(self, tmp_path: Path) -> None:
        """A blocked caller."""
        blocked = "other = subpool.Pool(1)\nother.spawn(tasks.hold, started, release)\nstarted.wait()\nother.close()"
        assert _interrupt(tmp_path, blocked) < PROMPT

    @pytest.mark.parametrize("half", ["spin_until_stopped, started, unwound", "hold_in_c, started, release"])
    def test_nobody_catches_it(self, tmp_path: Path, half: str) -> None:
        """A program ends at once, with its own exit code."""
        source = f"""
pool = subpool.Pool(1)
def watch():
    started.wait()
    print("ready", flush=True)
threading.Thread(target=watch, daemon=True).start()
pool.join(started.wait, partial(tasks.{half}))
"""
        path = tmp_path / "program.py"
        path.write_text(PREFACE + source, encoding="utf-8")
        with running([path]) as process:
            expect(process, "ready")
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            result = end(process)
        assert time.monotonic() - begin < PROMPT + AT_ONCE
        assert result.returncode == -signal.SIGINT
        assert result.stderr.startswith("Traceback")
        assert result.stderr.rstrip().endswith("KeyboardInterrupt")
        assert "Warning" not in result.stderr


FORKING = (
    PREFACE
    + """
pool = subpool.Pool(1)

def use(who):
    print(who, pool.join(tasks.one, tasks.text), pool.spawn(tasks.where).result(20), flush=True)

def wait_for(child):
    print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
)


def _forks(folder: Path, source: str, stdout: str, *options: str) -> None:
    path = folder / "program.py"
    path.write_text(FORKING + written(source, folder).read_text(), encoding="utf-8")
    silent(run([*options, path]), stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
class TestFork:
    """Around `os.fork` an idle pool steps aside and comes back at next use in parent and child."""

    @pytest.mark.parametrize("leave", ["os._exit(3)", "sys.exit(3)"])
    @pytest.mark.parametrize("options", [(), ("-W", "error"), ("-X", "dev")], ids=" ".join)
    def test_idle(self, tmp_path: Path, options: tuple[str, ...], leave: str) -> None:
        _forks(
            tmp_path,
            f"""
            use("before")
            child = os.fork()
            if not child:
                use("in the child")
                {leave}
            wait_for(child)
            use("in the parent")
            """,
            "before (1, 'text') 0\nin the child (1, 'text') 0\nchild 3\nin the parent (1, 'text') 0\n",
            *options,
        )

    def test_before_first_use(self, tmp_path: Path) -> None:
        _forks(
            tmp_path,
            """
            child = os.fork()
            if not child:
                use("in the child")
                sys.exit(0)
            wait_for(child)
            use("in the parent")
            """,
            "in the child (1, 'text') 0\nchild 0\nin the parent (1, 'text') 0\n",
        )

    def test_child_that_does_not_use_it(self, tmp_path: Path) -> None:
        _forks(
            tmp_path,
            """
            use("before")
            child = os.fork()
            if not child:
                sys.exit(5)
            wait_for(child)
            """,
            "before (1, 'text') 0\nchild 5\n",
        )

    def test_again_and_again(self, tmp_path: Path) -> None:
        _forks(
            tmp_path,
            """
            for _ in range(4):
                use("parent")
                child = os.fork()
                if not child:
                    grandchild = os.fork()
                    if not grandchild:
                        use("grandchild")
                        os._exit(0)
                    wait_for(grandchild)
                    os._exit(0)
                wait_for(child)
            """,
            "parent (1, 'text') 0\ngrandchild (1, 'text') 0\nchild 0\nchild 0\n" * 4,
        )

    def test_global_pool(self, tmp_path: Path) -> None:
        _forks(
            tmp_path,
            """
            print(subpool.join(tasks.one, tasks.text), flush=True)
            child = os.fork()
            if not child:
                print(subpool.join(tasks.one, tasks.text), flush=True)
                sys.exit(0)
            wait_for(child)
            print(subpool.join(tasks.one, tasks.text), flush=True)
            """,
            "(1, 'text')\n(1, 'text')\nchild 0\n(1, 'text')\n",
        )

    def test_multiprocessing(self, tmp_path: Path) -> None:
        _forks(
            tmp_path,
            """
            import multiprocessing
            use("before")
            process = multiprocessing.get_context("fork").Process(target=use, args=("in the child",))
            process.start()
            process.join()
            print(process.exitcode, flush=True)
            use("after")
            """,
            "before (1, 'text') 0\nin the child (1, 'text') 0\n0\nafter (1, 'text') 0\n",
        )

    def test_waits_a_moment_for_running_tasks(self, tmp_path: Path) -> None:
        """A fork while tasks run waits for them a moment."""
        _forks(
            tmp_path,
            """
            task = pool.spawn(tasks.announce, started, partial(time.sleep, 0.05))
            started.wait()
            child = os.fork()
            if not child:
                use("in the child")
                os._exit(0)
            wait_for(child)
            print(task.result(), flush=True)
            """,
            "in the child (1, 'text') 0\nchild 0\nNone\n",
        )

    def test_warns_when_they_go_on(self, tmp_path: Path) -> None:
        """… then warns and says what to use instead."""
        _forks(
            tmp_path,
            """
            import warnings
            task = pool.spawn(tasks.hold_in_c, started, release)
            started.wait()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                quiet, loud = os.open(os.devnull, os.O_WRONLY), os.dup(2)
                os.dup2(quiet, 2)  # the child dies, and CPython 3.13 says so
                child = os.fork()
                if not child:
                    os._exit(0)
                os.waitpid(child, 0)
                os.dup2(loud, 2)
            said = [str(warning.message) for warning in caught if "subpool" in str(warning.message)]
            print(len(said), "fork" in said[0], "spawn" in said[0] or "forkserver" in said[0], flush=True)
            release.open()
            print(task.result(20), flush=True)
            use("after")
            """,
            "1 True True\n0\nafter (1, 'text') 0\n",
        )

    def test_subprocesses_are_no_forks(self, tmp_path: Path) -> None:
        """`subprocess` and the spawn and forkserver start methods are fine."""
        _forks(
            tmp_path,
            """
            import subprocess
            task = pool.spawn(tasks.hold, started, release)
            started.wait()
            print(subprocess.check_output([sys.executable, "-c", "print('hello')"], text=True), end="", flush=True)
            release.open()
            print(task.result(20), pool.spawn(subprocess.call, [sys.executable, "-c", ""]).result(20))
            """,
            "hello\n0 0\n",
        )

    def test_a_subprocess_from_a_worker(self, tmp_path: Path) -> None:
        """`subprocess` is fine."""
        _forks(
            tmp_path,
            """
            import subprocess
            print(pool.spawn(subprocess.check_output, [sys.executable, "-c", "print('hello')"]).result(20))
            """,
            "b'hello\\n'\n",
        )


class TestStuckInC:
    """A worker that does not come back within a grace period (stuck in C) is set aside and replaced."""

    @pytest.mark.parametrize(
        "stuck",
        [
            "partial(time.sleep, 40)",
            "partial(tasks.catastrophic_regex, 60)",
            "partial(release.block, 40)",
        ],
        ids=["asleep", "regex", "select"],
    )
    def test_is_replaced(self, tmp_path: Path, stuck: str) -> None:
        ended = _ended(
            f"""
            pool = subpool.Pool(1)
            task = pool.spawn(tasks.announce, started, {stuck}, timeout=0.1)
            print(type(task.exception(20)).__name__)
            print(pool.spawn(tasks.where).result(20), pool.join(tasks.one, tasks.text))
            print(pool.workers, pool.stats().workers_lost)
            last_words()
            """,
            tmp_path,
        )
        assert (ended.stdout, ended.stderr, ended.code) == ("TimeoutError\n0 (1, 'text')\n1 1\n", "", 0)
        assert ended.seconds < AT_ONCE

    def test_that_comes_back_late_does_no_harm(self, tmp_path: Path) -> None:
        """… the pool keeps its size."""
        ended = _ended(
            """
            with subpool.Pool(1) as pool:
                task = pool.spawn(tasks.hold_in_c, started, release, timeout=0.1)
                print(type(task.exception(20)).__name__)
                print(pool.spawn(tasks.where).result(20))
                release.open()
                for _ in range(100):
                    assert pool.spawn(tasks.where).result(20) == 0
                    assert pool.join(tasks.one, tasks.text) == (1, "text")
                print(pool.workers)
            last_words()
            """,
            tmp_path,
        )
        assert (ended.stdout, ended.stderr, ended.code) == ("TimeoutError\n0\n1\n", "", 0)
        assert ended.seconds < AT_ONCE

    def test_several(self, tmp_path: Path) -> None:
        """… the pool keeps its size."""
        ended = _ended(
            """
            pool = subpool.Pool(2)
            stuck = [pool.spawn(tasks.hold_in_c, started, release, timeout=0.1) for _ in range(4)]
            print([type(task.exception(25)).__name__ for task in stuck])
            print([pool.spawn(tasks.add, 1, number).result(20) for number in range(3)])
            last_words()
            """,
            tmp_path,
        )
        assert (ended.stdout, ended.stderr, ended.code) == (f"{['TimeoutError'] * 4}\n[1, 2, 3]\n", "", 0)
        assert ended.seconds < AT_ONCE

    @pytest.mark.parametrize(
        "source",
        [
            """
            pools = [subpool.Pool(1) for _ in range(5)]
            tasks_stuck.run_in_each(pools, tasks_stuck.announce_and_sleep)
            """,
            """
            pools = [subpool.Pool(1) for _ in range(3)]
            tasks_stuck.run_in_each(pools, tasks_stuck.announce_and_hang)
            """,
            """
            with subpool.Pool(1) as pool:
                task = pool.spawn(tasks_stuck.announce_and_hang, started, timeout=0.1)
                assert isinstance(task.exception(20), TimeoutError)
            """,
            """
            with subpool.Pool(1) as pool:
                pool.spawn(tasks_stuck.announce_and_sleep, started)
                started.wait()
                pool.close(cancel=True)
            """,
            """
            pool = subpool.Pool(1)
            task = pool.spawn(tasks_stuck.announce_and_hang, started)
            started.wait()
            pool.close(wait=False)
            """,
            """
            pool = subpool.Pool(1)
            task = pool.spawn(tasks_stuck.announce_and_sleep, started)
            started.wait()
            pool.close(wait=False, cancel=True)
            """,
            """
            pool = subpool.Pool(1, initializer=tasks_stuck.announce_and_hang, initargs=(started,))
            pool.spawn(tasks.one)
            started.wait()
            """,
            """
            pool = subpool.Pool(1, initializer=tasks_stuck.announce_and_sleep, initargs=(started,))
            assert pool.join(tasks.one, tasks.text) == (1, "text")
            started.wait()
            """,
            """
            pool = subpool.Pool(1, finalizer=partial(tasks_stuck.announce_and_hang, started), max_tasks_per_worker=1)
            pool.spawn(tasks.one).result()
            started.wait()
            """,
            """
            pool = subpool.Pool(1)
            def work():
                try:
                    pool.join(started.wait, partial(tasks_stuck.announce_and_sleep, started))
                except BaseException as error:
                    assert isinstance(error, subpool.WorkerLostError), error
            threading.Thread(target=work).start()
            started.wait()
            """,
            """
            pool = subpool.Pool(1)
            pool.spawn(tasks_stuck.start_a_thread, started, release).result()
            """,
        ],
        ids=[
            "several pools, asleep",
            "several pools, holding GILs",
            "closed",
            "closed, cancelled",
            "closed behind the scenes",
            "closed behind the scenes, cancelled",
            "initializer",
            "initializer asleep",
            "finalizer",
            "a thread that waits for it",
            "a thread that a task has started",
        ],
    )
    def test_ends_with_the_program(self, tmp_path: Path, source: str) -> None:
        ended = _ended(f"import tasks_stuck\n{program(source)}\nlast_words()", tmp_path)
        assert (ended.stdout, ended.stderr, ended.code) == ("", "", 0)
        assert ended.seconds < AT_ONCE

    @pytest.mark.parametrize("busy", ["announce_and_sleep", "refuse_to_stop"])
    @pytest.mark.parametrize("leave, code", [("sys.exit(3)", 3), ("raise SystemExit(4)", 4)])
    def test_leaves_the_exit_code_alone(self, tmp_path: Path, leave: str, code: int, busy: str) -> None:
        """… as long as its GIL can be had."""
        source = f"""
            import tasks_stuck
            pool = subpool.Pool(1)
            task = pool.spawn(tasks_stuck.{busy}, started, timeout=0.1)
            assert isinstance(task.exception(20), TimeoutError)
            last_words()
            {leave}
            """
        ended = _ended(source, tmp_path)
        assert (ended.stderr, ended.code) == ("", code)
        assert ended.seconds < AT_ONCE


assert tasks.PATIENCE < 60  # a wait that fails says so before the whole test is given up
