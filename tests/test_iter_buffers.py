"""Buffers: read and written where they lie, by everybody."""

# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
from __future__ import annotations

import ctypes
import math
import mmap
from array import array
from collections.abc import Callable
from typing import Any

import pytest
import tasks
import tasks_iter

import subpool

FORMATS = "bBhHiIlLqQfd"


@pytest.mark.parametrize("form", FORMATS)
def test_items_of_every_format(sized: subpool.Pool, form: str) -> None:
    numbers = array(form, [x % 100 for x in range(700)])
    assert sized.par_iter(numbers).split_per(100).collect() == list(numbers)
    sized.par_iter_mut(numbers).split_per(100).map_in_place(tasks_iter.add_one)
    assert list(numbers) == [x % 100 + 1 for x in range(700)]


@pytest.mark.parametrize(
    "make",
    [
        bytes,
        bytearray,
        lambda data: array("B", data),
        memoryview,
        lambda data: memoryview(data)[::-3],
        lambda data: memoryview(data).toreadonly(),
    ],
    ids=["bytes", "bytearray", "array", "memoryview", "strided", "read-only"],
)
def test_buffers_give_their_items(strict: subpool.Pool, make: Callable[[bytes], Any]) -> None:
    data = bytes(range(256)) * 20
    source = make(data)
    assert strict.par_iter(source).collect() == list(source)
    assert strict.par_iter(source).rev().step_by(7).collect() == list(source)[::-1][::7]


def test_arrays_of_characters(strict: subpool.Pool) -> None:
    letters = array("w", "abcdef" * 200)
    assert strict.par_iter(letters).map(str.upper).collect() == ["A", "B", "C", "D", "E", "F"] * 200


def test_a_map_of_a_file_gives_bytes_as_numbers(staffed: subpool.Pool) -> None:
    with mmap.mmap(-1, 4096) as memory:
        memory[:] = bytes(range(256)) * 16
        assert staffed.par_iter(memory).sum() == sum(memory[:])
        staffed.par_iter_mut(memory).split_per(1000).map_in_place(lambda x: 255 - x)
        assert memory[:256] == bytes(reversed(range(256)))


def test_workers_write_into_the_callers_memory(staffed: subpool.Pool, gates: Callable[[], tasks.Gate]) -> None:
    numbers = array("d", range(50))
    before = numbers.buffer_info()
    gate = gates()
    where: list[float] = []

    def body(x: float) -> float:
        return -1.0 if tasks_iter.elsewhere(gate, x)[1] is None else x

    staffed.par_iter_mut(numbers).split_per(5).map_in_place(body)
    where = [x for x in numbers if x != -1.0]
    assert where
    assert numbers.buffer_info() == before
    assert all(x in (-1.0, place) for place, x in enumerate(numbers))


def test_pairs_of_a_number_and_an_item(sized: subpool.Pool) -> None:
    numbers = array("q", bytes(8 * 900))
    sized.par_iter_mut(numbers).enumerate(5).split_per(100).map_in_place(lambda pair: pair[0] * 2)
    assert list(numbers) == [2 * x for x in range(5, 905)]


@pytest.mark.parametrize("size", [0, 1, 7, 1000])
def test_chunks_are_writable_views(sized: subpool.Pool, size: int) -> None:
    data = bytearray(x % 251 for x in range(size))
    wanted = b"".join(bytes(data[first : first + 8])[::-1] for first in range(0, size, 8))
    sized.par_iter_mut(data).chunks(8).split_per(3).for_each(tasks_iter.reverse_in_place)
    assert data == wanted
    sized.par_iter_mut(data).chunks(8).enumerate().for_each(tasks_iter.number_in_place)
    assert list(data) == [place // 8 % 256 for place in range(size)]


def test_a_chunk_kept_is_released(inline: subpool.Pool) -> None:
    kept: list[memoryview] = []
    data = bytearray(9)
    inline.par_iter_mut(data).chunks(4).for_each(kept.append)
    with pytest.raises(ValueError, match="released"):
        kept[0].tolist()
    data.append(1)


def test_a_failure_leaves_what_comes_before_it_written(inline: subpool.Pool) -> None:
    numbers = array("q", range(10))
    with pytest.raises(ValueError, match="item 6"):
        inline.par_iter_mut(numbers).map_in_place(lambda x: -tasks_iter.failing_at(frozenset({6}), x))
    assert list(numbers) == [0, -1, -2, -3, -4, -5, 6, 7, 8, 9]


def test_what_a_buffer_cannot_hold(sized: subpool.Pool) -> None:
    with pytest.raises(ValueError, match="B"):
        sized.par_iter_mut(bytearray(9)).map_in_place(lambda x: 256)
    with pytest.raises(TypeError):
        sized.par_iter_mut(array("d", [1.0])).map_in_place(str)


@pytest.mark.parametrize("per", [None, 100])
def test_collect_into(sized: subpool.Pool, per: int | None) -> None:
    target = array("d", bytes(8 * 1000))
    it = sized.par_iter(range(900)).map(math.sqrt)
    assert (it if per is None else it.split_per(per)).collect_into(target) == 900
    assert list(target) == [*map(math.sqrt, range(900)), *[0.0] * 100]
    assert sized.par_iter(range(900)).filter(tasks_iter.is_even).collect_into(target) == 450
    assert list(target[:450]) == list(range(0, 900, 2))
    with pytest.raises(ValueError, match="collect_into: 1001 items, and room for 1000"):
        sized.par_iter(iter(range(1001))).collect_into(target)
    assert target[0] == 0.0


def test_booleans_are_written_one_by_one(sized: subpool.Pool) -> None:
    flags = memoryview(bytearray(600)).cast("?")
    sized.par_iter_mut(flags).enumerate().split_per(100).map_in_place(lambda pair: pair[0] % 2 == 0)
    assert flags.tolist() == [True, False] * 300


def test_what_has_items_that_python_cannot_write() -> None:
    with pytest.raises(TypeError, match="cannot be written one by one"):
        subpool.par_iter_mut((ctypes.c_double * 3)())


def test_a_pipeline_over_pieces_of_pieces(staffed: subpool.Pool) -> None:
    numbers = array("q", range(200_000))
    staffed.par_iter_mut(numbers).map_in_place(tasks_iter.double)
    assert numbers == array("q", range(0, 400_000, 2))
    assert staffed.par_iter(numbers).map(tasks_iter.add_one).sum() == sum(range(1, 400_001, 2))
