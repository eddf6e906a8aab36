"""Workers held at a gate: how the demo, the scenario and its tests decide when every worker is up, and may go on.

Each worker of a pool gets a background task that says that it has come, by a byte through one pipe, and then waits for
the other end of a second pipe to be closed, which all of them see at once.
"""

import os
import select
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import subpool

PATIENCE = 10.0  # seconds after which a worker that never came, or a gate that nobody opened, is given up


class Gate:
    """Closed until `release`, which may be called again to no effect."""

    def __init__(self) -> None:
        self._arrived, self._arrival = os.pipe()
        self._wait, self._closed = os.pipe()
        self._released = False

    @property
    def ends(self) -> tuple[int, int]:
        """What `stand` needs, in any interpreter of this process."""
        return self._arrival, self._wait

    def await_arrivals(self, count: int) -> None:
        """Return when so many workers stand at the gate; `TimeoutError` when one does not come."""
        for _ in range(count):
            if not _readable(self._arrived):
                raise TimeoutError(f"not all of {count} workers came within {PATIENCE:.0f} s")
            os.read(self._arrived, 1)

    def release(self) -> None:
        """Let everybody go on."""
        if not self._released:
            self._released = True
            os.close(self._closed)

    def close(self) -> None:
        """Give the descriptors back. Nobody may stand at the gate any more."""
        self.release()
        for descriptor in (self._arrived, self._arrival, self._wait):
            os.close(descriptor)


def stand(arrival: int, wait: int) -> bool:
    """Run in a worker: come to the gate, and wait there. False when nobody opened it."""
    subpool.worker_index()  # a warm worker has loaded what it loads when its tasks first call subpool
    os.write(arrival, b".")
    return _readable(wait)


@contextmanager
def held_workers(pool: subpool.Pool) -> Generator[Gate]:
    """Hold every worker of the pool in a background task, until the gate's `release` or the end of the block."""
    gate = Gate()
    with ExitStack() as stack:
        stack.callback(gate.close)
        tasks = [pool.spawn(stand, *gate.ends) for _ in range(pool.workers)]
        for task in tasks:
            stack.callback(task.result)
        stack.callback(gate.release)  # the last one pushed is the first to run
        gate.await_arrivals(len(tasks))
        yield gate


def start_workers(pool: subpool.Pool) -> None:
    """Return when every worker is up and has run something."""
    with held_workers(pool):
        pass


def _readable(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], PATIENCE)[0])
