"""In how many ways n queens can stand on an n by n board without attacking each other.

Look at how it is divided: the first two rows give the items of a pipeline, which differ much in cost; whoever is free
takes some of what is left. The three numbers of a position are bit masks of columns and diagonals under attack.
"""

import argparse
import time
from functools import partial

import subpool

type Position = tuple[int, int, int]

SOLUTIONS = {4: 2, 5: 10, 6: 4, 7: 40, 8: 92, 9: 352, 10: 724, 11: 2680, 12: 14200, 13: 73712}


def placed(n: int, position: Position) -> list[Position]:
    """The positions with one more queen, in the next row."""
    columns, rising, falling = position
    free = ~(columns | rising | falling) & ((1 << n) - 1)
    after: list[Position] = []
    while free:
        queen = free & -free
        free ^= queen
        after.append((columns | queen, (rising | queen) << 1, (falling | queen) >> 1))
    return after


def solutions(n: int, position: Position) -> int:
    """How many ways there are to go on."""
    if position[0] == (1 << n) - 1:
        return 1
    return sum(solutions(n, after) for after in placed(n, position))


def main() -> None:
    parser = argparse.ArgumentParser(description="Count the solutions of the n-queens problem.")
    parser.add_argument("n", nargs="?", type=int, default=12)
    parser.add_argument("--quick", action="store_true", help="a smaller board")
    options = parser.parse_args()
    n = 7 if options.quick else options.n
    subpool.join(int, int)  # starts the workers

    begun = time.perf_counter()
    alone = solutions(n, (0, 0, 0))
    between = time.perf_counter()
    two_rows = [after for first in placed(n, (0, 0, 0)) for after in placed(n, first)]
    together = subpool.par_iter(two_rows).map(partial(solutions, n)).sum()
    ended = time.perf_counter()
    print(f"{n} queens: {together} solutions; alone {between - begun:.2f} s, par_iter {ended - between:.2f} s")
    print("as known:", alone == together == SOLUTIONS.get(n, alone))


if __name__ == "__main__":
    main()
