"""What the demo reports: typed, so that what `--json` prints can be read back as it is.

Host side only: msgspec does not load in a subinterpreter.
"""

import os
import platform
import sysconfig
from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from subpool.cli import contest
from subpool.cli.analysis import Findings, Function, Visit
from subpool.cli.contest import Outcome
from subpool.cli.scenario import Story, place_name


class Way(msgspec.Struct, frozen=True):
    """One way to do the work; `unequal` lists what it found otherwise than the sequential one."""

    name: str
    seats: int
    start_seconds: float
    seconds: float
    speed_up: float
    unequal: list[str]


class Place(msgspec.Struct, frozen=True):
    """What one interpreter did while subpool had the work."""

    where: str
    files: int
    busy_seconds: float


class Record(msgspec.Struct, frozen=True):
    """A function that is among the first by some measure."""

    measure: int
    function: str
    file: str
    line: int


class Found(msgspec.Struct, frozen=True):
    """What is in the files."""

    files: int
    unparsable: int
    lines: int
    bare_lines: int
    tokens: int
    nodes: int
    names: int
    functions: int
    unread_variables: int
    look_alikes: int
    longest: list[Record]
    most_branched: list[Record]


class ActTimes(msgspec.Struct, frozen=True):
    """Who did one act of the scenario, and when, in milliseconds after the first one."""

    name: str
    where: str
    started_ms: float
    ended_ms: float


class Performance(msgspec.Struct, frozen=True):
    """One performance of the scheduling scenario, and whether it went as it must."""

    title: str
    join_ms: float
    acts: list[ActTimes]
    promises: dict[str, bool]


class Report(msgspec.Struct, frozen=True):
    """Everything that the demo measured."""

    python: str
    cores: int
    found: Found
    ways: list[Way]
    places: list[Place]
    statistics: dict[str, int]
    scenario: list[Performance]

    @property
    def all_equal(self) -> bool:
        """Whether every way found the same."""
        return not any(way.unequal for way in self.ways)


def make_report(outcomes: Sequence[Outcome], performances: Sequence[Performance]) -> Report:
    """Of the sequential outcome, subpool's, and any more."""
    reference, ours = outcomes[:2]
    return Report(
        python=platform.python_version(),
        cores=contest.cores(),
        found=describe_findings(reference.analysis.findings),
        ways=[describe_way(outcome, reference) for outcome in outcomes],
        places=describe_places(ours.analysis.visits),
        statistics=dict(ours.statistics),
        scenario=list(performances),
    )


def describe_way(outcome: Outcome, reference: Outcome) -> Way:
    """How one way did, measured against the sequential one."""
    return Way(
        name=outcome.name,
        seats=outcome.seats,
        start_seconds=round(outcome.start_seconds, 4),
        seconds=round(outcome.seconds, 4),
        speed_up=round(reference.seconds / outcome.seconds, 3),
        unequal=contest.differences(reference.analysis.findings, outcome.analysis.findings),
    )


def describe_places(visits: Sequence[Visit]) -> list[Place]:
    """Who analysed how many files, and how long that took: the host first."""
    by_worker: defaultdict[int | None, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_worker[visit.worker].append(visit)
    return [
        Place(
            where="host" if worker is None else place_name(worker),
            files=len(by_worker[worker]),
            busy_seconds=round(sum(visit.ended - visit.started for visit in by_worker[worker]), 4),
        )
        for worker in sorted(by_worker, key=lambda worker: -1 if worker is None else worker)
    ]


def describe_findings(findings: Findings) -> Found:
    """The findings' totals and records."""
    return Found(
        files=findings.files,
        unparsable=findings.unparsable,
        lines=findings.lines,
        bare_lines=findings.bare_lines,
        tokens=findings.tokens.total(),
        nodes=findings.nodes.total(),
        names=len(findings.names),
        functions=findings.functions,
        unread_variables=findings.unread_variables,
        look_alikes=findings.look_alikes,
        longest=[_describe_function(function) for function in findings.longest],
        most_branched=[_describe_function(function) for function in findings.most_branched],
    )


def describe_story(title: str, story: Story, promises: Mapping[str, bool]) -> Performance:
    """One performance of the scenario."""
    start = story.acts[0].started
    return Performance(
        title=title,
        join_ms=_milliseconds(story.began, story.returned),
        acts=[
            ActTimes(
                name=act.name,
                where=place_name(act.worker),
                started_ms=_milliseconds(start, act.started),
                ended_ms=_milliseconds(start, act.ended),
            )
            for act in story.acts
        ],
        promises=dict(promises),
    )


def _describe_function(function: Function) -> Record:
    file = os.path.relpath(function.path, sysconfig.get_path("stdlib"))
    return Record(function.measure, function.name, file, function.line)


def _milliseconds(start: float, end: float) -> float:
    return round((end - start) * 1000, 3)
