"""What documents say is so: their programs run, the examples run, the reference is complete."""

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from documents import PAGES, Block, blocks, command, program
from sources import REPOSITORY, read_package

import subpool

EXAMPLES = sorted([*(REPOSITORY / "examples").glob("*.py"), *(REPOSITORY / "examples").glob("*/app.py")])
SECONDS = 50
HOST_ONLY = ("subpool.cli", "subpool.integrations", "subpool.__main__")


def run(arguments: list[str], folder: Path) -> None:
    """Runs this Python with warnings as errors. It has to end well and silently, the end of the pool included."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=with_checkout(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    assert not done.stderr, done.stderr


def with_checkout() -> dict[str, str]:
    """This environment, with the package that is under test importable from anywhere."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SUBPOOL_")}
    return inherited | {"PYTHONPATH": str(Path(subpool.__file__).parent.parent)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_the_programs_of_a_page_run(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if source := program(text):
        file = tmp_path / f"{page.stem.replace('-', '_').lower()}.py"
        file.write_text(source, encoding="utf-8")
        run([str(file)], tmp_path)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.relative_to(REPOSITORY / "examples")))
def test_an_example_runs(example: Path, tmp_path: Path) -> None:
    quick = ["--quick"] if "--quick" in example.read_text(encoding="utf-8") else []
    run([str(example), *quick], tmp_path)


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.parametrize("name", [name for name in read_package() if not name.startswith(HOST_ONLY)])
def test_examples_in_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_reference_names_every_public_name() -> None:
    reference = (REPOSITORY / "docs" / "reference.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\.\. auto\w+:: (?:subpool\.)?(\w+)$", reference, re.MULTILINE))
    assert documented == set(subpool.__all__) - {"__version__"}


def test_the_changelog_speaks_of_this_version() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{subpool.__version__}]" in changelog


# ----------------------------------------------------------------------------------------------------- commands


def test_the_commands_of_the_readme() -> None:
    assert command("demo").endswith("subpool demo")
    assert command("tests").endswith("pytest")
    with pytest.raises(LookupError, match="nonsense"):
        command("nonsense")


def test_continuous_integration_runs_the_command_of_the_readme() -> None:
    """.ci/run cuts the command out of README.md with a tool of its own; it must find what is written there."""
    found = subprocess.run(
        ["bash", str(REPOSITORY / ".ci" / "run"), "--print-test-command"], capture_output=True, text=True, check=True
    )
    assert found.stdout == command("tests") + "\n"


# ------------------------------------------------------------------------------------------------ the reader itself

PAGE = """# A page

```python
first = 1
```

<!-- not run: it would delete the disk -->
```python
second = 2
```

- in a list:

  ```python
  if first:
      third = 3
  ```

```text
fourth = 4
```
"""


def test_blocks_are_read_where_they_stand() -> None:
    assert blocks(PAGE) == [
        Block("python", ("first = 1",), 3, is_run=True),
        Block("python", ("second = 2",), 8, is_run=False),
        Block("python", ("if first:", "    third = 3"), 14, is_run=True),
        Block("text", ("fourth = 4",), 19, is_run=True),
    ]


def test_a_page_is_one_program_with_the_line_numbers_of_the_page() -> None:
    lines = program(PAGE).splitlines()
    assert {number: line for number, line in enumerate(lines) if line} == {
        3: "first = 1",
        14: "if first:",
        15: "    third = 3",
    }
    assert program("# No program\n\n```text\nat all\n```\n") == ""
