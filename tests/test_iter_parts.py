"""The parts that run in no pool: exact sums, packing, limits, cuts, the loop that stages become."""

# pyright: reportUnknownLambdaType=false, reportUnknownVariableType=false

from __future__ import annotations

import math
import pickle
from fractions import Fraction
from typing import Any

import pytest
import tasks_iter
from hypothesis import given, strategies as st

import subpool
from subpool._iter.extremes import Extremes
from subpool._iter.limit import FAR, Limit
from subpool._iter.packing import packed
from subpool._iter.reader import Reader
from subpool._iter.sources import Elements, Read
from subpool._iter.stages import Form, Op, fused
from subpool._iter.strategies import How, Strategy
from subpool._iter.sums import Sum

# -- sums ------------------------------------------------------------------------------------------------------------


def summed(parts: list[list[Any]], start: Any = 0) -> Any:
    """The sum of parts that were added up apart, and crossed."""
    fold, joined = Sum(start), None
    for part in parts:
        acc = pickle.loads(pickle.dumps(fold.step(None, part)))
        if acc is not None:
            joined = acc if joined is None else fold.join(joined, acc)
    return fold.finish(joined)


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(FINITE, min_size=1, max_size=30), st.data())
def test_a_sum_of_floats_is_the_exact_one_rounded(values: list[float], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(values)))
    total = summed([[*values[:cut]], [*values[cut:]]])
    exact = sum(map(Fraction, values))
    try:
        wanted = exact.numerator / exact.denominator
    except OverflowError:
        wanted = math.inf if exact > 0 else -math.inf
    assert total == wanted
    assert type(total) is float


@given(st.lists(st.integers() | st.booleans(), max_size=30), st.lists(st.integers(), max_size=9))
def test_a_sum_of_ints_is_an_int(one: list[Any], other: list[Any]) -> None:
    total = summed([one, other], 5)
    assert total == sum([*one, *other], 5)
    assert type(total) is int


@pytest.mark.parametrize(
    "parts, wanted",
    [
        ([[1e308], [1e308], [-1e308]], 1e308),
        ([[1e308, 1e308], [-1e308]], 1e308),
        ([[1e308, 1e308]], math.inf),
        ([[-1e308], [-1e308]], -math.inf),
        ([[1.0], [math.inf], [2]], math.inf),
        ([[1e16, 1.0], [-1e16]], 1.0),
        ([[2**70], [0.5], [-(2**70)]], 0.5),
        ([[5e-324] * 3, [-5e-324]], 1e-323),
    ],
)
def test_sums_at_the_edges(parts: list[list[object]], wanted: float) -> None:
    assert summed(parts) == wanted


def test_a_sum_of_what_is_no_number_is_one() -> None:
    assert math.isnan(summed([[math.nan], [1.0]]))
    assert math.isnan(summed([[math.inf], [-math.inf]]))


def test_other_values_are_added_in_order() -> None:
    assert summed([[[1], [2]], [[3]]], []) == [1, 2, 3]
    assert summed([[1j, 2], [0.5]]) == 2.5 + 1j
    assert summed([[Fraction(1, 3)], [1, Fraction(1, 2)]]) == Fraction(11, 6)
    assert summed([[tasks_iter.Price(3)], [tasks_iter.Price(4)]]) == tasks_iter.Price(7)
    assert summed([]) == 0
    assert summed([[]], 1.5) == 1.5


# -- what crosses ----------------------------------------------------------------------------------------------------


class Text(str):
    """A string of a type of its own."""

    __slots__ = ()


@given(st.lists(st.text(max_size=9) | st.none(), max_size=20))
def test_a_packed_list_comes_out_as_it_was(items: list[str | None]) -> None:
    assert pickle.loads(pickle.dumps(packed(items))) == items


def test_only_lists_of_plain_strings_are_joined() -> None:
    plain = ["a", "b", "\udc80"] * 9
    assert b"Text" not in pickle.dumps(packed(plain))
    assert len(pickle.dumps(packed(["ab"] * 500))) < 2000
    for items in (["a", Text("b")], ["a\0", "b"], ["a", 1], ["x" * 999, "y"], ["a"], [1, "a"]):
        found = pickle.loads(pickle.dumps(packed(items)))
        assert found == items
        assert list(map(type, found)) == list(map(type, items))


def test_a_repeated_long_string_is_written_once() -> None:
    assert len(pickle.dumps(packed(["x" * 10_000] * 1000))) < 20_000


# -- limits ----------------------------------------------------------------------------------------------------------


def test_a_limit_only_falls() -> None:
    words = memoryview(bytearray(8)).cast("q")
    words[0] = 7 << 40 | FAR
    limit = Limit(words, 0, 7)
    assert not limit.passed(0)
    limit.lower(50)
    limit.lower(80)
    assert limit.passed(50)
    assert not limit.passed(49)


def test_a_limit_of_an_earlier_pipeline_is_none() -> None:
    words = memoryview(bytearray(8)).cast("q")
    words[0] = 8 << 40 | FAR
    late = Limit(words, 0, 7)
    late.lower(0)
    assert late.over
    assert not late.passed(5)
    assert not Limit(words, 0, 8).passed(5)


def test_more_pipelines_at_once_than_there_are_words(single: subpool.Pool) -> None:
    def nested(depth: int) -> int:
        if not depth:
            return single.par_iter(range(100)).find_first(lambda x: x > 50) or 0
        return single.par_iter([depth - 1]).map(nested).collect()[0]

    assert nested(8) == 51


# -- loops, readers, strategies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [Form.LIST, Form.LAZY])
def test_the_loop_of_all_stages(form: Form) -> None:
    seen: list[int] = []
    ops = (Op.MAP, Op.FILTER, Op.INSPECT, Op.FLAT_MAP, Op.MAP_INIT, Op.FILTER_MAP)
    calls: tuple[Any, ...] = (abs, bool, seen.append, range, lambda state, x: x + state, lambda x: x or None)
    states: tuple[Any, ...] = (None, None, None, None, 1, None)
    loop = fused(ops, form)(*(part for pair in zip(calls, states, strict=True) for part in pair))
    assert list(loop([-2, 0, 3])) == [1, 2, 1, 2, 3]
    assert seen == [2, 3]


def test_a_reader_gives_what_comes_before_a_failure() -> None:
    def source() -> object:
        yield from (1, 2, 3)
        raise LookupError

    reader = Reader(Read(source()))  # type: ignore[arg-type]
    part = reader.read(10)
    assert isinstance(part, Elements)
    assert part.elements == [1, 2, 3]
    with pytest.raises(LookupError):
        reader.read(10)


def test_strategies_cut() -> None:
    assert Strategy(How.BY_WORKERS).cut(100, 3).pieces == 4  # type: ignore[union-attr]
    assert Strategy(How.BY, 7).cut(100, 3).pieces == 7  # type: ignore[union-attr]
    assert Strategy(How.PER, 7).cut(100, 3).pieces == 15  # type: ignore[union-attr]
    assert Strategy(How.AS_NEEDED).cut(100, 3) is None


def test_the_first_of_equals_is_chosen() -> None:
    fold = Extremes("minmax", abs, ())
    one: Any = fold.step(None, [3, -1, 2])
    other: Any = fold.step(None, [1, -3])
    assert fold.finish(fold.join(one, other)) == (-1, 3)
