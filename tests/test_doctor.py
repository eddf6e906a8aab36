"""The doctor: what loads in a subinterpreter, what does not, whom it blames, and that no import can do it harm."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path

import pytest

import subpool
from subpool import doctor
from subpool.cli import main
from subpool.doctor import Finding

Write = Callable[[str, str], Path]

#: Imports that fail only in a subinterpreter, without any extension module that refuses.
THREADED = """
import threading
threading.Thread(target=print, daemon=True).start()
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes modules into a folder that is on the path."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def write(name: str, source: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")
        return path

    return write


def one(name: str, timeout: float = 60.0) -> Finding:
    (finding,) = doctor.check(name, timeout=timeout)
    return finding


class TestVerdicts:
    def test_pure_python_loads(self, write: Write) -> None:
        write("of_pure_python.py", "import json, decimal\nprint('noise')\n")
        finding = one("of_pure_python")
        assert finding.loads
        assert (finding.reason, finding.blamed, finding.fallbacks) == (None, None, ())
        assert finding.seconds is not None
        assert finding.megabytes is not None
        assert finding.module == finding.name == "of_pure_python"

    @pytest.mark.parametrize(
        "source",
        [
            "import tracemalloc",
            "from tracemalloc import Snapshot",
            "try:\n import tracemalloc\nexcept ImportError as e:\n raise ImportError('advice') from e",
            "try:\n import tracemalloc\nexcept ImportError:\n raise RuntimeError('advice')",
        ],
        ids=["import", "from", "wrapped", "disguised"],
    )
    def test_the_extension_module_is_blamed(self, write: Write, source: str) -> None:
        write("that_needs.py", source)
        finding = one("that_needs")
        assert not finding.loads
        assert finding.blamed == "_tracemalloc"
        assert finding.reason == "_tracemalloc refuses to load in a subinterpreter"

    def test_the_blamed_module_has_its_full_name(self) -> None:
        """CPython names it without its package at the first attempt."""
        assert one("msgspec").blamed == "msgspec._core"

    def test_what_can_do_without_loads(self, write: Write) -> None:
        write("that_can.py", "try:\n import tracemalloc\nexcept ImportError:\n tracemalloc = None\n")
        finding = one("that_can")
        assert finding.loads
        assert finding.fallbacks == ("_tracemalloc",)
        assert finding.reason == "does without _tracemalloc"
        assert finding.blamed is None

    def test_what_fails_in_subinterpreters_only(self, write: Write) -> None:
        write("of_threads.py", THREADED)
        finding = one("of_threads")
        assert not finding.loads
        assert finding.blamed is None
        assert finding.reason is not None
        assert finding.reason.startswith("fails in a subinterpreter: RuntimeError: daemon threads")

    def test_what_fails_everywhere(self, write: Write) -> None:
        write("that_fails.py", "raise ValueError('on purpose\\nand more')")
        assert one("that_fails").reason == "does not load anywhere: ValueError: on purpose"

    def test_what_is_not_there(self) -> None:
        assert one("no_such_module_at_all") == Finding(
            "no_such_module_at_all", False, "it is not installed", None, None, None, None, None
        )


class TestHarm:
    """A crash or hang of an import is reported, not fatal."""

    @pytest.mark.parametrize(
        "source, reason",
        [
            ("import os\nos.abort()", "its import crashes the process (SIGABRT)"),
            ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "its import crashes the process (SIGKILL)"),
            ("import os\nos._exit(3)", "its import ends the process (status 3)"),
        ],
    )
    def test_ends(self, write: Write, source: str, reason: str) -> None:
        write("of_harm.py", source)
        finding = one("of_harm")
        assert (finding.loads, finding.reason, finding.seconds) == (False, reason, None)

    @pytest.mark.parametrize(
        "source", ["while True: pass", "from threading import Lock as L\nit = L()\nwith it, it: pass"]
    )
    def test_hangs(self, write: Write, source: str) -> None:
        write("of_harm.py", source)
        finding = one("of_harm", timeout=2)
        assert (finding.loads, finding.reason) == (False, "its import does not end within 2 s")

    def test_leaving(self, write: Write) -> None:
        write("of_harm.py", "raise SystemExit('enough')")
        assert one("of_harm").reason == "does not load anywhere: SystemExit: enough"

    def test_the_others_are_examined_all_the_same(self, write: Write) -> None:
        write("of_harm.py", "import os\nos.abort()")
        assert [finding.loads for finding in doctor.check("json", "of_harm", "decimal")] == [True, False, True]


class TestPackages:
    """Extension modules that a package loads late are tried, too."""

    @pytest.fixture
    def package(self, write: Write) -> Write:
        spec = find_spec("_testsinglephase")
        if spec is None or spec.origin is None or not spec.origin.endswith(tuple(EXTENSION_SUFFIXES)):
            pytest.skip("this Python has no _testsinglephase, an extension module to make a package of")
        folder = write("of_late_needs/__init__.py", "").parent
        shutil.copy(spec.origin, folder / f"_testsinglephase{EXTENSION_SUFFIXES[0]}")
        return write

    def test_that_cannot_do_without(self, package: Write) -> None:
        package("of_late_needs/user.py", "from of_late_needs import _testsinglephase\n")
        finding = one("of_late_needs")
        assert not finding.loads
        assert finding.blamed == "of_late_needs._testsinglephase"
        assert finding.reason == (
            "of_late_needs.user needs of_late_needs._testsinglephase, which refuses to load in a subinterpreter"
        )

    def test_that_can(self, package: Write) -> None:
        package("of_late_needs/user.py", "try:\n from . import _testsinglephase\nexcept ImportError:\n pass\n")
        finding = one("of_late_needs")
        assert finding.loads
        assert finding.fallbacks == ("of_late_needs._testsinglephase",)

    def test_that_needs_it_late(self, package: Write) -> None:
        package("of_late_needs/user.py", "def use():\n from of_late_needs import _testsinglephase\n")
        finding = one("of_late_needs")
        assert not finding.loads
        assert finding.blamed == "of_late_needs._testsinglephase"

    def test_tests_of_a_package_do_not_count(self, package: Write, tmp_path: Path) -> None:
        package("of_late_needs/tests/test_it.py", "from of_late_needs import _testsinglephase\n")
        finding = one("of_late_needs")
        assert finding.loads


class TestWhatIsAskedFor:
    def test_distributions(self) -> None:
        finding = one("pytest-timeout")
        assert (finding.name, finding.module) == ("pytest-timeout", "pytest_timeout")
        assert finding.version

    def test_modules_of_packages(self) -> None:
        assert one("concurrent.futures").loads

    def test_requirements_files(self, write: Write, tmp_path: Path) -> None:
        write("more.txt", "msgspec==0.1  # this one refuses\n")
        file = write(
            "requirements.txt",
            "# what we need\n\n-r more.txt\n--no-binary :all:\ncloudpickle[extra]>=1; python_version >= '3'\n"
            "no-such-thing; sys_platform == 'win32'\nno-such-thing-either\n",
        )
        found = {finding.name: finding for finding in doctor.check(str(file))}
        assert list(found) == ["msgspec", "cloudpickle", "no-such-thing-either"]
        assert [finding.loads for finding in found.values()] == [False, True, False]

    def test_a_bad_requirement_is_named(self, write: Write) -> None:
        file = write("requirements.txt", "cloudpickle\n./local/folder\n")
        with pytest.raises(ValueError, match=r"line 2: no distribution is named by './local/folder'"):
            doctor.check(str(file))

    def test_projects(self, write: Write, tmp_path: Path) -> None:
        write("project/pyproject.toml", '[project]\nname = "x"\ndependencies = ["cloudpickle>=3", "msgspec"]\n')
        write("project/src/own/__init__.py", "import json, own.part\nfrom . import part\nimport cloudpickle\n")
        write(
            "project/src/own/part.py",
            "import no_such_one\ntry:\n import no_such_two\nexcept ImportError:\n pass\n"
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n import no_such_three\n"
            "def late():\n import no_such_four\n",
        )
        write("project/tests/test_own.py", "import no_such_five\n")
        write("project/broken.py", "import (\n")
        for asked in (f"{tmp_path}/project", f"{tmp_path}/project/pyproject.toml"):
            names = [finding.name for finding in doctor.check(asked)]
            assert names == ["cloudpickle", "msgspec", "no_such_four", "no_such_one"]

    def test_each_module_once(self) -> None:
        assert [finding.name for finding in doctor.check("json", "decimal", "json")] == ["json", "decimal"]

    def test_nothing_at_all(self) -> None:
        assert doctor.check() == []

    def test_is_public(self) -> None:
        assert subpool.doctor.check is doctor.check

    def test_bad_names(self) -> None:
        with pytest.raises(TypeError, match="not a name: 1"):
            doctor.check(1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        with pytest.raises(ValueError, match="empty"):
            doctor.check("")
        with pytest.raises(ValueError, match="timeout"):
            doctor.check("json", timeout=0)
        with pytest.raises(FileNotFoundError, match="no/such/folder"):
            doctor.check("no/such/folder")


class TestCommand:
    def test_prints_a_table(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["doctor", "json", "tracemalloc"]) == 1
        printed = capsys.readouterr().out
        title, header, _, first, second, *_ = printed.splitlines()
        assert ".".join(map(str, sys.version_info[:3])) in title
        assert header.split() == ["version", "loads", "seconds", "MB", "why"]
        assert first.split()[:2] == ["json", "yes"]
        assert second.split()[:2] == ["tracemalloc", "NO"]
        assert second.endswith("_tracemalloc refuses to load in a subinterpreter")

    def test_prints_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["doctor", "--json", "json"]) == 0
        (finding,) = json.loads(capsys.readouterr().out)
        assert set(finding) >= {"name", "loads", "reason", "blamed", "seconds", "megabytes"}
        assert (finding["name"], finding["loads"], finding["reason"], finding["blamed"]) == ("json", True, None, None)
        assert isinstance(finding["seconds"], float)
        assert isinstance(finding["megabytes"], float)
        assert list(finding) == [field.name for field in dataclasses.fields(Finding)]

    def test_complains(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["doctor", "no-such-file.txt"]) == 2
        assert "no-such-file.txt" in capsys.readouterr().err
