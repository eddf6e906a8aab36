"""Shared buffers, broadcast values, and buffers that travel by reference: layouts, types and lifetimes."""

from __future__ import annotations

import gc
import mmap
import struct
import threading
import weakref
from array import array
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pickle import PickleBuffer
from typing import Any

import pytest
import tasks
import tasks_data
from helpers import held, program, run, stolen, wait_until
from tasks import PATIENCE, Gate

import subpool
from subpool._schedule.host import Host
from subpool._wire.payload import unpacked, write

type Gates = Callable[[], Gate]

SIZE = 10_000
numpy: Any = import_module("numpy") if find_spec("numpy") else None  # here: it starts threads


def host_of(pool: subpool.Pool) -> Host:
    assert pool._host is not None
    return pool._host


def is_free(buffer: bytearray) -> bool:
    """Whether nobody looks at it."""
    try:
        buffer.append(0)
    except BufferError:
        return False
    buffer.pop()
    return True


def everything_back(pool: subpool.Pool) -> bool:
    gc.collect()
    wait_until(lambda: not host_of(pool).loans.out and not host_of(pool).loans.held)
    return True


class TestArguments:
    """By reference, with their layout."""

    @pytest.mark.parametrize(
        "view",
        [
            memoryview(bytearray(SIZE)),
            memoryview(bytes(range(256)) * 40),
            memoryview(array("d", range(1000))),
            memoryview(bytearray(SIZE)).cast("i", (50, 50)),
            memoryview(bytearray(range(250)) * 80)[::2],
            memoryview(array("i", range(4000)))[::-3],
            memoryview(b"short"),
            memoryview(b"short")[::-2],
            memoryview(array("d")),
            memoryview(bytearray(8)).cast("q", ()),
        ],
        ids=["bytes", "read-only", "doubles", "matrix", "gaps", "backwards", "short", "short gaps", "empty", "scalar"],
    )
    def test_keep_their_layout(self, single: subpool.Pool, view: memoryview[Any]) -> None:
        kind, form, shape, read_only, content = single.spawn(tasks_data.looked_at, view).result(PATIENCE)
        assert (kind, form, shape, read_only) == ("memoryview", view.format, view.shape, view.readonly)
        assert content == view.tobytes()

    def test_are_the_same_memory(self, single: subpool.Pool) -> None:
        buffer = bytearray(SIZE)
        assert single.spawn(tasks_data.put, memoryview(buffer), 7, 9).result(PATIENCE) == 0
        assert buffer[7] == 9
        assert stolen(single, tasks.zero, partial(tasks_data.put, memoryview(buffer), 8, 10)) == (0, 0)
        assert buffer[8] == 10
        assert everything_back(single)

    @pytest.mark.parametrize("size", [100, SIZE])
    def test_pickle_buffers_arrive_as_views(self, single: subpool.Pool, size: int) -> None:
        buffer = PickleBuffer(bytearray(size))
        assert single.spawn(tasks_data.kind_of, buffer).result(PATIENCE) == ("memoryview", size)

    def test_buffers_within_values_of_other_types(self, single: subpool.Pool) -> None:
        """A class that offers its buffers out of band is rebuilt from views."""
        assert single.spawn(tasks_data.kind_of, tasks_data.Offering(SIZE)).result(PATIENCE) == ("Offering", SIZE)

    def test_in_closures_and_deep_inside(self, single: subpool.Pool) -> None:
        buffer = bytearray(SIZE)
        view = memoryview(buffer)

        def set_item(place: int) -> None:
            view[place] = 1

        single.spawn(set_item, 3).result(PATIENCE)
        single.spawn(lambda table: tasks_data.put(table["a"][0], 4, 2), {"a": [view]}).result(PATIENCE)
        assert bytes(buffer[3:5]) == b"\1\2"
        assert everything_back(single)
        view.release()

    def test_one_that_is_there_twice_is_one(self, single: subpool.Pool) -> None:
        view, large = memoryview(bytearray(SIZE)), bytes(100_000)
        assert single.spawn(tasks_data.same, view, view).result(PATIENCE)
        assert single.spawn(tasks_data.same, large, large).result(PATIENCE)

    def test_many_calls_of_one_function(self, single: subpool.Pool) -> None:
        """What would be a batch, were it not for the buffers."""
        host, buffer = host_of(single), bytearray(SIZE)
        with held(single):
            host.backlog._paces[tasks_data.put] = host.backlog.pace = 1e3
            spawned = [single.spawn(tasks_data.put, memoryview(buffer), place, 1) for place in range(100)]
        assert [task.result(PATIENCE) for task in spawned] == [0] * 100
        assert sum(buffer) == 100
        assert everything_back(single)

    @pytest.mark.parametrize("size", [SIZE, 100_000, 3_000_000])
    @pytest.mark.parametrize("make", [bytes, bytearray, tasks_data.array_of])
    def test_types_that_are_kept(self, single: subpool.Pool, make: Callable[[int], Any], size: int) -> None:
        value = make(size)
        back = single.spawn(tasks.identity, [value]).result(PATIENCE)[0]
        assert type(back) is type(value)
        assert back == value
        assert single.spawn(tasks.identity, value).result(PATIENCE) == value
        assert stolen(single, tasks.zero, partial(tasks_data.kind_of, value)) == (0, (type(value).__name__, size))
        assert everything_back(single)

    def test_of_an_initializer(self) -> None:
        buffer = bytearray(b"\7\0")
        arguments = (subpool.share(buffer), memoryview(bytearray(SIZE)))
        with subpool.Pool(1, initializer=tasks_data.start_with, initargs=arguments) as pool:
            assert pool.spawn(tasks_data.started_with).result(PATIENCE) == (7, SIZE)
        assert buffer[1] == 5

    def test_of_a_pipeline(self, single: subpool.Pool) -> None:
        view = memoryview(bytearray([1]) * SIZE)
        total = single.par_iter(range(SIZE)).split_per_item().map(lambda place: view[place]).sum()
        assert total == SIZE
        assert everything_back(single)

    def test_in_strict_mode(self, strict: subpool.Pool) -> None:
        buffer = bytearray(SIZE)
        strict.spawn(tasks_data.put, memoryview(buffer), 3, 8).result(PATIENCE)
        assert strict.join(tasks.zero, partial(tasks_data.put, memoryview(buffer), 4, 9))[0] == 0
        assert bytes(buffer[3:5]) == b"\10\11"

    def test_without_workers(self, inline: subpool.Pool) -> None:
        buffer = bytearray(SIZE)
        inline.spawn(tasks_data.put, memoryview(buffer), 3, 8).result(PATIENCE)
        assert buffer[3] == 8

    def test_that_was_released_is_named(self, single: subpool.Pool) -> None:
        view = memoryview(bytearray(SIZE))
        view.release()
        error = single.spawn(tasks.pair, 0, [view]).exception(PATIENCE)
        assert isinstance(error, subpool.SerializationError)
        assert str(error).startswith("args[1][0]: memoryview")


class TestLifetime:
    """Memory stays while somebody looks at it, and not longer."""

    def test_while_a_task_runs(self, single: subpool.Pool, gates: Gates) -> None:
        buffer, started, release = bytearray([5]) * SIZE, gates(), gates()
        task = single.spawn(tasks_data.hold, memoryview(buffer), started, release)
        started.wait()
        assert not is_free(buffer)
        release.open()
        assert task.result(PATIENCE) == 5
        wait_until(lambda: is_free(buffer))

    def test_while_a_worker_keeps_a_view(self, single: subpool.Pool) -> None:
        buffer = bytearray([5]) * SIZE
        single.spawn(tasks_data.keep, memoryview(buffer)).result(PATIENCE)
        assert not is_free(buffer)
        assert single.spawn(tasks_data.read_kept, 0).result(PATIENCE) == 5
        single.spawn(tasks_data.drop).result(PATIENCE)
        wait_until(lambda: is_free(buffer))

    @pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
    def test_while_its_owner_sleeps(self, single: subpool.Pool, gates: Gates) -> None:
        """The courier sees to it: an interpreter whose other threads do nothing lets go, too."""
        size, started, release = 50_000_000, gates(), gates()
        view = single.spawn(tasks_data.made, size).result(PATIENCE)
        task = single.spawn(tasks_data.hold, b"\1", started, release)
        started.wait()
        before = tasks_data.resident()
        view.release()
        wait_until(lambda: before - tasks_data.resident() > 0.9 * size)
        assert not task.done()
        release.open()
        assert task.result(PATIENCE) == 1

    def test_of_what_is_taken_back(self, single: subpool.Pool) -> None:
        host, buffer = host_of(single), bytearray(SIZE)
        with held(single):
            host.root.request[0] = 1  # as if somebody were hungry
            single.join(lambda: len(host.loans.out), partial(tasks_data.put, memoryview(buffer), 0, 1))
            wait_until(lambda: is_free(buffer))
        assert buffer[0] == 1

    def test_of_a_task_that_is_cancelled_before_it_begins(self, single: subpool.Pool) -> None:
        host, buffer = host_of(single), bytearray(SIZE)
        with held(single):
            task = single.spawn(tasks_data.put, memoryview(buffer), 0, 1)
            host.backlog.feed()
            assert task.cancel()
            del task
        wait_until(lambda: is_free(buffer))
        assert buffer[0] == 0

    def test_of_a_task_that_fails(self, single: subpool.Pool) -> None:
        buffer = bytearray(SIZE)
        error = single.spawn(tasks_data.fail_with, memoryview(buffer)).exception(PATIENCE)
        assert str(error) == str(SIZE)
        wait_until(lambda: is_free(buffer))

    def test_of_a_result_that_nobody_wants(self, single: subpool.Pool, gates: Gates) -> None:
        started, release = gates(), gates()

        def make(started: Gate, release: Gate) -> memoryview:
            try:
                started.open()
                release.block()
            finally:
                made = memoryview(bytearray(10_000))
            return made

        task = single.spawn(make, started, release)
        started.wait()
        task.cancel()
        release.open()
        assert single.spawn(tasks.zero).result(PATIENCE) == 0
        del task
        assert everything_back(single)

    def test_when_the_borrower_ends(self) -> None:
        buffer = bytearray(SIZE)
        with subpool.Pool(1, max_tasks_per_worker=1) as pool:
            pool.spawn(tasks_data.keep, memoryview(buffer)).result(PATIENCE)
            pool.spawn(tasks.zero).result(PATIENCE)
            wait_until(lambda: is_free(buffer))
        assert is_free(buffer)

    def test_when_the_pool_ends(self) -> None:
        buffer = bytearray(SIZE)
        with subpool.Pool(1) as pool:
            pool.spawn(tasks_data.keep, memoryview(buffer)).result(PATIENCE)
            assert not is_free(buffer)
        assert is_free(buffer)


class TestResults:
    """Memory of workers, looked at by their caller."""

    @pytest.mark.parametrize("size", [100, SIZE, 3_000_000])
    def test_are_views(self, single: subpool.Pool, size: int) -> None:
        view = single.spawn(tasks_data.made, size).result(PATIENCE)
        assert (type(view), view.readonly, len(view), view[0], view[-1]) == (memoryview, False, size, 7, 7)
        del view
        assert everything_back(single)

    def test_of_halves(self, single: subpool.Pool) -> None:
        view = stolen(single, tasks.zero, partial(tasks_data.made, SIZE))[1]
        assert view.tobytes() == b"\7" * SIZE
        del view
        assert everything_back(single)

    def test_are_the_workers_memory(self, single: subpool.Pool) -> None:
        view = single.spawn(tasks_data.kept_and_made, SIZE).result(PATIENCE)
        view[3] = 9
        assert single.spawn(tasks_data.read_kept, 3).result(PATIENCE) == 9
        single.spawn(tasks_data.drop).result(PATIENCE)

    def test_parts_of_what_was_sent(self, single: subpool.Pool) -> None:
        buffer = bytearray(SIZE)
        part = single.spawn(tasks_data.part_of, memoryview(buffer), 100, 9000).result(PATIENCE)
        part[0] = 1
        assert buffer[100] == 1
        assert not is_free(buffer)
        del part
        wait_until(lambda: is_free(buffer))

    def test_outlive_the_pool(self) -> None:
        with subpool.Pool(2) as pool:
            views = [pool.spawn(tasks_data.made, 1_000_000, value).result(PATIENCE) for value in range(5)]
            loans = host_of(pool).loans
        assert [(view[0], view[-1]) for view in views] == [(value, value) for value in range(5)]
        del views[1:]
        assert len(loans.heritage) == 1
        assert views[0].tobytes() == bytes(1_000_000)
        del views
        assert not loans.heritage

    def test_outlive_their_worker(self) -> None:
        with subpool.Pool(1, max_tasks_per_worker=1) as pool:
            views = [pool.spawn(tasks_data.made, 100_000, value).result(PATIENCE) for value in range(4)]
            wait_until(lambda: len(host_of(pool).loans.heritage) >= 3)
            assert [view.tobytes() for view in views] == [bytes([value]) * 100_000 for value in range(4)]
            del views
            assert everything_back(pool)
            wait_until(lambda: not host_of(pool).loans.heritage)

    def test_parts_of_what_was_sent_outlive_the_worker(self) -> None:
        buffer = bytearray(SIZE)
        with subpool.Pool(1, max_tasks_per_worker=1) as pool:
            parts = [pool.spawn(tasks_data.part_of, memoryview(buffer), at, 9000).result(PATIENCE) for at in range(3)]
            wait_until(lambda: len(host_of(pool).loans.heritage) >= 2)
            parts[0][0] = 1
            assert parts[0][1] == parts[1][0]
            assert not is_free(buffer)
        assert buffer[0] == 1
        del parts
        assert is_free(buffer)

    def test_between_workers(self, double: subpool.Pool, gates: Gates) -> None:
        assert double.spawn(tasks_data.in_a_nested_join, SIZE, gates()).result(PATIENCE) == (0, 100)

    @pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
    def test_of_workers_that_are_gone_give_their_memory_back(self) -> None:
        size = 50_000_000
        with subpool.Pool(1) as pool:
            view = pool.spawn(tasks_data.made, size).result(PATIENCE)
        before = tasks_data.resident()
        del view
        assert before - tasks_data.resident() > 0.9 * size


class TestShare:
    """One memory in all interpreters."""

    @pytest.mark.parametrize("size", [4, SIZE])
    def test_is_the_same_memory(self, sized: subpool.Pool, size: int) -> None:
        buffer = bytearray(size)
        handle = subpool.share(buffer)
        sized.spawn(tasks_data.put_in, handle, 1, 7).result(PATIENCE)
        sized.join(tasks.zero, partial(tasks_data.put_in, handle, 2, 8))
        assert bytes(buffer[1:3]) == b"\7\10" == bytes(handle.view[1:3])

    def test_in_strict_mode(self, strict: subpool.Pool) -> None:
        handle = subpool.share(bytearray(4))
        strict.spawn(tasks_data.put_in, handle, 1, 7).result(PATIENCE)
        assert handle.view[1] == 7

    def test_of_a_map(self, single: subpool.Pool) -> None:
        with mmap.mmap(-1, SIZE) as memory:
            handle = subpool.share(memory)
            single.spawn(tasks_data.put_in, handle, 5000, 7).result(PATIENCE)
            assert memory[5000] == 7
            with pytest.raises(BufferError):
                memory.close()
            del handle
            wait_until(lambda: not host_of(single).loans.out)

    def test_keeps_type_and_access(self, single: subpool.Pool) -> None:
        handle = subpool.share(array("d", [1.5, 2.5]))
        assert single.spawn(lambda: tasks_data.looked_at(handle.view)).result(PATIENCE) == (
            "memoryview", "d", (2,), False, struct.pack("dd", 1.5, 2.5)
        )  # fmt: skip
        assert single.spawn(lambda: subpool.share(b"abc").view.readonly).result(PATIENCE)

    def test_views_of_others_are_not_released(self) -> None:
        handle = subpool.share(bytearray(4))
        handle.view.release()
        assert handle.view[0] == 0

    def test_holds_the_buffer(self) -> None:
        buffer = bytearray(4)
        handle = subpool.share(buffer)
        assert not is_free(buffer)
        assert repr(handle) == "<Shared: 4 bytes, writable>"
        del handle
        assert is_free(buffer)

    def test_from_a_worker(self, single: subpool.Pool) -> None:
        handle = single.spawn(tasks_data.shared_there, 100).result(PATIENCE)
        single.spawn(tasks_data.put_in, handle, 5, 6).result(PATIENCE)
        assert handle.view[5] == 6

    def test_what_is_no_buffer(self) -> None:
        with pytest.raises(TypeError, match=r"share: not a buffer: list \[1, 2\]"):
            subpool.share([1, 2])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    def test_in_a_pipeline(self, single: subpool.Pool) -> None:
        handle = subpool.share(array("q", range(100)))
        assert single.par_iter(range(100)).split_per_item().map(lambda at: handle.view[at]).sum() == sum(range(100))


class TestBroadcast:
    """Written once, rebuilt once per worker, forgotten with its handle."""

    def test_is_rebuilt_once_per_worker(self, double: subpool.Pool) -> None:
        handle = double.broadcast(tasks_data.Built(5))
        seen: dict[int | None, set[int]] = {}
        for _ in range(40):
            index, number, builds = double.spawn(tasks_data.use, handle).result(PATIENCE)
            assert number == 5
            seen.setdefault(index, set()).add(builds)
        assert set(seen) <= {None, 0, 1}
        assert all(len(builds) == 1 for builds in seen.values())

    def test_is_written_once(self, single: subpool.Pool) -> None:
        values = [1]
        handle = subpool.broadcast(values)
        values.append(2)
        assert single.spawn(tasks_data.length_of, handle).result(PATIENCE) == 1
        assert handle.value is values

    def test_is_forgotten_with_its_handle(self, single: subpool.Pool) -> None:
        handle = subpool.broadcast([1, 2, 3])
        assert single.spawn(tasks_data.length_of, handle).result(PATIENCE) == 3
        assert single.spawn(tasks_data.copies).result(PATIENCE) == 1
        del handle
        gc.collect()
        wait_until(lambda: single.spawn(tasks_data.copies).result(PATIENCE) == 0)
        assert everything_back(single)

    def test_several(self, single: subpool.Pool) -> None:
        handles = [subpool.broadcast("x" * size) for size in range(10)]
        lengths = [single.spawn(tasks_data.length_of, handle).result(PATIENCE) for handle in handles]
        assert lengths == list(range(10))

    def test_with_buffers(self, single: subpool.Pool) -> None:
        buffer = bytearray(SIZE)
        handle = subpool.broadcast({"view": memoryview(buffer), "bytes": bytes(100_000)})
        single.spawn(lambda: tasks_data.put(handle.value["view"], 3, 4)).result(PATIENCE)
        assert buffer[3] == 4
        assert single.spawn(lambda: len(handle.value["bytes"])).result(PATIENCE) == 100_000

    def test_in_functions_pipelines_and_nested_tasks(self, single: subpool.Pool) -> None:
        words = subpool.broadcast({"a", "b"})
        assert single.par_iter(list("abcab")).filter(lambda word: word in words.value).collect() == list("abab")
        assert single.spawn(tasks_data.hand_over, words, tasks_data.length_of).result(PATIENCE) == 2

    def test_from_a_worker(self, single: subpool.Pool) -> None:
        handle = single.spawn(lambda: subpool.broadcast([1, 2])).result(PATIENCE)
        assert handle.value == [1, 2]
        assert single.spawn(tasks_data.length_of, handle).result(PATIENCE) == 2

    @pytest.mark.parametrize("workers", [0, 1])
    def test_in_strict_mode(self, workers: int) -> None:
        with subpool.Pool(workers, strict=True) as pool:
            handle = pool.broadcast([1, 2])
            assert pool.spawn(tasks_data.length_of, handle).result(PATIENCE) == 2

    def test_what_cannot_be_written(self) -> None:
        with pytest.raises(subpool.SerializationError, match=r'^\["a"\]\[0\]: _thread.lock'):
            subpool.broadcast({"a": [threading.Lock()]})


class TestCrossing:
    """The written form, by itself."""

    def test_of_values_without_buffers_is_plain(self) -> None:
        for value in (1, "a", [1, 2], {"a": b"abc"}, tasks.zero, bytes(70_000)[:10]):
            assert type(write(value, lend=True)) is bytes

    def test_other_layouts(self) -> None:
        view = memoryview(struct.pack("<4h", 1, 2, 3, 4))
        assert unpacked(write(view, lend=True)) == view
        copied = unpacked(write(memoryview(bytearray(24)).cast("B", (2, 3, 4)), lend=True))
        assert (copied.shape, copied.strides, copied.readonly) == ((2, 3, 4), (12, 4, 1), False)

    def test_without_lending_it_is_a_copy(self) -> None:
        view = memoryview(bytearray(SIZE)).cast("i")
        copy = unpacked(write([view]))[0]
        assert (copy.format, copy.shape, copy.readonly) == (view.format, view.shape, False)
        copy[0] = 1
        assert view[0] == 0

    def test_a_large_value_without_large_buffers(self) -> None:
        value = [str(number) for number in range(100_000)]
        data = write(value, lend=True)
        assert type(data) is bytes
        assert unpacked(data) == value


class TestFunctionsByValue:
    """Written once per batch, and never out of date."""

    def test_what_changes_between_spawns_is_seen(self, single: subpool.Pool) -> None:
        base = 0
        add: Callable[[int], int] = lambda number: number + base  # noqa: E731 - one that has to be written by value
        for base in range(5):
            spawned = [single.spawn(add, number) for number in range(200)]
            assert [task.result(PATIENCE) for task in spawned] == list(range(base, base + 200))

    def test_nothing_of_it_is_kept(self, single: subpool.Pool) -> None:
        class Witness:
            pass

        gone: list[int] = []
        witness = Witness()
        weakref.finalize(witness, gone.append, 1)
        add: Callable[[int], int] = lambda number, _=witness: number  # type: ignore[misc] # noqa: E731
        spawned = [single.spawn(add, number) for number in range(200)]
        assert [task.result(PATIENCE) for task in spawned] == list(range(200))
        del witness, add, spawned
        gc.collect()
        wait_until(lambda: gone)


EXIT = """
import subpool, tasks_data
pool = subpool.Pool(2)
views = [pool.spawn(tasks_data.made, 1_000_000).result() for _ in range(4)]
buffer = bytearray(100_000)
pool.spawn(tasks_data.keep, memoryview(buffer)).result()
handle = subpool.broadcast([1])
pool.spawn(tasks_data.keep, handle).result()
print(sum(view[-1] for view in views))
"""


@pytest.mark.parametrize("closed", [False, True])
def test_a_program_may_end_with_views(closed: bool, tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(program(EXIT + ("pool.close()\nprint(views[0][5])\n" if closed else "")), encoding="utf-8")
    result = run([path])
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.split()[0] == "28"


def test_many_at_once(double: subpool.Pool) -> None:
    buffer = bytearray(100_000)
    whole = memoryview(buffer)
    spawned = [double.spawn(tasks_data.put, whole[at * 5000 : at * 5000 + 5000], 0, 1) for at in range(20)]
    results = [double.spawn(tasks_data.made, 5000, at).result(PATIENCE) for at in range(50)]
    assert all(task.result(PATIENCE) is not None for task in spawned)
    assert [view[0] for view in results] == list(range(50))
    del results, spawned
    assert sum(buffer) == 20
    del whole
    assert everything_back(double)
    assert is_free(buffer)


@pytest.mark.skipif(numpy is None, reason="numpy is not installed")
class TestNumPy:
    """Arrays of the host are views in workers, where NumPy does not load."""

    @pytest.mark.parametrize("shape, order", [((50, 50), "C"), ((50, 50), "F"), ((2500,), "C"), ((5, 5, 100), "C")])
    def test_arrays_arrive_as_views(self, single: subpool.Pool, shape: tuple[int, ...], order: Any) -> None:
        values = numpy.arange(2500, dtype="float64").reshape(shape, order=order)
        seen = single.spawn(tasks_data.looked_at, values).result(PATIENCE)
        assert seen == ("memoryview", "d", shape, False, memoryview(values).tobytes())

    def test_they_are_the_same_memory(self, single: subpool.Pool) -> None:
        values = numpy.zeros(SIZE)
        handle = subpool.share(values)
        single.spawn(tasks_data.put, {"a": values}["a"], 3, 1.5).result(PATIENCE)
        single.spawn(tasks_data.put_in, handle, 4, 2.5).result(PATIENCE)
        assert values[3:5].tolist() == [1.5, 2.5]
        assert everything_back(single)

    def test_layouts_that_views_of_python_cannot_cast(self, single: subpool.Pool) -> None:
        values = numpy.zeros(1000, dtype=[("a", "<i4"), ("b", "<f8")])
        form = single.spawn(tasks_data.layout_of, values).result(PATIENCE)
        assert form == (memoryview(values).format, (1000,), (12,))
        gaps = memoryview(numpy.arange(5000)[::3])
        assert single.spawn(tasks_data.layout_of, gaps).result(PATIENCE) == ("l", gaps.shape, gaps.strides)
        result = single.spawn(tasks_data.part_of, numpy.arange(5000), 10, 3000).result(PATIENCE)
        assert result.format == "l"
        assert numpy.asarray(result).sum() == numpy.arange(10, 3000).sum()
