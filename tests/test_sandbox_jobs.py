"""Jobs of plugins: tasks, queues, fairness, retries, circuit breakers, reports and logs."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugins import PATIENCE, Boxes, plugin

import subpool
from subpool.errors import PluginError
from subpool.sandbox.breaker import Breaker, Circuit
from subpool.sandbox.desk import Desk, PluginTask
from subpool.sandbox.hearing import Report
from subpool.sandbox.order import Order
from subpool.sandbox.runners import Runners

WAITING = """
    import os, time

    def add(a, b):
        return a + b

    def spin():
        while True:
            pass

    def wait(path):
        while not os.path.exists(path):
            time.sleep(0.001)
        return path

    def priority():
        import threading
        return open(f"/proc/self/task/{threading.get_native_id()}/stat").read().split()[18]
"""


class Door:
    """A file that jobs wait for."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.path = str(folder / "open")
        self.policy = subpool.Policy(read=[folder])

    def open(self) -> None:
        Path(self.path).touch()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    it = Door(tmp_path / "door")
    yield it
    it.open()


class TestTasks:
    def test_are_tasks(self, boxes: Boxes) -> None:
        box = boxes(WAITING)
        task = box.spawn("add", 1, 2, returns=int, name="sum")
        assert isinstance(task, subpool.Task)
        assert isinstance(task, concurrent.futures.Future)
        assert (task.result(PATIENCE), task.done(), task.exception(), task.name) == (3, True, None, "sum")
        assert repr(task) == "<Task 'sum' finished>"

    def test_in_many_ways_to_wait(self, boxes: Boxes) -> None:
        box = boxes(WAITING)
        tasks = [box.spawn("add", number, 1) for number in range(5)]
        assert {task.result() for task in concurrent.futures.as_completed(tasks, PATIENCE)} == {1, 2, 3, 4, 5}
        assert box.spawn("add", 1, 1).join(PATIENCE) == 2

        async def await_one() -> object:
            return await box.spawn("add", 2, 2)

        assert asyncio.run(await_one()) == 4

    def test_callbacks(self, boxes: Boxes) -> None:
        called: queue.Queue[object] = queue.Queue()
        task = boxes(WAITING).spawn("add", 1, 2)
        task.add_done_callback(called.put)
        assert called.get(timeout=PATIENCE) is task

    def test_fail_with_what_the_plugin_raised(self, boxes: Boxes) -> None:
        box = boxes("def f(x: int):\n    return 1 / 0")
        with pytest.raises(subpool.PluginError, match="ZeroDivisionError"):
            box.spawn("f", 1).result(PATIENCE)
        assert isinstance(box.spawn("f", "x").exception(PATIENCE), subpool.PluginTypeError)

    def test_have_a_deadline(self, boxes: Boxes) -> None:
        box = boxes(WAITING)
        with pytest.raises(TimeoutError, match=r"plugin\.spin: it ran longer than its timeout of 0\.1 s"):
            box.spawn("spin", timeout=0.1).result(PATIENCE)
        assert box.call("add", 1, 2) == 3

    def test_are_cancelled_while_they_run(self, boxes: Boxes, door: Door) -> None:
        box = boxes(WAITING, policy=door.policy)
        task = box.spawn("spin")
        while not task.running():
            threading.Event().wait(0.002)
        while not box.stats().busy:
            threading.Event().wait(0.002)
        assert task.cancel()
        with pytest.raises(concurrent.futures.CancelledError):
            task.result(PATIENCE)
        assert box.call("add", 1, 2) == 3, "its instance has stopped it, and goes on"
        assert box.stats().replaced == 0

    def test_are_cancelled_before_they_run(self, boxes: Boxes, door: Door) -> None:
        box = boxes(WAITING, policy=door.policy)
        first, second = box.spawn("wait", door.path), box.spawn("spin")
        assert second.cancel()
        door.open()
        assert first.result(PATIENCE) == door.path
        assert second.cancelled()

    def test_help_runs_what_nobody_has_begun(self, boxes: Boxes, door: Door) -> None:
        box = boxes(WAITING, instances=1, policy=door.policy)
        first, second = box.spawn("wait", door.path), box.spawn("add", 1, 2)
        threading.Timer(0.05, door.open).start()
        assert second.join(PATIENCE) == 3
        assert first.result(PATIENCE) == door.path

    def test_run_at_low_priority(self, boxes: Boxes) -> None:
        box = boxes(WAITING, policy=subpool.Policy(read=["/proc"]))
        usual = box.call("priority")
        assert int(box.spawn("priority").result(PATIENCE)) == min(19, int(usual) + 10)
        assert box.call("priority") == usual, "a call does not"

    def test_from_one_sandbox_to_another(self, inner_boxes: Boxes) -> None:
        """A callback may call into another plugin."""
        one, other = inner_boxes(WAITING), inner_boxes(WAITING, file="other.py")
        results: queue.Queue[object] = queue.Queue()
        one.spawn("add", 1, 2).add_done_callback(lambda task: results.put(other.call("add", task.result(), 1)))
        assert results.get(timeout=PATIENCE) == 4


class TestQueue:
    def test_is_limited(self, boxes: Boxes, door: Door) -> None:
        box = boxes(WAITING, policy=door.policy, max_queue=1)
        first = box.spawn("wait", door.path)
        while not box.stats().busy:
            threading.Event().wait(0.002)
        second = box.spawn("add", 1, 2)
        assert box.stats().waiting == 1
        with pytest.raises(queue.Full, match="1 jobs are waiting"):
            box.spawn("add", 1, 3, wait=False)
        third: list[subpool.Task[object]] = []
        waiter = threading.Thread(target=lambda: third.append(box.spawn("add", 1, 4)))
        waiter.start()
        door.open()
        waiter.join(PATIENCE)
        assert [task.result(PATIENCE) for task in (first, second, *third)] == [door.path, 3, 5]

    def test_whoever_waits_for_room_hears_of_the_end(self, inner_boxes: Boxes, door: Door) -> None:
        box = inner_boxes(WAITING, policy=door.policy, max_queue=1)
        box.spawn("wait", door.path)
        while not box.stats().busy:
            threading.Event().wait(0.002)
        waiting = box.spawn("add", 1, 2)
        errors: queue.Queue[BaseException] = queue.Queue()

        def spawn_one_more() -> None:
            try:
                box.spawn("add", 1, 3)
            except subpool.PluginError as error:
                errors.put(error)

        waiter = threading.Thread(target=spawn_one_more)
        waiter.start()
        box.close()
        assert "closed" in str(errors.get(timeout=PATIENCE))
        waiter.join(PATIENCE)
        assert waiting.cancelled()

    def test_calls_go_before_jobs(self, inner_boxes: Boxes, door: Door) -> None:
        """With one instance and many jobs, a call waits for the one that runs, not for all."""
        box = inner_boxes(WAITING, policy=door.policy)
        first = box.spawn("wait", door.path)
        while not box.stats().busy:
            threading.Event().wait(0.002)
        jobs = [box.spawn("spin") for _ in range(5)]
        threading.Timer(0.05, door.open).start()
        assert box.call("add", 1, 2, timeout=PATIENCE) == 3
        assert first.result(PATIENCE) == door.path
        for job in jobs:
            job.cancel()

    def test_plugins_take_turns(self) -> None:
        """One runner, two desks: the second desk's only job does not wait for all of the first desk's."""
        runners, done, gate = Runners(limit=1), queue.Queue[str](), threading.Event()

        def perform(order: Order) -> None:
            gate.wait(PATIENCE)
            done.put(order.function)

        desks = [Desk(perform, runners, 100, 1) for _ in range(2)]
        for desk, names in zip(desks, (["a1", "a2", "a3"], ["b1"]), strict=True):
            for name in names:
                order = Order(name, b"", None, None, background=True)
                desk.add(PluginTask(desk, order, None), wait=True)
        gate.set()
        assert [done.get(timeout=PATIENCE) for _ in range(4)].index("b1") <= 1
        for desk in desks:
            desk.close(PluginError("closed"))


class TestRetries:
    SOURCE = "n = 0\ndef f(good):\n    global n\n    n += 1\n    if n < good: raise ValueError(n)\n    return n"

    def test_are_made(self, boxes: Boxes) -> None:
        box = boxes(self.SOURCE, retries=2, retry_delay=0.001)
        assert box.spawn("f", 3).result(PATIENCE) == 3

    def test_come_to_an_end(self, boxes: Boxes) -> None:
        box = boxes(self.SOURCE, retry_delay=0.001)
        with pytest.raises(subpool.PluginError, match="ValueError: 2"):
            box.spawn("f", 9, retries=1).result(PATIENCE)

    def test_not_of_what_would_fail_again(self, boxes: Boxes) -> None:
        box = boxes("n = 0\ndef f(x: int):\n    global n\n    n += 1\n    open('/etc/passwd')\ndef g():\n    return n",
                    retries=5)  # fmt: skip
        assert isinstance(box.spawn("f", 1).exception(PATIENCE), subpool.PolicyViolation)
        assert isinstance(box.spawn("f", "x").exception(PATIENCE), subpool.PluginTypeError)
        assert box.call("g") == 1


class TestBreaker:
    def test_opens_and_closes(self) -> None:
        now = 100.0
        breaker = Breaker("p", 2, 10.0, clock=lambda: now)
        breaker.failed()
        breaker.succeeded()
        breaker.failed()
        breaker.admit()
        breaker.failed()
        assert breaker.state.value == "open"
        with pytest.raises(PluginError, match=r"failed 2 times in a row, and is left alone for another 10\.0 s"):
            breaker.admit()
        now = 111.0
        breaker.admit()
        with pytest.raises(PluginError):
            breaker.admit()  # one is let through to try
        breaker.abstained()
        breaker.admit()
        breaker.failed()
        with pytest.raises(PluginError):
            breaker.admit()
        now = 122.0
        breaker.admit()
        breaker.succeeded()
        breaker.admit()
        assert breaker.state.value == "closed"

    def test_of_a_sandbox(self, inner_boxes: Boxes) -> None:
        box = inner_boxes("def fail():\n    1 / 0\ndef fine(x: int):\n    return x", break_after=2, break_seconds=1000)
        with pytest.raises(subpool.PluginTypeError):
            box.call("fine", "x")
        for _ in range(2):
            with pytest.raises(subpool.PluginError, match="ZeroDivisionError"):
                box.call("fail")
        with pytest.raises(subpool.PluginError, match="left alone"):
            box.call("fine", 1)
        assert isinstance(box.spawn("fine", 1).exception(PATIENCE), subpool.PluginError)
        assert box.stats().circuit is Circuit.OPEN


class TestWhatAPluginSays:
    REPORTING = """
        import logging
        from subpool.plugin import report, stopping

        def work():
            print("first", "line")
            report(0.5, "half")
            logging.getLogger("inner").warning("careful %d", 7)
            report(1)
            return stopping()
    """

    def test_reports(self, boxes: Boxes) -> None:
        heard: list[tuple[str, float, str]] = []

        def hear(each: Report) -> None:
            heard.append((each.plugin, each.fraction, each.message))

        box = boxes(self.REPORTING, on_report=hear)
        assert box.call("work") is False
        assert heard == [("plugin", 0.5, "half"), ("plugin", 1.0, "")]
        mine: list[float] = []
        box.spawn("work", on_report=lambda each: mine.append(each.fraction)).result(PATIENCE)
        assert (mine, len(heard)) == ([0.5, 1.0], 2)

    def test_logs(self, boxes: Boxes, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG, "subpool.sandbox"):
            boxes(self.REPORTING).call("work")
        records = {(each.name, each.levelname, each.getMessage()) for each in caplog.records}
        assert ("subpool.sandbox.plugin.stdout", "INFO", "first line") in records
        assert ("subpool.sandbox.plugin.inner", "WARNING", "careful 7") in records

    def test_a_callback_that_fails_disturbs_nothing(self, boxes: Boxes, caplog: pytest.LogCaptureFixture) -> None:
        def fail(_: Report) -> None:
            raise ValueError("on purpose")

        box = boxes(self.REPORTING, on_report=fail)
        assert box.call("work") is False
        assert "could not be delivered" in caplog.text

    def test_talking_all_the_time_is_no_way_around_a_deadline(self, boxes: Boxes) -> None:
        box = boxes("from subpool.plugin import report\ndef talk():\n    while True:\n        report(0.5)")
        with pytest.raises(TimeoutError):
            box.call("talk", timeout=0.2)

    def test_outside_of_a_sandbox_it_means_nothing(self) -> None:
        from subpool.plugin import export, report, stopping

        @export(name="other")
        def function() -> int:
            return 1

        report(0.5)
        assert (function(), stopping()) == (1, False)

    def test_asking_whether_to_stop(self, boxes: Boxes) -> None:
        """… for code that wants to leave in its own way: `stopping` is looked at from the standard library, say."""
        box = boxes(
            """
            import threading
            from subpool.plugin import stopping

            seen = []

            def work():
                try:
                    while not stopping():
                        pass
                finally:
                    seen.append(stopping())

            def told():
                return seen
            """
        )
        with pytest.raises(TimeoutError):
            box.call("work", timeout=0.1)
        assert box.call("told") == [True]


def test_a_plugin_of_another_name(tmp_path: Path) -> None:
    with subpool.Sandbox(plugin(tmp_path, WAITING), name="mine") as box:
        with pytest.raises(subpool.PluginError) as error:
            box.call("nothing")
        assert error.value.plugin == "mine"
