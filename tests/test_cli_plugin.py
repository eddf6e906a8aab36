"""`subpool plugin`: what each action prints, where it prints it, and its exit status."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plugins import plugin

from subpool.cli import main
from subpool.cli.plugins.text import printable
from subpool.cli.progress import PlainBar

Shown = pytest.CaptureFixture[str]

MANIFEST = 'name = "words"\nversion = "1.2"\n'
WORDS = """
    import logging
    from subpool.plugin import export, report

    @export
    def count(text: str, least: int = 0) -> int:
        report(0.25, "a quarter")
        logging.getLogger("inner").warning("counting")
        report(1.0, "all")
        return len([word for word in text.split() if len(word) >= least])

    @export
    def echo(*values):
        print("echo", values)
        return list(values)

    @export
    def fail():
        raise ValueError("no \\x1b[31mred\\x07")

    @export
    def forever():
        while True:
            pass

    @export
    def read(path):
        return open(path).read()
"""


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A plugin with a manifest."""
    plugin(tmp_path / "words", MANIFEST, "plugin.toml")
    return plugin(tmp_path / "words", WORDS).parent


def run(*words: object) -> int:
    return main(["plugin", *map(str, words)])


def wrong(capsys: Shown, *words: object) -> str:
    """What a line that argparse refuses prints."""
    with pytest.raises(SystemExit) as error:
        run(*words)
    assert error.value.code == 2
    return capsys.readouterr().err


class Terminal(io.StringIO):
    """Looks like one."""

    def isatty(self) -> bool:
        return True


class TestNew:
    def test_what_it_writes_passes_the_check(self, tmp_path: Path, capsys: Shown) -> None:
        assert run("new", tmp_path / "deep" / "my-plugin") == 0
        assert "subpool plugin run" in capsys.readouterr().out
        assert sorted(each.name for each in (tmp_path / "deep" / "my-plugin").iterdir()) == ["plugin.py", "plugin.toml"]
        for isolation in ("interpreter", "process"):
            assert run("check", tmp_path / "deep" / "my-plugin", "--isolation", isolation) == 0
        assert "greet(who: str) -> str" in capsys.readouterr().out

    def test_and_runs(self, tmp_path: Path, capsys: Shown) -> None:
        run("new", tmp_path / "mine")
        capsys.readouterr()
        assert run("run", tmp_path / "mine", "count", '["a", "b", "a"]') == 0
        assert json.loads(capsys.readouterr().out) == {"a": 2, "b": 1}

    def test_nothing_is_overwritten(self, words: Path, capsys: Shown) -> None:
        before = (words / "plugin.py").read_text(encoding="utf-8")
        assert run("new", words) == 1
        assert f"{words} is not empty" in capsys.readouterr().err
        assert (words / "plugin.py").read_text(encoding="utf-8") == before

    def test_a_file_is_in_the_way(self, words: Path, capsys: Shown) -> None:
        assert run("new", words / "plugin.toml" / "inner") == 1
        assert "plugin.toml" in capsys.readouterr().err

    @pytest.mark.parametrize("name", ["1st", "a b", "é", 'quo"te'])
    def test_a_name_that_is_none(self, tmp_path: Path, capsys: Shown, name: str) -> None:
        assert run("new", tmp_path / name) == 1
        assert f"{name!r} is no name for a plugin" in capsys.readouterr().err
        assert not (tmp_path / name).exists()


class TestCheck:
    def found(self, path: Path, capsys: Shown, *options: str) -> str:
        """The problems of a plugin that has some."""
        assert run("check", path, *options) == 1
        told = capsys.readouterr()
        assert "problem" in told.out
        return told.err

    def test_nothing_wrong(self, words: Path, capsys: Shown) -> None:
        assert run("check", words) == 0
        told = capsys.readouterr()
        assert told.out.startswith("words: nothing wrong; it offers\n  count(text: str, least: int) -> int\n")
        assert told.err == ""

    def test_a_bare_file_and_a_package(self, tmp_path: Path, capsys: Shown) -> None:
        plugin(tmp_path / "package", "from package.inner import f", "__init__.py")
        plugin(tmp_path / "package", "import json\ndef f():\n    return 1", "inner.py")
        assert run("check", tmp_path / "package") == 0
        assert run("check", plugin(tmp_path, "def f():\n    return 1", "alone.py")) == 0
        assert "f()" in capsys.readouterr().out

    def test_there_is_none(self, tmp_path: Path, capsys: Shown) -> None:
        assert f"no plugin at {tmp_path / 'none'}" in self.found(tmp_path / "none", capsys)

    @pytest.mark.parametrize(
        "manifest, named",
        [
            ('name = "words"\nversoin = "1"', "plugin.toml:2: versoin: "),
            ('name = "words"\n[functions.count]\nparameters = { text = "strr" }', "plugin.toml:3: "),
            ('name = "words"\n[limits]\ntimeout = 0', "plugin.toml:3: limits.timeout: "),
            ('name = "words"\n[policy]\nread = "x"', "plugin.toml:3: policy.read: "),
            ('name = "words', "line 1"),
            ('name = "words"\nentry = "gone.py"', "plugin.toml: entry: there is no 'gone.py'"),
            ('name = "words"\n[functions.gone]', "does not have"),
            ('name = "words"\n[functions.count]\nparameters = { text = "int" }',
             "plugin.toml: functions.count.parameters.text: declared as int, and the function takes str"),
            ('name = "words"\n[functions.count]\nparameters = { word = "str" }', "the function calls it 'text'"),
            ('name = "words"\n[functions.count]\nparameters = { text = "str", least = "int", a = "int" }',
             "functions.count.parameters: 3 are declared, and the function takes 2"),
            ('name = "words"\n[functions.count]\nreturns = "list[str]"',
             "functions.count.returns: declared as list[str], and the function returns int"),
        ],
    )  # fmt: skip
    def test_a_wrong_manifest(self, words: Path, capsys: Shown, manifest: str, named: str) -> None:
        plugin(words, manifest, "plugin.toml")
        assert named in self.found(words, capsys)

    @pytest.mark.parametrize(
        "declared", ['parameters = { text = "str", least = "int" }\nreturns = "float"', 'parameters = { text = "Any" }']
    )
    def test_a_manifest_that_says_less_or_more(self, words: Path, declared: str) -> None:
        plugin(words, f"{MANIFEST}[functions.count]\n{declared}", "plugin.toml")
        assert run("check", words) == 0

    def test_each_file_that_does_not_parse(self, words: Path, capsys: Shown) -> None:
        plugin(words, "def f(:\n    pass", "a.py")
        plugin(words, "\nreturn 1", "inner/b.py")
        (words / "c.py").write_bytes(b"# coding: nonsense\n")
        problems = self.found(words, capsys)
        assert f"{words / 'a.py'}:1: SyntaxError" in problems
        assert f"{words / 'inner' / 'b.py'}:1: SyntaxError: 'return' outside function" in problems
        assert str(words / "c.py") in problems

    def test_each_import_that_does_not_load(self, words: Path, capsys: Shown) -> None:
        plugin(words, WORDS + "\n    import ctypes", "plugin.py")
        later = "def f():\n    import gone_a\n    from json import gone_b\ndef g():\n    import msgspec"
        plugin(words, later, "later.py")
        problems = self.found(words, capsys)
        assert f"{words / 'later.py'}:2: gone_a does not load: ModuleNotFoundError" in problems
        assert f"{words / 'later.py'}:3: json does not load: " in problems
        assert f"{words / 'later.py'}:5: msgspec does not load: " in problems
        assert "ctypes does not load: ImportDenied: the policy does not allow import(ctypes)" in problems
        assert len(problems.splitlines()) == 4

    def test_imports_that_may_fail_may_fail(self, words: Path) -> None:
        plugin(
            words,
            """
            from __future__ import annotations
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                import gone
            try:
                import gone
            except (ImportError, KeyError):
                gone = None
            try:
                from json import gone2
            except:
                pass
            def f():
                return gone
            """,
            "words.py",
        )
        assert run("check", words) == 0

    def test_vendored_packages_are_not_its_own(self, words: Path, capsys: Shown) -> None:
        plugin(words, f'{MANIFEST}dependencies = "vendored"', "plugin.toml")
        plugin(words, "print 'of another age'", "vendored/old/relic.py")
        plugin(words, "value = 1", "vendored/old/__init__.py")
        plugin(words, "import old\ndef f():\n    return old.value", "words.py")
        assert run("check", words) == 0
        plugin(words, "import old.relic\ndef f():\n    return old.value", "words.py")
        assert f"{words / 'words.py'}:1: old.relic does not load: SyntaxError" in self.found(words, capsys)

    @pytest.mark.parametrize(
        "source, named",
        [
            ("def f():\n    return 1 / 0\nf()", "plugin.py:2: does not load: ZeroDivisionError"),
            ("open('/etc/passwd')", "plugin.py:1: does not load: subpool"),
            ("import os\ntry:\n    os.umask(0)\nexcept OSError:\n    pass", "it is refused posix.umask (1 times)"),
            ("import sys\nsys.exit('bye')", "plugin.py:2: does not load: SystemExit: bye"),
        ],
    )
    def test_it_is_loaded(self, words: Path, capsys: Shown, source: str, named: str) -> None:
        plugin(words, source)
        assert named in self.found(words, capsys)

    def test_what_it_asks_for_it_has(self, words: Path, tmp_path: Path) -> None:
        (tmp_path / "data.txt").write_text("x", encoding="utf-8")
        plugin(words, f"open({str(tmp_path / 'data.txt')!r}).close()")
        assert run("check", words) == 1
        plugin(words, f"{MANIFEST}[policy]\nread = [{str(tmp_path)!r}]".replace("'", '"'), "plugin.toml")
        assert run("check", words) == 0

    def test_as_json(self, words: Path, capsys: Shown) -> None:
        assert run("check", words, "--json") == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["plugin"], found["problems"]) == ("words", [])
        plugin(words, "1 +")
        assert run("check", words, "--json") == 1
        (problem,) = json.loads(capsys.readouterr().out)["problems"]
        assert (problem["file"], problem["line"]) == (str(words / "plugin.py"), 1)


class TestRun:
    def test_the_result_is_json_and_nothing_else(self, words: Path, capsys: Shown) -> None:
        assert run("run", words, "count", "one three") == 0
        told = capsys.readouterr()
        assert told.out == "2\n"
        assert told.err == "WARNING subpool.sandbox.words.inner: counting\n"

    def test_arguments_are_json_or_text(self, words: Path, capsys: Shown) -> None:
        args = ["3", "3 4", "null", '{"a": [1.5]}', '"3"', "{a", "", "Zoë"]
        assert run("run", words, "echo", *args) == 0
        told = capsys.readouterr()
        assert json.loads(told.out) == [3, "3 4", None, {"a": [1.5]}, "3", "{a", "", "Zoë"]
        assert "INFO subpool.sandbox.words.stdout: echo (3, '3 4'" in told.err

    @pytest.mark.parametrize("isolation", ["interpreter", "process"])
    def test_where_it_runs(self, tmp_path: Path, capsys: Shown, isolation: str) -> None:
        path = plugin(tmp_path, "import os\ndef pid():\n    return os.getpid()")
        assert run("run", "--isolation", isolation, path, "pid") == 0
        assert (json.loads(capsys.readouterr().out) == os.getpid()) is (isolation == "interpreter")

    def test_types_of_the_manifest_go_out_as_json(self, words: Path, capsys: Shown) -> None:
        plugin(words, f'{MANIFEST}[functions.f]\nreturns = "dict[date, bytes]"', "plugin.toml")
        plugin(words, "import datetime\ndef f():\n    return {'2026-01-31': 'YWJj'}")
        assert run("run", words, "f") == 0
        assert json.loads(capsys.readouterr().out) == {"2026-01-31": "YWJj"}

    @pytest.mark.parametrize(
        "words_, named",
        [
            (("nothing",), "there is no function 'nothing'; it offers count, echo"),
            (("count", "3"), "words.count: args[0]: expected str, got int"),
            (("count",), "words.count: args: count takes 1 to 2 arguments, got 0"),
            (("forever", "--timeout", "0.2"), "words.forever: "),
            (("fail",), "words.fail: ValueError: no \\u001b[31mred\\u0007"),
            (("read", "/etc/passwd"), "with --grant it may do what its manifest asks for"),
        ],
    )
    def test_what_fails(self, words: Path, capsys: Shown, words_: tuple[str, ...], named: str) -> None:
        function, *rest = words_
        assert run("run", words, function, *rest) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert named in told.err
        assert "\x1b" not in told.err

    def test_a_failure_tells_where(self, words: Path, capsys: Shown) -> None:
        assert run("run", words, "fail") == 1
        assert f'File "{words / "plugin.py"}", line ' in capsys.readouterr().err

    def test_no_plugin(self, tmp_path: Path, capsys: Shown) -> None:
        assert run("run", tmp_path / "none", "f") == 1
        assert "no plugin at" in capsys.readouterr().err

    def test_grant(self, words: Path, tmp_path: Path, capsys: Shown) -> None:
        (tmp_path / "data.txt").write_text("hidden", encoding="utf-8")
        plugin(words, f'{MANIFEST}[policy]\nread = ["{tmp_path}"]', "plugin.toml")
        assert run("run", words, "read", tmp_path / "data.txt") == 1
        assert run("run", "--grant", words, "read", tmp_path / "data.txt") == 0
        assert json.loads(capsys.readouterr().out) == "hidden"

    @pytest.mark.parametrize("options", [["--timeout", "0"], ["--timeout", "x"], ["--isolation", "jail"]])
    def test_wrong_options(self, words: Path, capsys: Shown, options: list[str]) -> None:
        assert options[1] in wrong(capsys, "run", *options, words, "echo")

    def test_without_rich_a_plain_bar(self, words: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
        shown = Terminal()
        monkeypatch.setitem(sys.modules, "rich", None)
        monkeypatch.setitem(sys.modules, "rich.console", None)
        monkeypatch.setattr(sys, "stderr", shown)
        assert run("run", words, "count", "a") == 0
        assert capsys.readouterr().out == "1\n"
        painted = [line.rstrip() for line in shown.getvalue().replace("\n", "\r").split("\r")]
        assert f"words: a quarter [{'#' * 10:40}] 25/100" in painted
        assert "WARNING subpool.sandbox.words.inner: counting" in painted
        assert painted[-1] == ""

    def test_with_rich_a_bar_of_its(self, words: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("rich")
        shown = Terminal()
        monkeypatch.setattr(sys, "stderr", shown)
        assert run("run", words, "count", "a") == 0
        assert capsys.readouterr().out == "1\n"
        assert "words: a quarter" in shown.getvalue()
        assert "25%" in shown.getvalue()
        assert "WARNING subpool.sandbox.words.inner: counting" in shown.getvalue()

    def test_no_bar_where_nobody_looks(self, words: Path, capsys: Shown) -> None:
        assert run("run", words, "count", "a") == 0
        assert "quarter" not in capsys.readouterr().err

    def test_the_log_is_as_it_was(self, words: Path) -> None:
        import logging

        log = logging.getLogger("subpool.sandbox")
        before = log.level, log.propagate, list(log.handlers)
        assert run("run", words, "fail") == 1
        assert (log.level, log.propagate, list(log.handlers)) == before

    def test_as_a_program(self, words: Path) -> None:
        """From a shell, with warnings as errors, and nothing left over at the end."""
        line = [sys.executable, "-W", "error", "-m", "subpool", "plugin", "run", str(words), "count", "a b"]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=50)
        assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


class TestList:
    def folder(self, words: Path) -> Path:
        plugin(words.parent, "def area(side: float) -> float:\n    return side * side", "square.py")
        plugin(words.parent, "import gone", "broken.py")
        plugin(words.parent / "wrong", "nam = 1", "plugin.toml")
        plugin(words.parent, "not code", "_private.py")
        return words.parent

    def test_a_table(self, words: Path, capsys: Shown) -> None:
        assert run("list", self.folder(words)) == 0
        lines = capsys.readouterr().out.splitlines()
        (square,) = [line for line in lines if line.startswith("square")]
        assert square.split() == ["square", "area(side:", "float)", "->", "float", "loads"]
        (first,) = [line for line in lines if line.startswith("words")]
        assert first.split()[:2] == ["words", "1.2"]
        assert any(line.split() == ["fail()"] for line in lines)
        assert any(line.startswith("broken ") and "No module named 'gone'" in line for line in lines)
        assert any(line.startswith("wrong ") and "plugin.toml" in line for line in lines)
        assert not any("_private" in line for line in lines)

    def test_as_json(self, words: Path, capsys: Shown) -> None:
        assert run("list", self.folder(words), "--json") == 0
        told: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
        found = {each["name"]: each for each in told}
        assert sorted(found) == ["broken", "square", "words", "wrong"]
        assert found["square"] == {
            "name": "square",
            "version": "",
            "path": str(words.parent / "square.py"),
            "functions": ["area(side: float) -> float"],
            "loads": True,
            "problem": "",
        }
        assert (found["broken"]["loads"], found["broken"]["functions"]) == (False, [])
        assert "ModuleNotFoundError" in found["broken"]["problem"]

    def test_nothing_there(self, tmp_path: Path, capsys: Shown) -> None:
        assert run("list", tmp_path) == 0
        assert "no plugins in" in capsys.readouterr().out

    def test_no_folder(self, tmp_path: Path, capsys: Shown) -> None:
        assert run("list", tmp_path / "none") == 1
        assert "no folder of plugins at" in capsys.readouterr().err


class TestLine:
    @pytest.mark.parametrize("words", [[], ["nonsense"], ["new"], ["check"], ["run", "x"], ["list"]])
    def test_wrong_lines(self, capsys: Shown, words: list[str]) -> None:
        assert "usage: " in wrong(capsys, *words)

    def test_a_terminal_is_not_moved_by_a_plugin(self) -> None:
        assert printable("a\tb\nc\x9b2J\x1b]0;x\x07\ud800\u202e") == "a\tb\nc\\u009b2J\\u001b]0;x\\u0007\\ud800\\u202e"
        assert json.loads(printable(json.dumps("\x9b\U000e0001", ensure_ascii=False))) == "\x9b\U000e0001"

    def test_a_plain_bar(self) -> None:
        stream = io.StringIO()
        bar = PlainBar("long title", 4, stream)
        bar.show(1)
        bar.show(2, "t")
        bar.say("line")
        bar.remove()
        lines = [line.rstrip() for line in stream.getvalue().replace("\n", "\r").split("\r")]
        half = f"t [{'#' * 20:40}] 2/4"
        assert lines == ["", f"long title [{'#' * 10:40}] 1/4", half, "line", "", half, "", ""]
