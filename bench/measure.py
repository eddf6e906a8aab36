"""Paired measurement: two ways of doing one thing, turn by turn, in one run.

A time taken on a shared machine says little: frequency, neighbours and the scheduler move it by tens of per cent within
a minute. What two neighbouring measurements have in common they share, so every figure here is a *ratio of two
measurements taken one right after the other*, and the median over many such pairs. Which of the two goes first
alternates, so that neither is always the one that finds warm caches.
"""

import argparse
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from statistics import median, quantiles

import msgspec

from bench import machine
from bench.workloads import add_up

type Timed = Callable[[], float]
"""Does its work once and says how many seconds that took."""

type Measure = Callable[[bool], Iterable["Row"]]
"""Takes `quick`, measures, and yields rows as they are ready."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table: what was measured, what came out, what has to be reached."""

    measure: str
    value: float | None
    """None where it cannot be measured here; `note` says why."""
    bound: float | None = None
    """None for what is measured beside the table, for comparison."""
    at_least: bool = False
    """Whether the bound is a lower one."""
    unit: str = "x"
    note: str = ""
    failed: bool = False
    """Whether measuring ended in an error."""

    @property
    def missed_by(self) -> float:
        """How far the value is from its bound; 0 where it is reached, or where there is none."""
        if self.value is None or self.bound is None:
            return 0.0
        short = self.bound - self.value if self.at_least else self.value - self.bound
        return max(0.0, short)

    @property
    def shown(self) -> str:
        """The value, for people."""
        return "-" if self.value is None else quantity(self.value, self.unit)

    @property
    def required(self) -> str:
        """The bound, for people."""
        if self.bound is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {quantity(self.bound, self.unit)}"

    @property
    def verdict(self) -> str:
        """Whether the bound is reached, and by how much not."""
        if self.failed:
            return "FAILED"
        if self.bound is None:
            return ""
        if self.value is None:
            return "not measured"
        return f"MISSED by {quantity(self.missed_by, self.unit)}" if self.missed_by else "ok"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one program measured under one Python."""

    program: str
    python: str
    quick: bool
    rows: list[Row]


def quantity(value: float, unit: str) -> str:
    """A number with its unit, in as many digits as mean something."""
    whole = unit not in {"", "x"} and float(value).is_integer()
    digits = 0 if whole or abs(value) >= 1000 else 2 if abs(value) < 10 else 1
    return f"{value:,.{digits}f}{unit if unit in {'', 'x', '%'} else f' {unit}'}"


class Pairs:
    """Times of two things, pair by pair."""

    def __init__(self, base: list[float], other: list[float]) -> None:
        self.base = base
        self.other = other

    @property
    def ratios(self) -> list[float]:
        """The other over the base, pair by pair."""
        return [other / base for base, other in zip(self.base, self.other, strict=True)]

    @property
    def ratio(self) -> float:
        """How many times longer the other takes than the base: the median over the pairs."""
        return median(self.ratios)

    @property
    def inverse(self) -> float:
        """How many times less the other takes than the base."""
        return median(1 / ratio for ratio in self.ratios)

    @property
    def spread(self) -> str:
        """The middle half of the ratios."""
        low, _, high = quantiles(self.ratios, n=4) if len(self.ratios) > 1 else self.ratios * 3
        return f"{low:.3g}-{high:.3g}"


def pairs(base: Timed, other: Timed, *, rounds: int, warm_ups: int = 1) -> Pairs:
    """Measure both `rounds` times, turn by turn."""
    base_times, other_times = turns([base, other], rounds=rounds, warm_ups=warm_ups)
    return Pairs(base_times, other_times)


def turns(things: Sequence[Timed], *, rounds: int, warm_ups: int = 1) -> list[list[float]]:
    """Let each of several things take its turn `rounds` times; every second round goes backwards."""
    times: list[list[float]] = [[] for _ in things]
    order = list(range(len(things)))
    for _ in range(warm_ups):
        for thing in things:
            thing()
    for _ in range(rounds):
        for place in order:
            times[place].append(things[place]())
        order.reverse()
    return times


def timed(call: Callable[[], object]) -> Timed:
    """One call, timed."""

    def once() -> float:
        start = time.perf_counter()
        call()
        return time.perf_counter() - start

    return once


def looped(fork: Callable[[Callable[[], object], Callable[[], object]], object],
           first: Callable[[], object], second: Callable[[], object], count: int) -> Timed:  # fmt: skip
    """A loop of `count` forks of two callables, timed as `timeit` does it."""

    def loop() -> float:
        start = time.perf_counter()
        for _ in repeat(None, count):
            fork(first, second)
        return time.perf_counter() - start

    return loop


def repeated(call: Callable[[], object], count: int) -> Timed:
    """A loop of `count` calls, timed."""

    def loop() -> float:
        start = time.perf_counter()
        for _ in repeat(None, count):
            call()
        return time.perf_counter() - start

    return loop


def seconds_per_call(call: Callable[[], object], *, at_least: float = 2e-3) -> float:
    """What one call takes on a quiet machine: the best of five loops long enough to be timed."""
    count = 1
    while (taken := repeated(call, count)()) < at_least:
        count *= 2
    return min([taken, *(repeated(call, count)() for _ in range(4))]) / count


def additions_in(seconds: float) -> int:
    """How many additions `add_up` has to make to take this long."""
    fewer, more = 1_000, 101_000
    slope = (seconds_per_call(lambda: add_up(more)) - seconds_per_call(lambda: add_up(fewer))) / (more - fewer)
    return max(1, round(seconds / slope))


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` per cent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


# --- Programs --------------------------------------------------------------------------------------------------------


def main(program: str, measures: Sequence[Measure], description: str | None) -> int:
    """Run one program of measures: print each row when it is there, and write them as JSON where asked to."""
    options = parse(measures, description)
    print(machine.describe(), flush=True)
    machine.use_two_cores()
    rows: list[Row] = []
    for measure in measures:
        if options.only and measure.__name__ not in options.only:
            continue
        try:
            for row in measure(options.quick):
                rows.append(row)
                print(line(row), flush=True)
        except Exception as error:  # noqa: BLE001 (what one measure meets must not cost the others their turn)
            traceback.print_exc()
            rows.append(Row(measure=measure.__name__, value=None, failed=True, note=repr(error)))
            print(line(rows[-1]), flush=True)
    if options.json:
        report = Report(program=program, python=machine.python(), quick=options.quick, rows=rows)
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    failed = any(row.failed for row in rows)
    return 1 if failed or (options.check and any(row.missed_by for row in rows)) else 0


def parse(measures: Sequence[Measure], description: str | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: a look, not a measurement")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here as well")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a bound is missed")
    parser.add_argument("--only", action="append", choices=[measure.__name__ for measure in measures])
    return parser.parse_args(sys.argv[1:])


def line(row: Row) -> str:
    """One row for a terminal."""
    return "\n".join(lines(row))


def lines(row: Row) -> Iterator[str]:
    yield f"{row.measure:<88} {row.shown:>12}  {row.required:<12} {row.verdict}".rstrip()
    if row.note:
        yield f"    {row.note}"
