"""Plugins for the tests of sandboxes: written into folders, and the two ways in which they are isolated."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

import subpool

Isolation = Literal["interpreter", "process"]
ISOLATIONS: tuple[Isolation, ...] = ("interpreter", "process")
PATIENCE = 30.0
"""Seconds after which a wait has failed. Never reached in a run that passes."""


def plugin(folder: Path, source: str, name: str = "plugin.py") -> Path:
    """Write a plugin's module."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source).strip() + "\n", encoding="utf-8")
    return path


@pytest.fixture(params=ISOLATIONS)
def isolation(request: pytest.FixtureRequest) -> Isolation:
    """Both places where a plugin may live."""
    it: Isolation = request.param
    return it


class Boxes:
    """Makes sandboxes of plugins that are written for a test, and closes them."""

    def __init__(self, folder: Path, isolation: Isolation) -> None:
        self.folder = folder
        self.isolation: Isolation = isolation
        self.made: list[subpool.Sandbox] = []

    def __call__(self, source: str, *, file: str = "plugin.py", **options: Any) -> subpool.Sandbox:
        """A sandbox of a module with this source."""
        return self.of(plugin(self.folder / "plugins", source, file), **options)

    def of(self, path: Path | str, **options: Any) -> subpool.Sandbox:
        """A sandbox of the plugin at this place."""
        options = {"isolation": self.isolation, **options}
        self.made.append(subpool.Sandbox(path, **options))
        return self.made[-1]


@pytest.fixture
def boxes(tmp_path: Path, isolation: Isolation) -> Iterator[Boxes]:
    """Makes sandboxes of either kind."""
    it = Boxes(tmp_path, isolation)
    yield it
    for each in it.made:
        each.close()


@pytest.fixture
def inner_boxes(tmp_path: Path) -> Iterator[Boxes]:
    """Makes sandboxes in interpreters."""
    it = Boxes(tmp_path, "interpreter")
    yield it
    for each in it.made:
        each.close()
