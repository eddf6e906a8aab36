"""Every measure of the table, one program after the other, each in a process of its own.

`--python` runs them under several interpreters (each with subpool's dependencies installed), and the table gets a
column for each. `--markdown docs/performance-results.md` writes the table with the machine and the versions.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench import machine
from bench.measure import Report, Row

PROGRAMS = ["fork_join", "iterators", "published", "latency", "background", "frames", "footprint", "sandbox"]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured, and on what."""

    machine: str
    date: str
    reports: list[Report]

    @property
    def pythons(self) -> list[str]:
        """The versions measured, in the order in which they were."""
        return list(dict.fromkeys(report.python for report in self.reports))

    def rows(self, python: str) -> Iterator[Row]:
        """All that was measured under one version."""
        for report in self.reports:
            if report.python == python:
                yield from report.rows

    @property
    def missed(self) -> list[str]:
        """A line for each bound that was missed, and each measure that failed."""
        return [
            f"{row.measure} ({report.python}): {row.shown}, {row.verdict}"
            for report in self.reports
            for row in report.rows
            if row.missed_by or row.failed
        ]


def main() -> int:
    options = parse()
    results = Results(
        machine=f"{machine.processor()}, {os.cpu_count()} cores, {os.uname().sysname} {os.uname().release}",
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        reports=[
            run(python, program, quick=options.quick)
            for python in options.python or [sys.executable]
            for program in options.program or PROGRAMS
        ],
    )
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    if options.markdown:
        options.markdown.parent.mkdir(parents=True, exist_ok=True)
        options.markdown.write_text("\n".join([*markdown(results), ""]))
    for miss in results.missed:
        print("not reached:", miss)
    failed = any(row.failed for report in results.reports for row in report.rows)
    return 1 if failed or (options.check and results.missed) else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: a look, not a measurement")
    parser.add_argument("--program", action="append", choices=PROGRAMS, help="only this one; may be repeated")
    parser.add_argument("--python", action="append", metavar="EXE", help="under this Python; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything here")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bound is missed")
    return parser.parse_args()


def run(python: str, program: str, *, quick: bool) -> Report:
    """One program under one Python. Its output goes where ours goes; its rows come back in a file."""
    print(f"\n--- {program}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "report.json")
        executable = os.path.abspath(python) if os.sep in python else python
        options = ["--json", str(written), *["--quick"] * quick]
        subprocess.run([executable, "-m", f"bench.{program}", *options], cwd=machine.root(), check=False)
        if written.exists():
            return msgspec.json.decode(written.read_bytes(), type=Report)
    lost = Row(measure=program, value=None, failed=True, note="the program ended early")
    return Report(program=program, python=python, quick=quick, rows=[lost])


# --- The table -------------------------------------------------------------------------------------------------------


def markdown(results: Results) -> Iterator[str]:
    quick = any(report.quick for report in results.reports)
    yield "# Performance: results"
    yield ""
    yield f"Machine: {results.machine}; two of the cores are used."
    yield f"Python: {', '.join(results.pythons)}. Date: {results.date}."
    yield ""
    yield f"Written by `python -m bench{' --quick' * quick} --markdown`. Each figure compares two things measured turn"
    yield "by turn in one run, and is the median over the pairs, unless the note says otherwise."
    if quick:
        yield ""
        yield "This was a quick run: fewer and shorter rounds than the figures deserve."
    yield ""
    yield from table(results)
    yield ""
    for python in results.pythons:
        yield from notes(python, results)


def table(results: Results) -> Iterator[str]:
    """One line per measure, a column per Python. Sizes are in the measures' names, so versions may differ in rows."""
    pythons = results.pythons
    yield f"| measure | must reach | {' | '.join(pythons)} |"
    yield f"| --- | --- |{' --- |' * len(pythons)}"
    columns = {python: {row.measure: row for row in results.rows(python)} for python in pythons}
    for measure in dict.fromkeys(row.measure for python in pythons for row in results.rows(python)):
        found = [columns[python].get(measure) for python in pythons]
        required = next(row.required for row in found if row)
        cells = [f"{row.shown} {mark(row)}".strip() if row else "" for row in found]
        yield f"| {measure.strip()} | {required} | {' | '.join(cells)} |"


def mark(row: Row) -> str:
    return f"**{row.verdict}**" if row.missed_by or row.failed else row.verdict


def notes(python: str, results: Results) -> Iterator[str]:
    yield f"## Notes: {python}"
    yield ""
    for row in results.rows(python):
        if row.note:
            yield f"- {row.measure.strip()}: {row.note}"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
