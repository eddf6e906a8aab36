"""The tests of races do force them: each fails when the step is taken out that guards against its race."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
import test_races as races
from helpers import caught
from stage import Sabotage, Stage

from subpool._schedule.backlog import Backlog
from subpool._schedule.batch import perform_batch
from subpool._schedule.bundle import Bundle
from subpool._schedule.forkjoin import join_all
from subpool._schedule.host import Host
from subpool._schedule.idling import Idling
from subpool._schedule.interrupt import Interrupter, heed
from subpool._schedule.job import Job
from subpool._schedule.landing import _take_home, _unclaim_from
from subpool._schedule.owner import Owner
from subpool._schedule.seat import Seat
from subpool._schedule.sharing import announce, bring_home, hand_on
from subpool._schedule.station import Station
from subpool._schedule.taking import _called, _outcome, finish
from subpool._schedule.waiting import _sleep, _take
from subpool._schedule.worker import WorkerStation
from subpool.scopes import Scope
from subpool.task import Task

AnyTask = Task[Any]


class Guard(NamedTuple):
    """A step that guards against a race, and what the race's test says where it is missing."""

    race: Callable[..., None]
    order: tuple[Any, ...]
    function: Any
    step: str
    instead: str
    says: str

    def __str__(self) -> str:
        return "-".join([self.race.__name__.removeprefix("test_"), *map(str, self.order)])


GUARDS = [
    Guard(
        races.test_strangers_on_the_ledger,
        ("A",),
        Seat.find,
        "self.declined.append(call)",
        "pass",
        "Right contains one more item",
    ),
    Guard(
        races.test_the_sentinel_in_a_hand,
        (),
        Seat._give_back,
        "self.ledger.insert(0, None)",
        "pass",
        "assert [] == [None]",
    ),
    Guard(races.test_drawn_while_popped, (), Seat.find, "lock.acquire()", "pass", "ends_within"),
    Guard(races.test_cleared_for_nothing, (), Station.respond, "seat.request[0] = 1", "pass", "stuck"),
    Guard(
        races.test_the_clock_among_thieves,
        ((0, 1),),
        Idling._nap,
        " or (crowded and not self._clocks())",
        "",
        "nobody came to 'idle[index] = SEEKING",
    ),
    Guard(
        races.test_the_clock_leaves, (), WorkerStation._leave, "self._idling.hand_over()", "pass", "assert [0] == [1]"
    ),
    Guard(
        races.test_busy_at_that_moment, ("owner first",), _outcome, "_slept_on(seat, number)", "False", "did not help"
    ),
    Guard(
        races.test_revoked_while_writing,
        ("join",),
        Seat._send,
        " or half.state is not HalfState.WRITING",
        "",
        "assert 1 == 0",
    ),
    Guard(races.test_two_publishers_at_one_seat, (), Seat._draw, "self.writer or ", "", "stuck"),
    Guard(
        races.test_withdrawn_while_writing,
        (),
        Scope._halt,
        "self._withdraw(seat, half)",
        "self._bundle.remove(half)",
        "assert 1 == 0",
    ),
    Guard(
        races.test_interrupted_while_writing, (), join_all, "bundle.unfinished", "bundle.outstanding", "assert 1 == 0"
    ),
    Guard(
        races.test_done_while_falling_asleep,
        ("taker first",),
        _sleep,
        "any(words[cell] & PHASE == DONE or",
        "False and any(words[cell] or",
        "stuck",
    ),
    Guard(
        races.test_done_while_falling_asleep,
        ("waiter first",),
        finish,
        "\n        ring(waiter)",
        "\n        pass",
        "rung",
    ),
    Guard(
        races.test_outcome_before_its_word,
        (False,),
        finish,
        "arena.memory[begin : begin + length] = data",
        "words[cell] = DONE | kind << 3 | length << 8; arena.memory[begin : begin + length] = data",
        "nobody came to 'seat.stats[Stat.SLEEPS]",
    ),
    Guard(races.test_the_seat_moved_on, (), _take, "not descends(seat, tag, targets)", "False", "another's None"),
    Guard(
        races.test_published_while_falling_asleep,
        ("half", "waker first"),
        Idling._nap,
        "station.anything() or ",
        "",
        "nobody came to 'idle[index] = SEEKING",
    ),
    Guard(
        races.test_published_while_falling_asleep,
        ("job", "sleeper first"),
        Station.wake,
        "ring(arena.words[arena.seat(index) + SeatWord.BELL])",
        "pass",
        "rung",
    ),
    Guard(
        races.test_published_for_who_falls_asleep,
        ("waker first",),
        _sleep,
        "_anything(seat, family)",
        "False",
        "nobody came to 'item = get('",
    ),
    Guard(
        races.test_published_for_who_falls_asleep, ("sleeper first",), Station.wake_for, "ring(waiter)", "pass", "rung"
    ),
    Guard(
        races.test_done_while_a_job_is_awaited,
        ("waker first",),
        Backlog.announce,
        "words[arena.cell(number)] & PHASE != DONE",
        "True",
        "stuck",
    ),
    Guard(
        races.test_cancelled_while_falling_asleep,
        ("waker first",),
        _sleep,
        "not any(running.cancelled for running in stack)",
        "True",
        "nobody came to 'raise TaskCancelled'",
    ),
    Guard(
        races.test_cancelled_while_falling_asleep,
        ("sleeper first",),
        heed,
        "task.told = max(task.told, clock())",
        "pass",
        "its clean-up was interrupted",
    ),
    Guard(
        races.test_two_wakers_and_one_sleeper,
        (),
        Idling.hand_over,
        "station.pass_on()",
        "pass",
        "a worker slept beside work",
    ),
    Guard(
        races.test_marked_late,
        (),
        Station.wake,
        "arena.rung[index] = 1  # before",
        "arena.idle[index] = 1  # before",
        "stuck",
    ),
    Guard(
        races.test_two_sleepers_over_one_job,
        (),
        Host._sleep_for,
        'own.setdefault("_sleeper", bell.address) != bell.address',
        "own.update(_sleeper=bell.address)",
        "stuck",
    ),
    Guard(
        races.test_two_asleep_over_one_half,
        ("owner",),
        Owner.asleep_over,
        "if half in halves",
        "if not halves",
        "stuck",
    ),
    Guard(
        races.test_one_of_two_gives_up,
        ("it is late",),
        hand_on,
        "next(seat.station.asleep_over(half), 0) or -_alert(half)",
        "0",
        "stuck",
    ),
    Guard(races.test_one_of_two_gives_up, ("Ctrl-C",), hand_on, "ring(abs(heir))", "pass", "stuck"),
    Guard(races.test_moved_beside_a_sleeper, ("asleep",), Seat.release, "self.station.moved(half)", "pass", "stuck"),
    Guard(
        races.test_moved_beside_a_sleeper,
        ("falling asleep",),
        announce,
        "half.state is HalfState.PUBLIC",
        "True",
        "stuck",
    ),
    Guard(races.test_watched_beside_a_sleeper, ("value",), Owner.alert, "self.arena.words[at] <= 0", "True", "stuck"),
    Guard(races.test_watched_beside_a_sleeper, ("failure",), hand_on, " or -_alert(half)", "", "nobody told it"),
    Guard(
        races.test_two_take_one_outcome_home,
        (),
        bring_home,
        "half.state is not HalfState.PUBLIC",
        "False",
        "nobody came to 'return self._condition",
    ),
    Guard(
        races.test_company_while_falling_asleep,
        ("sleeper",),
        Backlog.offer,
        "self.station.sleeping()",
        "False",
        "<Task pending>",
    ),
    Guard(
        races.test_one_condition_for_two,
        ("completer", "value"),
        AnyTask._return,
        'task.__dict__.setdefault("_made_condition", _completing) is _completing',
        "True",
        "stuck",
    ),
    Guard(races.test_claimed_while_published, (), Job._claim_private, "pop", "get", "['job 0', 'job None']"),
    Guard(
        races.test_claimed_while_taken,
        ("single", "taker first"),
        Backlog.claim,
        "words[cell] & PHASE == READY",
        "words[cell] >= 0",
        "nobody came to 'job._sent",
    ),
    Guard(
        races.test_claimed_while_taken, ("batch", "owner first"), perform_batch, "if wish or ", "if ", "['first', 'fi"
    ),
    Guard(
        races.test_unclaimed_behind_a_long_one,
        ("taker first",),
        _unclaim_from,
        "job is not None and unclaimed and _ready(backlog.seat.words, cell)",
        "job is not None",
        "['0', '1', '1', '2']",
    ),
    Guard(
        races.test_cancelled_while_taken,
        ("single", "taker first"),
        _called,
        "running.cancelled",
        "False",
        "it was not stopped",
    ),
    Guard(
        races.test_cancelled_while_taken,
        ("batch", "taker first"),
        perform_batch,
        "running.cell, running.told = cell, 0.0",
        "pass",
        "it was not stopped",
    ),
    Guard(races.test_cancelled_while_claimed, (), Station.run_here, '"_final" in job.__dict__', "False", "stuck"),
    Guard(races.test_failed_while_published, (), Bundle.watch, "lock.acquire()", "pass", "nobody told it"),
    Guard(
        races.test_done_while_cancelled,
        ("outcome",),
        AnyTask._set,
        'self.__dict__.setdefault("_final", final) is not final',
        "self.__dict__.update(_final=final)",
        "",
    ),
    Guard(
        races.test_ended_meanwhile,
        (),
        Interrupter._due,
        "[task for task in stack if task.cancelled and not task.told]",
        "[*stack]",
        "it does not begin",
    ),
    Guard(
        races.test_overstayed,
        (),
        Owner._overstayed,
        " and self.arena.words[cell + SlotWord.TIME] == begun",
        "",
        "assert 1 == 0",
    ),
    Guard(races.test_due_while_it_ends, (), Backlog._due, " or begun <= 0", "", "TimeoutError"),
    Guard(
        races.test_it_comes_back_late,
        ("half", True),
        Seat.release,
        "self.words[self.arena.cell(half.number)] & PHASE != DONE",
        "False",
        "not in",
    ),
    Guard(
        races.test_it_comes_back_late,
        ("job", True),
        _take_home,
        "flight.ghosts.append(place)",
        "flight.left -= 1",
        "not in",
    ),
    Guard(
        races.test_turned_away_at_the_last_moment,
        ("before the release",),
        Backlog.feed,
        "lock.release()",
        "lock.release(); self._again = False",
        "<Task pending>",
    ),
    Guard(
        races.test_turned_away_at_the_last_moment,
        ("claim",),
        Backlog._release,
        "if self._again:",
        "if False:",
        "<Task pending>",
    ),
    Guard(
        races.test_told_to_end_while_falling_asleep,
        ("stop",),
        Idling._nap,
        " or arena.stop[0]",
        "",
        "nobody came to 'self.seat.busy",
    ),
    Guard(
        races.test_told_to_end_while_falling_asleep,
        ("retire",),
        Idling._nap,
        " or station.retire[0]",
        "",
        "nobody came to 'self.seat.busy",
    ),
    Guard(
        races.test_parcels_in_another_hand,
        (),
        Station.parcel,
        "self.parcels[item[0]] =",
        "self.parcels[number] =",
        "assert [{1}",
    ),
]


@pytest.mark.parametrize("guard", GUARDS, ids=str)
def test_a_race_is_lost_without_its_guard(guard: Guard) -> None:
    for patience in (0.5, 5.0):  # the second for a loaded machine
        stage = Stage(Sabotage(guard.function, guard.step, guard.instead), patience)
        try:
            failure = caught(partial(guard.race, stage, *guard.order))
        finally:
            stage.close()
        if isinstance(failure, AssertionError) and guard.says in str(failure):
            print(repr(str(failure)[:300]))
            return
    pytest.fail(f"not as expected: {failure!r}")
