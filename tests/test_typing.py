"""The public face is typed throughout: two strict type checkers agree with `typing_cases`.

Where the checkers are not installed, the environment that checks types covers it.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import LIBRARY, TESTS, environment

CASES = TESTS / "typing_cases.py"


def _check(arguments: list[str], folder: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=environment(MYPYPATH=str(LIBRARY)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy(tmp_path: Path) -> None:
    """Typed throughout, checked by `assert_type` tests."""
    _check(["mypy", "--strict", "--warn-unreachable", "--follow-imports=silent", str(CASES)], tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("pyright") is None, reason="pyright is not installed")
def test_pyright(tmp_path: Path) -> None:
    """Typed throughout, checked by `assert_type` tests."""
    configuration = tmp_path / "pyrightconfig.json"
    configuration.write_text(
        f"""{{
            "include": ["{CASES}"],
            "extraPaths": ["{LIBRARY}", "{TESTS}"],
            "typeCheckingMode": "strict",
            "reportUnnecessaryTypeIgnoreComment": "error",
            "enableTypeIgnoreComments": false
        }}""",
        encoding="utf-8",
    )
    _check(["pyright", "--project", str(configuration)], tmp_path)
