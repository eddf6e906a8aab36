"""The stops that the tests of races hold threads with."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import stops
import tasks
from stage import Sabotage, Stage, staged
from stops import Place, Stop, before

from subpool.task import Task


@pytest.fixture
def stage() -> Iterator[Stage]:
    yield from staged()


AnyTask = Task[Any]


class Sample:
    """What is stopped and rewritten here."""

    @staticmethod
    def steps(done: list[str]) -> None:
        done.append("first")
        # nothing happens here
        done.append("second")
        if done == ["never"]:
            done.append("third")

    @property
    def doubled(self) -> int:
        return 2


def steps(done: list[str]) -> None:
    done.append("first")
    done.append("second")


def test_a_point_is_where_its_text_begins() -> None:
    point = before(Sample.steps, 'done.append("second")\n        if done')
    assert Place.of(Sample.steps).around(point.text)[0].endswith("nothing happens here\n        ")
    assert before(Sample.doubled, "return 2").place == Place(__name__, "Sample.doubled")
    assert before(AnyTask.join, "return self.result()").place.name == "Task.join"  # within a generic class


@pytest.mark.parametrize("text", ["no such text", "done.append"])
def test_a_text_must_stand_there_once(text: str) -> None:
    with pytest.raises(LookupError, match="should be there once"):
        before(steps, text)


def test_a_point_is_before_a_step() -> None:
    with pytest.raises(LookupError, match="no step"):
        before(Sample.steps, "nothing happens here")


def test_a_thread_is_held_where_the_stop_is_armed(stage: Stage) -> None:
    stage.start(0)
    done: list[str] = []
    actor = stage.actor(partial(steps, done))
    held = stage.hold(actor, before(steps, '"second"'))
    other: list[str] = []
    steps(other)  # another thread passes
    assert other == ["first", "second"]
    actor.start()
    held.wait()
    assert done == ["first"]
    held.release()
    actor.value()
    assert done == ["first", "second"]


def test_each_arming_holds_one_thread(stage: Stage) -> None:
    stage.start(0)
    held = stage.hold_anyone(before(steps, '"second"'))
    actors = [stage.actor(partial(steps, [])) for _ in range(3)]
    for actor in actors:
        actor.start()
    held.wait()
    stage.until(lambda: sum(actor.done for actor in actors) == 2, "two pass")
    assert held.empty
    held.release()
    for actor in actors:
        actor.value()


def test_a_worker_is_held_in_its_own_interpreter(stage: Stage) -> None:
    stage.start(1)
    (held,) = stage.in_workers(before(tasks.hold, "release.wait()"))
    started, release = stage.gate(), stage.gate()
    held.arm()
    task = stage.pool.spawn(tasks.hold, started, release)
    held.wait()
    assert started.is_open()
    assert not task.done()
    release.open()
    held.release()
    assert task.result(tasks.PATIENCE) == 0


def test_nothing_is_left_of_a_stop() -> None:
    stop = Stop.at(before(steps, '"second"'))
    end = stops.on_the_way(stop.point, stop.hold)
    assert sys.monitoring.get_tool(stops.TOOL) == "stops"
    end()
    assert sys.monitoring.get_tool(stops.TOOL) is None
    stop.dispose()


def test_a_token_is_taken_once() -> None:
    tokens, taken = stops.Tokens.create(), list[bool]()
    for _ in range(10):
        tokens.give()
    threads = [threading.Thread(target=lambda: taken.extend(iter(tokens.take, False))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 10
    tokens.dispose()


def test_a_function_is_rewritten_until_that_is_taken_back() -> None:
    undo = stops.rewritten(steps, '"second"', '"another"')
    done: list[str] = []
    steps(done)
    undo()
    steps(done)
    assert done == ["first", "another", "first", "second"]


@pytest.mark.parametrize("old, new", [("no such text", ""), ("done.append", ""), ('"second"', '"a\nb"')])
def test_a_rewriting_must_leave_the_lines_where_they_are(old: str, new: str) -> None:
    with pytest.raises(LookupError):
        stops.rewritten(steps, old, new)


def test_sabotage_is_everywhere_and_ends() -> None:
    stage = Stage(Sabotage(tasks.one, "return 1", "return 2"))
    stage.start(1)
    assert tasks.one() == stage.pool.spawn(tasks.one).result(tasks.PATIENCE) == 2
    stage.close()
    assert tasks.one() == 1
