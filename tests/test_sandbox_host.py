"""Manifests, a folder of plugins, two versions of one library side by side, and the end of programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from helpers import end, expect, run, running, silent, wait_until, written
from plugins import PATIENCE, Boxes, Isolation, plugin

import subpool
from subpool.sandbox.host import PluginState

SUMS = "def add(a, b):\n    return a + b"


def with_manifest(folder: Path, manifest: str, source: str = SUMS, name: str = "plugin.py") -> Path:
    plugin(folder, source, name)
    (folder / "plugin.toml").write_text(manifest, encoding="utf-8")
    return folder


class TestManifest:
    WHOLE = """
name = "sums"
version = "1.2"
api = 1
entry = "code/main.py"
description = "Sums."
dependencies = "vendored"

[functions.add]
parameters = { a = "int", b = "list[int] | None" }
returns = "int"
doc = "Adds."

[policy]
read = ["/srv"]
network = true

[limits]
timeout = 5
max_result = 1000
"""

    def test_whole(self, boxes: Boxes) -> None:
        folder = with_manifest(
            boxes.folder / "p", self.WHOLE, "import dep\ndef add(a, b=None):\n    return dep.VALUE + a", "code/main.py"
        )
        plugin(folder / "vendored", "VALUE = 10", "dep.py")
        box = boxes.of(folder)
        assert box.name == "sums"
        assert box.manifest is not None
        assert box.manifest.policy == subpool.Policy(read=["/srv"], network=True)
        assert box.policy == subpool.Policy(), "what is asked for is not what is given"
        (add,) = box.functions()
        assert str(add) == "add(a: int, b: list[int] | None) -> int"
        assert add.doc == "Adds."
        assert box.call("add", 1, [2]) == 11
        with pytest.raises(subpool.PluginTypeError, match=r"args\[1\]\[0\]: Expected `int`, got `str`") as error:
            box.call("add", 1, ["x"])
        assert error.value.path == "args[1][0]"

    def test_its_limits_hold_where_nothing_else_is_said(self, boxes: Boxes) -> None:
        folder = with_manifest(
            boxes.folder / "p", 'name = "p"\n[limits]\nmax_result = 10', "def f(n):\n    return 'x' * n"
        )
        with pytest.raises(subpool.PluginError, match="max_result"):
            boxes.of(folder).call("f", 20)
        assert boxes.of(folder, max_result=100).call("f", 20) == "x" * 20

    def test_results_are_of_the_declared_type(self, boxes: Boxes) -> None:
        folder = with_manifest(
            boxes.folder / "p",
            'name = "p"\n[functions.f]\nreturns = "dict[str, bytes]"',
            "def f():\n    return {'a': b'x'}",
        )
        assert boxes.of(folder).call("f") == {"a": b"x"}
        with pytest.raises(subpool.PluginTypeError, match="result"):
            boxes.of(folder).call("f", returns=int)

    def test_a_function_that_is_not_there(self, boxes: Boxes) -> None:
        folder = with_manifest(boxes.folder / "p", 'name = "p"\n[functions.gone]')
        with pytest.raises(subpool.PluginError, match="lists a function 'gone', which plugin does not have"):
            boxes.of(folder).functions()

    @pytest.mark.parametrize(
        "manifest, complaint",
        [
            ("", r"plugin\.toml: name: .*missing required field `name`"),
            ('name = "a"\nversion = 2', r"plugin\.toml:2: version: Expected `str`, got `int`"),
            ('name = "a b"', r"plugin\.toml:1: name: Expected `str` matching regex"),
            ('name = "a"\nnmae = "b"', r"plugin\.toml:2: nmae: .*unknown field `nmae`"),
            ('name = "a"\napi = 7', r"plugin\.toml:2: api: version 7 of the API is not 1"),
            ('name = "a"\n[policy]\nnetwork = "yes"', r"plugin\.toml:3: policy\.network: Expected `bool`"),
            ('name = "a"\n[policy]\nread = ["x", 1]', r"plugin\.toml:3: policy\.read\[1\]: Expected `str`"),
            ('name = "a"\n[policy]\nreed = []', r"plugin\.toml:3: policy\.reed: .*unknown field"),
            ('name = "a"\n\n[limits]\ntimeout = -1', r"plugin\.toml:4: limits\.timeout: Expected `float` > 0"),
            ('name = "a"\n[functions.f]\nreturns = "os.x"', r"plugin\.toml:3: functions\.f\.returns: 'os\.x' is not"),
            ('name = "a"\n[functions.f]\nparameters = {x = "["}', r"plugin\.toml:3: functions\.f\.parameters\.x: '\['"),
            ('name = ]\n', r"plugin\.toml: .*at line 1"),
            ('name = "a"\nentry = "../x.py"', r"plugin\.toml: entry: '\.\./x\.py' leads out"),
            ('name = "a"\nentry = "gone.py"', r"plugin\.toml: entry: there is no 'gone\.py'"),
            ('name = "a"\ndependencies = "gone"', r"plugin\.toml: dependencies: there is no 'gone'"),
        ],
    )  # fmt: skip
    def test_wrong_ones_are_refused_by_file_line_and_field(self, tmp_path: Path, manifest: str, complaint: str) -> None:
        with pytest.raises(subpool.PluginError, match=complaint):
            subpool.Sandbox(with_manifest(tmp_path, manifest))

    def test_without_an_entry(self, tmp_path: Path) -> None:
        (tmp_path / "plugin.toml").write_text('name = "a-b"', encoding="utf-8")
        with pytest.raises(subpool.PluginError, match=r"entry: not given, and there is none of a_b\.py"):
            subpool.Sandbox(tmp_path)


class TestHost:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "plugins"
        plugin(folder, "n = 0\ndef count():\n    global n\n    n += 1\n    return n", "counter.py")
        plugin(folder, "def add(a, b):\n    return a + b\n__all__ = ['add']", "pack/__init__.py")
        with_manifest(folder / "third", 'name = "sums"\nversion = "3"\n[policy]\nnetwork = true')
        with_manifest(folder / "wrong", "name = 1")
        plugin(folder, "", "_private.py")
        plugin(folder, "", ".hidden.py")
        (folder / "notes.txt").touch()
        (folder / "empty").mkdir()
        return folder

    @pytest.fixture
    def host(self, folder: Path, isolation: Isolation) -> Iterator[subpool.SandboxHost]:
        with subpool.SandboxHost(folder, isolation=isolation) as it:
            yield it

    def test_lists_them(self, host: subpool.SandboxHost) -> None:
        listed = {each.name: (each.state, each.version) for each in host.plugins()}
        assert listed == {
            "counter": (PluginState.FOUND, ""),
            "pack": (PluginState.FOUND, ""),
            "sums": (PluginState.FOUND, "3"),
            "wrong": (PluginState.BROKEN, ""),
        }
        assert (sorted(host), len(host), "sums" in host, "wrong" in host) == (
            ["counter", "pack", "sums"],
            3,
            True,
            False,
        )
        broken = next(each for each in host.plugins() if each.name == "wrong")
        assert "plugin.toml:1: name: Expected `str`" in broken.error

    def test_starts_them_lazily_and_keeps_them_apart(self, host: subpool.SandboxHost) -> None:
        assert host.call("counter", "count") == 1
        assert host.call("sums", "add", 1, 2) == 3
        assert host.spawn("pack", "add", 1, 2).result(PATIENCE) == 3
        states = [each.state for each in host.plugins()]
        assert states == [PluginState.RUNNING] * 3 + [PluginState.BROKEN]
        assert host["counter"].call("count") == 2

    def test_names_that_are_not_there(self, host: subpool.SandboxHost) -> None:
        with pytest.raises(KeyError, match="nothing"):
            host.call("nothing", "f")
        with pytest.raises(subpool.PluginError, match="Expected `str`"):
            host.call("wrong", "f")

    def test_restarts(self, host: subpool.SandboxHost) -> None:
        assert host.call("counter", "count") == 1
        host.restart("counter")
        assert host.call("counter", "count") == 1

    def test_follows_the_folder(self, host: subpool.SandboxHost, folder: Path) -> None:
        assert host.call("counter", "count") == 1
        assert host.refresh() == ([], [], [], [])
        plugin(folder, "def count():\n    return 'changed'", "counter.py")
        plugin(folder, SUMS, "new.py")
        (folder / "pack" / "__init__.py").unlink()
        with_manifest(folder / "wrong", 'name = "right"')
        changes = host.refresh()
        assert (changes.added, changes.reloaded, changes.removed, changes.broken) == (
            ["new"], ["counter", "right"], ["pack"], [],
        )  # fmt: skip
        assert host.call("counter", "count") == "changed"
        assert host.call("right", "add", 1, 2) == 3

    def test_a_change_for_the_worse_changes_nothing(self, host: subpool.SandboxHost, folder: Path) -> None:
        assert host.call("counter", "count") == 1
        plugin(folder, "1 / 0", "counter.py")
        assert host.refresh().broken == ["counter"]
        assert host.call("counter", "count") == 2

    def test_two_of_one_name(self, folder: Path) -> None:
        with_manifest(folder / "zzz", 'name = "sums"')
        with subpool.SandboxHost(folder) as host:
            first, second = [each for each in host.plugins() if each.name == "sums"]
            assert (first.state, second.state) == (PluginState.FOUND, PluginState.BROKEN)
            assert "its name is taken" in second.error

    def test_a_policy_for_each(self, folder: Path) -> None:
        asked: dict[str, subpool.Policy | None] = {}

        def decide(name: str, policy: subpool.Policy | None) -> subpool.Policy:
            asked[name] = policy
            return policy or subpool.Policy(environ=["A"])

        with subpool.SandboxHost(folder, policy=decide) as host:
            assert host["sums"].policy.network
            assert host["counter"].policy.environ == ("A",)
        assert asked["counter"] is None
        assert asked["sums"] == subpool.Policy(network=True)

    def test_a_closed_host(self, folder: Path) -> None:
        host = subpool.SandboxHost(folder)
        box = host["counter"]
        host.close()
        for use in (lambda: host["counter"], lambda: box.call("count")):
            with pytest.raises(subpool.PluginError, match="closed"):
                use()
        with pytest.raises(NotADirectoryError):
            subpool.SandboxHost(folder / "nowhere")

    @pytest.mark.parametrize("by", ["looking", "watchfiles"])
    def test_watches(self, folder: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
        """… by `watchfiles` where it is installed: here is something in its place."""
        asked: list[Path] = []

        def watch(path: Path, *, stop_event: threading.Event, yield_on_timeout: bool) -> Iterator[object]:
            assert yield_on_timeout
            asked.append(path)
            while not stop_event.wait(0.01):
                yield {("modified", path)}

        module: Any = types.ModuleType("watchfiles")
        module.watch = watch
        monkeypatch.setitem(sys.modules, "watchfiles", module if by == "watchfiles" else None)
        monkeypatch.setattr("subpool.sandbox.host.LOOK", 0.01)
        with subpool.SandboxHost(folder, watch=True) as host:
            assert host.call("counter", "count") == 1
            plugin(folder, "def count():\n    return 'changed'", "counter.py")
            wait_until(lambda: host.call("counter", "count") == "changed")
        assert asked == ([folder] if by == "watchfiles" else [])

    def test_watches_by_the_real_thing(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """By `watchfiles` itself: what is changed, added, broken, mended and removed."""
        begun = threading.Event()
        watching(monkeypatch, begun.set)
        with subpool.SandboxHost(folder, watch=True) as host:
            assert host.call("counter", "count") == 1
            assert begun.wait(PATIENCE)
            plugin(folder, "def count():\n    return 'changed'", "counter.py")
            wait_until(lambda: host.call("counter", "count") == "changed")
            plugin(folder, "def hello():\n    return 'new'", "fresh.py")
            wait_until(lambda: "fresh" in host)
            assert host.call("fresh", "hello") == "new"
            plugin(folder, "def count(:", "counter.py")
            plugin(folder, "def hello():\n    return 'newer'", "fresh.py")
            wait_until(lambda: host.call("fresh", "hello") == "newer")
            assert host.call("counter", "count") == "changed", "a plugin that does not load goes on in its old form"
            plugin(folder, "def count():\n    return 'mended'", "counter.py")
            wait_until(lambda: host.call("counter", "count") == "mended")
            (folder / "fresh.py").unlink()
            wait_until(lambda: "fresh" not in host)

    def test_a_change_before_it_has_begun_to_watch(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        loaded = threading.Event()

        def change() -> None:
            assert loaded.wait(PATIENCE)
            plugin(folder, "def count():\n    return 'changed'", "counter.py")

        watching(monkeypatch, change)
        with subpool.SandboxHost(folder, watch=True) as host:
            assert host.call("counter", "count") == 1
            loaded.set()
            wait_until(lambda: host.call("counter", "count") == "changed")


def watching(monkeypatch: pytest.MonkeyPatch, before: Callable[[], object]) -> None:
    """Have something done just before `watchfiles` begins to watch, which then looks up more often than by itself."""
    watchfiles: Any = pytest.importorskip("watchfiles")
    real = watchfiles.watch

    def watch(*paths: Path, **options: Any) -> Iterator[object]:
        before()
        return cast("Iterator[object]", real(*paths, rust_timeout=200, **options))

    monkeypatch.setattr(watchfiles, "watch", watch)


class TestTwoVersionsOfOneLibrary:
    def test_of_a_made_up_one(self, tmp_path: Path, isolation: Isolation) -> None:
        for version in ("1", "2"):
            folder = with_manifest(
                tmp_path / version,
                f'name = "p{version}"\ndependencies = "vendored"',
                "import lib, lib.inner\ndef version():\n    return [lib.VERSION, lib.inner.VERSION, lib.__file__]",
            )
            plugin(folder / "vendored", f"VERSION = {version}", "lib/__init__.py")
            plugin(folder / "vendored", f"VERSION = {version}", "lib/inner.py")
        with subpool.Sandbox(tmp_path / "1", isolation=isolation) as one:
            with subpool.Sandbox(tmp_path / "2", isolation=isolation) as two:
                for _ in range(2):
                    assert one.call("version")[:2] == [1, 1]
                    assert two.call("version")[:2] == [2, 2]
        assert "lib" not in sys.modules

    def test_of_packaging(self, tmp_path: Path, isolation: Isolation) -> None:
        """Two releases of `packaging`, whose markers are written differently."""
        for version in ("21.3", "24.2"):
            install(f"packaging=={version}", tmp_path / version)
        source = """
            import packaging

            def version():
                return packaging.__version__

            def ordered(*versions):
                from packaging.version import Version
                return sorted(versions, key=Version)
        """
        path = plugin(tmp_path / "plugin", source)
        with subpool.Sandbox(path, sys_path=[tmp_path / "21.3"], isolation=isolation) as old:
            with subpool.Sandbox(path, sys_path=[tmp_path / "24.2"], isolation=isolation) as new:
                assert (old.call("version"), new.call("version")) == ("21.3", "24.2")
                for box in (old, new):
                    assert box.call("ordered", "1.10", "1.9") == ["1.9", "1.10"]
                    assert box.stats().denials == {}

    def test_of_what_the_host_has_they_see_nothing(self, boxes: Boxes) -> None:
        with pytest.raises(subpool.PluginError, match="No module named 'msgspec'"):
            boxes("import msgspec").call("f")


def install(requirement: str, folder: Path) -> None:
    """Install a package into a folder, by pip or by uv; or skip the test."""
    pip = ["pip", "install", "--quiet", "--no-deps", "--target", str(folder), requirement]
    said = "neither pip nor uv is there"
    for command in ([sys.executable, "-m", *pip], [sys.executable, "-m", "uv", *pip], pip, ["uv", *pip]):
        if shutil.which(command[0]) is None:
            continue
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=45)
        if done.returncode == 0:
            return
        said = done.stderr.strip()[-200:]
    pytest.skip(f"{requirement} cannot be installed: {said}")


class TestProcesses:
    def test_memory_is_limited(self, tmp_path: Path) -> None:
        path = plugin(tmp_path, "def take(n):\n    return len(bytearray(n))")
        with subpool.Sandbox(path, isolation="process", memory=512 << 20) as box:
            assert box.call("take", 1 << 20) == 1 << 20
            with pytest.raises(subpool.PluginError, match="MemoryError"):
                box.call("take", 1 << 30)

    def test_open_files_are_limited(self, tmp_path: Path) -> None:
        path = plugin(tmp_path, "def take():\n    return len([open('/dev/null') for _ in range(100)])")
        with subpool.Sandbox(path, isolation="process", open_files=40) as box:
            with pytest.raises(subpool.PluginError, match="Too many open files"):
                box.call("take")

    def test_no_new_privileges(self, tmp_path: Path) -> None:
        path = plugin(tmp_path, "def status():\n    return open('/proc/self/status').read()")
        with subpool.Sandbox(path, isolation="process", policy=subpool.Policy(read=["/proc"])) as box:
            assert "NoNewPrivs:\t1" in box.call("status")

    def test_one_that_dies_is_replaced(self, tmp_path: Path) -> None:
        path = plugin(tmp_path, "import ctypes\ndef die():\n    ctypes.string_at(0)\ndef fine():\n    return 1")
        with subpool.Sandbox(path, isolation="process", policy=subpool.Policy(native_code=True)) as box:
            with pytest.raises(subpool.PluginError, match=r"plugin\.die: its process was killed by signal 11"):
                box.call("die")
            assert box.call("fine") == 1
            assert box.stats().replaced == 1


class TestPrograms:
    """How a program ends that has sandboxes."""

    @pytest.mark.parametrize("body", ["box.call('f')", "box.spawn('f').result()", "pass"])
    def test_without_closing_them(self, tmp_path: Path, isolation: Isolation, body: str) -> None:
        path = plugin(tmp_path, "def f():\n    return 1")
        source = f"import subpool\nbox = subpool.Sandbox({str(path)!r}, isolation={isolation!r})\n{body}\nprint('end')"
        silent(run([written(source, tmp_path)]), "end\n")

    def test_while_they_work(self, tmp_path: Path, isolation: Isolation) -> None:
        path = plugin(tmp_path, "def spin():\n    while True: pass")
        source = f"""
            import subpool
            box = subpool.Sandbox({str(path)!r}, isolation={isolation!r})
            task = box.spawn("spin")
            while not box.stats().busy: pass
            print("end")
        """
        silent(run([written(source, tmp_path)]), "end\n")

    def test_while_one_is_stuck_in_c(self, tmp_path: Path, isolation: Isolation) -> None:
        path = plugin(tmp_path, "import re\ndef stuck():\n    re.match(r'(a|aa)+$', 'a' * 60 + 'b')")
        source = f"""
            import subpool
            box = subpool.Sandbox({str(path)!r}, isolation={isolation!r})
            task = box.spawn("stuck")
            while not box.stats().busy: pass
            print("end", flush=True)
        """
        silent(run([written(source, tmp_path)]), "end\n")

    def test_of_a_host_that_was_killed(self, tmp_path: Path) -> None:
        """A plugin's process does not go on without anybody."""
        path = plugin(tmp_path, "import os\ndef spin():\n    print(os.getpid())\n    while True: pass")
        source = f"""
            import logging, subpool, sys
            logging.getLogger("subpool.sandbox").addHandler(logging.StreamHandler(sys.stdout))
            logging.getLogger("subpool.sandbox").setLevel(logging.INFO)
            with subpool.Sandbox({str(path)!r}, isolation="process") as box:
                box.call("spin")
        """
        with running([written(source, tmp_path), "-u"]) as process:
            assert process.stdout is not None
            spinning = int(process.stdout.readline())
            process.kill()
        deadline = time.monotonic() + PATIENCE
        while Path(f"/proc/{spinning}/stat").exists() and _state(spinning) != "Z":
            assert time.monotonic() < deadline, "the plugin's process is still there"
            time.sleep(0.05)

    def test_ctrl_c_in_a_call(self, tmp_path: Path, isolation: Isolation) -> None:
        path = plugin(
            tmp_path,
            "import os\ndef spin(fd=None):\n    print('spinning')\n    while True: pass\ndef fine():\n    return 1",
        )
        source = f"""
            import logging, subpool, sys
            handler = logging.StreamHandler(sys.stdout)
            logging.getLogger("subpool.sandbox").addHandler(handler)
            logging.getLogger("subpool.sandbox").setLevel(logging.INFO)
            with subpool.Sandbox({str(path)!r}, isolation={isolation!r}) as box:
                try:
                    box.call("spin")
                except KeyboardInterrupt:
                    print("interrupted", box.call("fine"), box.stats().replaced)
        """
        with running([written(source, tmp_path), "-u"]) as process:
            expect(process, "spinning")
            os.kill(process.pid, 2)
            silent(end(process), "interrupted 1 0\n")

    def test_a_fork_finds_idle_ones_aside(self, tmp_path: Path) -> None:
        path = plugin(tmp_path, "n = 0\ndef count():\n    global n\n    n += 1\n    return n")
        source = f"""
            import os, subpool
            box = subpool.Sandbox({str(path)!r})
            assert box.call("count") == 1
            child = os.fork()
            counted = box.call("count")
            if child == 0:
                os._exit(counted)
            print(counted, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """
        silent(run([written(source, tmp_path)]), "1 1\n")


def _state(pid: int) -> str:
    """What the system calls the state of a process; Z: it has ended, and nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
