"""Merge sort by `join`, down to lists of one element: nobody has to choose how small a half may be.

Look at the times: the version with joins costs little more than the plain one where no core is free, and less where one
is. It cannot come near `sorted`, which is C. And look at the number of steals: only so many of all these joins had a
half that another interpreter took. What a thief takes and gives back is a copy, so half of the numbers travel twice.
"""

import argparse
import random
import time
from collections.abc import Callable
from functools import partial

import subpool


def merge_sort(numbers: list[float]) -> list[float]:
    if len(numbers) <= 1:
        return numbers
    middle = len(numbers) // 2
    return merge(merge_sort(numbers[:middle]), merge_sort(numbers[middle:]))


def parallel_merge_sort(numbers: list[float]) -> list[float]:
    if len(numbers) <= 1:
        return numbers
    middle = len(numbers) // 2
    left, right = subpool.join(
        partial(parallel_merge_sort, numbers[:middle]),
        partial(parallel_merge_sort, numbers[middle:]),
    )
    return merge(left, right)


def merge(left: list[float], right: list[float]) -> list[float]:
    merged: list[float] = []
    position = 0
    for number in left:
        while position < len(right) and right[position] < number:
            merged.append(right[position])
            position += 1
        merged.append(number)
    return merged + right[position:]


def timed(title: str, sort: Callable[[list[float]], list[float]], numbers: list[float]) -> list[float]:
    started = time.perf_counter()
    result = sort(numbers)
    print(f"{title:20} {time.perf_counter() - started:6.3f} s")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Sort random numbers with subpool.join.")
    parser.add_argument("--quick", action="store_true", help="sort fewer numbers")
    count = 20_000 if parser.parse_args().quick else 400_000
    numbers = [random.random() for _ in range(count)]

    with subpool.Pool() as pool, pool.install():
        print(f"{count} numbers, {pool.workers} worker(s) and the caller")
        parallel_merge_sort(numbers[:1000])  # starts the workers
        before = pool.stats().stolen
        expected = timed("sorted", sorted, numbers)
        plain = timed("plain merge sort", merge_sort, numbers)
        joined = timed("merge sort by join", parallel_merge_sort, numbers)
        print(f"{count - 1} joins, {pool.stats().stolen - before} steals; equal: {expected == plain == joined}")


if __name__ == "__main__":
    main()
