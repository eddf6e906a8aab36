"""The laws: any pipeline over any source, divided in any way, gives what the built-ins give, item by item."""

# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
from __future__ import annotations

import itertools
import math
import operator
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import tasks
import tasks_iter
from hypothesis import HealthCheck, given, settings, strategies as st

import subpool
from subpool._iter import rest

WORKERS = (0, 1, 3)
QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def shared_pools() -> Iterator[dict[int, subpool.Pool]]:
    """One pool of each size, for all examples."""
    pools = {workers: subpool.Pool(workers) for workers in WORKERS}
    strict = subpool.Pool(1, strict=True)
    for pool in pools.values():
        pool.spawn(tasks.zero).join()
    with pytest.MonkeyPatch.context() as patch:  # divide whatever can be divided, as soon as somebody is hungry
        for name in ("PAYS", "COLD"):
            patch.setattr(rest, name, 0.0)
        patch.setattr(rest, "BLOCK", 3e-6)
        yield pools | {-1: strict}
    stolen = [pool.stats().stolen for pool in pools.values()]
    for pool in (*pools.values(), strict):
        pool.close()
    assert all(stolen[1:]), f"nothing was divided: {stolen}"


# -- pipelines and their references ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """An adaptor, as the pipeline has it and as the built-ins do it."""

    name: str
    ours: Callable[[Any], Any]
    theirs: Callable[[list[Any]], list[Any]]
    needs_places: bool = False


def windows(items: list[Any], width: int) -> list[Any]:
    return [tuple(items[first : first + width]) for first in range(len(items) - width + 1)]


def flat(items: list[Any]) -> list[Any]:
    return [part for item in items for part in tasks_iter.repeated(item)]


def numbered(n: int) -> list[Step]:
    """The adaptors that need known positions; what makes tuples makes one number of them again."""
    return [replace(step, needs_places=True) for step in by_position(n)]


def by_position(n: int) -> list[Step]:
    return [
        Step(f"skip {n}", lambda it: it.skip(n), lambda xs: xs[n:]),
        Step(f"take {n}", lambda it: it.take(n), lambda xs: xs[:n]),
        Step(f"step_by {n + 1}", lambda it: it.step_by(n + 1), lambda xs: xs[:: n + 1]),
        Step("rev", lambda it: it.rev(), lambda xs: xs[::-1]),
        Step(
            f"enumerate {n}",
            lambda it: it.enumerate(n).starmap(operator.add),
            lambda xs: [place + x for place, x in enumerate(xs, n)],
        ),
        Step(
            f"chunks {n + 1}",
            lambda it: it.chunks(n + 1).map(sum),
            lambda xs: [sum(chunk) for chunk in itertools.batched(xs, n + 1, strict=False)],
        ),
        Step(f"windows {n + 1}", lambda it: it.windows(n + 1).map(sum), lambda xs: list(map(sum, windows(xs, n + 1)))),
        Step(f"cycle {n}", lambda it: it.cycle().take(n), lambda xs: list(itertools.islice(itertools.cycle(xs), n))),
        Step(
            "zip",
            lambda it: it.zip(range(7)).starmap(operator.sub),
            lambda xs: [x - y for x, y in zip(xs, range(7), strict=False)],
        ),
    ]


ITEMWISE = [
    Step("map", lambda it: it.map(tasks_iter.double), lambda xs: [2 * x for x in xs]),
    Step("inspect", lambda it: it.inspect(tasks_iter.double), lambda xs: xs),
    Step("filter", lambda it: it.filter(tasks_iter.is_even), lambda xs: [x for x in xs if x % 2 == 0]),
    Step(
        "filter_map",
        lambda it: it.filter_map(tasks_iter.halved),
        lambda xs: [x // 2 for x in xs if x % 2 == 0],
    ),
    Step("flat_map", lambda it: it.flat_map(tasks_iter.repeated), flat),
    Step("chain", lambda it: it.chain([5, 6], range(3)), lambda xs: [*xs, 5, 6, 0, 1, 2]),
    Step("lambda", lambda it: it.map(lambda x: x - 1), lambda xs: [x - 1 for x in xs]),
]
STEPS = st.one_of(st.sampled_from(ITEMWISE), st.integers(0, 9).flatmap(lambda n: st.sampled_from(numbered(n))))

SOURCES: dict[str, Callable[[list[int]], Any]] = {
    "list": list,
    "tuple": tuple,
    "array": partial(array, "q"),
    "memoryview": lambda xs: memoryview(array("q", xs)),
    "deque": deque,
    "values": lambda xs: dict(enumerate(xs)).values(),
}
PLACELESS: dict[str, Callable[[list[int]], Any]] = {
    "iterator": iter,
    "generator": lambda xs: (x for x in xs),
}
STRATEGIES: dict[str, Callable[[Any], Any]] = {
    "as needed": lambda it: it,
    "by workers": lambda it: it.split_by_workers(),
    "by 3": lambda it: it.split_by(3),
    "per 4": lambda it: it.split_per(4),
    "per item": lambda it: it.split_per_item(),
}


def built(source: Any, steps: list[Step]) -> tuple[Any, list[Step]]:
    """The pipeline of those steps that are possible where they stand, and these steps."""
    it = source
    taken: list[Step] = []
    for step in steps:
        if step.needs_places and it._line.node.unplaced is not None:
            with pytest.raises(TypeError, match="position"):
                step.ours(it)
            continue
        it = step.ours(it)
        taken.append(step)
    return it, taken


def expected(items: list[int], steps: list[Step]) -> list[Any]:
    for step in steps:
        items = step.theirs(items)
    return items


@QUICK
@given(
    items=st.lists(st.integers(-9, 99), max_size=60),
    source=st.sampled_from(sorted(SOURCES)),
    steps=st.lists(STEPS, max_size=5),
    strategy=st.sampled_from(sorted(STRATEGIES)),
    workers=st.sampled_from((*WORKERS, -1)),
)
def test_a_pipeline_gives_what_the_built_ins_give(
    shared_pools: dict[int, subpool.Pool],
    items: list[int],
    source: str,
    steps: list[Step],
    strategy: str,
    workers: int,
) -> None:
    it, taken = built(shared_pools[workers].par_iter(SOURCES[source](items)), steps)
    assert STRATEGIES[strategy](it).collect() == expected(items, taken)


@QUICK
@given(
    items=st.lists(st.integers(-9, 99), max_size=60),
    source=st.sampled_from(sorted(PLACELESS)),
    steps=st.lists(STEPS, max_size=4),
    per=st.sampled_from((None, 1, 3)),
    workers=st.sampled_from((*WORKERS, -1)),
)
def test_so_does_one_over_what_can_only_be_gone_through(
    shared_pools: dict[int, subpool.Pool],
    items: list[int],
    source: str,
    steps: list[Step],
    per: int | None,
    workers: int,
) -> None:
    it, taken = built(shared_pools[workers].par_iter(PLACELESS[source](items)), steps)
    it = it if per is None else it.split_per(per)
    assert it.collect() == expected(items, taken)


@QUICK
@given(
    numbers=st.builds(range, st.integers(-50, 50), st.integers(-50, 50), st.integers(-5, 5).filter(bool)),
    steps=st.lists(STEPS, max_size=4),
    workers=st.sampled_from(WORKERS),
)
def test_and_one_that_is_streamed(
    shared_pools: dict[int, subpool.Pool], numbers: range, steps: list[Step], workers: int
) -> None:
    it, taken = built(shared_pools[workers].par_iter(numbers), steps)
    assert list(it) == expected(list(numbers), taken)
    assert sorted(it.stream(ordered=False)) == sorted(expected(list(numbers), taken))


TERMINALS: dict[str, tuple[Callable[[Any], Any], Callable[[list[Any]], Any]]] = {
    "to_set": (lambda it: it.to_set(), set),
    "to_dict": (lambda it: it.map(lambda x: (x % 5, x)).to_dict(), lambda xs: {x % 5: x for x in xs}),
    "sum": (lambda it: it.sum(), sum),
    "sum from": (lambda it: it.sum(7), lambda xs: sum(xs, 7)),
    "product": (lambda it: it.product(), math.prod),
    "count": (lambda it: it.count(), len),
    "reduce": (lambda it: it.reduce(operator.add, 0), sum),
    "fold": (lambda it: it.fold(list, lambda acc, x: [*acc, x], operator.add), list),
    "per worker": (lambda it: sorted(itertools.chain(*it.collect_per_worker())), sorted),
    "fold per worker": (lambda it: sum(it.fold_per_worker(int, operator.add)), sum),
    "min": (lambda it: it.min(default=None), lambda xs: min(xs, default=None)),
    "max": (lambda it: it.max(default=None), lambda xs: max(xs, default=None)),
    "min by key": (
        lambda it: it.min(key=lambda x: x % 7, default=None),
        lambda xs: min(xs, key=lambda x: x % 7, default=None),
    ),
    "max by key": (
        lambda it: it.max(key=lambda x: x % 7, default=None),
        lambda xs: max(xs, key=lambda x: x % 7, default=None),
    ),
    "minmax": (lambda it: it.minmax(default=()), lambda xs: (min(xs), max(xs)) if xs else ()),
    "any": (lambda it: it.any(lambda x: x > 90), lambda xs: any(x > 90 for x in xs)),
    "all": (lambda it: it.all(lambda x: x < 90), lambda xs: all(x < 90 for x in xs)),
    "any itself": (lambda it: it.any(), any),
    "find_first": (lambda it: it.find_first(lambda x: x > 50), lambda xs: next((x for x in xs if x > 50), None)),
    "find_any": (lambda it: (it.find_any(lambda x: x > 50) or 0) > 50, lambda xs: any(x > 50 for x in xs)),
    "find_map_first": (
        lambda it: it.find_map_first(lambda x: str(x) if x > 50 else None),
        lambda xs: next((str(x) for x in xs if x > 50), None),
    ),
    "position": (
        lambda it: it.position(lambda x: x > 50),
        lambda xs: next((place for place, x in enumerate(xs) if x > 50), None),
    ),
    "partition": (
        lambda it: it.partition(tasks_iter.is_even),
        lambda xs: ([x for x in xs if x % 2 == 0], [x for x in xs if x % 2]),
    ),
    "unzip": (lambda it: it.map(lambda x: (x, -x)).unzip(), lambda xs: ([*xs], [-x for x in xs])),
    "eq": (lambda it: it.eq([1, 2, 3]), lambda xs: xs == [1, 2, 3]),
    "ne": (lambda it: it.ne(range(2)), lambda xs: xs != [0, 1]),
    "cmp": (lambda it: it.cmp([5, 5, 5]), lambda xs: (xs > [5, 5, 5]) - (xs < [5, 5, 5])),
}


@pytest.mark.parametrize("terminal", sorted(TERMINALS))
@settings(QUICK, max_examples=15)
@given(
    items=st.lists(st.integers(-9, 99), max_size=40),
    placed=st.booleans(),
    filtered=st.booleans(),
    per=st.sampled_from((None, 1, 3)),
    workers=st.sampled_from((*WORKERS, -1)),
)
def test_a_terminal_gives_what_the_built_in_gives(
    shared_pools: dict[int, subpool.Pool],
    terminal: str,
    items: list[int],
    placed: bool,
    filtered: bool,
    per: int | None,
    workers: int,
) -> None:
    ours, theirs = TERMINALS[terminal]
    it = shared_pools[workers].par_iter(items if placed else iter(items))
    if filtered:
        it = it.filter(tasks_iter.is_even)
    it = it if per is None else it.split_per(per)
    assert ours(it) == theirs([x for x in items if not filtered or x % 2 == 0])


@QUICK
@given(
    lengths=st.lists(st.integers(0, 12), min_size=2, max_size=4),
    mode=st.sampled_from(("shortest", "longest")),
    steps=st.lists(st.sampled_from(numbered(2)[:4]), max_size=3),
    workers=st.sampled_from(WORKERS),
)
def test_par_zip_in_both_modes(
    shared_pools: dict[int, subpool.Pool], lengths: list[int], mode: str, steps: list[Step], workers: int
) -> None:
    sources = [list(range(place, place + length)) for place, length in enumerate(lengths)]
    it, taken = built(shared_pools[workers].par_zip(*sources, mode=mode), steps)
    zipped = zip(*sources, strict=False) if mode == "shortest" else itertools.zip_longest(*sources)
    assert it.collect() == expected(list(zipped), taken)  # type: ignore[arg-type]


@QUICK
@given(
    values=st.lists(st.floats(allow_nan=False) | st.integers(-(10**30), 10**30), max_size=60),
    workers=st.sampled_from(WORKERS),
    per=st.sampled_from((None, 1, 7)),
)
def test_a_sum_is_exact_however_it_is_divided(
    shared_pools: dict[int, subpool.Pool], values: list[float], workers: int, per: int | None
) -> None:
    it = shared_pools[workers].par_iter(values)
    total = (it if per is None else it.split_per(per)).sum()
    once = shared_pools[0].par_iter(values).sum()
    assert type(total) is type(once)
    assert total == once or (total != total and once != once)


@QUICK
@given(
    items=st.lists(st.integers(0, 40), max_size=40),
    bad=st.frozensets(st.integers(0, 40)),
    workers=st.sampled_from(WORKERS),
    strategy=st.sampled_from(sorted(STRATEGIES)),
)
def test_the_first_failure_in_source_order_is_raised(
    shared_pools: dict[int, subpool.Pool], items: list[int], bad: frozenset[int], workers: int, strategy: str
) -> None:
    it = STRATEGIES[strategy](shared_pools[workers].par_iter(items).map(partial(tasks_iter.failing_at, bad)))
    first = next((x for x in items if x in bad), None)
    if first is None:
        assert it.collect() == items
    else:
        with pytest.raises(ValueError, match=f"^item {first}$"):
            it.collect()


@settings(QUICK, max_examples=25)
@given(
    count=st.integers(200, 3000),
    steps=st.lists(STEPS, max_size=4),
    workers=st.sampled_from(WORKERS),
)
def test_and_so_it_is_with_many_items(
    shared_pools: dict[int, subpool.Pool], count: int, steps: list[Step], workers: int
) -> None:
    """Enough of them for pieces of pieces."""
    it, taken = built(shared_pools[workers].par_iter(range(count)).map(tasks_iter.add_one), steps)
    assert it.collect() == expected(list(range(1, count + 1)), taken)
