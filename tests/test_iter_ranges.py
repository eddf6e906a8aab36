"""The arithmetic of positions, exhaustively for small sizes."""

from itertools import product

import pytest

from subpool._iter.ranges import ENDLESS, Cut, as_slice, grown, length, select, share, span, split_at

SIZES = range(6)
STEPS = (-3, -2, -1, 1, 2, 3)


def runs(size: int) -> list[range]:
    """All runs of positions below `size`, in both directions."""
    whole = range(size)
    bounds = [None, *range(size)]
    return [whole[start:stop:step] for start, stop, step in product(bounds, bounds, STEPS)]


@pytest.mark.parametrize("size", SIZES)
def test_select_is_indexing(size: int) -> None:
    for positions in runs(size):
        for picks in runs(len(positions)):
            assert list(select(positions, picks)) == [positions[pick] for pick in picks]


@pytest.mark.parametrize("size", SIZES)
def test_a_slice_holds_the_positions(size: int) -> None:
    for positions in runs(size):
        assert list(range(size))[as_slice(positions)] == list(positions)


@pytest.mark.parametrize("size", SIZES)
def test_span_leaves_out_what_is_outside(size: int) -> None:
    for start, stop, step in product(range(-4, 9), range(-4, 9), STEPS):
        positions = range(start, stop, step)
        assert list(span(positions, size)) == [place for place in positions if 0 <= place < size]


@pytest.mark.parametrize("size", SIZES)
def test_split_at_loses_nothing(size: int) -> None:
    for start, stop, step in product(range(9), range(-1, 9), STEPS):
        positions = range(start, stop, step)
        below, above = split_at(positions, size)
        assert list(below) == [place for place in positions if place < size]
        assert [place + size for place in above] == [place for place in positions if place >= size]


def test_length_is_len_where_there_is_one() -> None:
    for start, stop, step in product(range(-4, 5), range(-4, 5), STEPS):
        assert length(range(start, stop, step)) == len(range(start, stop, step))
    assert length(range(ENDLESS * 8)) == ENDLESS * 8


@pytest.mark.parametrize("rest", range(50))
def test_a_share_is_some_of_the_rest_and_never_all(rest: int) -> None:
    for takers in range(1, 9):
        given = share(rest, takers)
        assert 0 <= given <= max(0, rest - 1)
        assert given or rest < 2


@pytest.mark.parametrize("size", range(1, 30))
def test_pieces_cover_each_position_once(size: int) -> None:
    cuts = [Cut(size, pieces) for pieces in range(1, 40)] + [Cut(size, 0, per) for per in range(1, 40)]
    for cut in cuts:
        bounds = [cut.bounds(piece) for piece in range(cut.pieces)]
        assert [place for low, high in bounds for place in range(low, high)] == list(range(size))
        assert all(low < high for low, high in bounds)


def test_pieces_are_as_equal_as_can_be() -> None:
    for size, pieces in product(range(1, 40), range(1, 40)):
        cut = Cut(size, pieces)
        sizes = {high - low for low, high in map(cut.bounds, range(cut.pieces))}
        assert max(sizes) - min(sizes) <= 1


def test_no_positions_make_no_pieces() -> None:
    assert Cut(0, 5).pieces == Cut(0, 0, 3).pieces == 0


def test_blocks_grow_while_they_are_short_and_shrink_when_they_are_long() -> None:
    assert grown(1, 0.0, 1e-3) == 8
    assert grown(100, 1e-3, 1e-3) == 100
    assert grown(100, 1e-1, 1e-3) == 1
    assert grown(1, 5.0, 1e-3) == 1
