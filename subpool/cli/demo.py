"""`subpool demo`: real work on all cores, measured, and the scheduling scenario, played."""

import argparse
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import msgspec

import subpool
from subpool.cli import contest, options, scenario
from subpool.cli.contest import Outcome
from subpool.cli.progress import progress
from subpool.cli.report import Performance, Record, Report, describe_story, make_report
from subpool.cli.scenario import Story
from subpool.cli.sources import standard_library_files
from subpool.cli.table import Table

SUMMARY = "Analyse the standard library's own source files, one after another and with subpool, and compare."

SUCCESS, UNEQUAL, NOTHING_TO_DO = 0, 1, 2
LINE = 100  # characters
BAR = 30  # characters for the busiest place

_PERFORMANCES = (
    ("one worker, held until main is in C's sleep", scenario.play_held, scenario.promises_held),
    ("one worker, stuck in a background task", scenario.play_busy, scenario.promises_busy),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the demo takes."""
    parser.add_argument("--workers", type=options.count, metavar="N", help="workers (default: one less than the cores)")
    parser.add_argument("--files", type=options.positive, metavar="N", help="analyse N files only (default: all)")
    parser.add_argument("--compare", action="store_true", help="do the same work with the standard executors, too")
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and return 0; 1 where a way of doing the work found something else than the sequential one."""
    paths = standard_library_files(arguments.files)
    if not paths:
        print("subpool demo: no source files of the standard library are to be found", file=sys.stderr)
        return NOTHING_TO_DO
    if not arguments.json:
        print(f"Analysing {len(paths)} files of the standard library: parse, tokenise, count, compare functions.\n")
    outcomes = do_the_work(paths, arguments.workers, compare=arguments.compare, bars=not arguments.json)
    stories = list(play_the_scenario())
    report = make_report(outcomes, [performance for performance, _ in stories])
    if arguments.json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        show(report, [story for _, story in stories])
    complain(report)
    return SUCCESS if report.all_equal else UNEQUAL


def do_the_work(paths: Sequence[str], workers: int | None, *, compare: bool, bars: bool) -> list[Outcome]:
    """The sequential outcome, subpool's, and those of the standard executors, if they are to be compared."""
    bar = partial(progress, total=len(paths), wanted=bars)
    with bar("one after another") as ticks:
        outcomes = [contest.sequential(paths, ticks)]
    with bar("subpool") as ticks:
        ours = contest.with_subpool(paths, workers, ticks)
    outcomes.append(ours)
    for name, make in contest.executors().items() if compare else ():
        with bar(name) as ticks:
            outcomes.append(contest.with_executor(name, make, paths, ours.seats, ticks))
    return outcomes


def play_the_scenario() -> Iterator[tuple[Performance, Story]]:
    """Both variants, in a pool of one worker."""
    for title, play, promises in _PERFORMANCES:
        with subpool.Pool(1) as pool:
            story = play(pool)
        yield describe_story(title, story, promises(story)), story


def show(report: Report, stories: Sequence[Story]) -> None:
    """Print the report for people."""
    show_times(report)
    show_places(report)
    show_findings(report)
    show_scenario(report, stories)


def show_times(report: Report) -> None:
    """Print who was how fast."""
    Table(
        f"Times (Python {report.python}, {_plural(report.cores, 'core')})",
        ("", "cores used", "start", "work", "speed-up", "findings"),
        [
            (
                way.name,
                str(way.seats),
                f"{way.start_seconds:.2f} s" if position else "",
                f"{way.seconds:.2f} s",
                f"{way.speed_up:.2f}x",
                "DIFFERENT" if way.unequal else "equal" if position else "",
            )
            for position, way in enumerate(report.ways)
        ],
    ).show()


def show_places(report: Report) -> None:
    """Print what ran where, and how it got there."""
    busiest = max(place.busy_seconds for place in report.places)
    Table(
        "What ran where, with subpool",
        ("", "files", "busy", "".ljust(BAR)),
        [
            (place.where, str(place.files), f"{place.busy_seconds:.2f} s", _bar(place.busy_seconds, busiest))
            for place in report.places
        ],
    ).show()
    counts = report.statistics
    print(f"{_plural(counts['tasks_completed'], 'task')} and {_plural(counts['stolen'], 'steal')}. All counts:")
    print(textwrap.fill(_listed(counts), LINE), end="\n\n")


def show_findings(report: Report) -> None:
    """Print what is in the files."""
    found = report.found
    print(f"{found.lines:,} lines, {found.bare_lines:,} of them without comments and layout; {found.tokens:,} tokens;")
    print(f"{found.nodes:,} syntax nodes; {found.names:,} names; {found.functions:,} functions, of which")
    print(f"{found.look_alikes:,} look like another one; {found.unread_variables:,} local variables that nobody reads.")
    print()
    show_records("The longest functions", "lines", found.longest)
    show_records("The functions with the most branches", "branches", found.most_branched)


def show_records(title: str, unit: str, records: Sequence[Record]) -> None:
    """Print a few functions and their measures."""
    Table(
        title,
        ("", unit, "where"),
        [(record.function, str(record.measure), f"{record.file}:{record.line}") for record in records],
    ).show()


def show_scenario(report: Report, stories: Sequence[Story]) -> None:
    """Print who did what in the scenario, and whether it went as it must."""
    print("The scheduling scenario: A, spawn(B), join([sleep 20 ms; C], [D; join([sleep 200 ms; E], [F])])\n")
    for performance, story in zip(report.scenario, stories, strict=True):
        print(f"{performance.title}; the join took {performance.join_ms:.0f} ms")
        print(*(f"  {line}" for line in scenario.timeline(story)), sep="\n")
        for promise, kept in performance.promises.items():
            print(f"  {_verdict(kept)}: {promise}")
        print()


def complain(report: Report) -> None:
    """Say, on standard error, which way found what else than the sequential one."""
    for way in report.ways:
        if way.unequal:
            print(f"subpool demo: {way.name} found other values: {'; '.join(way.unequal)}", file=sys.stderr)


def _bar(value: float, largest: float) -> str:
    return ("#" * round(BAR * value / largest)).ljust(BAR) if largest else ""


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())


def _verdict(kept: bool) -> str:
    return "yes" if kept else "NO "


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
