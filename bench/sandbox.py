"""What a plugin costs: a warm call, a job, a start, a reload, its memory. In an interpreter, and in a process."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import msgspec

import subpool
from bench import measure, plugins
from bench.footprint import MEGABYTE
from bench.measure import Row, percentile, repeated, timed, turns
from bench.pools import process_pool

ISOLATIONS = ("interpreter", "process")
CALLS = 200


class Point(msgspec.Struct):
    """What crosses, and comes back."""

    x: int
    y: float
    label: str


POINT = Point(1, 2.0, "somewhere")


def written(folder: str) -> Path:
    path = Path(folder) / "moving.py"
    path.write_text(plugins.MOVING, encoding="utf-8")
    return path


def calls_of(box: subpool.Sandbox) -> Callable[[], object]:
    return lambda: box.call("move", POINT, returns=Point)


def jobs_of(box: subpool.Sandbox) -> Callable[[], object]:
    return lambda: box.spawn("move", POINT, returns=Point).result()


def round_trips(quick: bool) -> Iterator[Row]:
    """A warm call with a small Struct, turn by turn with the same on a `ProcessPoolExecutor`."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        boxes = [stack.enter_context(subpool.Sandbox(written(folder), isolation=kind)) for kind in ISOLATIONS]
        executor = stack.enter_context(process_pool(1))
        plain = msgspec.to_builtins(POINT)
        things = [calls_of(each) for each in boxes] + [lambda: executor.submit(plugins.move, plain).result()]
        things += [jobs_of(each) for each in boxes]
        names = [f"call in {a} isolation" for a in ISOLATIONS] + ["ProcessPoolExecutor.submit(…).result()"]
        names += [f"job in {a} isolation" for a in ISOLATIONS]
        times = turns([repeated(thing, CALLS) for thing in things], rounds=5 if quick else 31, warm_ups=2)
    per_call = [[1e6 * each / CALLS for each in series] for series in times]
    for name, series in zip(names, per_call, strict=True):
        over = median(ours / theirs for ours, theirs in zip(series, per_call[2], strict=True))
        yield Row(
            measure=f"warm round trip of a small Struct: {name}",
            value=median(series),
            bound=60 if name.startswith("call in interpreter") else None,
            unit="us",
            note=f"{over:.2f}x of ProcessPoolExecutor; 90th percentile {percentile(series, 90):.1f} us",
        )


def starts(quick: bool) -> Iterator[Row]:
    """From nothing to the first result, and a reload of a warm plugin."""
    rounds = 5 if quick else 21
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder)

        def start(kind: str) -> Callable[[], object]:
            def once() -> None:
                with subpool.Sandbox(path, isolation=kind) as box:  # type: ignore[arg-type]
                    box.call("move", POINT)

            return once

        times = turns([timed(start(kind)) for kind in ISOLATIONS], rounds=rounds)
        for kind, series in zip(ISOLATIONS, times, strict=True):
            yield Row(measure=f"start, first call and end, {kind} isolation", value=1e3 * median(series), unit="ms")
        with ExitStack() as stack:
            boxes = [stack.enter_context(subpool.Sandbox(path, isolation=kind)) for kind in ISOLATIONS]
            for box in boxes:
                box.call("move", POINT)
            times = turns([timed(box.reload) for box in boxes], rounds=rounds)
        for kind, series in zip(ISOLATIONS, times, strict=True):
            bound = 60 if kind == "interpreter" else None
            yield Row(measure=f"reload, {kind} isolation", value=1e3 * median(series), bound=bound, unit="ms")


def memory(quick: bool) -> Iterator[Row]:
    """What one more plugin adds to this process, or takes as a process."""
    few, many = 1, 5 if quick else 9
    with ExitStack() as stack:
        path = written(stack.enter_context(tempfile.TemporaryDirectory()))

        def add(count: int) -> None:
            for _ in range(count):
                stack.enter_context(subpool.Sandbox(path)).call("move", POINT)

        add(few)
        before = resident(os.getpid())
        add(many - few)
        yield Row(
            measure="memory per plugin, interpreter isolation",
            value=(resident(os.getpid()) - before) / (many - few) / MEGABYTE,
            bound=7,
            unit="MB",
            note=f"resident memory with {many} plugins less that with {few}, divided by {many - few}",
        )
        policy = subpool.Policy(read=["/proc"])
        probe = Path(path).with_name("probe.py")
        probe.write_text("def status():\n    return open('/proc/self/statm').read()\n", encoding="utf-8")
        box = stack.enter_context(subpool.Sandbox(probe, isolation="process", policy=policy))
        pages = int(box.call("status").split()[1])
        yield Row(
            measure="memory per plugin, process isolation",
            value=pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE,
            unit="MB",
            note="resident memory of its process, shared pages included",
        )


def resident(pid: int) -> int:
    time.sleep(0.1)
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


MEASURES = [round_trips, starts, memory]

if __name__ == "__main__":
    sys.exit(measure.main("sandbox", MEASURES, __doc__))
