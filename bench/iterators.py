"""Parallel iterators, against the plain loop, two independent copies of it, and the pools of the standard library."""

import os
import sys
import time
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import subpool
from bench import measure
from bench.bare import Sleepers
from bench.copies import Copy
from bench.measure import Pairs, Row, additions_in, pairs, seconds_per_call, timed, turns
from bench.parsing import examine, examined
from bench.pools import ASLEEP, process_pool, warm
from bench.workloads import (
    add_up,
    filtered,
    half,
    half_text,
    mapped,
    mapped_texts,
    nap,
    odd,
    scale_in_place,
    scale_some,
    scaled,
    spin,
    summed,
    tenth,
)

WORKERS = 1


def warmed(pool: subpool.Pool) -> None:
    """Warm, with what parallel iterators import as well."""
    warm(pool)
    pool.par_iter([0.01] * 4 * (pool.workers + 1)).for_each(nap)


def against_plain(
    name: str,
    plain: Callable[[], object],
    ours: Callable[[], object],
    bound: float,
    copies: measure.Timed,
    quick: bool,
) -> Row:
    """How many times less a pipeline takes than the plain loop. `copies` does half of the work in either process."""
    if plain() != ours():
        raise AssertionError(f"{name}: the results differ")
    plain_times, copy_times, our_times = turns(
        [timed(plain), copies, timed(ours)], rounds=5 if quick else 21, warm_ups=2
    )
    result, ceiling = Pairs(plain_times, our_times), Pairs(plain_times, copy_times)
    plain_ms, our_ms = 1e3 * median(plain_times), 1e3 * median(our_times)
    return Row(
        measure=f"{name}: times less than the plain loop",
        value=result.inverse,
        bound=bound,
        at_least=True,
        note=f"plain {plain_ms:.1f} ms, pipeline {our_ms:.1f} ms, middle half of pipeline/plain {result.spread};"
        f" two copies reach {ceiling.inverse:.2f}x",
    )


def per_item(call: Callable[[int], object], argument: int) -> str:
    return f"{1e6 * seconds_per_call(partial(call, argument)):.2f} us"


def items(quick: bool) -> Iterator[Row]:
    """Many items that take next to nothing each."""
    scale = 10 if quick else 1
    many, count = 5_000_000 // scale, 10**6 // scale
    listed = list(range(count))
    texts = list(map(str, listed))
    with subpool.Pool(WORKERS) as pool, Copy() as copy:
        warmed(pool)
        yield against_plain(
            f"range of {many:,}, map (a function of {per_item(tenth, 1000)}), sum",
            partial(summed, tenth, range(many)),
            lambda: pool.par_iter(range(many)).map(tenth).sum(),
            1.7,
            lambda: copy.together(partial(summed, tenth, range(many // 2))),
            quick,
        )
        yield against_plain(
            f"list of {count:,} ints, map ({per_item(half, 1000)}), collect",
            partial(mapped, half, listed),
            lambda: pool.par_iter(listed).map(half).collect(),
            1.3,
            lambda: copy.together(partial(mapped, half, range(count // 2))),
            quick,
        )
        yield against_plain(
            f"list of {count:,} short strings, map, collect",
            partial(mapped, half_text, texts),
            lambda: pool.par_iter(texts).map(half_text).collect(),
            1.3,
            lambda: copy.together(partial(mapped_texts, half_text, count // 2)),
            quick,
        )
        yield against_plain(
            f"range of {count:,}, filter, map, collect",
            partial(filtered, odd, half, range(count)),
            lambda: pool.par_iter(range(count)).filter(odd).map(half).collect(),
            1.4,
            lambda: copy.together(partial(filtered, odd, half, range(count // 2))),
            quick,
        )


def in_place(quick: bool) -> Iterator[Row]:
    """A buffer of doubles, changed where it lies."""
    count = 10**6 if quick else 10**7
    plainly, ours = array("d", range(count)), array("d", range(count))
    with subpool.Pool(WORKERS) as pool, Copy() as copy:
        warmed(pool)
        yield against_plain(
            f"{count:,} doubles in place",
            partial(scale_in_place, plainly),
            lambda: pool.par_iter_mut(ours).map_in_place(scaled),
            1.85,
            lambda: copy.together(partial(scale_some, count // 2)),
            quick,
        )


def stdlib() -> list[str]:
    """Files of the standard library, as they come."""
    folder = Path(os.__file__).parent
    found = chain(folder.glob("*.py"), folder.glob("[a-s]*/*.py"))
    return [str(path) for path in found if "site-packages" not in path.parts and "test" not in path.parts]


def files(quick: bool) -> Iterator[Row]:
    """Files tokenised and parsed: against two copies that do half of them each, and against the pools of processes."""
    paths = stdlib()[: 60 if quick else 300]
    rounds = 3 if quick else 9
    one, other = paths[::2], paths[1::2]
    with subpool.Pool(WORKERS) as pool, Copy() as copy:
        warmed(pool)
        ours = timed(lambda: pool.par_iter(paths).map(examined).collect())
        result = pairs(lambda: copy.together(partial(examine, one), partial(examine, other)), ours, rounds=rounds)
        yield Row(
            measure=f"{len(paths)} files tokenised and parsed: speed-up as a share of two independent copies",
            value=result.inverse,
            bound=0.95,
            at_least=True,
            note=f"middle half of pipeline/copies {result.spread}",
        )
        with process_pool(2) as executor:
            yield from against_processes("ProcessPoolExecutor.map", executor.map, paths, ours, rounds)
        with get_context("spawn").Pool(2) as processes:
            yield from against_processes("multiprocessing.Pool.map", processes.map, paths, ours, rounds)
        yield from against_joblib(paths, ours, rounds)


def against_processes(
    name: str, mapped: Callable[..., Iterable[object]], paths: list[str], ours: measure.Timed, rounds: int
) -> Iterator[Row]:
    """Against two processes, with the chunk size that suits them best."""
    sizes = (1, 4, 16, len(paths) // 8)
    theirs = [timed(lambda size=size: list(mapped(examined, paths, chunksize=size))) for size in sizes]
    *measured, mine = turns([*theirs, ours], rounds=rounds)
    times = [median(taken) for taken in measured]
    best = times.index(min(times))
    result = Pairs(measured[best], mine)
    yield Row(
        measure=f"{len(paths)} files: times less than {name} with 2 processes and its best chunk size",
        value=result.inverse,
        bound=1.0,
        at_least=True,
        note=f"chunk size {sizes[best]}; middle half of pipeline/processes {result.spread}",
    )


def against_joblib(paths: list[str], ours: measure.Timed, rounds: int) -> Iterator[Row]:
    name = f"{len(paths)} files: times less than joblib with 2 processes"
    try:
        from joblib import Parallel, delayed  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        yield Row(measure=name, value=None, bound=1.0, at_least=True, note="joblib is not installed")
        return
    with Parallel(2) as parallel:
        result = pairs(timed(lambda: parallel(map(delayed(examined), paths))), ours, rounds=rounds)
    yield Row(measure=name, value=result.inverse, bound=1.0, at_least=True, note=f"middle half {result.spread}")


def skew(quick: bool) -> Iterator[Row]:
    """Costs that differ: one item of 1000 times the others', and items sorted by cost.

    The ideal is what two copies take that have half of the additions each.
    """
    rounds = 5 if quick else 15
    unit = additions_in(20e-6)
    lumpy = [unit] * 4000
    lumpy[1234] = 1000 * unit
    rising = [unit * place // 1000 + 1 for place in range(4000)]
    with subpool.Pool(WORKERS) as pool, Copy() as copy:
        warmed(pool)
        for name, costs in (
            ("one of 4000 items takes 1000 times as long", lumpy),
            ("4000 items, cheap ones first", rising),
            ("4000 items, dear ones first", rising[::-1]),
        ):
            work = partial(add_up, sum(costs) // 2)
            result = pairs(
                lambda work=work: copy.together(work, work),
                timed(lambda costs=costs: pool.par_iter(costs).map(add_up).count()),
                rounds=rounds,
            )
            yield Row(
                measure=f"{name}: over the ideal",
                value=result.ratio,
                bound=1.1,
                note=f"ideal {1e3 * median(result.base):.0f} ms, middle half {result.spread}",
            )


def coarse(quick: bool) -> Iterator[Row]:
    """16 items of 100 ms, 7 workers asleep: when are all eight busy? The items compute, or sleep."""
    rounds = 5 if quick else 20
    with subpool.Pool(7) as pool:
        warmed(pool)
        with Sleepers(7, computing=LONG) as sleepers:
            yield all_busy("which compute", pool, sleepers, spin, rounds, bound=2.5)
        with Sleepers(7) as sleepers:
            yield all_busy("which sleep", pool, sleepers, nap, rounds)


LONG = 0.1
"""Seconds that each of the sixteen items takes."""


def all_busy(name: str, pool: subpool.Pool, sleepers: Sleepers, item: Callable[[float], tuple[float, float]],
             rounds: int, bound: float | None = None) -> Row:  # fmt: skip
    def bare() -> float:
        time.sleep(ASLEEP)
        called = time.perf_counter()
        sleepers.ring()
        item(LONG)
        return max(sleepers.answers()) - called

    def ours() -> float:
        time.sleep(ASLEEP)
        called = time.perf_counter()
        return sorted(start for start, _ in pool.par_iter([LONG] * 16).map(item).collect())[7] - called

    result = pairs(bare, ours, rounds=rounds)
    return Row(
        measure=f"16 items of 100 ms ({name}), 7 workers asleep: all 8 are busy, over bare wake-up of 7",
        value=result.ratio,
        bound=bound,
        note=f"bare {1e3 * median(result.base):.2f} ms, pipeline {1e3 * median(result.other):.2f} ms,"
        f" middle half {result.spread}",
    )


def tiny(quick: bool) -> Iterator[Row]:
    """50 items that are not worth sharing: back to back, and after a pause."""
    few = list(range(50))
    with subpool.Pool(WORKERS) as pool:
        warmed(pool)
        for name, pause in (("back to back", 0.0), ("after 2 ms", 0.002), ("after 100 ms", 0.1)):
            rounds = (10 if quick else 40) if pause > 0.01 else (100 if quick else 1000)
            plain = rested(lambda: list(map(half, few)), pause)
            ours = rested(lambda: pool.par_iter(few).map(half).collect(), pause)
            result = pairs(plain, ours, rounds=rounds)
            microseconds = 1e6 * median(result.other)
            value = min(result.ratio / 2, microseconds / 60)
            yield Row(
                measure=f"50 tiny items, {name}: over twice the plain loop or 60 us, whichever is more",
                value=value,
                bound=1.0,
                note=f"plain {1e6 * median(result.base):.0f} us, pipeline {microseconds:.0f} us",
            )


def rested(call: Callable[[], object], pause: float) -> measure.Timed:
    def once() -> float:
        if pause:
            time.sleep(pause)
        return timed(call)()

    return once


MEASURES = [items, in_place, files, skew, coarse, tiny]

if __name__ == "__main__":
    sys.exit(measure.main("iterators", MEASURES, __doc__))
