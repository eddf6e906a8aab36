"""What the type checkers must make of the public face. Checked, never run: see `test_typing`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, as_completed, wait
from functools import partial
from typing import assert_type

import subpool


def an_int() -> int:
    return 1


def a_str() -> str:
    return ""


def a_float() -> float:
    return 0.0


def nothing() -> None: ...


def two(number: int, word: str) -> bytes:
    return word.encode() * number


def four(*numbers: int) -> float:
    return float(sum(numbers))


def generic[T](value: T) -> list[T]:
    return [value]


def optional(number: int = 0) -> int:
    return number


class Shop:
    def price(self) -> float:
        return 1.0

    def sell(self, count: int) -> str:
        return str(count)


async def some_async() -> None:
    assert_type(await subpool.spawn(an_int), int)
    assert_type(await subpool.spawn(two, 1, ""), bytes)


def join_overloads(shop: Shop) -> None:
    assert_type(subpool.join(an_int, a_str), tuple[int, str])
    assert_type(subpool.join(an_int, a_str, nothing), tuple[int, str, None])
    assert_type(subpool.join(an_int, a_str, nothing, a_float), tuple[int, str, None, float])
    assert_type(subpool.join(an_int, a_str, nothing, a_float, an_int), tuple[int, str, None, float, int])
    assert_type(subpool.join(an_int, a_str, nothing, a_float, an_int, a_str), tuple[int, str, None, float, int, str])
    assert_type(
        subpool.join(an_int, a_str, nothing, a_float, an_int, a_str, nothing),
        tuple[int, str, None, float, int, str, None],
    )
    assert_type(
        subpool.join(an_int, a_str, nothing, a_float, an_int, a_str, nothing, a_float),
        tuple[int, str, None, float, int, str, None, float],
    )
    assert_type(subpool.join(partial(two, 1, ""), shop.price), tuple[bytes, float])
    assert_type(subpool.join(lambda: 1, lambda: ""), tuple[int, str])
    assert_type(subpool.join(partial(generic, 1), partial(optional, 3)), tuple[list[int], int])
    assert_type(subpool.join(optional, optional), tuple[int, int])


def join_beyond_the_overloads() -> None:
    values = subpool.join(an_int, an_int, an_int, an_int, an_int, an_int, an_int, an_int, an_int)
    assert_type(values, tuple[int, ...])
    halves: list[Callable[[], int]] = [an_int] * 3
    assert_type(subpool.join_all(halves), list[int])


def join_all(halves: set[Callable[[], str]]) -> None:
    assert_type(subpool.join_all([an_int, an_int]), list[int])
    assert_type(subpool.join_all(halves), list[str])
    assert_type(subpool.join_all(partial(two, number, "") for number in range(3)), list[bytes])


def scope(shop: Shop) -> None:
    with subpool.scope(timeout=1.5) as s:
        assert_type(s.spawn(an_int), subpool.Task[int])
        assert_type(s.spawn(two, 1, ""), subpool.Task[bytes])
        assert_type(s.spawn(shop.sell, 3), subpool.Task[str])
    with subpool.scope(timeout=None):
        pass
    with subpool.scope(timeout=1):
        pass


def spawn(shop: Shop) -> None:
    task = subpool.spawn(two, 1, "")
    assert_type(task, subpool.Task[bytes])
    assert_type(subpool.spawn(nothing), subpool.Task[None])
    assert_type(subpool.spawn(shop.sell, 2), subpool.Task[str])
    assert_type(subpool.spawn(lambda: 1.5), subpool.Task[float])
    assert_type(subpool.spawn(an_int, timeout=1, name="one", copy_context=True), subpool.Task[int])
    assert_type(subpool.spawn(partial(two, 1, word="")), subpool.Task[bytes])


def task(it: subpool.Task[int]) -> None:
    future: Future[int] = it
    assert_type(it.join(), int)
    assert_type(it.join(timeout=1), int)
    assert_type(it.join(0.5), int)
    assert_type(it.result(), int)
    assert_type(it.result(timeout=1), int)
    assert_type(it.exception(), BaseException | None)
    assert_type(it.done(), bool)
    assert_type(it.running(), bool)
    assert_type(it.cancel(), bool)
    assert_type(it.cancelled(), bool)
    assert_type(it.help(), None)
    it.add_done_callback(lambda ended: print(ended.result()))
    for ended in as_completed([it, future]):
        assert_type(ended.result(), int)
    wait([it])


def pools() -> None:
    with subpool.Pool(
        2,
        idle_spin=0.0,
        initializer=two,
        initargs=(1, ""),
        finalizer=nothing,
        preload=("json",),
        pin_cpus=False,
        background_workers=1,
        max_tasks_per_worker=10,
        strict=True,
        on_unsupported="process",
    ) as pool:
        assert_type(pool, subpool.Pool)
        assert_type(pool.join(an_int, a_str), tuple[int, str])
        assert_type(pool.join(an_int, a_str, nothing), tuple[int, str, None])
        assert_type(pool.join_all([a_str]), list[str])
        assert_type(pool.spawn(two, 1, ""), subpool.Task[bytes])
        assert_type(pool.workers, int)
        assert_type(pool.stats().tasks_completed, int)
        with pool.scope() as s:
            assert_type(s.spawn(two, 1, ""), subpool.Task[bytes])
        with pool.install():
            pass
        pool.close(wait=False, cancel=True)
    subpool.configure(workers=1, strict=True, preload=["json"])
    assert_type(subpool.current_pool(), subpool.Pool)
    assert_type(subpool.worker_index(), int | None)
    assert_type(subpool.cancelled(), bool)


@subpool.needs_host
def hosted(number: int) -> str:
    return str(number)


def marks() -> None:
    assert_type(hosted(1), str)
    assert_type(subpool.spawn(hosted, 1), subpool.Task[str])
    subpool.spawn(hosted, "")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def findings() -> None:
    for finding in subpool.doctor.check("json", timeout=1.5):
        assert_type(finding.loads, bool)
        assert_type(finding.seconds, float | None)


def executors(shop: Shop) -> None:
    with subpool.Executor(
        2,
        idle_spin=0.0,
        initializer=two,
        initargs=(1, ""),
        finalizer=nothing,
        preload=("json",),
        pin_cpus=False,
        background_workers=1,
        max_tasks_per_worker=10,
        strict=True,
        on_unsupported="raise",
    ) as executor:
        standard: Executor = executor
        assert_type(executor, subpool.Executor)
        assert_type(executor.submit(two, 1, ""), Future[bytes])
        assert_type(executor.submit(two, 1, word=""), Future[bytes])
        assert_type(executor.submit(two, number=1, word="").result(timeout=1), bytes)
        assert_type(executor.submit(shop.sell, count=2), Future[str])
        assert_type(executor.submit(lambda: 1.5), Future[float])
        assert_type(executor.map(an_int), Iterator[int])
        assert_type(executor.map(shop.sell, [1, 2]), Iterator[str])
        assert_type(executor.map(two, range(3), ["", ""], timeout=1, chunksize=2, buffersize=3), Iterator[bytes])
        assert_type(executor.map(lambda number: number + 1, range(3)), Iterator[int])
        assert_type(executor.map(lambda number, word: word * number, [1], [""]), Iterator[str])
        assert_type(list(executor.map(generic, ["a"])), list[list[str]])
        assert_type(executor.map(four, [1], [2], [3], [4]), Iterator[float])
        assert_type(executor.map(four, *[[1]] * 4), Iterator[float])
        executor.shutdown(wait=False, cancel_futures=True)
        standard.shutdown()
    for ended in as_completed([executor.submit(two, 1, "")]):
        assert_type(ended.result(), bytes)
    subpool.Executor(max_workers=3)


def mistakes(shop: Shop) -> None:
    """Each of these is an error; a checker that sees none complains about the comment."""
    subpool.join(an_int, two)  # type: ignore[arg-type] # pyright: ignore[reportCallIssue, reportArgumentType]
    subpool.join(an_int, 3)  # type: ignore[call-overload] # pyright: ignore[reportCallIssue, reportArgumentType]
    subpool.join_all([two])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    subpool.spawn(two, 1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    subpool.spawn(two, "", 1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    subpool.spawn(shop.sell, "")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    subpool.spawn(an_int, word="")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    subpool.Pool(on_unsupported="ignore")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    subpool.Executor(2, workers=3)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    subpool.Executor().submit(two, 1)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    subpool.Executor().submit(two, "", 1)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    subpool.Executor().map(two, [1])  # type: ignore[arg-type] # pyright: ignore[reportCallIssue, reportArgumentType]
    subpool.Executor().map(shop.sell, [""])  # type: ignore[arg-type] # pyright: ignore[reportCallIssue, reportArgumentType]
    subpool.Executor().submit(an_int, word="")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    subpool.Pool("two")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def pipelines(numbers: list[int], words: dict[str, float]) -> None:
    it = subpool.par_iter(numbers)
    assert_type(it, subpool.ParIter[int])
    assert_type(it.map(str), subpool.ParIter[str])
    assert_type(it.map(str).enumerate().collect(), list[tuple[int, str]])
    assert_type(it.filter(None).to_set(), set[int])
    assert_type(it.map(lambda x: (x, str(x))).to_dict(), dict[int, str])
    assert_type(it.zip(words).collect(), list[tuple[int, str]])
    assert_type(it.chunks(2).flat_map(list).collect(), list[int])
    assert_type(it.find_first(bool), int | None)
    assert_type(it.filter_map(lambda x: str(x) if x else None).collect(), list[str])
    assert_type(it.min(), int)
    assert_type(it.max(default=None), int | None)
    assert_type(it.partition(bool), tuple[list[int], list[int]])
    assert_type(it.fold(a_str, joined, str.__add__), str)
    assert_type(it.fold_per_worker(a_float, lambda acc, x: acc + x), list[float])
    assert_type(list(it.map(a_float_of)), list[float])
    assert_type(subpool.par_iter(words.items()).starmap(a_pair).collect(), list[bytes])
    assert_type(subpool.Pool(1).par_iter(words).map(len).collect(), list[int])


def joined(text: str, number: int) -> str:
    return text + str(number)


def a_float_of(number: int) -> float:
    return float(number)


def a_pair(word: str, number: float) -> bytes:
    return word.encode() * int(number)


def plugins(box: subpool.Sandbox) -> None:
    assert_type(box.call("f", 1, returns=int), int)
    assert_type(box.call("f", 1, returns=list[int], timeout=1), list[int])
    assert_type(box.spawn("f", returns=str), subpool.Task[str])
    assert_type(box.stats(), subpool.SandboxStats)
    subpool.Sandbox("p.py", policy=subpool.Policy(read=["a"], network=True), isolation="process", timeout=1)
    subpool.Sandbox("p.py", isolation="thread")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    subpool.Sandbox("p.py", nonsense=1)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
