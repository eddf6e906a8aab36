"""Large data: what it takes to hand them over, in time and in memory, beside a pool of processes.

``python -m bench.data --markdown docs/data-results.md`` writes the table of the page on data.
"""

import os
import sys
import time
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import Any, Self

import subpool
from bench import machine, measure
from bench.buffers import (
    back,
    copy_of_kept,
    keep,
    made_array,
    made_bytearray,
    made_bytes,
    made_view,
    size_of,
    size_of_value,
    view_of_kept,
)
from bench.measure import Row, quantity, timed, turns

SIZE = 200_000_000


def milliseconds(call: Callable[[], object], rounds: int) -> float:
    """The median of so many calls, after one to warm up."""
    (times,) = turns([timed(call)], rounds=rounds)
    return 1e3 * median(times)


def handing_over(quick: bool) -> Iterator[Row]:
    size, rounds = SIZE, 5 if quick else 15
    buffer = bytearray(b"x") * size
    view, content = memoryview(buffer), bytes(buffer)
    doubles = array("d", content)
    with subpool.Pool(1) as pool:
        pool.spawn(keep, size).result()
        ours = {
            "argument of 200 MB, memoryview": milliseconds(lambda: pool.spawn(size_of, view).result(), rounds),
            "argument of 200 MB, bytes": milliseconds(lambda: pool.spawn(size_of, content).result(), rounds),
            "argument of 200 MB, array.array": milliseconds(lambda: pool.spawn(size_of, doubles).result(), rounds),
            "result of 200 MB, memoryview": milliseconds(lambda: pool.spawn(view_of_kept).result(), rounds),
            "result of 200 MB, bytes (the task makes them by a copy)": milliseconds(
                lambda: pool.spawn(copy_of_kept).result(), rounds
            ),
        }
    one_copy = milliseconds(lambda: bytes(buffer), rounds)
    few = 1 if quick else 3
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as processes:
        processes.submit(keep, size).result()
        away = milliseconds(lambda: processes.submit(size_of, content).result(), few)
        home = milliseconds(lambda: processes.submit(copy_of_kept).result(), few)
    for name, taken in ours.items():
        theirs = away if name.startswith("argument") else home
        note = (
            f"{one_copy / taken:.3g} times as fast as one copy of it, {theirs / taken:.3g} times as fast as bytes with "
        )
        bound = 2.0 if name.endswith("memoryview") else None
        yield Row(measure=name, value=taken, bound=bound, unit="ms", note=note + "ProcessPoolExecutor")


def resident(quick: bool) -> Iterator[Row]:
    """How many copies are in memory at the peak, in fresh processes."""
    for name, bound in (("memoryview", 1.2), ("bytes", 2.2), ("bytearray", 2.2), ("array", 2.2)):
        for way in ("argument", "result"):
            copies = float(machine.run_python("-m", "bench.data", "--resident", way, name))
            yield Row(measure=f"copies of 200 MB in memory at the peak: {way}, {name}", value=copies, bound=bound)


def small_handles(quick: bool) -> Iterator[Row]:
    table = {str(number): number for number in range(10_000 if quick else 100_000)}
    rounds = 5 if quick else 15
    with subpool.Pool(1) as pool:
        handle = pool.broadcast(table)
        by_handle = partial(size_of_value, handle)
        again, plain = turns(
            [timed(lambda: pool.spawn(by_handle).result()), timed(lambda: pool.spawn(size_of, table).result())],
            rounds=rounds,
        )
    gain = median(one / other for one, other in zip(plain, again, strict=True))
    yield Row(measure="a dictionary of 100,000 entries: each time over by broadcast", value=gain)


# --- A fresh process -------------------------------------------------------------------------------------------------


def peak_of(way: str, name: str) -> float:
    """Hand over a buffer of this type, and say how many copies of it were in memory at the most."""
    make: Any = {"memoryview": made_view, "bytes": made_bytes, "bytearray": made_bytearray, "array": made_array}[name]
    with subpool.Pool(1) as pool:
        pool.spawn(back, make(1_000_000)).result()
        pool.spawn(size_of, make(1_000_000)).result()
        before = resident_bytes()
        with Watch() as watch:
            if way == "argument":
                value = make(SIZE)
                pool.spawn(size_of, value).result()
            else:
                value = pool.spawn(make, SIZE).result()
            assert memoryview(value).nbytes == SIZE
    return (watch.peak - before) / SIZE


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


class Watch:
    """Looks every half a millisecond how much is resident."""

    def __init__(self) -> None:
        self.peak = 0
        self._over = Event()
        self._thread = Thread(target=self._look)

    def _look(self) -> None:
        while not self._over.is_set():
            self.peak = max(self.peak, resident_bytes())
            time.sleep(0.0005)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()


# --- The table -------------------------------------------------------------------------------------------------------

MEASURES: list[measure.Measure] = [handing_over, resident, small_handles]


def markdown(path: Path) -> int:
    """Measure all, and write the table."""
    lines = [f"Measured on {machine.describe()}.", "", "| what | figure | |", "| --- | ---: | --- |"]
    machine.use_two_cores()
    for each in MEASURES:
        for row in each(False):
            lines.append(f"| {row.measure} | {quantity(row.value or 0.0, row.unit)} | {row.note} |")
            print(lines[-1], flush=True)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return 0


def main() -> int:
    if sys.argv[1:2] == ["--resident"]:
        print(peak_of(*sys.argv[2:4]))
        return 0
    if sys.argv[1:2] == ["--markdown"]:
        return markdown(Path(sys.argv[2]))
    return measure.main("data", MEASURES, __doc__)


if __name__ == "__main__":
    sys.exit(main())
