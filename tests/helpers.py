"""Host-side tools of the tests: journals, held workers, programs run as processes of their own."""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import tasks

import subpool

LIBRARY = Path(subpool.__file__).resolve().parent.parent
TESTS = Path(__file__).resolve().parent

PROMPT = 0.5
"""Seconds within which the contract wants an answer to Ctrl-C."""


class Journal:
    """Lines that tasks write wherever they run, and the host reads."""

    def __init__(self) -> None:
        self._reading, self.fd = os.pipe()
        os.set_blocking(self._reading, False)
        self._text = ""

    def lines(self) -> list[str]:
        """What has been noted so far."""
        with contextlib.suppress(BlockingIOError):
            while received := os.read(self._reading, 65536):
                self._text += received.decode()
        return self._text.splitlines()

    def wait_for(self, count: int) -> list[str]:
        """Return once there are at least `count` lines."""
        deadline = time.monotonic() + tasks.PATIENCE
        while len(self.lines()) < count:
            remaining = deadline - time.monotonic()
            assert remaining > 0, f"only {len(self.lines())} of {count} lines: {self.lines()}"
            select.select([self._reading], [], [], remaining)
        return self.lines()

    def dispose(self) -> None:
        os.close(self._reading)
        os.close(self.fd)


@contextlib.contextmanager
def gate() -> Generator[tasks.Gate]:
    """A gate that is open at the latest when the block ends."""
    it = tasks.Gate.create()
    try:
        yield it
    finally:
        it.open()
        it.dispose()


@contextlib.contextmanager
def held(pool: subpool.Pool) -> Generator[tasks.Gate]:
    """Keep every worker of the pool in a background task; the gate lets them all go."""
    release = tasks.Gate.create()
    started = [tasks.Gate.create() for _ in range(pool.workers)]
    holders = [pool.spawn(tasks.hold, mine, release) for mine in started]
    try:
        for mine in started:
            mine.wait()
        yield release
    finally:
        release.open()
        for holder in holders:
            holder.result(tasks.PATIENCE)
        for each in (release, *started):
            each.dispose()


def stolen[A, B](pool: subpool.Pool, first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Join the two, the first one waiting until a worker has started the second."""
    with gate() as started:
        return pool.join(partial(tasks.after, started, first), partial(tasks.announce, started, second))


def wait_until(condition: Callable[[], object]) -> None:
    """Return as soon as it is true; for what nobody tells."""
    deadline = time.monotonic() + tasks.PATIENCE
    pause = threading.Event()  # never set
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        pause.wait(0.005)


def in_a_batch[*Ts, R](pool: subpool.Pool, fn: Callable[[*Ts], R], calls: list[tuple[*Ts]]) -> list[subpool.Task[R]]:
    """Spawn calls that travel together, as those of a function that is known to be short; the first is harmless."""
    pool.spawn(fn, *calls[0]).exception(tasks.PATIENCE)
    host = pool._host
    assert host is not None
    backlog = host.backlog
    with held(pool):
        backlog._paces[fn] = backlog.pace = 1e3
        with backlog._lock:  # nobody sends some of them early
            spawned = [pool.spawn(fn, *call) for call in calls]
        backlog.feed()
        assert all(task._number is not None and task._number >= host.arena.slots for task in spawned)
    return spawned


def until(holds: Callable[[], object], what: str, patience: float = tasks.PATIENCE) -> None:
    """Wait for something that nobody tells; `what` is said where it does not come."""
    deadline, pause = time.monotonic() + patience, threading.Event()
    while not holds():
        assert time.monotonic() < deadline, what
        pause.wait(0.001)


def caught(call: Callable[[], object]) -> BaseException | None:
    """The exception that the call raises, of whatever kind."""
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - whatever comes is compared
        return error
    return None


def leaves(error: BaseException) -> list[BaseException]:
    """The exceptions in a group, at any depth."""
    parts: tuple[BaseException, ...] = getattr(error, "exceptions", ())
    return [leaf for part in parts for leaf in leaves(part)] or [error]


def traceback_of(error: BaseException) -> str:
    """The text of the remote traceback that an exception carries."""
    assert isinstance(error.__cause__, subpool.RemoteTraceback)
    return str(error.__cause__)


# Programs


def environment(**variables: str) -> dict[str, str]:
    """The environment of this process, with subpool and the task functions importable, and no settings of its own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SUBPOOL_", "PYTHON"))}
    return inherited | {"PYTHONPATH": os.pathsep.join((str(LIBRARY), str(TESTS)))} | variables


def program(source: str) -> str:
    return textwrap.dedent(source).strip() + "\n"


def written(source: str, folder: Path, name: str = "program.py") -> Path:
    """Write a program into a file."""
    path = folder / name
    path.write_text(program(source), encoding="utf-8")
    return path


def needs(package: str) -> ModuleType:
    """Import a package that the test is about; without it the test is skipped, unless all packages are asked for."""
    if os.environ.get("SUBPOOL_REQUIRE_PACKAGES"):
        return importlib.import_module(package)
    found: ModuleType = pytest.importorskip(package, reason=f"{package} is not installed")
    return found


def run(
    arguments: Sequence[str | os.PathLike[str]],
    *,
    stdin: str = "",
    variables: Mapping[str, str] | None = None,
    timeout: float = 60,
    python: str | os.PathLike[str] = sys.executable,
) -> subprocess.CompletedProcess[str]:
    """Run this Python with these arguments, to its end."""
    return subprocess.run(
        [python, *arguments],
        input=stdin,
        env=environment(**(variables or {})),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@contextlib.contextmanager
def running(
    arguments: Sequence[str | os.PathLike[str]], variables: Mapping[str, str] | None = None
) -> Generator[subprocess.Popen[str]]:
    """Run this Python with these arguments, while the block talks to it."""
    with subprocess.Popen(
        [sys.executable, *arguments],
        env=environment(**(variables or {})),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def expect(process: subprocess.Popen[str], line: str) -> None:
    """Read the next line that the program prints; it must be this one."""
    assert process.stdout is not None
    received = process.stdout.readline()
    if received != f"{line}\n":
        process.kill()
        rest, errors = process.communicate()
        raise AssertionError(f"expected {line!r}, got {received + rest!r}; its stderr: {errors}")


def end(process: subprocess.Popen[str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Say the last word to a program, and take what it still prints until it ends."""
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.write(stdin)
    process.stdin.close()
    stdout, stderr = process.stdout.read(), process.stderr.read()
    return subprocess.CompletedProcess(process.args, process.wait(tasks.PATIENCE), stdout, stderr)


def silent(result: subprocess.CompletedProcess[str], stdout: str, code: int = 0) -> None:
    """Assert that a program printed just this, complained about nothing, and ended with this code."""
    ended = (result.stderr, result.stdout, result.returncode)
    assert ended == ("", stdout, code), "stderr:\n{}\nstdout:\n{}\nexit code: {}".format(*ended)
