"""The stage of one test: a pool, threads that play parts, and the stops at which the test holds them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from threading import Thread, get_ident
from types import ModuleType
from typing import Any, cast

import stops
import tasks
from helpers import Journal, until
from stops import Place, Point, Stop, Tokens

import subpool
import subpool.pool as pool_module
from subpool._schedule.host import Host
from subpool._wire.doorbell import ring


class Actor[R]:
    """A thread of the host that plays a part.

    Where it is stuck, is not told: `sys._current_frames` spoils the frames of other interpreters' threads.
    """

    def __init__(self, call: Callable[[], R], patience: float) -> None:
        self._call = call
        self._patience = patience
        self._outcome: tuple[R | None, BaseException | None] | None = None
        self._thread = Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._outcome = self._call(), None
        except BaseException as error:  # noqa: BLE001 - raised again where the value is wanted
            self._outcome = None, error

    def start(self) -> None:
        self._thread.start()

    @property
    def ident(self) -> int | None:
        return self._thread.ident

    @property
    def done(self) -> bool:
        return self._thread.ident is None or not self._thread.is_alive()

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends so soon: for one that should be waiting for a lock."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def value(self) -> R:
        """What its call returned or raised."""
        self._thread.join(self._patience)
        assert self._outcome is not None, "an actor is stuck"
        value, error = self._outcome
        if error is not None:
            raise error
        return cast("R", value)


class Held:
    """A stop, as the test sees it."""

    def __init__(self, stop: Stop, patience: float) -> None:
        self.stop: Stop = stop
        self._patience = patience

    def arm(self) -> None:
        """Hold one more thread that comes there."""
        self.stop.armed.give()

    def wait(self) -> None:
        """Wait until a thread is held."""
        point = self.stop.point
        assert self.stop.reached.take(self._patience), f"nobody came to {point.text!r} in {point.place.name}"

    def release(self) -> None:
        """Let it go on."""
        self.stop.released.give()

    def on_to(self, other: Held) -> None:
        """Let it go on to another stop."""
        other.arm()
        self.release()
        other.wait()

    def passed(self) -> None:
        """Wait until a thread is held, and let it go on."""
        self.wait()
        self.release()

    @property
    def empty(self) -> bool:
        """Whether no thread has come there that was not waited for."""
        return not self.stop.reached.take()


class Sabotage:
    """A text of a function, and what stands there instead while a test plays, in the host and in all workers."""

    def __init__(self, function: Any, old: str, new: str) -> None:
        self.function, self.old, self.new = function, old, new


class Stage:
    """Everything of one test, taken down in the right order."""

    def __init__(self, sabotage: Sabotage | None = None, patience: float = tasks.PATIENCE) -> None:
        self.patience = patience
        self.journal: Journal = Journal()
        self._sabotage = sabotage
        self._tokens: list[Tokens] = []
        self._stops: list[Held] = []
        self._gates: list[tasks.Gate] = []
        self._actors: list[Actor[Any]] = []
        self._undo: list[Callable[[], None]] = []
        self._changes: list[Callable[[], None]] = []
        self.rescues: list[Callable[[], object]] = []
        """What wakes those whose wake-up was sabotaged, besides doorbells."""
        self.pool: subpool.Pool
        self.host: Host

    # -- setting it up ---------------------------------------------------------------------------------------------

    def start(self, workers: int) -> None:
        """Start the pool."""
        self.change(pool_module, "GRACE", tasks.PATIENCE)
        self.pool = subpool.Pool(workers)
        self.host = cast("Host", self.pool._station())
        if self._sabotage is not None:
            place, old, new = Place.of(self._sabotage.function), self._sabotage.old, self._sabotage.new
            self.everywhere(partial(stops.rewrite, place, old, new))
            self._undo.append(stops.rewritten(place.function, old, new))

    def everywhere(self, call: Callable[[], object]) -> None:
        """Do something once in each worker."""
        arrived, leave = self._make_tokens(), self._make_tokens()
        visits = [
            self.pool.spawn(stops.visit, arrived, leave, call, timeout=tasks.PATIENCE)  # with a timeout: in no batch
            for _ in range(self.pool.workers)
        ]
        self._ring_workers()
        for _ in visits:
            assert arrived.take(tasks.PATIENCE), "a worker did not come"
        for _ in visits:
            leave.give()
        for each in visits:
            each.result(tasks.PATIENCE)
        until(lambda: self.host.hungry() == self.pool.workers, "a worker did not come back from there")

    def _make_tokens(self) -> Tokens:
        self._tokens.append(Tokens.create())
        return self._tokens[-1]

    def change(self, module: ModuleType, name: str, value: object) -> None:
        """Set a global of a module in the host, until the test ends."""
        self._changes.append(partial(setattr, module, name, getattr(module, name)))
        setattr(module, name, value)

    def actor[R](self, call: Callable[[], R]) -> Actor[R]:
        """A thread of the host, not yet started."""
        actor = Actor(call, self.patience)
        self._actors.append(actor)
        return actor

    def gate(self) -> tasks.Gate:
        """A gate that is open at the latest when the test ends."""
        self._gates.append(tasks.Gate.create())
        return self._gates[-1]

    def note(self, name: str) -> Callable[[], None]:
        """A callable that notes in the journal where it runs."""
        return partial(tasks.note_where, self.journal.fd, name)

    def hold(self, actor: Actor[Any], point: Point) -> Held:
        """Hold an actor when it comes to a point."""
        held = self._held(point)

        def come() -> None:
            if get_ident() == actor.ident:
                held.stop.hold()

        self.on_the_way(point, come)
        held.arm()
        return held

    def on_the_way(self, point: Point, action: Callable[[], object]) -> None:
        """Have each thread of the host that comes to a point do something."""
        self._undo.append(stops.on_the_way(point, action))

    def hold_anyone(self, point: Point) -> Held:
        """Hold the next thread of the host that comes to a point."""
        held = self._held(point)
        self.on_the_way(point, held.stop.hold)
        held.arm()
        return held

    def in_workers(self, *points: Point, worker: int | None = None) -> list[Held]:
        """Stops in all workers, or in the one with this number; none of them armed yet."""
        stops_there = [self._held(point) for point in points]
        self.everywhere(partial(stops.install, [held.stop for held in stops_there], worker))
        return stops_there

    def gather(self, *stops_there: Held) -> None:
        """Have workers come to these stops, which idle ones pass before they sleep: they are rung until they do."""
        for held in stops_there:
            held.arm()
        waiting, deadline = list(stops_there), time.monotonic() + self.patience
        while waiting:
            self._ring_workers()
            if waiting[0].stop.reached.take(0.002):
                del waiting[0]
            assert time.monotonic() < deadline, "a worker did not come"

    def _ring_workers(self) -> None:
        for bell, _ in self.host.crew.seating.bells.values():
            ring(bell.address)

    def _held(self, point: Point) -> Held:
        held = Held(Stop.at(point), self.patience)
        self._stops.append(held)
        return held

    # -- looking at it ---------------------------------------------------------------------------------------------

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait for something that nobody tells."""
        until(holds, what, self.patience)

    def noted(self) -> list[str]:
        """What ran where, sorted."""
        return sorted(self.journal.lines())

    # -- taking it down --------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let everybody go, and give everything back."""
        for undo in self._undo:
            undo()
        for held in self._stops:
            while held.stop.armed.take():
                pass
            for _ in range(8):  # more than are ever held at one
                held.release()
        for gate in self._gates:
            gate.open()
        if hasattr(self, "pool"):
            self._let_go()
            self.pool.close(cancel=True)
        for restore in self._changes:
            restore()
        for held in self._stops:
            held.stop.dispose()
        for tokens in self._tokens:
            tokens.dispose()
        for gate in self._gates:
            gate.dispose()
        self.journal.dispose()

    def _let_go(self) -> None:
        """Wake those actors whose wake-up was sabotaged, until they have left."""
        deadline, pause = time.monotonic() + 1, threading.Event()
        while not all(actor.done for actor in self._actors) and time.monotonic() < deadline:
            for bell in list(self.host._bells_out):
                ring(bell.address)
            for rescue in self.rescues:
                rescue()
            self._ring_workers()
            pause.wait(0.001)


def staged() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()
