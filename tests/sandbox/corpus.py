"""The corpus of attacks: one file each in `attacks/`, in a folder for each kind. They are read here, never imported.

An attack is a plugin. Its docstring says what it tries, and constants at its top say what has to come of it:

- `EXPECTED`: an outcome for both isolations, or one for each;
- `SAYS`: a regular expression for what the host is told, where the call fails;
- `OPTIONS`: keywords of the sandbox;
- `ALONE`: the isolations under which it is tried in a process of its own, since it might take that along.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("attacks")
ISOLATIONS = ("interpreter", "process")
CONSTANTS = frozenset(("EXPECTED", "SAYS", "OPTIONS", "ALONE"))


class Outcome(Enum):
    """What came of an attack."""

    REFUSED = "refused"
    """The policy refused it."""
    CONTAINED = "contained"
    """It did what it could, and nothing but the plugin itself suffered."""
    NOT_STOPPED = "not stopped"
    """It got at something that it should not have, or did harm."""


@dataclass(frozen=True)
class Attack:
    """One attack, as its file declares it."""

    path: Path
    about: str
    expected: dict[str, Outcome]
    says: str = ""
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    alone: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The folder that it lies in."""
        return self.path.parent.name

    @property
    def name(self) -> str:
        """The kind and the file's name."""
        return f"{self.kind}/{self.path.stem}"

    @classmethod
    def read(cls, path: Path) -> Attack:
        """Read its declaration."""
        tree = ast.parse(path.read_bytes(), str(path))
        about = ast.get_docstring(tree)
        if not about:
            raise ValueError(f"{path}: no docstring says what it tries")
        said: dict[str, Any] = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
            if node.targets[0].id in CONSTANTS
        }
        expected: Any = said.get("EXPECTED", {})
        each: dict[str, str] = dict.fromkeys(ISOLATIONS, expected) if isinstance(expected, str) else expected
        if sorted(each) != sorted(ISOLATIONS):
            raise ValueError(f"{path}: EXPECTED must be an outcome, or one for each of {', '.join(ISOLATIONS)}")
        outcomes = {isolation: Outcome(outcome) for isolation, outcome in each.items()}
        alone = tuple(said.get("ALONE", ()))
        return cls(path, about, outcomes, said.get("SAYS", ""), said.get("OPTIONS", {}), alone)


def corpus() -> list[Attack]:
    """All attacks, kind by kind."""
    return [Attack.read(path) for path in sorted(FOLDER.glob("*/*.py"))]


def attack_of(name: str) -> Attack:
    """One of them."""
    return Attack.read(FOLDER / f"{name}.py")
