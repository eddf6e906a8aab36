"""Pools in a known state: warm, asleep, busy."""

import os
import select
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from site import addsitedir

import subpool
from bench import machine
from bench.workloads import empty, nap, occupy, spin

HAS_INTERPRETER_POOL = sys.version_info >= (3, 14)

ASLEEP = 0.1
"""Seconds after which an idle pool has certainly gone to sleep."""

LONGEST = 600.0
"""Seconds after which a worker that nobody cancels is free again."""


def global_pool(workers: int = 1) -> subpool.Pool:
    """The pool behind `subpool.join`, of this size, warm."""
    pool = subpool.current_pool()
    if pool.workers != workers:
        raise SystemExit(f"this measure wants a global pool of {workers} workers: SUBPOOL_WORKERS={workers}")
    warm(pool)
    return pool


def warm(pool: subpool.Pool) -> None:
    """Let every worker take part in foreground and background work, so that it has imported what the measures use."""
    for _ in range(2):
        pool.join_all([partial(spin, 0.02), *[partial(nap, 0.02)] * pool.workers])
        wait([pool.spawn(nap, 0.01) for _ in range(pool.workers)])
    for _ in range(1000):
        pool.spawn(empty).result()


@contextmanager
def busy(pool: subpool.Pool) -> Iterator[None]:
    """Every worker occupied by a long background task, inside the block."""
    reader, writer = os.pipe()
    tasks = [pool.spawn(occupy, writer, LONGEST) for _ in range(pool.workers)]
    try:
        for _ in tasks:
            if not select.select([reader], [], [], 10)[0]:
                raise TimeoutError("a background task was not started by any worker")
            os.read(reader, 1)
        settle(pool)
        yield
    finally:
        for task in tasks:
            task.cancel()
        wait(tasks, timeout=10)
        time.sleep(ASLEEP)
        os.close(reader)
        os.close(writer)


def settle(pool: subpool.Pool) -> None:
    """Answer the request that a worker may have left behind before it became busy."""
    for _ in range(100):
        pool.join(empty, empty)


def thread_pool(workers: int) -> Executor:
    return ThreadPoolExecutor(workers)


def process_pool(workers: int) -> Executor:
    """Worker processes that are started afresh: forking beside subinterpreters is not safe."""
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def interpreter_pool(workers: int) -> Executor:
    """Its workers do not know the caller's `sys.path`; they are told where `bench` is."""
    if sys.version_info >= (3, 14):
        from concurrent.futures import InterpreterPoolExecutor

        return InterpreterPoolExecutor(workers, initializer=addsitedir, initargs=(str(machine.root()),))
    raise RuntimeError("InterpreterPoolExecutor came with Python 3.14")


STANDARD = {"ThreadPoolExecutor": thread_pool, "ProcessPoolExecutor": process_pool}
if HAS_INTERPRETER_POOL:
    STANDARD["InterpreterPoolExecutor"] = interpreter_pool
