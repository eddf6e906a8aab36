"""The races that the protocol note names, each forced: one side is held between two of its steps while the other acts.

The tests are called after the races. In the comments, *owner* and *taker* are as in the note's vocabulary.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from functools import partial
from threading import get_ident
from typing import Any

import pytest
import stops
import tasks
import tasks_races
from helpers import caught
from stage import Actor, Held, Stage, staged
from stops import Point, before

import subpool
from subpool._schedule import landing
from subpool._schedule.backlog import Backlog
from subpool._schedule.batch import perform_batch
from subpool._schedule.crew import Crew
from subpool._schedule.forkjoin import redeem, settle
from subpool._schedule.host import Host
from subpool._schedule.idling import Idling
from subpool._schedule.interrupt import Interrupter, heed
from subpool._schedule.landing import _unclaim_from
from subpool._schedule.owner import Owner
from subpool._schedule.seat import Seat
from subpool._schedule.sharing import bring_home
from subpool._schedule.station import Station
from subpool._schedule.taking import STOP, _outcome, _rebuilt, finish, perform
from subpool._schedule.waiting import _sleep, _take
from subpool._schedule.worker import WorkerStation
from subpool._wire.arena import SeatWord, SlotWord
from subpool._wire.doorbell import Doorbell, ring
from subpool._wire.interpreters import count
from subpool._wire.payload import write
from subpool.scopes import Scope, ScopeTask
from subpool.task import Task

AnyTask = Task[Any]
AnyScopeTask = ScopeTask[Any]


@pytest.fixture
def stage() -> Iterator[Stage]:
    yield from staged()


def rung(bell: Doorbell) -> bool:
    """Whether a doorbell was rung, and nobody has slept on it since."""
    return bool(select.select([bell.descriptors[0]], [], [], 0)[0])


# ------------------------------------------------------------------------------------------ 1. push and pop in private


@pytest.mark.parametrize("first", ["A", "B"])
def test_strangers_on_the_ledger(stage: Stage, first: str) -> None:
    """Two threads hold each other's entries: the first to look declines its own and runs it, the second drops that."""
    stage.start(0)
    a_pushed, both_pushed, a_popped = stage.gate(), stage.gate(), stage.gate()
    root = stage.host.root

    def a_waits() -> None:
        a_pushed.open()
        both_pushed.wait()

    def b_waits() -> None:
        both_pushed.open()
        a_popped.wait()

    half_a, half_b = stage.note("A"), stage.note("B")
    a = stage.actor(lambda: stage.pool.join(a_waits, half_a))
    b = stage.actor(lambda: stage.pool.join(b_waits, half_b))
    a_looks, b_looks = (stage.hold(each, before(settle, "half = seat.find(call, top)")) for each in (a, b))
    a.start()
    a_pushed.wait()
    b.start()
    a_looks.wait()  # it has popped B's entry
    a_popped.open()
    b_looks.wait()  # it has popped A's entry
    assert root.ledger == [None]
    order = [(a_looks, a, half_a), (b_looks, b, half_b)]
    (earlier, one, half), (later, other, _) = order if first == "A" else reversed(order)
    earlier.release()
    one.value()
    assert root.declined == [half]
    later.release()
    other.value()
    assert (root.ledger, root.declined, root.open) == ([None], [], [])
    assert stage.noted() == ["A None", "B None"]


def test_the_sentinel_in_a_hand(stage: Stage) -> None:
    """One thread holds the sentinel, so another finds nothing to pop: both wait for their takers, and it goes back."""
    stage.start(2)
    root, taken, finish = stage.host.root, [stage.gate(), stage.gate()], stage.gate()

    def first() -> None:
        for each in taken:
            each.wait()

    halves = [partial(tasks.announce_and_wait, mine, finish, stage.note(f"half {n}")) for n, mine in enumerate(taken)]
    owners = [stage.actor(partial(stage.pool.join, first, half)) for half in halves]
    looks = [stage.hold(owner, before(settle, "half = seat.find(call, top)")) for owner in owners]
    for owner in owners:
        owner.start()
    for each in looks:
        each.wait()
    assert root.ledger == []
    for each in looks:
        each.release()
    finish.open()
    for owner in owners:
        owner.value()
    assert root.ledger == [None]
    assert sorted(line.split()[1] for line in stage.noted()) == ["0", "1"]


def test_drawn_while_popped(stage: Stage) -> None:
    """A publisher has the entry in its hand when its owner pops: the owner waits for the lock, and gets the half."""
    stage.start(0)
    pushed, drawn = stage.gate(), stage.gate()

    def first() -> None:
        pushed.open()
        drawn.wait()

    owner = stage.actor(lambda: stage.pool.join(first, stage.note("half")))
    publisher = stage.actor(lambda: stage.host.root.publish(1, exempt=True))
    in_hand = stage.hold(publisher, before(Seat._draw, "if standing and self.shown != id(entry)"))
    looks = stage.hold(owner, before(Seat.find, "lock.acquire()"))
    owner.start()
    pushed.wait()
    publisher.start()
    in_hand.wait()
    drawn.open()
    looks.passed()
    assert not owner.ends_within(0.05)
    in_hand.release()
    owner.value()
    publisher.value()
    assert stage.noted() == ["half None"]
    assert (count(stage.host.root.channel), stage.host.root.ledger) == (0, [None])


# --------------------------------------------------------------------------------------------- 2. request and respond

NAP_COUNTS = before(Idling._nap, "crowded = self._clocks()")
NAP_ANNOUNCES = before(Idling._nap, "station.bell.hush()")
NAP_LOOKS = before(Idling._nap, "if station.anything()")
NAP_STAYS_UP = before(Idling._nap, "idle[index] = SEEKING\n            return")
NAP_SLEEPS = before(Idling._nap, "rang = station.bell.sleep(")


sleep_deeply = partial(stops.set_global, "subpool._schedule.idling", "DEEP", 0.0)
"""Have a worker that idles, and is no mere beat away from asking again, ask everybody and sleep until it is rung."""


def test_cleared_for_nothing(stage: Stage) -> None:
    """The owner clears a request that a worker leaves standing as it falls asleep, but has nothing: it restores it."""
    stage.start(1)
    counts, looks, sleeps = stage.in_workers(NAP_COUNTS, NAP_LOOKS, NAP_SLEEPS)
    stage.everywhere(sleep_deeply)
    root, started = stage.host.root, stage.gate()
    stage.gather(counts)
    counts.on_to(looks)
    assert root.request[0]
    stage.host.respond(root)
    looks.on_to(sleeps)
    sleeps.release()
    owner = stage.actor(partial(stage.pool.join, started.wait, partial(tasks.announce, started, stage.note("half"))))
    owner.start()
    owner.value()
    assert stage.noted() == ["half 0"]


def two_thieves(stage: Stage, *points: Point) -> list[list[Held]]:
    """Two workers that are about to announce their sleep, each of which takes the other for the clock.

    For each of these points, the stops of both workers there.
    """
    stage.start(2)
    stage.everywhere(partial(tasks_races.assume_cores, 2))
    per_worker = [stage.in_workers(NAP_COUNTS, NAP_ANNOUNCES, *points, worker=number) for number in range(2)]
    counts, announces, *others = map(list, zip(*per_worker, strict=True))
    stage.gather(*counts)
    for stop, then in zip(counts, announces, strict=True):
        stop.on_to(then)
    stage.host.root.request[0] = 0  # they asked before
    return [announces, *others]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), None])
def test_the_clock_among_thieves(stage: Stage, order: tuple[int, int] | None) -> None:
    """Each takes the other for the clock: who announces its sleep second sees that nobody is, and stays up."""
    announces, looks, stays, sleeps = two_thieves(stage, NAP_LOOKS, NAP_STAYS_UP, NAP_SLEEPS)
    if order is not None:
        first, second = order
        announces[first].on_to(sleeps[first])
        sleeps[first].release()
        announces[second].on_to(stays[second])
        stays[second].release()
    else:
        for number in range(2):
            announces[number].on_to(looks[number])
        for number in range(2):
            looks[number].on_to(stays[number])
        for each in stays:
            each.release()
    started = stage.gate()
    owner = stage.actor(partial(stage.pool.join, started.wait, partial(tasks.announce, started, stage.note("half"))))
    owner.start()
    owner.value()
    assert len(stage.noted()) == 1


def test_the_clock_leaves(stage: Stage) -> None:
    """A worker that others rely on as the clock ends: it asks on behalf of those asleep."""
    leaves = before(WorkerStation.live, "streams.flush()")
    announces, stays, sleeps, left = two_thieves(stage, NAP_STAYS_UP, NAP_SLEEPS, leaves)
    arena, root, clock = stage.host.arena, stage.host.root, 1
    announces[0].on_to(sleeps[0])
    sleeps[0].release()
    announces[clock].on_to(stays[clock])
    arena.words[arena.seat(1 + clock) + SeatWord.RETIRE] = 1
    assert root.request.tolist() == [0]
    stays[clock].on_to(left[clock])
    assert root.request.tolist() == [1]
    left[clock].release()


@pytest.mark.parametrize("order", ["owner first", "taker first"])
def test_busy_at_that_moment(stage: Stage, order: str) -> None:
    """A taker says that it is busy while its owner asks and falls asleep: the owner helps with what the taker forks."""
    stage.start(1)
    points = {"owner first": before(perform, "before, seat.busy"), "taker first": before(_rebuilt, "words, arena =")}
    (takes,) = stage.in_workers(points[order])
    go, pushed, leave = stage.gate(), stage.gate(), stage.gate()
    go.open()
    half = partial(tasks_races.fork, go, pushed, leave, stage.journal.fd, "inner")
    owner = stage.actor(lambda: stage.pool.join(takes.wait, half))
    sleeps = stage.hold(owner, WAITER_SLEEPS)
    takes.arm()
    owner.start()
    sleeps.wait()
    takes.release()
    sleeps.release()
    stage.until(stage.journal.lines, "the owner did not help")
    leave.open()
    owner.value()
    assert stage.noted() == ["inner None"]


# ------------------------------------------------------------------------------------ 3. publish, revoke, take back

WRITTEN = before(Seat._written, "return data")


@pytest.mark.parametrize("width", ["join", "join_all"])
def test_revoked_while_writing(stage: Stage, width: str) -> None:
    """The owner wants its half back while a publisher writes it: the publisher finds that, and puts nothing out."""
    stage.start(0)
    root = stage.host.root
    publisher = stage.actor(lambda: root.publish(1, exempt=True))
    written = stage.hold(publisher, WRITTEN)
    free = len(root.free)

    def first() -> None:
        publisher.start()
        written.wait()

    if width == "join":
        stage.pool.join(first, stage.note("half"))
    else:
        stage.pool.join_all([first, stage.note("half")])
    written.release()
    assert publisher.value() == 0
    assert (count(root.channel), len(root.free), root.public) == (0, free, {})
    assert stage.noted() == ["half None"]


def test_withdrawn_while_writing(stage: Stage) -> None:
    """A task of a scope is cancelled while a publisher writes it: it is not put out, and the scope does not wait."""
    stage.start(0)
    root, started, over, cancelled, leave = stage.host.root, *(stage.gate() for _ in range(4))
    publisher = stage.actor(lambda: root.publish(1, exempt=True))
    written = stage.hold(publisher, WRITTEN)

    def scope() -> None:
        with stage.pool.scope() as s:
            task = s.spawn(tasks.hold, started, over)
            publisher.start()
            written.wait()
            task.cancel()
            cancelled.open()
            leave.wait()

    owner = stage.actor(scope)
    owner.start()
    cancelled.wait()
    written.release()
    assert publisher.value() == 0
    leave.open()
    owner.value()
    assert not started.is_open()


def test_interrupted_while_writing(stage: Stage) -> None:
    """Ctrl-C in the first of many while a publisher writes another: nothing is put out that nobody waits for."""
    stage.start(0)
    root = stage.host.root
    publisher = stage.actor(lambda: root.publish(1, exempt=True))
    written = stage.hold(publisher, WRITTEN)
    free = len(root.free)

    def first() -> None:
        publisher.start()
        written.wait()
        raise KeyboardInterrupt

    assert isinstance(caught(partial(stage.pool.join_all, [first, stage.note("half")])), KeyboardInterrupt)
    written.release()
    assert publisher.value() == 0
    assert (count(root.channel), len(root.free), root.public) == (0, free, {})


def test_two_publishers_at_one_seat(stage: Stage) -> None:
    """While one writes the half of an outer fork, another draws none of an inner one, and the request stays."""
    stage.start(0)
    root = stage.host.root
    publisher = stage.actor(lambda: root.publish(1, exempt=True))
    written = stage.hold(publisher, WRITTEN)

    def inner_first() -> None:
        written.release()
        publisher.value()

    def outer_first() -> None:
        publisher.start()
        written.wait()
        root.request[0] = 1
        stage.pool.join(inner_first, stage.note("inner"))

    owner = stage.actor(lambda: stage.pool.join(outer_first, stage.note("outer")))
    owner.start()
    owner.value()
    stage.until(lambda: root.request[0], "the request is lost")
    assert stage.journal.lines() == ["inner None", "outer None"]


@pytest.mark.parametrize("first", ["owner", "thief"])
def test_taken_while_taken_back(stage: Stage, first: str) -> None:
    """Owner and thief both get from the channel, which has one number: the other finds it empty."""
    stage.start(1)
    thief_gets, thief_runs = stage.in_workers(
        before(WorkerStation._foreground, "item = get("), before(perform, "begun = words[cell")
    )
    owner = stage.actor(lambda: stage.pool.join(thief_gets.wait, stage.note("half")))
    owner_gets = stage.hold(owner, before(Seat._get_back, "item = get("))
    thief_gets.arm()
    owner.start()
    owner_gets.wait()
    if first == "owner":
        owner_gets.release()
        owner.value()
        thief_gets.release()
    else:
        thief_runs.arm()
        thief_gets.release()
        thief_runs.wait()
        owner_gets.release()
        thief_runs.release()
        owner.value()
    assert stage.noted() == [f"half {None if first == 'owner' else 0}"]


# --------------------------------------------------------------------------------------------------- 4. take and finish

WAITER_ANNOUNCES = before(_sleep, "bell.hush()")
WAITER_LOOKS = before(_sleep, "if any(words[cell]")
WAITER_SLEEPS = before(_sleep, "seat.stats[Stat.SLEEPS] += 1")
TAKER_SAYS_DONE = before(finish, "words[cell] = DONE")
TAKER_READS_WAITER = before(finish, "waiter = words[header")
TAKER_IS_OFF = before(finish, "if kind in (DECLINED")


@pytest.mark.parametrize("order", ["waiter first", "taker first", "both"])
def test_done_while_falling_asleep(stage: Stage, order: str) -> None:
    """Either the waiter sees that it is done and stays up, or the taker sees the doorbell and rings, or both."""
    stage.start(1)
    done, off = stage.in_workers(TAKER_SAYS_DONE, TAKER_IS_OFF)
    started, finish = stage.gate(), stage.gate()
    half = partial(tasks.announce_and_wait, started, finish, stage.note("half"))
    owner = stage.actor(lambda: stage.pool.join(started.wait, half))
    point = {"waiter first": WAITER_SLEEPS, "taker first": WAITER_ANNOUNCES, "both": WAITER_LOOKS}[order]
    waiter, sleeps = stage.hold(owner, point), stage.hold(owner, WAITER_SLEEPS)
    owner.start()
    waiter.wait()
    done.arm()
    off.arm()
    finish.open()
    done.passed()
    off.wait()
    (bell,) = stage.host._bells_out
    assert order == "taker first" or rung(bell)
    waiter.release()
    if order == "waiter first":
        sleeps.passed()
    owner.value()
    assert sleeps.empty
    off.release()
    assert stage.noted() == ["half 0"]


@pytest.mark.parametrize("weak", [False, True], ids=["strong", "weak"])
def test_outcome_before_its_word(stage: Stage, weak: bool) -> None:
    """The taker is held before the word: its outcome is there, and nobody reads it yet."""
    stage.start(1)
    stage.everywhere(partial(stops.set_global, "subpool._schedule.taking", "WEAK", weak))
    fence = before(finish, "count(seat.channel)  # fence: the outcome")
    (word,) = stage.in_workers(fence if weak else TAKER_SAYS_DONE)
    host, arena, value = stage.host, stage.host.arena, "the value of the half"
    word.arm()
    owner = stage.actor(lambda: stage.pool.join(word.wait, partial(tasks.identity, value)))
    sleeps = stage.hold(owner, WAITER_SLEEPS)
    owner.start()
    sleeps.wait()
    (number,) = host.root.public
    begin, _ = arena.outcome_room(number)
    assert bytes(arena.memory[begin : begin + len(write(value))]) == write(value)
    assert not host.arrived(number)
    word.release()
    sleeps.release()
    assert owner.value() == (None, value)


def test_late_ring(stage: Stage) -> None:
    """The owner has used the slot again when its first taker rings: it looks again in vain, and sleeps on."""
    stage.start(2)
    (late,) = stage.in_workers(TAKER_READS_WAITER)
    root, started, finish = stage.host.root, stage.gate(), stage.gate()
    late.arm()
    stage.pool.join(late.wait, stage.note("early"))
    free = root.free[-1]
    half = partial(tasks.announce_and_wait, started, finish, stage.note("late"))
    owner = stage.actor(lambda: stage.pool.join(started.wait, half))
    sleeps = stage.hold(owner, WAITER_SLEEPS)
    owner.start()
    sleeps.wait()
    assert list(root.public) == [free]
    late.release()
    (bell,) = stage.host._bells_out
    stage.until(lambda: rung(bell), "the taker did not ring")
    sleeps.arm()
    sleeps.release()
    sleeps.wait()
    assert not stage.host.arrived(free)
    finish.open()
    sleeps.release()
    owner.value()
    assert [line.split()[0] for line in stage.journal.lines()] == ["early", "late"]


# -------------------------------------------------------------------------------------------------- 5. helping in scope


def test_the_seat_moved_on(stage: Stage) -> None:
    """A helper looked at a seat that serves it, and gets what the seat has published since for others: it declines."""
    stage.start(1)
    (published,) = stage.in_workers(before(Seat._send, "self.stats[Stat.PUBLISHED] += 1"))
    go, started, pushed, leave, also_leave = (stage.gate() for _ in range(5))
    go.open()
    mine = partial(tasks_races.fork, go, pushed, leave, stage.journal.fd, "mine")
    owner = stage.actor(lambda: stage.pool.join(started.wait, partial(tasks.announce, started, mine)))
    gets = stage.hold(owner, before(_take, "item = get("))
    owner.start()
    gets.wait()
    leave.open()
    stage.journal.wait_for(1)  # the worker has taken it back
    published.arm()
    stage.host.arena.words[stage.host.arena.seat(1) + SeatWord.REQUEST] = 1
    task = stage.pool.spawn(tasks_races.fork, go, stage.gate(), also_leave, stage.journal.fd, "another's")
    published.passed()
    gets.release()
    owner.value()
    also_leave.open()
    task.result(tasks.PATIENCE)
    assert stage.journal.lines() == ["mine 0", "another's 0"]


# ------------------------------------------------------------------------------------------ 6. announce and look again

ORDERS = ["sleeper first", "waker first", "both"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("what", ["half", "job"])
def test_published_while_falling_asleep(stage: Stage, what: str, order: str) -> None:
    """A worker falls asleep for good while something is published: it sees that and stays up, or is rung, or both."""
    stage.start(1)
    point = {"sleeper first": NAP_SLEEPS, "waker first": NAP_COUNTS, "both": NAP_LOOKS}[order]
    counts, nap, stays = stage.in_workers(NAP_COUNTS, point, NAP_STAYS_UP)
    stage.everywhere(sleep_deeply)
    published, started = stage.gate(), stage.gate()
    stage.gather(counts)
    if order == "waker first":
        nap = counts
    else:
        counts.on_to(nap)
    stage.host.root.request[0] = 1
    job = partial(tasks.announce, started, stage.note(what))
    if what == "half":
        owner = stage.actor(lambda: stage.pool.join(partial(tasks.announce, published, started.wait), job))
        owner.start()
        published.wait()
    else:
        owner = stage.actor(stage.pool.spawn(job).result)
    bell = stage.host.crew.seating.bells[1][0]
    assert order == "waker first" or rung(bell)
    if order != "sleeper first":
        nap.on_to(stays)
        nap = stays
    nap.release()
    stage.until(started.is_open, "nobody took it")
    if what == "job":
        owner.start()
    owner.value()
    assert stage.noted() == [f"{what} 0"]


@pytest.mark.parametrize("order", ORDERS)
def test_published_for_who_falls_asleep(stage: Stage, order: str) -> None:
    """A waiting thread falls asleep while its taker publishes something that it may run."""
    stage.start(1)
    go, started, pushed, leave = stage.gate(), stage.gate(), stage.gate(), stage.gate()
    half = partial(tasks_races.fork, go, pushed, leave, stage.journal.fd, "inner")
    owner = stage.actor(lambda: stage.pool.join(started.wait, partial(tasks.announce, started, half)))
    point = {"sleeper first": WAITER_SLEEPS, "waker first": WAITER_ANNOUNCES, "both": WAITER_LOOKS}[order]
    waiter, sleeps = stage.hold(owner, point), stage.hold(owner, WAITER_SLEEPS)
    helps = stage.hold(owner, before(_take, "item = get("))
    owner.start()
    waiter.wait()
    go.open()
    pushed.wait()
    (bell,) = stage.host._bells_out
    assert order == "waker first" or rung(bell)
    waiter.release()
    if order == "sleeper first":
        sleeps.passed()
    helps.wait()
    assert sleeps.empty
    for each in (helps, sleeps):
        each.release()
    stage.journal.wait_for(1)
    leave.open()
    owner.value()
    assert stage.noted() == ["inner None"]


@pytest.mark.parametrize("order", ORDERS)
def test_done_while_a_job_is_awaited(stage: Stage, order: str) -> None:
    """A thread falls asleep over a job that ends."""
    stage.start(1)
    (off,) = stage.in_workers(TAKER_IS_OFF)
    started, go, shut = stage.gate(), stage.gate(), stage.gate()
    calls = [(started, go, stage.note("job")), (stage.gate(), shut, tasks.zero)]  # its naps would tell of the first one
    (task, _), leave = published(stage, tasks.announce_and_wait, calls, batch=False)
    leave.open()
    waiter = stage.actor(task.result)
    points = {
        "sleeper first": before(Host._sleep_for, "bell.sleep("),
        "waker first": before(Backlog.announce, "words[header + SlotWord.WAITER] = address"),
        "both": before(Backlog.announce, "return words[arena.cell(number)]"),
    }
    falls, sleeps = stage.hold(waiter, points[order]), stage.hold(waiter, points["sleeper first"])
    started.wait()
    waiter.start()
    falls.wait()
    off.arm()
    go.open()
    off.passed()
    falls.release()
    if order == "sleeper first":
        sleeps.passed()
    waiter.value()
    assert sleeps.empty
    assert stage.noted() == ["job 0"]


@pytest.mark.parametrize("order", ["sleeper first", "waker first"])
def test_cancelled_while_falling_asleep(stage: Stage, order: str) -> None:
    """A task is asked to stop while it falls asleep over another: it sees that, or its courier finds it asleep."""
    stage.start(2)
    courier = before(Station.attend, "ring(address)" if order == "sleeper first" else "self.look_at(clock")
    points = (WAITER_ANNOUNCES, WAITER_SLEEPS, courier, before(heed, "raise TaskCancelled"))
    announces, sleeps, told, hears = stage.in_workers(*points)
    stage.everywhere(partial(stops.set_global, "subpool._schedule.interrupt", "AGAIN", 1e3))  # it is told once
    started, go, unwound = stage.gate(), stage.gate(), stage.gate()
    falls = sleeps if order == "sleeper first" else announces
    falls.arm()
    task = stage.pool.spawn(tasks_races.join_and_unwind, started.wait, partial(tasks.hold, started, go), unwound)
    falls.wait()
    told.arm()
    hears.arm()
    if order == "waker first":
        sleeps.arm()
    assert task.cancel()
    told.passed()
    falls.release()
    hears.wait()
    assert sleeps.empty
    for each in (hears, sleeps):
        each.release()
    stage.until(unwound.is_open, "its clean-up was interrupted")


def both_asleep(stage: Stage) -> None:
    """Have both workers asleep until they are rung."""
    stage.start(2)
    stage.everywhere(sleep_deeply)
    stage.everywhere(partial(tasks_races.assume_cores, 3))
    per_worker = [stage.in_workers(NAP_COUNTS, NAP_SLEEPS, worker=number) for number in range(2)]
    stage.gather(*(counts for counts, _ in per_worker))
    for counts, sleeps in per_worker:
        counts.on_to(sleeps)
        sleeps.release()


def test_two_wakers_and_one_sleeper(stage: Stage) -> None:
    """Two publishers find the same worker asleep, and ring it: the other one must not sleep on beside work."""
    both_asleep(stage)
    foreground, background, leave = stage.gate(), stage.gate(), stage.gate()
    owner = stage.actor(lambda: stage.pool.join(foreground.wait, partial(tasks.hold, foreground, leave)))
    marks = stage.hold(owner, before(Station.wake, "] = 1  # before the ring"))
    owner.start()
    marks.wait()
    task = stage.pool.spawn(tasks.hold, background, leave)
    foreground.wait()
    marks.release()
    stage.until(background.is_open, "a worker slept beside work")
    leave.open()
    owner.value()
    task.result(tasks.PATIENCE)


def test_marked_late(stage: Stage) -> None:
    """A waker marks a worker that works by then: whoever idles must not take that one for the clock."""
    stage.start(2)
    stage.everywhere(partial(tasks_races.assume_cores, 2))
    stage.everywhere(partial(stops.set_global, "subpool._schedule.idling", "DEEP", 1e9))
    first_counts, sleeps = stage.in_workers(NAP_COUNTS, NAP_SLEEPS, worker=0)
    counts, naps = stage.in_workers(NAP_COUNTS, NAP_SLEEPS, worker=1)
    started, leave, begun = stage.gate(), stage.gate(), stage.gate()
    root, bell = stage.host.root, stage.host.crew.seating.bells[1][0]
    owner = stage.actor(lambda: stage.pool.join(started.wait, partial(tasks.hold, started, leave)))
    marks = stage.hold(owner, before(Station.wake, "] = 1  # before the ring"))
    stage.gather(first_counts, counts)
    first_counts.on_to(sleeps)
    sleeps.release()
    root.request[0] = 1
    owner.start()
    marks.wait()
    ring(bell.address)  # as somebody does that is late
    started.wait()
    waits = stage.hold(owner, WAITER_SLEEPS)
    marks.release()
    waits.wait()
    counts.on_to(naps)
    root.request[0] = 0
    naps.release()
    other = stage.actor(lambda: stage.pool.join(begun.wait, partial(tasks.announce, begun, stage.note("half"))))
    other.start()
    other.value()
    waits.release()
    leave.open()
    owner.value()
    assert stage.noted() == ["half 1"]


def test_two_sleepers_over_one_job(stage: Stage) -> None:
    """Two threads are about to sleep over one job: one does, the other waits at its condition, and both are told."""
    stage.start(1)
    (job,), _ = published(stage, tasks.identity, [(7,)], batch=False)
    first, second = (stage.actor(job.result) for _ in range(2))
    about = [stage.hold(each, before(Host.await_job, "self._sleep_for(job, until)")) for each in (first, second)]
    sleeps = stage.hold(first, before(Host._sleep_for, "bell.sleep("))
    waits = stage.hold(second, before(AnyTask._wait, "self._condition.wait(left)"))
    for actor, each in zip((first, second), about, strict=True):
        actor.start()
        each.wait()
    about[0].release()
    sleeps.passed()
    about[1].release()
    waits.passed()
    job.help()
    assert (first.value(), second.value()) == (7, 7)


@pytest.mark.parametrize("first", ["sleeper", "holder"])
def test_company_while_falling_asleep(stage: Stage, first: str) -> None:
    """A job waits for company while a worker falls asleep: the worker sees that, or is seen."""
    stage.start(1)
    nap, sleeps = stage.in_workers(NAP_COUNTS, NAP_SLEEPS)
    stage.everywhere(sleep_deeply)
    backlog = stage.host.backlog
    stage.gather(nap)
    if first == "sleeper":
        nap.on_to(sleeps)
        nap = sleeps
    backlog.pace, backlog._fed = 1e3, float("inf")  # as if it had been fed just now
    job = stage.pool.spawn(stage.note("job"))
    assert list(backlog.waiting) == ([job] if first == "holder" else [])
    nap.release()
    stage.until(stage.journal.lines, "a worker slept beside a job")
    assert stage.noted() == ["job 0"]


@pytest.mark.parametrize("outcome", ["value", "error"])
@pytest.mark.parametrize("first", ["asker", "completer"])
def test_one_condition_for_two(stage: Stage, first: str, outcome: str) -> None:
    """A thread asks for a task's condition while another completes the task: both get the same."""
    stage.start(1)
    (off,) = stage.in_workers(TAKER_IS_OFF)
    started, go = stage.gate(), stage.gate()
    end: Callable[[], object] = tasks.text if outcome == "value" else tasks.fail
    task = stage.pool.spawn(tasks.announce_and_wait, started, go, end)
    stage.rescues.append(task._nudge)
    sleeper, waiter = stage.actor(task.exception), stage.actor(task.exception)
    asleep = stage.hold(sleeper, before(Host._sleep_for, "bell.sleep("))
    asks = stage.hold(waiter, before(AnyTask._get_condition, 'self.__dict__.setdefault("_made_condition"'))
    waits = stage.hold(waiter, before(AnyTask._wait, "self._condition.wait(left)"))
    completes = stage.hold_anyone(
        before(AnyTask._complete, "with condition:")
        if outcome == "error"
        else before(AnyTask._return, "with _completing:")
    )
    started.wait()
    sleeper.start()
    asleep.wait()
    if first == "asker":
        waiter.start()
        asks.wait()
    off.arm()
    go.open()
    off.passed()
    lander = stage.actor(stage.host.backlog.feed)
    lander.start()
    completes.wait()
    if first == "asker":
        completes.release()
        lander.value()
        waits.release()
        asks.release()
    else:
        asks.release()
        waiter.start()
        waits.wait()
        completes.release()
        waits.release()
    assert type(waiter.value()) is (type(None) if outcome == "value" else ValueError)
    asleep.release()
    sleeper.value()


# ---------------------------------------------------------------------------------------- 7. claiming background jobs


def taker_at(kind: str, order: str) -> Point:
    """Where the taker of a job or batch stands: it has it, it has said so and not looked at the wish yet, or it has."""
    function, single, batch = {
        "owner first": (perform, "begun = words[cell", "words[cell + SlotWord.TIME] = begun\n        seat.busy"),
        "both": (_outcome, "wish = seat.words[", "wish = words["),
        "taker first": (_outcome, "if wish:", "if wish or begun"),
    }[order]
    return before(function, single) if kind == "single" else before(perform_batch, batch)


def two_over_a_task(
    stage: Stage, *, end: Callable[[], object] | None = None, beside: tuple[Any, ...] = (), seconds: float | None = None
) -> tuple[Actor[None], Actor[Any], tasks.Gate, Held]:
    """The owner of a scope and another thread, which are about to wait for a task of it that a worker has begun.

    And the gate for the task, and the stop of the owner at the end of its block, which has spawned one more `beside`.
    """
    started, go, spawned = stage.gate(), stage.gate(), list[AnyTask]()

    def scope() -> None:
        with stage.pool.scope() as s:
            spawned.append(s.spawn(tasks.announce_and_wait, started, go, end or stage.note("task")))
            started.wait()
            if beside:
                s.spawn(*beside)

    owner = stage.actor(scope)
    ends = stage.hold(owner, before(Scope.__exit__, "seat = self._seat"))
    owner.start()
    ends.wait()
    return owner, stage.actor(lambda: spawned[0].result(seconds)), go, ends


@pytest.mark.parametrize("last", ["owner", "other"])
def test_two_asleep_over_one_half(stage: Stage, last: str) -> None:
    """A scope's owner and another thread sleep over its task, whose slot names the last of them: both are woken."""
    stage.start(1)
    owner, other, go, ends = two_over_a_task(stage)
    owner_sleeps, other_sleeps = (stage.hold(each, WAITER_SLEEPS) for each in (owner, other))
    if last == "owner":
        other.start()
        other_sleeps.passed()
    ends.release()
    owner_sleeps.passed()
    if last == "other":
        other.start()
        other_sleeps.passed()
    go.open()
    owner.value()
    other.value()
    assert stage.noted() == ["task 0"]


@pytest.mark.parametrize("why", ["it is late", "Ctrl-C"])
def test_one_of_two_gives_up(stage: Stage, why: str) -> None:
    """The last to fall asleep over a scope's task leaves it, even as it ends: the owner, asleep too, is woken."""
    stage.start(1)
    owner, other, go, ends = two_over_a_task(stage, seconds=0.01 if why == "it is late" else None)
    owner_sleeps, other_sleeps = (stage.hold(each, WAITER_SLEEPS) for each in (owner, other))

    def interrupt() -> None:
        if why == "Ctrl-C" and get_ident() == other.ident:
            raise KeyboardInterrupt

    stage.on_the_way(before(_sleep, "seat.stats[Stat.WAKES] += 1"), interrupt)
    ends.release()
    owner_sleeps.passed()
    other.start()
    other_sleeps.passed()
    if why == "Ctrl-C":
        go.open()
    assert isinstance(caught(other.value), KeyboardInterrupt if why == "Ctrl-C" else TimeoutError)
    go.open()
    owner.value()
    assert stage.noted() == ["task 0"]


@pytest.mark.parametrize("where", ["asleep", "falling asleep"])
def test_moved_beside_a_sleeper(stage: Stage, where: str) -> None:
    """The owner takes the outcome home while another sleeps over the task, or is about to; its slot is used again."""
    stage.start(2)
    (reads,) = stage.in_workers(TAKER_READS_WAITER)
    owner, other, go, ends = two_over_a_task(stage)
    falls = stage.hold(other, WAITER_SLEEPS if where == "asleep" else WAITER_ANNOUNCES)
    other.start()
    falls.wait()
    (number,) = stage.host.root.public
    reads.arm()
    go.open()
    reads.wait()
    if where == "asleep":
        falls.release()
    ends.release()
    owner.value()
    taken, leave = stage.gate(), stage.gate()
    third = stage.actor(lambda: stage.pool.join(taken.wait, partial(tasks.hold, taken, leave)))
    sleeps = stage.hold(third, WAITER_SLEEPS)
    third.start()
    sleeps.passed()
    assert list(stage.host.root.public) == [number]
    falls.release()
    other.value()
    reads.release()
    leave.open()
    third.value()


@pytest.mark.parametrize("end", ["value", "failure"])
def test_watched_beside_a_sleeper(stage: Stage, end: str) -> None:
    """A scope's owner runs a task, and wants failures told, beside a sleeper over another: both are told."""
    stage.start(1)
    (_,), leave = published(stage, tasks.hold, [(stage.gate(), stage.gate())], batch=False)  # or its naps would tell
    leave.open()
    begun, over, unwound = stage.gate(), stage.gate(), stage.gate()
    owner, other, go, ends = two_over_a_task(
        stage,
        end=tasks.fail if end == "failure" else None,
        beside=(tasks_races.hold_and_unwind, begun, over, unwound),
        seconds=0.01 if end == "failure" else None,
    )
    sleeps = stage.hold(other, WAITER_SLEEPS)
    if end == "failure":
        ends.release()
        begun.wait()
        other.start()
        sleeps.release()
        assert isinstance(caught(other.value), TimeoutError)
        go.open()
        stage.until(unwound.is_open, "nobody told it")
        assert isinstance(caught(owner.value), ExceptionGroup)
    else:
        other.start()
        sleeps.passed()
        ends.release()
        begun.wait()
        go.open()
        other.value()
        over.open()
        owner.value()


def test_two_take_one_outcome_home(stage: Stage) -> None:
    """Two threads find a task done at the same moment: one takes the outcome home, and the other waits for that."""
    stage.start(1)
    (off,) = stage.in_workers(TAKER_IS_OFF)
    owner, other, go, ends = two_over_a_task(stage)
    sleeps = stage.hold(other, WAITER_SLEEPS)
    first, second = (stage.hold(each, before(bring_home, "lock.acquire()")) for each in (owner, other))
    rebuilds = stage.hold(owner, before(redeem, "seat.station.catch_up()"))
    waits = stage.hold(other, before(AnyScopeTask._await_end, "return self._condition.wait_for"))
    other.start()
    sleeps.wait()
    off.arm()
    go.open()
    off.passed()
    ends.release()
    sleeps.release()
    first.wait()
    second.wait()
    first.release()
    rebuilds.wait()
    second.release()
    waits.passed()
    rebuilds.release()
    owner.value()
    other.value()


def published(
    stage: Stage, function: Callable[..., object], calls: list[tuple[Any, ...]], *, batch: bool
) -> tuple[list[subpool.Task[Any]], tasks.Gate]:
    """Jobs that are published, as a batch or one by one, while the worker is held until the gate opens."""
    backlog, started, leave = stage.host.backlog, stage.gate(), stage.gate()
    stage.pool.spawn(tasks.hold, started, leave)
    started.wait()
    backlog.pace, backlog._paces[function] = 0.0, 1e3 if batch else 1e9
    jobs = [stage.pool.spawn(function, *args) for args in calls]
    backlog.feed()
    return jobs, leave


def test_claimed_while_published(stage: Stage) -> None:
    """A job is joined while somebody is about to publish it: whoever pops its call has it."""
    stage.start(1)
    started, leave = stage.gate(), stage.gate()
    stage.pool.spawn(tasks.hold, started, leave)
    started.wait()
    stage.host.backlog.pace = 0.0  # so that it does not wait for company
    task = stage.pool.spawn(stage.note("job"))
    publisher = stage.actor(stage.host.backlog.feed)
    claims = stage.hold(publisher, before(Backlog._take_alike, "call = job._claim_private()"))
    publisher.start()
    claims.wait()
    task.help()
    claims.release()
    publisher.value()
    leave.open()
    stage.everywhere(tasks.zero)  # whatever was published before has been run
    assert stage.noted() == ["job None"]


@pytest.mark.parametrize("order", ["owner first", "taker first", "both"])
@pytest.mark.parametrize("kind", ["single", "batch"])
def test_claimed_while_taken(stage: Stage, kind: str, order: str) -> None:
    """Owner and taker claim the same job: not both run it, and where both give up it is published again."""
    stage.start(1)
    (taker,) = stage.in_workers(taker_at(kind, order))
    calls = [(stage.journal.fd, name) for name in ("first", "second", "third")]
    jobs, leave = published(stage, tasks.note_where, calls, batch=kind == "batch")
    taker.arm()
    leave.open()
    taker.wait()
    owner = stage.actor(jobs[0].join)
    gives_up = stage.hold(owner, before(Backlog.claim, "job._sent = call  # somebody"))
    owner.start()
    if order == "owner first":
        owner.value()
        taker.release()
    else:
        gives_up.passed()
        taker.release()
        owner.value()
    for each in jobs:
        each.result(tasks.PATIENCE)
    stage.everywhere(tasks.zero)
    ran = [line.split() for line in stage.noted()]
    assert [name for name, _ in ran] == ["first", "second", "third"]
    if order != "both":
        assert ran[0][1] == ("None" if order == "owner first" else "0")


@pytest.mark.parametrize("order", ["owner first", "taker first", "both"])
def test_unclaimed_behind_a_long_one(stage: Stage, order: str) -> None:
    """An item of a batch lingers, and those behind it are put back, while the taker goes on to them after all."""
    stage.start(1)
    (looks,) = stage.in_workers(before(perform_batch, "wish = words["))
    stage.everywhere(partial(stops.set_global, "subpool._schedule.batch", "LONG", 10**12))
    backlog, begun, over = stage.host.backlog, [stage.gate() for _ in range(3)], [stage.gate() for _ in range(3)]
    calls = [(stage.journal.fd, str(n), begun[n], over[n]) for n in range(3)]
    jobs, leave = published(stage, tasks_races.item, calls, batch=True)
    points = {
        "owner first": before(_unclaim_from, "job._nudge()"),
        "taker first": before(_unclaim_from, "for job in flight.jobs[place:]"),
        "both": before(_unclaim_from, "count(backlog.channel)  # fence"),
    }
    unclaims = stage.hold_anyone(points[order])
    stage.change(landing, "LINGER", 0.0)
    leave.open()
    begun[0].wait()
    lander = stage.actor(backlog.feed)
    lander.start()
    unclaims.wait()
    if order == "owner first":
        unclaims.release()
        lander.value()
        over[0].open()
    elif order == "taker first":
        over[0].open()
        begun[1].wait()
        unclaims.release()
        lander.value()
    else:
        looks.arm()
        over[0].open()
        looks.wait()
        unclaims.release()
        lander.value()
        looks.release()
    for each in over:
        each.open()
    for job in jobs:
        job.result(tasks.PATIENCE)
    stage.everywhere(tasks.zero)
    assert [line.split()[0] for line in stage.noted()] == ["0", "1", "2"]


# ------------------------------------------------------------------------------- 8. cancel, interrupt, grace, set aside


@pytest.mark.parametrize("order", ["owner first", "taker first", "both"])
@pytest.mark.parametrize("kind", ["single", "batch"])
def test_cancelled_while_taken(stage: Stage, kind: str, order: str) -> None:
    """A job is cancelled while a worker takes it, even as it reads what to run: it never begins."""
    stage.start(1)
    taker, looked = stage.in_workers(taker_at(kind, order), before(Station.attend, "if again is not None"))
    stage.everywhere(partial(stops.set_global, "subpool._schedule.batch", "LONG", 10**12))
    started, over, before_it = stage.gate(), stage.gate(), stage.gate()
    calls = [(before_it, before_it), (started, over)]  # the first one opens its own gate
    (_, job), leave = published(stage, tasks.hold, calls, batch=kind == "batch")
    taker.arm()
    leave.open()
    taker.wait()
    taker.on_to(taker)
    looked.arm()
    assert job.cancel()
    if order != "owner first":
        looked.wait()
        looked.on_to(looked)  # before it hushes its doorbell, and after
        looked.release()
    taker.release()
    stage.until(lambda: stage.host.backlog.feed() or stage.host.backlog.empty, "it was not stopped")
    assert not started.is_open()


def test_cancelled_while_claimed(stage: Stage) -> None:
    """A job is cancelled when a thread has claimed it to run it here, and not begun: it never begins."""
    stage.start(1)
    started, over = stage.gate(), stage.gate()
    (job,), _ = published(stage, tasks.hold, [(started, over)], batch=False)
    helper = stage.actor(job.help)
    begins = stage.hold(helper, before(Station.run_here, "local = job._local = Stoppable()"))
    helper.start()
    begins.wait()
    assert job.cancel()
    begins.release()
    helper.value()
    assert not started.is_open()


def test_failed_while_published(stage: Stage) -> None:
    """The owner of a scope has failures told while a publisher is about to put out what will fail: it is told of it."""
    stage.start(1)
    root, started, over, unwound = stage.host.root, stage.gate(), stage.gate(), stage.gate()
    (_,), leave = published(stage, tasks.hold, [(stage.gate(), stage.gate())], batch=False)  # or its naps would tell

    def scope() -> None:
        with stage.pool.scope() as s:
            s.spawn(tasks_races.hold_and_unwind, started, over, unwound)
            s.spawn(tasks.fail)
            publisher.start()
            puts.wait()

    publisher, owner = stage.actor(lambda: root.publish(1, exempt=True)), stage.actor(scope)
    puts = stage.hold(publisher, before(Seat._send, "self.public[number] = half"))
    watches = stage.hold(owner, before(Scope._run_watched, "station.fence()"))
    root.request[0] = 0
    owner.start()
    if watches.stop.reached.take(0.1):  # else it waits for the publisher
        watches.release()
        started.wait()
    puts.release()
    watches.release()
    started.wait()
    leave.open()
    stage.until(unwound.is_open, "nobody told it")
    assert isinstance(caught(owner.value), ExceptionGroup)


@pytest.mark.parametrize("first", ["outcome", "cancel"])
def test_done_while_cancelled(stage: Stage, first: str) -> None:
    """A task is cancelled while its outcome is being set: one of the two is final, for everybody."""
    stage.start(1)
    (off,) = stage.in_workers(TAKER_IS_OFF)
    started, go = stage.gate(), stage.gate()
    task = stage.pool.spawn(tasks.announce_and_wait, started, go, tasks.fail)
    canceller = stage.actor(task.cancel)
    late = stage.hold_anyone(before(AnyTask._complete, "with condition:"))
    started.wait()
    if first == "outcome":
        canceller.start()
        late.wait()
    off.arm()
    go.open()
    off.passed()
    lander = stage.actor(stage.host.backlog.feed)
    lander.start()
    if first == "outcome":
        lander.value()
    else:
        late.wait()
        canceller.start()
        stage.until(lambda: "_final" in task.__dict__, "it was not cancelled")
    late.release()
    assert canceller.value() == task.cancelled() == (first == "cancel")
    assert isinstance(caught(task.result), CancelledError if first == "cancel" else ValueError)


def test_ended_meanwhile(stage: Stage) -> None:
    """A task that was to be interrupted ends, and another begins in its thread: that one is not hit."""
    stage.start(1)
    (switched,) = stage.in_workers(before(Interrupter._arm, "self.armed = True"))
    started, go, begun, leave = stage.gate(), stage.gate(), stage.gate(), stage.gate()
    switched.arm()
    task = stage.pool.spawn(tasks.hold_in_c, started, go)
    started.wait()
    assert task.cancel()
    switched.wait()
    other = stage.pool.spawn(tasks_races.count_until, begun, leave)
    go.open()
    stage.until(begun.is_open, "it does not begin")
    switched.release()
    leave.open()
    assert other.result(tasks.PATIENCE) == "whole"
    paid = partial(stage.pool.spawn, tasks_races.monitored)
    stage.until(lambda: not paid().result(tasks.PATIENCE), "it goes on paying for the events")


def test_overstayed(stage: Stage) -> None:
    """The grace of a task is over when its taker runs another one in the same slot: that worker is left alone."""
    stage.start(1)
    host, started, begun, leave = stage.host, stage.gate(), stage.gate(), stage.gate()
    task = stage.pool.spawn(tasks.hold, started, leave)
    started.wait()
    number = task._number
    assert task.cancel()
    stage.until(lambda: host.backlog.feed() or host.backlog.empty, "it did not stop")
    other = stage.pool.spawn(tasks.hold, begun, leave)
    begun.wait()
    assert number is not None
    assert other._number == number
    over = [action for _, _, action in host._timers if getattr(action, "func", None) == host._overstayed]
    assert over
    wish = host.arena.cell(number) + SlotWord.CANCEL
    host.arena.words[wish] = STOP  # as if it had been asked to stop just now
    for action in over:
        action()
    host.arena.words[wish] = 0
    assert host.lost == 0
    leave.open()
    assert other.result(tasks.PATIENCE) == 0


def test_due_while_it_ends(stage: Stage) -> None:
    """The courier looks at a deadline when the taker has written how long it took, and not yet that it is done."""
    stage.start(1)
    (ends,) = stage.in_workers(TAKER_SAYS_DONE)
    started, leave = stage.gate(), stage.gate()
    task = stage.pool.spawn(tasks.hold, started, leave, timeout=tasks.PATIENCE)
    started.wait()
    ends.arm()
    leave.open()
    ends.wait()
    stage.host.backlog.attend()
    ends.release()
    assert task.exception(tasks.PATIENCE) is None


@pytest.mark.parametrize("what", ["half", "job"])
@pytest.mark.parametrize("late", [True, False], ids=["late", "just in time"])
def test_it_comes_back_late(stage: Stage, what: str, late: bool) -> None:
    """A worker that was set aside says that it is done: its slot is its own until then, and what it brings is dropped.

    Unless it was done before it was given up: then neither side overwrites what the other has written.
    """
    stage.start(1)
    (off,) = stage.in_workers(TAKER_IS_OFF)
    host, started, go = stage.host, stage.gate(), stage.gate()
    slots = host.root.free if what == "half" else host.backlog.freight._slots
    number = slots[-1]
    run = partial(tasks.announce, started, partial(select.select, [go.reading], [], [], tasks.PATIENCE))  # all in C
    task = stage.pool.spawn(run) if what == "job" else None
    owner = stage.actor(task.result if task else lambda: stage.pool.join(started.wait, run)[1])
    owner.start()
    started.wait()
    giver = stage.actor(lambda: host.set_aside(1))
    gives_up = stage.hold(giver, before(Owner.give_up, "SlotWord.CANCEL] = GONE"))
    giver.start()
    gives_up.wait()
    off.arm()
    if late:
        gives_up.release()
        giver.value()
        assert isinstance(caught(owner.value), subpool.WorkerLostError)
        assert number not in slots
        assert stage.pool.spawn(tasks.where).result(tasks.PATIENCE) == 0
        go.open()
        off.passed()
    else:
        go.open()
        off.passed()
        gives_up.release()
        assert owner.value() == ([go.reading], [], [])

    def is_free() -> bool:
        host.backlog.feed()
        host.reap()
        return number in slots

    stage.until(is_free, "the slot was lost")
    stage.until(lambda: 1 in host.crew.seating._free, "the seat was lost")


# --------------------------------------------------------------------------------------------- 9. feeding with one lock


@pytest.mark.parametrize("moment", ["before the clearing", "before the release", "claim"])
def test_turned_away_at_the_last_moment(stage: Stage, moment: str) -> None:
    """A job is handed over while somebody else holds the lock: the holder sees to it, as the last thing it does."""
    stage.start(1)
    backlog, begun, leave = stage.host.backlog, stage.gate(), stage.gate()
    points = {
        "before the clearing": before(Backlog.feed, "self._again = False"),
        "before the release": before(Backlog.feed, "lock.release()"),
        "claim": before(Backlog.claim, "job._sent = call  # somebody"),
    }
    first = stage.pool.spawn(tasks.hold, begun, leave)
    begun.wait()
    holder = stage.actor(first.help if moment == "claim" else backlog.feed)
    holds = stage.hold(holder, points[moment])
    holder.start()
    holds.wait()
    backlog.pace = 0.0
    job = stage.pool.spawn(stage.note("job"))
    backlog.feed()
    assert list(backlog.waiting) == [job]
    holds.release()
    holder.value()
    assert not backlog.waiting
    leave.open()
    job.result(tasks.PATIENCE)
    assert stage.noted() == ["job 0"]


# -------------------------------------------------------------------------------------------- 10. the end, and parcels

PARCEL_IN_HAND = before(Station.parcel, "self.parcels[item[0]] = self.loans.landed(item)")
PARCEL_WANTED = before(Station.parcel, "lock.acquire()")


@pytest.mark.parametrize("word", ["stop", "retire"])
def test_told_to_end_while_falling_asleep(stage: Stage, word: str) -> None:
    """A worker that falls asleep sees that it should end, without being rung."""
    stage.start(1)
    naps, left = stage.in_workers(NAP_COUNTS, before(WorkerStation._leave, "self.seat.busy[0] = 0"))
    stage.everywhere(sleep_deeply)
    stage.gather(naps)
    arena = stage.host.arena
    if word == "stop":
        arena.stop[0] = 1
    else:
        arena.words[arena.seat(1) + SeatWord.RETIRE] = 1
    naps.on_to(left)
    left.release()


def large(stage: Stage, value: int) -> Actor[list[int]]:
    """A thread whose second half runs in a worker, and returns more than there is room for in a slot."""
    taken = stage.gate()
    half = partial(tasks.announce, taken, partial(tasks.identity, [value] * 1000))
    return stage.actor(lambda: stage.pool.join(taken.wait, half)[1])


def test_parcels_in_another_hand(stage: Stage) -> None:
    """A thread takes the parcel of another out of the inbox: the other waits for it, and each gets its own."""
    stage.start(1)
    threads = [large(stage, value) for value in range(2)]
    wanted = [stage.hold(thread, PARCEL_WANTED) for thread in threads]
    in_hand = stage.hold(threads[1], PARCEL_IN_HAND)
    for thread, each in zip(threads, wanted, strict=True):
        thread.start()
        each.wait()  # so they lie there in this order
    wanted[1].release()
    in_hand.wait()
    wanted[0].release()
    in_hand.release()
    assert [set(thread.value()) for thread in threads] == [
        {0},
        {1},
    ]  # not the lists: pytest would compare them for minutes


@pytest.mark.parametrize("first", ["owner", "sender"])
def test_the_sender_of_a_parcel_ends(stage: Stage, first: str) -> None:
    """The interpreter whose memory a parcel is ends while a thread reads it: not before it is copied."""
    stage.start(1)
    arena, owner = stage.host.arena, large(stage, 7)
    reads = stage.hold(owner, PARCEL_IN_HAND if first == "owner" else PARCEL_WANTED)
    ends = stage.hold_anyone(before(Crew._live, "with self.host.parcel_lock:"))
    over = stage.hold_anyone(before(Crew._live, "self._ended(seat, number, failure)"))
    owner.start()
    reads.wait()
    arena.words[arena.seat(1) + SeatWord.RETIRE] = 1
    stage.host.wake(1)
    ends.passed()
    if first == "sender":
        over.wait()
    reads.release()
    assert set(owner.value()) == {7}
    if first == "owner":
        over.wait()
    over.release()
