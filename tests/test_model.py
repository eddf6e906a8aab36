"""The scheduling protocols, checked by `spin` in all their interleavings: the models in ``tests/model``.

Each model passes as it is, and fails where one of its guards is taken out. `SUBPOOL_REQUIRE_SPIN=1` makes a missing
`spin` a failure, as in CI; elsewhere these tests are skipped without it.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from identifiers import Vocabulary, unresolved
from sources import read_package

from subpool._schedule import seat, station, taking
from subpool._schedule.half import HalfState
from subpool._wire.payload import Kind

MODELS = Path(__file__).resolve().parent / "model"
DEADLOCK = "invalid end state"
TWICE = "assertion violated"
NEEDED = ("spin", "cc")

#: Constants of the code that the models state with the same numbers.
CONSTANTS = {
    **{name: getattr(station, name) for name in ("WORKING", "SEEKING", "NAPPING", "ASLEEP")},
    **{name: getattr(seat, name) for name in ("READY", "TAKEN", "DONE")},
    **{name: getattr(taking, name) for name in ("STOP", "UNCLAIM", "GONE")},
    **{kind.name: int(kind) for kind in Kind},
}
#: What the models have besides the steps of the code: memory itself, and threads.
PROPS = frozenset({"surfacing", "let_go", "push", "outer", "beside", "thread", "owner", "taker", "other_worker"})


class Check(NamedTuple):
    """A model, and how it is set up."""

    model: str
    setting: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join((self.model, *self.setting))


class Mutation(NamedTuple):
    """A guard that is taken out of a model, and what then goes wrong."""

    check: Check
    guard: str
    says: str

    def __str__(self) -> str:
        return f"{self.check}-{self.guard}"


HUNGER, CROWD, HANDOVER, WAKING = (
    Check("hunger"),
    Check("hunger", ("CROWD", "SEQUENTIAL")),
    Check("handover"),
    Check("waking"),
)
LEDGER, BUNDLE = Check("ledger"), Check("ledger", ("BUNDLE",))
WAITING, HELPED, TWO = Check("waiting"), Check("waiting", ("HELPED",)), Check("waiting", ("TWO", "SEQUENTIAL"))
JOBS, CANCELLER = Check("jobs"), Check("jobs", ("CANCELLER",))
CANCELLING, FEEDING, SHARING = Check("cancelling"), Check("feeding"), Check("sharing")
CHECKS = (
    HUNGER,
    CROWD,
    HANDOVER,
    WAKING,
    LEDGER,
    BUNDLE,
    WAITING,
    HELPED,
    TWO,
    JOBS,
    CANCELLER,
    CANCELLING,
    FEEDING,
    SHARING,
)

MUTATIONS = (
    Mutation(HUNGER, "NO_LAST_LOOK", DEADLOCK),
    Mutation(HUNGER, "NO_FENCE_BEFORE_SLEEP", DEADLOCK),
    Mutation(HUNGER, "NO_FENCE_BEFORE_WAKE", DEADLOCK),
    Mutation(HUNGER, "HUSHED_LATE", DEADLOCK),
    Mutation(HUNGER, "MARKED_LATE", DEADLOCK),
    Mutation(HUNGER, "SWALLOWED", DEADLOCK),
    Mutation(HUNGER, "ANSWERS_ONCE", DEADLOCK),
    Mutation(HUNGER, "LOOK_THEN_PUSH", DEADLOCK),
    Mutation(HANDOVER, "NO_RECOUNT", DEADLOCK),
    Mutation(HANDOVER, "NO_HAND_OVER", DEADLOCK),
    Mutation(HANDOVER, "BUSY_LATE", DEADLOCK),
    Mutation(WAKING, "NOT_PASSED_ON", DEADLOCK),
    Mutation(WAKING, "MARKED_LATE", DEADLOCK),
    Mutation(WAKING, "NO_FENCE_BEFORE_WAKE", DEADLOCK),
    Mutation(LEDGER, "TWO_WRITERS", TWICE),
    Mutation(LEDGER, "MIXED_FORKS", TWICE),
    Mutation(LEDGER, "SENDS_REVOKED", TWICE),
    Mutation(LEDGER, "NEVER_DECLINED", TWICE),
    Mutation(LEDGER, "FROM_PLACE_1", TWICE),
    Mutation(LEDGER, "UNLOCKED", TWICE),
    Mutation(BUNDLE, "SENDS_REVOKED", TWICE),
    Mutation(WAITING, "NO_FENCE_AFTER_DONE", DEADLOCK),
    Mutation(WAITING, "NO_FENCE_BEFORE_SLEEP", DEADLOCK),
    Mutation(WAITING, "NO_VERIFY", TWICE),
    Mutation(HELPED, "NO_FENCE_BEFORE_WAKE", DEADLOCK),
    Mutation(HELPED, "BUSY_LATE", DEADLOCK),
    Mutation(JOBS, "CLAIM_LOST", DEADLOCK),
    Mutation(CANCELLER, "NO_FENCE_AFTER_UNCLAIM", TWICE),
    Mutation(CANCELLER, "NO_FENCE_AFTER_TAKEN", TWICE),
    Mutation(CANCELLER, "NO_FENCE_AFTER_STOP", TWICE),
    Mutation(CANCELLER, "NO_FENCE_AFTER_DONE", DEADLOCK),
    Mutation(CANCELLER, "NO_FENCE_BEFORE_SLEEP", DEADLOCK),
    Mutation(CANCELLING, "UNLOCKED", TWICE),
    Mutation(CANCELLING, "ANY_TASK_OF_ITS", TWICE),
    Mutation(CANCELLING, "NO_QUARANTINE", TWICE),
    Mutation(CANCELLING, "DIES_SILENTLY", DEADLOCK),
    Mutation(CANCELLING, "NO_FENCE_AFTER_STOP", TWICE),
    Mutation(CANCELLING, "NO_FENCE_AFTER_TAKEN", TWICE),
    Mutation(CANCELLING, "NO_FENCE_AFTER_DONE", DEADLOCK),
    Mutation(CANCELLING, "NO_FENCE_BEFORE_SLEEP", DEADLOCK),
    Mutation(FEEDING, "AGAIN_AFTER_THE_ATTEMPT", TWICE),
    Mutation(FEEDING, "LOOKS_ONCE", TWICE),
    Mutation(FEEDING, "LETS_GO_SILENTLY", TWICE),
    Mutation(SHARING, "MOVES_SILENTLY", DEADLOCK),
    Mutation(SHARING, "LEAVES_SILENTLY", DEADLOCK),
    Mutation(SHARING, "HANDS_ON_BLINDLY", DEADLOCK),
    Mutation(SHARING, "ANNOUNCES_ANYWHERE", DEADLOCK),
    Mutation(SHARING, "ENTERS_LATE", DEADLOCK),
    Mutation(SHARING, "NO_FENCE_BEFORE_SLEEP", DEADLOCK),
    Mutation(SHARING, "HOME_TWICE", TWICE),
)


@pytest.fixture(scope="module")
def tools() -> None:
    missing = [tool for tool in NEEDED if shutil.which(tool) is None]
    if missing:
        text = f"not installed: {', '.join(missing)} (Debian: apt-get install spin gcc)"
        if os.environ.get("SUBPOOL_REQUIRE_SPIN") == "1":
            pytest.fail(text)
        pytest.skip(text)


def verify(check: Check, folder: Path, *guards_out: str, optimise: str) -> str:
    """What the checker says about every interleaving of a model; it stops at the first error."""
    defines = [f"-D{name}" for name in (*check.setting, *guards_out)]
    for model in MODELS.glob("*.pml"):
        shutil.copy(model, folder)
    _run(["spin", "-a", *defines, f"{check.model}.pml"], folder)
    _run(["cc", optimise, "-w", "-DSAFETY", "-DMEMLIM=2048", "-o", "pan", "pan.c"], folder)
    return _run(["./pan", "-m100000"], folder)


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{command}: {said}"
    assert "Error" not in said, said
    return said


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_a_protocol_holds_in_every_interleaving(check: Check, tmp_path: Path) -> None:
    said = verify(check, tmp_path, optimise="-O2")
    assert "errors: 0" in said, said
    assert "not completed" not in said, said
    assert "too small" not in said, said  # the search depth: then it was not the whole state space


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
def test_a_protocol_without_a_guard_fails(mutation: Mutation, tmp_path: Path) -> None:
    said = verify(mutation.check, tmp_path, mutation.guard, optimise="-O0")
    assert re.search(rf"^pan:1: {mutation.says}", said, re.MULTILINE), said


# -------------------------------------------------------------------------------- models and code do not drift apart


def sources() -> Iterator[tuple[Path, str]]:
    for path in sorted(MODELS.glob("*.pml")):
        yield path, path.read_text(encoding="utf-8")


def test_the_states_are_those_of_the_code() -> None:
    text = (MODELS / "states.pml").read_text(encoding="utf-8")
    assert {name: int(value) for name, value in re.findall(r"#define (\w+) (\d+)", text)} == CONSTANTS
    (states,) = re.findall(r"mtype = \{ (.*) \}", text)
    assert states.split(", ") == [state.name for state in HalfState]


def test_each_state_is_used() -> None:
    text = "".join(text for path, text in sources() if path.name != "states.pml")
    unused = {name for name in (*CONSTANTS, *HalfState.__members__) if not re.search(rf"\b{name}\b", text)}
    assert unused == {"ERROR", "UNREADABLE", "REFUSED"}  # to the protocols, outcomes like `VALUE`


def test_steps_are_called_as_in_the_code() -> None:
    vocabulary = Vocabulary.of(read_package())
    named = {(path.name, name) for path, text in sources() for name in re.findall(r"(?:proctype|inline) (\w+)", text)}
    foreign = {
        (file, name)
        for file, name in named
        if not (name in PROPS or vocabulary.knows(name) or vocabulary.knows(f"_{name}"))
    }
    assert not foreign


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.pml")), ids=lambda path: path.name)
def test_a_comment_names_only_what_exists(path: Path) -> None:
    comments = "\n\n".join(re.findall(r"/\*(.*?)\*/", path.read_text(encoding="utf-8"), re.DOTALL))
    vocabulary = Vocabulary.of(read_package())
    assert not [each.word for each in unresolved(comments, vocabulary, folder=MODELS.parent)]


def test_each_guard_is_taken_out_somewhere() -> None:
    settings = {name for check in CHECKS for name in check.setting}
    switches = {name for _, text in sources() for name in re.findall(r"#ifn?def (\w+)", text)}
    assert switches - settings == {mutation.guard for mutation in MUTATIONS}
