"""Three published workloads (see `bench.three`), against mpire, joblib and the executors of the standard library.

Each contender runs in a process of its own, and with two workers; for subpool that is one and the caller. To start and
to end the pool is part of what is measured, as in a script. mpire, and only mpire, forks.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from statistics import median
from typing import Any

import subpool
from bench import measure, three
from bench.measure import Row
from bench.pools import HAS_INTERPRETER_POOL

CHUNKS = 8
"""How many chunks each of two processes gets, where a chunk size can be chosen."""

type Workload = tuple[list[Any], Callable[[list[Any]], object]]
"""The items, and what the plain program makes of them."""


def numerical(quick: bool) -> Workload:
    image = three.picture()
    return three.kernels(64 if quick else 400), lambda items: [three.filtered(image, each) for each in items]


def stateful(quick: bool) -> Workload:
    return three.documents(600 if quick else 4000), lambda items: three.merged([three.counted_alone(x) for x in items])


def initialised(quick: bool) -> Workload:
    def plainly(items: list[Any]) -> list[float]:
        layers = three.model()
        return [three.inferred(layers, each) for each in items]

    return list(range(80 if quick else 400)), plainly


WORKLOADS = {"many filters of one picture": numerical, "words counted into a state": stateful,
             "a model dear to make": initialised}  # fmt: skip


# -- contenders --------------------------------------------------------------------------------------------------------


def with_subpool(workload: Callable[..., Workload], items: list[Any]) -> object:
    with subpool.Pool(1) as pool:
        work = pool.par_iter(items)
        if workload is numerical:
            return work.map(partial(three.filtered, three.picture())).collect()
        if workload is stateful:
            return three.merged(work.fold_per_worker(dict, three.counted))
        return work.map_init(three.model, three.inferred).collect()


def with_executor(make: Callable[..., Executor], workload: Callable[..., Workload], items: list[Any]) -> object:
    size = max(1, len(items) // (2 * CHUNKS))
    with make(2, initializer=three.make_the_model if workload is initialised else None) as executor:
        if workload is numerical:
            return list(executor.map(partial(three.filtered, three.picture()), items, chunksize=size))
        if workload is stateful:
            return three.merged(list(executor.map(three.counted_alone, items, chunksize=size)))
        return list(executor.map(three.inferred_alone, items, chunksize=size))


def with_process_pool(workload: Callable[..., Workload], items: list[Any]) -> object:
    return with_executor(partial(ProcessPoolExecutor, mp_context=get_context("spawn")), workload, items)


def with_interpreter_pool(workload: Callable[..., Workload], items: list[Any]) -> object:
    from concurrent.futures import InterpreterPoolExecutor  # type: ignore[attr-defined, unused-ignore]

    return with_executor(InterpreterPoolExecutor, workload, items)


def with_joblib(workload: Callable[..., Workload], items: list[Any]) -> object:
    from joblib import Parallel, delayed  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped, import-not-found, unused-ignore]

    call: Callable[..., object] = three.inferred_alone
    if workload is numerical:
        call = partial(three.filtered, three.picture())
    elif workload is stateful:
        call = three.counted_alone
    found: list[Any] = Parallel(2)(delayed(call)(each) for each in items)
    get_reusable_executor().shutdown()
    return three.merged(found) if workload is stateful else found


def with_mpire(workload: Callable[..., Workload], items: list[Any]) -> object:
    from mpire import WorkerPool  # type: ignore[import-untyped, import-not-found, unused-ignore]

    if workload is numerical:
        with WorkerPool(2, shared_objects=three.picture()) as pool:
            return pool.map(three.filtered, [(each,) for each in items])
    with WorkerPool(2, use_worker_state=True) as pool:
        if workload is stateful:
            pool.map(count_into, items, worker_init=begin, worker_exit=hand_in)
            return three.merged(pool.get_exit_results())
        return pool.map(infer_from, items, worker_init=make_ready)


def begin(state: dict[str, Any]) -> None:
    state["counts"] = {}


def count_into(state: dict[str, Any], document: str) -> None:
    three.counted(state["counts"], document)


def hand_in(state: dict[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = state["counts"]
    return counts


def make_ready(state: dict[str, Any]) -> None:
    state["model"] = three.model()


def infer_from(state: dict[str, Any], seed: int) -> float:
    return three.inferred(state["model"], seed)


CONTENDERS: dict[str, Callable[..., object]] = {
    "mpire": with_mpire,
    "joblib": with_joblib,
    "ProcessPoolExecutor": with_process_pool,
    "InterpreterPoolExecutor": with_interpreter_pool,
}


def missing(name: str) -> str | None:
    """Why a contender does not take part."""
    if name == "InterpreterPoolExecutor":
        return None if HAS_INTERPRETER_POOL else "not before 3.14"
    if name in ("mpire", "joblib") and find_spec(name) is None:
        return f"{name} is not installed"
    return None


# -- the measure -------------------------------------------------------------------------------------------------------


def once(contender: str, workload: str, quick: bool) -> float:
    """Have a process of its own run a workload, and say how long that took."""
    command = [sys.executable, "-m", "bench.published", "--once", contender, workload, str(int(quick))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def play(contender: str, workload: str, quick: str) -> None:
    """That process: print how long it took. What it computes must be what the plain program computes."""
    function = WORKLOADS[workload]
    items, plainly = function(quick == "1")
    run = with_subpool if contender == "subpool" else CONTENDERS.get(contender)
    begin = time.perf_counter()
    found = run(function, items) if run else plainly(items)
    seconds = time.perf_counter() - begin
    if found != plainly(items):
        raise AssertionError(f"{contender}: {workload}: not what the plain program computes")
    print(seconds)


def published(quick: bool) -> Iterator[Row]:
    """Each workload: subpool over the plain program, and how many times less it takes than the others."""
    for workload in WORKLOADS:
        present = [name for name in CONTENDERS if missing(name) is None]
        names = ["the plain program", *present, "subpool"]
        rounds = [{name: once(name, workload, quick) for name in names} for _ in range(2 if quick else 5)]
        yield Row(
            measure=f"{workload}: times less than the plain program",
            value=median(each["the plain program"] / each["subpool"] for each in rounds),
            at_least=True,
            note=f"plain {median(each['the plain program'] for each in rounds):.2f} s",
        )
        yield from against(workload, rounds)


def against(workload: str, rounds: list[dict[str, float]]) -> Iterable[Row]:
    for name in CONTENDERS:
        why = missing(name)
        yield Row(
            measure=f"{workload}: times less than {name} with 2 workers",
            value=None if why else median(each[name] / each["subpool"] for each in rounds),
            bound=1.0,
            at_least=True,
            note=why or "",
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        play(*sys.argv[2:])
    else:
        sys.exit(measure.main("published", [published], __doc__))
