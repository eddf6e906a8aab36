"""What misbehaving plugins achieve: each attack of the corpus, in both isolations, comes to what is declared beside it.

Those that an interpreter does not stop are proved not to be stopped: where they come to nothing, the test fails, too.
"""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from corpus import Attack, Outcome, corpus
from sources import REPOSITORY
from table import PAGE, page
from trial import BYSTANDER, CLOSE, GRACE, Isolation, Verdict, tried, tried_alone

import subpool

Pair = tuple[Attack, Isolation]
ATTACKS = corpus()
LEAST = 60
KINDS = (
    "builtins", "encodings", "files", "frames", "hook", "imports", "loops", "objects", "output", "recursion", "results",
    "subclasses", "threads",
)  # fmt: skip


@pytest.fixture(scope="module")
def bystander(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subpool.Sandbox]:
    """Another plugin, which has to answer whatever the first one does."""
    path = tmp_path_factory.mktemp("bystander") / "bystander.py"
    path.write_text(BYSTANDER, encoding="utf-8")
    with subpool.Sandbox(path) as box:
        yield box


@pytest.fixture(scope="module")
def alone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    """The verdicts of those that are tried in processes of their own, several at once, as they mostly wait."""
    items = [each for each in request.session.items if isinstance(each, pytest.Function)]
    chosen = [each.callspec.params for each in items if each.originalname == test_attack.__name__]
    pairs: list[Pair] = [(each["attack"], each["isolation"]) for each in chosen]  # type: ignore[misc]
    pairs = [(attack, isolation) for attack, isolation in pairs if isolation in attack.alone]
    folder = tmp_path_factory.mktemp("alone")

    def verdict_of(pair: Pair) -> Verdict:
        own = folder / name_of(*pair).replace("/", "-")
        own.mkdir()
        return tried_alone(*pair, own)

    with ThreadPoolExecutor(4) as executor:
        return dict(zip((name_of(*pair) for pair in pairs), executor.map(verdict_of, pairs), strict=True))


def name_of(attack: Attack, isolation: Isolation) -> str:
    return f"{attack.name} {isolation}"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, isolation: Isolation) -> None:
    """Little patience with processes, which can be killed; and no log of what is refused."""
    monkeypatch.setattr(logging.getLogger("subpool.sandbox"), "level", logging.CRITICAL)
    if isolation == "process":
        monkeypatch.setattr("subpool.sandbox.instance.GRACE", GRACE)
        monkeypatch.setattr("subpool.sandbox.sandbox.CLOSE", CLOSE)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("isolation", ["interpreter", "process"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(
    attack: Attack, isolation: Isolation, alone: dict[str, Verdict], bystander: subpool.Sandbox, tmp_path: Path
) -> None:
    verdict = alone.get(name_of(attack, isolation)) or tried(attack, isolation, tmp_path, bystander)
    assert verdict.outcome is attack.expected[isolation], verdict
    assert_clear(attack, verdict)


def assert_clear(attack: Attack, verdict: Verdict) -> None:
    """What the host is told names the plugin, and what was wrong."""
    if not verdict.said:
        return
    assert verdict.said.startswith(attack.path.stem), verdict.said
    assert len(verdict.said) < 11_000
    if verdict.outcome is Outcome.REFUSED and "PolicyViolation" in verdict.said:
        assert "the policy does not allow" in verdict.said
    assert re.search(attack.says, verdict.said), verdict.said


def test_there_are_many_of_every_kind() -> None:
    assert len(ATTACKS) >= LEAST
    assert sorted({attack.kind for attack in ATTACKS}) == list(KINDS)


def test_no_two_try_the_same() -> None:
    assert len({attack.about for attack in ATTACKS}) == len(ATTACKS)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python tests/sandbox/table.py"


def test_the_page_can_be_written_by_one_command() -> None:
    line = [sys.executable, str(REPOSITORY / "tests" / "sandbox" / "table.py"), "--print"]
    assert subprocess.run(line, capture_output=True, text=True, check=True).stdout == page()
