"""Landing: published jobs come home, and what one of them keeps waiting is taken back.

A backlog lands its flights under its lock. Items of a batch come home one by one; if one of them lingers, those behind
it that nobody has begun are unclaimed, so that others can have them.
"""

from __future__ import annotations

from collections import deque
from time import perf_counter as clock, perf_counter_ns as clock_ns
from typing import TYPE_CHECKING, Any, Final

from subpool._schedule.freight import CELL
from subpool._schedule.seat import DONE, PHASE, READY, TAKEN
from subpool._schedule.taking import GONE, PARCEL, UNCLAIM
from subpool._wire.arena import HEADER_WORDS, BatchWord, SlotWord
from subpool._wire.interpreters import count
from subpool._wire.payload import Kind

if TYPE_CHECKING:
    from subpool._schedule.backlog import Backlog
    from subpool._schedule.freight import Flight
    from subpool._schedule.job import Job

__all__ = ["harvest"]

VALUE: Final = int(Kind.VALUE)
ERROR: Final = int(Kind.ERROR)
KINDS: Final = 7 << 3
"""The bits of `SlotWord.STATE` that tell the kind of an outcome."""
LINGER: Final = 0.005
"""Seconds that an item of a batch may keep those behind it waiting."""


def harvest(backlog: Backlog) -> bool:
    """Finish the jobs whose outcomes are there."""
    came, barren, over = False, 0, False
    for flight in list(backlog.flying):
        landed = _land(backlog, flight)
        over = over or not flight.left
        if landed:
            came = True
        elif flight.left > len(flight.ghosts):  # else those alone are awaited who may never come
            barren += 1
            if barren > 2 * backlog.station.workers + 2:
                break
    if over:
        for flight in backlog.flying:
            if not flight.left:
                backlog.freight.vacate(flight)
        backlog.flying = deque(flight for flight in backlog.flying if flight.left)
    return came


def _land(backlog: Backlog, flight: Flight) -> bool:
    """Finish those of a flight's jobs that are done.

    A signal may raise anywhere but between two statements without a call. What came home in place is therefore finished
    first and struck off afterwards, and finishing it twice does no harm; what can be finished once only, is struck off
    first.
    """
    words, arena, jobs = backlog.seat.words, backlog.seat.arena, flight.jobs
    first = arena.cell(flight.first)
    for place in list(flight.ghosts):
        _lay_to_rest(backlog, flight, place, words[first + place * CELL])
    begin = flight.next
    done, end = _done(flight, words, first)
    if not done:
        if len(jobs) > 1:
            _hurry(backlog, flight, first)
        return False
    count(backlog.channel)  # fence: the outcomes are read after the words that announced them
    room = BatchWord.PLACE if flight.first >= arena.slots else HEADER_WORDS
    returned: list[tuple[Any, Any]] = []
    spent = ran = 0
    for place in done:
        cell = first + place * CELL
        state = words[cell]
        if state & PHASE == DONE and (state >> 3) & 7 <= ERROR:
            spent -= words[cell + SlotWord.TIME]
            ran += 1
        if state & (PHASE | KINDS | PARCEL) == DONE | VALUE << 3:
            at = (cell + room) * 8
            returned.append((jobs[place], arena.memory[at : at + (state >> 8)]))
        else:
            _take_home(backlog, flight, place, state)
    if ran:
        backlog.learn(flight.key, spent / ran, ran)
    came = len(returned)
    if came:
        returned[0][0]._return(returned)
    jobs[begin:end] = [None] * (end - begin)
    flight.next = end
    flight.left -= came
    backlog.in_flight -= came
    return True


def _done(flight: Flight, words: memoryview[int], cell: int) -> tuple[list[int], int]:
    """The next places of a flight whose jobs are done, or will not be waited for, and the place to go on at."""
    jobs = flight.jobs
    done: list[int] = []
    place = flight.next  # a taker begins with the first, and finishes each before the next
    cell += place * CELL
    while place < len(jobs):
        if jobs[place] is not None:
            if words[cell] & PHASE != DONE and words[cell + SlotWord.CANCEL] != GONE:
                break
            done.append(place)
        place += 1
        cell += CELL
    return done, place


def _take_home(backlog: Backlog, flight: Flight, place: int, state: int) -> None:
    """Finish one job in its own way: it failed, was left alone, was lost, or its outcome came apart."""
    job = flight.jobs[place]
    assert job is not None
    flight.jobs[place] = job._number = None
    backlog.in_flight -= 1
    if state & PHASE != DONE:
        flight.ghosts.append(place)
        _home(backlog, job, Kind.LOST, b"")
        return
    flight.left -= 1
    if state & PARCEL:
        data = backlog.station.parcel(flight.first + place)
    else:
        begin, _ = backlog.seat.arena.outcome_room(flight.first + place)
        data = backlog.seat.arena.memory[begin : begin + (state >> 8)]
    _home(backlog, job, (state >> 3) & 7, data)


def _lay_to_rest(backlog: Backlog, flight: Flight, place: int, state: int) -> None:
    """A place whose taker was set aside is free once that has written there."""
    if state & PHASE == DONE:
        if state & PARCEL:
            backlog.station.parcel(flight.first + place)
        flight.ghosts.remove(place)
        flight.left -= 1


def _home(backlog: Backlog, job: Job, kind: int, data: Any) -> None:
    if kind in (Kind.DECLINED, Kind.REFUSED):
        call = job._claim_sent()
        if call is None:
            return  # its owner runs it
        if kind == Kind.REFUSED:
            job._refused(call, backlog.station.refusals.learn(*call, str(data, "utf-8")))
        else:  # a batch left it alone, or whoever wanted to run it gave up, or tries again
            backlog.put_back(job, call)
            job._nudge()
        return
    job.__dict__.pop("_sent", None)
    job._finish(kind, data)


def _hurry(backlog: Backlog, flight: Flight, cell: int) -> None:
    """If one item of a batch takes long, take back those behind it that nobody has begun."""
    words = backlog.seat.words
    for place in range(len(flight.jobs)):
        if words[cell] & PHASE == TAKEN:
            begun = words[cell + SlotWord.TIME]
            if 0 < begun < clock_ns() - LINGER * 1e9:
                _unclaim_from(backlog, flight, place + 1, cell + CELL)
            elif backlog.linger_at < clock():
                backlog.linger_at = clock() + LINGER
                backlog.station.call_at(backlog.linger_at, backlog.feed)
            return
        cell += CELL


def _unclaim_from(backlog: Backlog, flight: Flight, place: int, cell: int) -> None:
    for job in flight.jobs[place:]:
        if job is not None and _ready(backlog.seat.words, cell) and not backlog.seat.words[cell + SlotWord.CANCEL]:
            backlog.seat.words[cell + SlotWord.CANCEL] = UNCLAIM
        cell += CELL
    count(backlog.channel)  # fence: either the taker sees the wishes, or TAKEN is seen here
    cell = backlog.seat.arena.cell(flight.first) + place * CELL
    for behind in range(place, len(flight.jobs)):
        job = flight.jobs[behind]
        unclaimed = backlog.seat.words[cell + SlotWord.CANCEL] == UNCLAIM
        if job is not None and unclaimed and _ready(backlog.seat.words, cell):
            call = job._claim_sent()
            if call is not None:
                job._number = None
                flight.jobs[behind] = None
                flight.ghosts.append(behind)  # its taker has yet to decline it
                backlog.in_flight -= 1
                backlog.put_back(job, call)
                job._nudge()
        cell += CELL


def _ready(words: memoryview[int], cell: int) -> bool:
    """Whether nobody has begun the item with this cell."""
    return words[cell] & PHASE == READY
