"""Interleavings that the model of the protocols found, forced in the code."""

from __future__ import annotations

import time
from threading import Thread

import pytest
import tasks
from helpers import gate, held
from tasks_model import SlowlyRebuilt

import subpool
from subpool._schedule.host import Host
from subpool._schedule.seat import NOTHING, Seat
from subpool._schedule.taking import STOP
from subpool._wire.arena import SlotWord, Stat
from subpool._wire.interpreters import count


def host_of(pool: subpool.Pool) -> Host:
    host = pool._host
    assert host is not None
    return host


def test_a_callable_in_the_sentinels_place_is_found() -> None:
    """Another thread has the sentinel in its hand: what was pushed meanwhile stands at place 0."""
    with subpool.Pool(1) as pool, held(pool):
        root = host_of(pool).root
        sentinel = root.ledger.pop()
        root.ledger.append(tasks.one)
        half = root.find(tasks.one, NOTHING)
        left, declined = [*root.ledger], [*root.declined]
        root.ledger[:] = [sentinel]
        assert (half, left, declined) == (None, [], [])


def test_the_courier_looks_again_when_it_restores_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """The owner pops while its courier answers, and pushes again while the request word is clear."""
    with subpool.Pool(1) as pool, held(pool):
        host, publish = host_of(pool), Seat.publish
        root, looks = host.root, list[int]()

        def owner_is_quicker(seat: Seat, limit: int, *, exempt: bool = False) -> int:
            if seat is root and not looks:
                looks.append(root.request[0])
                entry = root.ledger.pop()
                sent = publish(seat, limit, exempt=exempt)
                root.ledger.append(entry)
                return sent
            return publish(seat, limit, exempt=exempt)

        monkeypatch.setattr(Seat, "publish", owner_is_quicker)
        root.ledger.append(tasks.one)
        root.request[0] = 1
        host.attend()
        standing = count(root.channel)
        half = root.find(tasks.one, NOTHING)
        assert half is None or root.revoke(half)
        assert (looks, standing) == ([0], 1)


def test_a_job_that_was_told_to_stop_may_still_be_declined() -> None:
    """Two threads want a late job: one finds it taken, the other finds it told to stop; then it is declined."""
    with subpool.Pool(1) as pool, held(pool):
        backlog = host_of(pool).backlog
        task = pool.spawn(tasks.one)
        backlog.feed()
        number = task._number
        assert number is not None
        cell = backlog.seat.arena.cell(number)
        backlog.seat.words[cell + SlotWord.CANCEL] = STOP
        assert backlog.claim(task) is None
        assert "_sent" in task.__dict__
        backlog.seat.words[cell + SlotWord.CANCEL] = 0
        assert task.join(tasks.PATIENCE) == 1


def test_who_fell_asleep_before_its_taker_was_busy_helps() -> None:
    """The taker takes long to rebuild a half, and its owner falls asleep; then the half forks, and the owner helps."""
    with subpool.Pool(1) as pool, gate() as taken, gate() as rebuild, gate() as helped:
        pool.spawn(tasks.zero).join()
        stats, told = host_of(pool).root.stats, list[object]()
        asleep = stats[Stat.SLEEPS]
        half = SlowlyRebuilt(taken, rebuild, helped)
        owner = Thread(target=lambda: told.append(pool.join(taken.wait, half)[1]), daemon=True)
        owner.start()
        until = time.monotonic() + tasks.PATIENCE
        while stats[Stat.SLEEPS] == asleep and time.monotonic() < until:
            time.sleep(0.001)
        rebuild.open()
        owner.join(tasks.PATIENCE)
        assert told == [None]


def test_a_circle_of_scope_tags_is_left_again() -> None:
    """An orphan outlives its parent, whose slot then goes to a half that the orphan forks: each serves the other."""
    with subpool.Pool(1) as pool, held(pool):
        host = host_of(pool)
        root, words = host.root, host.arena.words
        first, second = (host.arena.header(number) for number in root.free[:2])
        words[first + SlotWord.PARENT], words[second + SlotWord.PARENT] = root.free[1] + 1, root.free[0] + 1
        root.busy[0] = root.free[0] + 1
        try:
            host.wake_for(root, 1)
        finally:
            root.busy[0] = -1
            words[first + SlotWord.PARENT] = words[second + SlotWord.PARENT] = 0
