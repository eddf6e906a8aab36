"""The security of the wire: nobody outside can reach into a pool, and nothing secret stays lying about in it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path

import pytest
import tasks
import tasks_stuck
import tasks_wire
from helpers import caught, gate, held, in_a_batch, program, run, stolen, wait_until
from tasks import PATIENCE, Gate

import subpool
from subpool._schedule.host import Host
from subpool._wire import interpreters

type Gates = Callable[[], Gate]


@pytest.fixture
def secret() -> str:
    """Words that stand nowhere else; their length and place tell one from another."""
    return secrets.token_hex(16)


def host_of(pool: subpool.Pool) -> Host:
    assert pool._host is not None
    return pool._host


def holds(host: Host, secret: str) -> bool:
    """Whether the memory that all interpreters share holds a secret, or what `turned` makes of it."""
    memory = bytes(host.arena.memory)
    return secret.encode() in memory or secret[::-1].encode() in memory


def forgets(host: Host, secret: str) -> bool:
    """Whether nothing of it is left on the wire, now or in a moment."""
    wait_until(lambda: not holds(host, secret))
    assert not host.parcels
    channels = [host.root.channel, host.backlog.channel]
    return all(interpreters.count(queue) == 0 for queue in channels)


class TestSlots:
    """After a task's outcome is taken, neither argument bytes nor result bytes remain in the arena."""

    def test_hold_it_until_then(self, single: subpool.Pool, secret: str, gates: Gates) -> None:
        started, release = gates(), gates()
        task = single.spawn(tasks_wire.hold_secret, secret, started, release)
        started.wait()
        assert holds(host_of(single), secret)
        release.open()
        assert task.result(PATIENCE) == secret[::-1]
        assert forgets(host_of(single), secret)

    @pytest.mark.parametrize("size", [0, 200, 600, 100_000])
    def test_of_a_task(self, single: subpool.Pool, secret: str, size: int) -> None:
        """Of any size: in its slot, or by reference."""
        result = single.spawn(tasks_wire.turned_with_ballast, secret, bytes(size)).result(PATIENCE)
        assert result == (secret[::-1], bytes(size))
        assert forgets(host_of(single), secret)

    def test_of_a_task_whose_result_is_longer_than_its_arguments(self, single: subpool.Pool, secret: str) -> None:
        assert single.spawn(lambda: (secret * 9)[::-1]).result(PATIENCE) == (secret * 9)[::-1]
        assert forgets(host_of(single), secret)

    def test_of_a_task_that_fails(self, single: subpool.Pool, secret: str) -> None:
        assert str(single.spawn(tasks_wire.fail_with, secret).exception(PATIENCE)) == secret[::-1]
        assert forgets(host_of(single), secret)

    def test_of_a_task_that_cannot_be_rebuilt(self, single: subpool.Pool, secret: str) -> None:
        task = single.spawn(tasks.pair, secret, tasks.ExplodesWhenRebuilt())
        assert isinstance(task.exception(PATIENCE), subpool.SerializationError)
        assert forgets(host_of(single), secret)

    @pytest.mark.parametrize("plain", [True, False], ids=["plain arguments", "others"])
    def test_of_a_batch(self, single: subpool.Pool, secret: str, plain: bool) -> None:
        words = [f"{secret[:-2]}{number:02}" for number in range(40)]
        if plain:
            batch = in_a_batch(single, tasks_wire.turned, [(word,) for word in words])
            assert [task.result(PATIENCE) for task in batch] == [word[::-1] for word in words]
        else:
            calls: list[tuple[object]] = [([word],) for word in words]
            wrapped = in_a_batch(single, tasks.identity, calls)
            assert [task.result(PATIENCE) for task in wrapped] == [[word] for word in words]
        assert forgets(host_of(single), secret[:-2])

    def test_of_a_batch_that_fails(self, single: subpool.Pool, secret: str) -> None:
        batch = in_a_batch(single, tasks_wire.fail_with, [(secret,)] * 40)
        assert {str(task.exception(PATIENCE)) for task in batch} == {secret[::-1]}
        assert forgets(host_of(single), secret)

    def test_of_a_task_that_is_cancelled_before_it_begins(self, single: subpool.Pool, secret: str) -> None:
        """At once, though nobody has picked it up."""
        with held(single):
            task = single.spawn(tasks_wire.turned, secret)
            host_of(single).backlog.feed()
            assert holds(host_of(single), secret)
            assert task.cancel()
            assert not holds(host_of(single), secret)

    def test_of_an_item_of_a_batch_that_is_cancelled_before_it_begins(self, single: subpool.Pool, secret: str) -> None:
        host = host_of(single)
        with held(single):
            host.backlog._paces[tasks.identity] = host.backlog.pace = 1e3
            spawned = [single.spawn(tasks.identity, [word]) for word in (*"abc", secret, *"abc")]
            host.backlog.feed()
            assert holds(host, secret)
            assert spawned[3].cancel()
            assert not holds(host, secret)
        assert [task.result(PATIENCE) for task in spawned[4:]] == [["a"], ["b"], ["c"]]

    def test_of_a_task_that_is_cancelled_while_it_runs(self, single: subpool.Pool, secret: str, gates: Gates) -> None:
        started, release = gates(), gates()
        task = single.spawn(tasks_wire.hold_secret, secret, started, release)
        started.wait()
        assert task.cancel()
        release.open()
        assert forgets(host_of(single), secret)

    def test_of_a_task_that_its_caller_runs_after_all(self, single: subpool.Pool, secret: str) -> None:
        with held(single):
            task = single.spawn(tasks_wire.turned, secret)
            host_of(single).backlog.feed()
            assert holds(host_of(single), secret)
            assert task.join() == secret[::-1]
            assert not holds(host_of(single), secret)

    def test_of_a_half(self, single: subpool.Pool, secret: str) -> None:
        assert stolen(single, tasks.zero, partial(tasks_wire.turned, secret)) == (0, secret[::-1])
        assert not holds(host_of(single), secret)

    def test_of_a_half_that_fails(self, single: subpool.Pool, secret: str) -> None:
        assert str(caught(lambda: stolen(single, tasks.zero, partial(tasks_wire.fail_with, secret)))) == secret[::-1]
        assert not holds(host_of(single), secret)

    def test_of_a_half_that_is_taken_back(self, single: subpool.Pool, secret: str) -> None:
        host = host_of(single)
        seen: list[bool] = []
        with held(single):
            host.root.request[0] = 1  # as if somebody were hungry
            single.join(lambda: seen.append(holds(host, secret)), partial(tasks_wire.turned, secret))
        assert seen == [True]
        assert not holds(host, secret)

    def test_of_what_a_scope_withdraws(self, single: subpool.Pool, secret: str) -> None:
        host = host_of(single)
        with held(single), single.scope() as s:
            host.root.request[0] = 1  # as if somebody were hungry
            task = s.spawn(tasks_wire.turned, secret)
            wait_until(lambda: holds(host, secret))
            s.cancel()
            assert not holds(host, secret)
        with pytest.raises(CancelledError):
            task.result(0)
        assert not holds(host, secret)

    def test_of_halves_among_workers(self, double: subpool.Pool, secret: str) -> None:
        with gate() as started:
            assert double.spawn(tasks_wire.fork_secret, secret, started).result(PATIENCE) == secret[::-1]
            assert forgets(host_of(double), secret)

    def test_of_a_task_that_comes_back_late(self, secret: str, gates: Gates, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("subpool.pool.GRACE", 0.05)
        started, release = gates(), gates()
        with subpool.Pool(1) as pool:
            task = pool.spawn(tasks_stuck.be_stuck_with, secret, started, release, timeout=0.05)
            assert isinstance(task.exception(PATIENCE), TimeoutError)
            wait_until(lambda: pool.stats().workers_lost == 1)
            release.open()
            assert forgets(host_of(pool), secret)

    def test_of_workers_that_are_gone(self, secret: str) -> None:
        with subpool.Pool(2, max_tasks_per_worker=1) as pool:
            for _ in range(4):
                with gate() as started:
                    assert pool.spawn(tasks_wire.fork_secret, secret, started).result(PATIENCE) == secret[::-1]
            assert forgets(host_of(pool), secret)

    def test_of_a_pool_that_is_gone(self, secret: str) -> None:
        """Whatever was still waiting in it."""
        pool = subpool.Pool(1)
        with held(pool):
            spawned = [pool.spawn(tasks_wire.turned, f"{secret}{number}") for number in range(100)]
            host = host_of(pool)
            host.backlog.feed()
            assert holds(host, secret)
        pool.close(cancel=True)
        assert all(task.done() for task in spawned)
        assert not holds(host, secret)


NAMES = """
def names():
    return {f"{folder}/{name}" for folder in ("/dev/shm", "/dev/mqueue", "/tmp") if os.path.isdir(folder)
            for name in os.listdir(folder)}
"""

PROGRAM = program(f"""
import ctypes, json, os, sys
import subpool, tasks_wire
ctypes.CFUNCTYPE(None)(lambda: None)  # libffi opens a file for itself, once per process, and keeps it
from tasks import Gate
{NAMES}
def descriptors():
    found = {{}}
    for entry in os.listdir("/proc/self/fd"):
        try:
            found[entry] = os.readlink("/proc/self/fd/" + entry)
        except FileNotFoundError:
            pass
    return found

reading, writing = os.pipe()
os.set_blocking(reading, False)
tasks_wire.watch(writing)
before, opened = names(), descriptors()
with subpool.Pool(2, initializer=tasks_wire.watch, initargs=(writing,)) as pool:
    tasks_wire.workout(pool)
    CONTROL
    open_now = {{entry: what for entry, what in descriptors().items() if entry not in opened}}
try:
    journal = os.read(reading, 65536).decode()
except BlockingIOError:
    journal = ""
print(json.dumps([journal.splitlines(), sorted(open_now.values()), sorted(names() - before)]))
""")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="there is no /proc")
class TestOutside:
    """Nothing listens anywhere, and no file or name outside the process is made."""

    def observed(self, folder: Path, control: str = "pass") -> tuple[list[str], list[str], list[str]]:
        """What was noted, which descriptors were open, and which names were new, in a broad workout."""
        path = folder / "program.py"
        path.write_text(PROGRAM.replace("CONTROL", control), encoding="utf-8")
        own = folder / "tmp"
        own.mkdir(exist_ok=True)
        result = run([path], variables={"PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(own)})
        assert result.returncode == 0, result.stderr
        assert not list(own.iterdir())
        noted, descriptors, names = json.loads(result.stdout.splitlines()[-1])
        return noted, descriptors, names

    def test_nothing_is_written_bound_or_started(self, tmp_path: Path) -> None:
        noted, _, _ = self.observed(tmp_path)
        assert noted == []

    def test_what_is_written_would_be_seen(self, tmp_path: Path) -> None:
        """The watch itself, in the host and in a worker."""
        path = f"__import__('pathlib').Path({str(tmp_path / 'file')!r})"
        control = f"tasks_wire.write_a_file({path}); pool.spawn(tasks_wire.write_a_file, {path}).result(20)"
        noted, _, _ = self.observed(tmp_path, control)
        assert [line.split(" ")[:2] for line in noted] == [["None", "open"], [noted[1][0], "open"]]
        assert noted[1][0] in "01"

    def test_descriptors_are_doorbells(self, tmp_path: Path) -> None:
        """No socket among them, listening or not."""
        _, descriptors, _ = self.observed(tmp_path)
        lasting = [each for each in descriptors if not each.endswith((".py", ".pyc"))]  # a worker may be importing
        assert lasting
        assert {re.sub(r"[:\d\[\]]+", "", each) for each in lasting} <= {"anon_inodeeventfd", "pipe"}

    def test_no_name_is_left(self, tmp_path: Path) -> None:
        """Others make names, too, so what counts is what appears in every run."""
        always: set[str] | None = None
        for attempt in range(3):
            folder = tmp_path / str(attempt)
            folder.mkdir()
            _, _, names = self.observed(folder)
            kinds = {re.sub(r"\d+", "#", name) for name in names}
            always = kinds if always is None else always & kinds
            if not always:
                return
        assert not always
