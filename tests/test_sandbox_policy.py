"""What a policy allows and refuses, inside of a plugin; and what is told outside of it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plugins import Boxes, plugin

import subpool

PROBE = """
    import os

    def read(path):
        with open(path) as file:
            return file.read()

    def write(path, text):
        with open(path, "w") as file:
            return file.write(text)

    def os_open(path, flags):
        os.close(os.open(path, flags))

    def listed(path):
        return sorted(os.listdir(path))

    def do(source, **names):
        exec(source, names)
        return names.get("result")
"""


def refused(box: subpool.Sandbox, event: str, function: str, *args: Any) -> str:
    """Call, and have it refused; the message."""
    before = box.stats().denials.get(event, 0)
    with pytest.raises(subpool.PolicyViolation) as error:
        box.call(function, *args)
    assert (error.value.plugin, error.value.function) == (box.name, function)
    assert box.stats().denials[event] == before + 1, box.stats().denials
    return str(error.value)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that is none of the plugin's business."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text("secret", encoding="utf-8")
    return folder / "secret.txt"


class TestFiles:
    def test_its_own_folder_can_be_read(self, boxes: Boxes) -> None:
        box = boxes(PROBE)
        plugin(boxes.folder / "plugins", "data", "data.txt")
        assert box.call("read", str(boxes.folder / "plugins" / "data.txt")) == "data\n"
        assert "data.txt" in box.call("listed", str(boxes.folder / "plugins"))

    def test_but_not_written(self, boxes: Boxes) -> None:
        box = boxes(PROBE)
        path = boxes.folder / "plugins" / "new.txt"
        refused(box, "open", "write", str(path), "x")
        refused(box, "open", "os_open", str(path), os.O_CREAT | os.O_WRONLY)
        assert not path.exists()

    def test_nothing_else_can_be_read(self, boxes: Boxes, outside: Path) -> None:
        box = boxes(PROBE)
        assert "secret.txt" in refused(box, "open", "read", str(outside))
        refused(box, "open", "os_open", str(outside), os.O_RDONLY)
        refused(box, "os.listdir", "listed", str(outside.parent))
        refused(box, "open", "read", "/etc/passwd")
        refused(box, "open", "read", "/proc/self/environ")

    def test_what_the_policy_opens(self, boxes: Boxes, outside: Path) -> None:
        box = boxes(PROBE, policy=subpool.Policy(read=[outside.parent]))
        assert box.call("read", str(outside)) == "secret"
        refused(box, "open", "write", str(outside), "x")
        assert outside.read_text(encoding="utf-8") == "secret"

    def test_what_may_be_written_may_be_read(self, boxes: Boxes, outside: Path) -> None:
        box = boxes(PROBE, policy=subpool.Policy(write=[outside.parent]))
        assert box.call("write", str(outside), "told") == 4
        assert box.call("read", str(outside)) == "told"

    def test_dots_do_not_lead_out(self, boxes: Boxes, outside: Path) -> None:
        box = boxes(PROBE)
        refused(box, "open", "read", str(boxes.folder / "plugins" / ".." / "outside" / "secret.txt"))

    def test_links_do_not_lead_out(self, boxes: Boxes, outside: Path) -> None:
        box = boxes(PROBE)
        plugin(boxes.folder / "plugins", "", "x.py")
        (boxes.folder / "plugins" / "link").symlink_to(outside)
        (boxes.folder / "plugins" / "folder").symlink_to(outside.parent)
        refused(box, "open", "read", str(boxes.folder / "plugins" / "link"))
        refused(box, "open", "read", str(boxes.folder / "plugins" / "folder" / "secret.txt"))

    def test_a_folder_whose_name_begins_alike_is_another(self, boxes: Boxes) -> None:
        box = boxes(PROBE)
        plugin(boxes.folder / "plugins2", "x", "a.txt")
        refused(box, "open", "read", str(boxes.folder / "plugins2" / "a.txt"))

    @pytest.mark.parametrize(
        "event, source",
        [
            ("os.remove", "os.remove(path)"),
            ("os.rename", "os.rename(path, path + '2')"),
            ("os.rename", "os.replace(path, path + '2')"),
            ("os.mkdir", "os.mkdir(path + '2')"),
            ("os.rmdir", "os.rmdir(os.path.dirname(path))"),
            ("os.truncate", "os.truncate(path, 0)"),
            ("os.chmod", "os.chmod(path, 0o777)"),
            ("os.utime", "os.utime(path)"),
            ("os.link", "os.link(path, path + '2')"),
            ("os.symlink", "os.symlink(path, path + '2')"),
            ("os.scandir", "os.scandir(os.path.dirname(path))"),
            ("open", "open(path, 'r+')"),
            ("open", "open(path.encode())"),
            ("open", "import pathlib; pathlib.Path(path).read_text()"),
            ("open", "import io; io.FileIO(path)"),
            ("sqlite3.connect", "import sqlite3; sqlite3.connect(path)"),
        ],
    )
    def test_each_way_to_touch_one(self, inner_boxes: Boxes, outside: Path, event: str, source: str) -> None:
        box = inner_boxes(f"import os\npath = {str(outside)!r}\ndef touch():\n    {source}")
        refused(box, event, "touch")
        assert outside.read_text(encoding="utf-8") == "secret"
        assert [each.name for each in outside.parent.iterdir()] == ["secret.txt"]

    def test_inside_it_is_a_permission_error(self, boxes: Boxes, outside: Path) -> None:
        box = boxes(
            """
            def careful(path):
                try:
                    open(path)
                except PermissionError as error:
                    return type(error).__mro__[1].__name__
            """
        )
        assert box.call("careful", str(outside)) == "PolicyViolation"
        assert box.stats().violations == 1

    def test_before_the_first_line(self, boxes: Boxes, outside: Path) -> None:
        with pytest.raises(subpool.PolicyViolation, match="secret"):
            boxes(f"open({str(outside)!r})").call("f")

    def test_temporary_files_where_they_may_be_written(self, boxes: Boxes, tmp_path: Path) -> None:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        box = boxes(
            "import tempfile\ndef f(folder):\n    with tempfile.TemporaryFile(dir=folder) as file:\n"
            "        return file.write(b'abc')",
            policy=subpool.Policy(write=[scratch]),
        )
        assert box.call("f", str(scratch)) == 3

    def test_what_the_standard_library_needs(self, boxes: Boxes) -> None:
        box = boxes(
            """
            def f():
                import asyncio, sqlite3, tempfile, zoneinfo, random, socket, ssl, decimal, logging, subprocess, csv
                import concurrent.futures, email.message, http.client, xml.etree.ElementTree, urllib.request
                async def work():
                    await asyncio.sleep(0)
                    return 7
                connection = sqlite3.connect(":memory:")
                connection.execute("select 1").fetchone()
                connection.close()
                random.SystemRandom().random()
                return asyncio.run(work())
            """
        )
        assert box.call("f") == 7
        assert box.stats().denials == {}

    def test_paths_as_code_names_them(self, boxes: Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Relative ones, in bytes, and of pathlib."""
        monkeypatch.chdir(tmp_path)
        box = boxes(
            """
            import io, os, pathlib, sqlite3

            def f():
                os.close(os.open("a", os.O_CREAT | os.O_WRONLY))
                os.close(os.open(b"a", os.O_RDONLY))
                os.close(os.open(pathlib.Path("a"), os.O_RDONLY))
                pathlib.Path("b").write_text("text")
                connection = sqlite3.connect(pathlib.Path("c"))
                connection.execute("create table t (x)")
                connection.close()
                return sorted(each.name for each in pathlib.Path().iterdir()), io.FileIO("b").read(), open(b"b").read()
            """,
            policy=subpool.Policy(write=[tmp_path]),
        )
        names, *texts = box.call("f", returns=tuple[list[str], bytes, str])
        assert {"a", "b", "c"} <= set(names)
        assert texts == [b"text", "text"]
        assert box.stats().denials == {}

    @pytest.mark.parametrize("form", ["file:{}", "file://{}", "file:///%2e%2e{}?mode=rwc", "file:{}#x"])
    def test_addresses_of_databases(self, inner_boxes: Boxes, tmp_path: Path, outside: Path, form: str) -> None:
        """Whatever is granted to the working directory, in which the address would be a file's name."""
        box = inner_boxes("import sqlite3\ndef f(name):\n    sqlite3.connect(name, uri=True)",
                          policy=subpool.Policy(write=[Path.cwd()]))  # fmt: skip
        refused(box, "sqlite3.connect", "f", form.format(outside))


class TestOutOfReach:
    def test_what_enforces_it_is_hidden(self, boxes: Boxes) -> None:
        """A plugin that imports and changes subpool's own modules changes copies."""
        box = boxes(
            """
            import importlib, os, posixpath
            from subpool.sandbox.guest import denial, guards, hook, paths

            denial.Denials.refuse = lambda *_: None
            paths.resolved = hook.resolved = lambda path: "/usr"
            paths.under = hook.under = lambda *_: lambda path: True
            hook.FILE_WRITES = ()
            os.path.realpath = posixpath.realpath = os.lstat = lambda path: "/"

            def look():
                return open("/etc/passwd").read()

            def mask():
                os.umask(0)
            """
        )
        refused(box, "open", "look")
        refused(box, "posix.umask", "mask")

    @pytest.mark.parametrize(
        "event, source",
        [
            ("os.open", "os.open('secret.txt', os.O_RDONLY, dir_fd=fd)"),
            ("os.remove", "os.remove('secret.txt', dir_fd=fd)"),
            ("os.rename", "os.rename('a', 'b', src_dir_fd=fd, dst_dir_fd=fd)"),
            ("os.mkdir", "os.mkdir('a', dir_fd=fd)"),
            ("os.symlink", "os.symlink('a', 'b', dir_fd=fd)"),
        ],
    )
    def test_paths_relative_to_a_descriptor(self, inner_boxes: Boxes, tmp_path: Path, event: str, source: str) -> None:
        """Where they lead is not told to audit hooks in full."""
        box = inner_boxes(f"import os\ndef touch(folder):\n    fd = os.open(folder, os.O_RDONLY)\n    try:\n"
                          f"        {source}\n    finally:\n        os.close(fd)",
                          policy=subpool.Policy(write=[tmp_path]))  # fmt: skip
        refused(box, event, "touch", str(tmp_path))

    def test_a_tree_that_may_be_written_can_be_removed(self, boxes: Boxes, tmp_path: Path) -> None:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        box = boxes(
            """
            import os, tempfile

            def f(folder):
                with tempfile.TemporaryDirectory(dir=folder) as inner:
                    os.makedirs(os.path.join(inner, "a", "b"))
                    open(os.path.join(inner, "a", "b", "c"), "w").close()
                return os.listdir(folder)
            """,
            policy=subpool.Policy(write=[scratch]),
        )
        assert box.call("f", str(scratch)) == []
        assert box.stats().denials == {}


class TestTheRest:
    @pytest.mark.parametrize(
        "event, source",
        [
            ("socket.__new__", "import socket; socket.socket()"),
            ("socket.getaddrinfo", "import socket; socket.getaddrinfo('localhost', 1)"),
            ("socket.gethostbyname", "import socket; socket.gethostbyname('localhost')"),
            ("socket.connect", "import socket; socket.socket(socket.AF_UNIX).connect('/tmp/x')"),
            ("socket.bind", "import socket; socket.socket(socket.AF_UNIX).bind('/tmp/x')"),
            ("subprocess.Popen", "import subprocess; subprocess.run(['true'])"),
            ("os.system", "import os; os.system('true')"),
            ("os.posix_spawn", "import os; os.posix_spawn('/bin/true', ['true'], {})"),
            ("posix.execv", "import os; os.execv('/bin/true', ['true'])"),
            ("posix.fork", "import os; os.fork()"),
            ("posixsubprocess.fork_exec", "import _posixsubprocess; _posixsubprocess.fork_exec()"),
            ("os.chdir", "import os; os.chdir('/')"),
            ("os.chdir", "import os; os.fchdir(0)"),
            ("os.kill", "import os; os.kill(os.getpid(), 0)"),
            ("posix.umask", "import os; os.umask(0)"),
            ("posix.umask", "import posix; posix.umask(0)"),
            ("posix._exit", "import os; os._exit(3)"),
            ("posix.abort", "import os; os.abort()"),
            ("posix.nice", "import os; os.nice(1)"),
            ("posix.setpriority", "import os; os.setpriority(os.PRIO_PROCESS, 0, 1)"),
            ("posix.sched_setaffinity", "import os; os.sched_setaffinity(0, {0})"),
            ("posix.setuid", "import os; os.setuid(0)"),
            ("posix.waitpid", "import os; os.waitpid(-1, 0)"),
            ("posix.umask", "import importlib, sys; del sys.modules['posix']; import posix; posix.umask(0)"),
            ("signal.raise_signal", "import signal; signal.raise_signal(2)"),
            ("signal.alarm", "import signal; signal.alarm(1)"),
            ("thread.interrupt_main", "import _thread; _thread.interrupt_main()"),
            ("time.tzset", "import time; time.tzset()"),
            ("locale.setlocale", "import locale; locale.setlocale(locale.LC_ALL, 'C')"),
            ("resource.setrlimit", "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"),
            ("os.putenv", "import posix; posix.putenv(b'A', b'B')"),
            ("sys.settrace", "import sys; sys.settrace(None)"),
            ("sys.setprofile", "import sys; sys.setprofile(None)"),
            ("sys._current_frames", "import sys; sys._current_frames()"),
            ("gc.get_objects", "import gc; gc.get_objects()"),
            ("gc.get_referrers", "import gc; gc.get_referrers(gc)"),
            ("import", "import _interpreters"),
            ("import", "import _interpqueues"),
            ("import", "import _testcapi"),
            ("import", "import ctypes"),
            ("import", "import _ctypes"),
            ("import", "import importlib; importlib.import_module('_interpreters')"),
            ("import", "import importlib; importlib.import_module('ctypes.util')"),
        ],
    )  # fmt: skip
    def test_is_refused(self, inner_boxes: Boxes, event: str, source: str) -> None:
        box = inner_boxes(f"def do():\n    {source}\ndef fine():\n    return 1")
        refused(box, event, "do")
        assert box.call("fine") == 1

    def test_no_hook_of_its_own(self, boxes: Boxes) -> None:
        """CPython does not let the refusal through, but adds no hook either."""
        box = boxes("import sys\nseen = []\ndef f():\n    sys.addaudithook(lambda *event: seen.append(event))\n"
                    "    sys.audit('subpool.test')\n    return seen")  # fmt: skip
        assert box.call("f") == []
        assert box.stats().denials == {"sys.addaudithook": 1}

    def test_in_a_process_too(self, boxes: Boxes) -> None:
        box = boxes(
            "import os, socket\ndef a():\n    os._exit(3)\ndef b():\n    socket.socket()\ndef c():\n    import ctypes"
        )
        refused(box, "posix._exit", "a")
        refused(box, "socket.__new__", "b")
        refused(box, "import", "c")
        assert box.stats().started == 1

    def test_network_where_it_is_allowed(self, boxes: Boxes) -> None:
        box = boxes(
            """
            import socket

            def talk():
                server = socket.create_server(("127.0.0.1", 0))
                client = socket.create_connection(server.getsockname())
                other, _ = server.accept()
                client.sendall(b"hello")
                received = other.recv(5)
                for each in (client, other, server):
                    each.close()
                return received
            """,
            policy=subpool.Policy(network=True),
        )
        assert box.call("talk", returns=bytes) == b"hello"

    def test_programs_where_they_are_allowed(self, boxes: Boxes) -> None:
        box = boxes(
            "import subprocess\ndef run(*words):\n    return subprocess.run(words, capture_output=True).stdout",
            policy=subpool.Policy(subprocess=True),
        )
        assert box.call("run", sys.executable, "-c", "print(7)", returns=bytes) == b"7\n"

    def test_imports_that_are_denied(self, boxes: Boxes) -> None:
        box = boxes(
            """
            def load(name):
                __import__(name)

            def careful():
                try:
                    import json
                except ImportError:
                    return "without"
            """,
            policy=subpool.Policy(imports_denied=["urllib", "json"]),
        )
        refused(box, "import", "load", "urllib")
        refused(box, "import", "load", "urllib.parse")
        assert box.call("careful") == "without", "a module that the guest itself uses is hidden as well"
        assert box.call("load", "html") is None

    def test_native_code(self, boxes: Boxes, tmp_path: Path) -> None:
        """An extension module outside of the standard library is not even looked into."""
        from importlib.machinery import EXTENSION_SUFFIXES

        (tmp_path / "more").mkdir()
        (tmp_path / "more" / f"fast{EXTENSION_SUFFIXES[0]}").write_bytes(b"no extension at all")
        source = "def f():\n    import fast\ndef g():\n    import math, _json, zlib\n    return 1"
        box = boxes(source, sys_path=[tmp_path / "more"])
        assert "native code" in refused(box, "import", "f")
        assert box.call("g") == 1
        willing = boxes(source, sys_path=[tmp_path / "more"], policy=subpool.Policy(native_code=True))
        with pytest.raises(subpool.PluginError, match="ImportError") as error:
            willing.call("f")
        assert not isinstance(error.value, subpool.PolicyViolation)

    def test_ctypes_where_native_code_is_allowed(self, boxes: Boxes) -> None:
        box = boxes(
            "import ctypes\ndef f():\n    return ctypes.sizeof(ctypes.c_int)", policy=subpool.Policy(native_code=True)
        )
        assert box.call("f") == 4

    def test_refusals_are_counted_and_logged(self, boxes: Boxes, caplog: pytest.LogCaptureFixture) -> None:
        box = boxes("def f():\n    for _ in range(150):\n        try:\n            open('/etc/passwd')\n"
                    "        except OSError:\n            pass")  # fmt: skip
        with caplog.at_level(logging.WARNING, "subpool.sandbox"):
            box.call("f")
        assert (box.stats().violations, box.stats().denials) == (150, {"open": 150})
        assert "plugin: refused open('/etc/passwd', read)" in caplog.text
        assert "refused 50 more" in caplog.text

    def test_are_told_of_a_call_that_is_stopped_too(self, boxes: Boxes) -> None:
        box = boxes(
            "def f():\n    try:\n        open('/etc/passwd')\n    except OSError:\n        pass\n    while True: pass"
        )
        with pytest.raises(TimeoutError):
            box.call("f", timeout=0.2)
        assert box.stats().violations == 1


class TestEnvironment:
    def test_it_sees_what_the_policy_lets_through(self, boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET", "s")
        monkeypatch.setenv("SHOWN", "yes")
        box = boxes(
            "import os, posix\ndef f():\n    return dict(os.environ), os.getenv('SECRET'), len(posix.environ)",
            policy=subpool.Policy(environ=["SHOWN", "MISSING"]),
            env={"MORE": "1"},
        )
        assert box.call("f") == [{"SHOWN": "yes", "MORE": "1"}, None, 2]

    def test_what_it_sets_stays_inside(self, boxes: Boxes) -> None:
        box = boxes(
            "import os\ndef f():\n    os.environ['SUBPOOL_TEST'] = 'x'\n    return os.environ['SUBPOOL_TEST']\n"
            "def g():\n    return os.environ.pop('SUBPOOL_TEST')"
        )
        assert box.call("f") == "x"
        shown = "import os; print(os.environ.get('SUBPOOL_TEST'))"
        seen = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
        assert seen.stdout == "None\n"
        assert box.call("g") == "x"

    def test_no_way_back_to_the_process_s_own(self, inner_boxes: Boxes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET", "s")
        box = inner_boxes("import os, posix\ndef f():\n    return hasattr(os, 'reload_environ')\n"
                          "def g():\n    posix._create_environ()")  # fmt: skip
        assert box.call("f") is False
        if sys.version_info >= (3, 14):
            refused(box, "posix._create_environ", "g")


class TestPolicyItself:
    def test_paths_and_lists_are_taken(self) -> None:
        policy = subpool.Policy(read=[Path("/a"), "/b"], environ=["X"])
        assert (policy.read, policy.environ) == (("/a", "/b"), ("X",))

    @pytest.mark.parametrize(
        "options", [{"read": "/a"}, {"read": [1]}, {"network": 1}, {"environ": [""]}, {"imports_denied": None}]
    )
    def test_wrong_ones_are_named(self, options: dict[str, Any]) -> None:
        with pytest.raises(TypeError, match=f"Policy: {next(iter(options))}"):
            subpool.Policy(**options)

    def test_grants(self, tmp_path: Path) -> None:
        wide = subpool.Policy(read=[tmp_path], write=[tmp_path / "w"], network=True, environ=["A"])
        assert wide.grants(subpool.Policy())
        assert wide.grants(subpool.Policy(read=[tmp_path / "sub"], write=[tmp_path / "w" / "x"], environ=["A"]))
        assert wide.grants(subpool.Policy(read=[tmp_path / "w"]))
        assert not wide.grants(subpool.Policy(write=[tmp_path]))
        assert not wide.grants(subpool.Policy(read=["/"]))
        assert not wide.grants(subpool.Policy(subprocess=True))
        assert not wide.grants(subpool.Policy(environ=["B"]))
