"""An independent copy: a second process that does the same work at the same moment.

Two copies that share nothing are as good as two cores get on this machine at this moment; what a pool reaches is
measured against them.
"""

import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Self


class Copy:
    """The other process. It sleeps in `recv` while nobody asks it for anything."""

    def __init__(self) -> None:
        context = get_context("spawn")
        self._line, far_end = context.Pipe()
        self._process = context.Process(target=work, args=(far_end,), daemon=True)
        self._process.start()
        far_end.close()

    def together(self, call: Callable[[], object], other: Callable[[], object] | None = None) -> float:
        """Seconds until both, this process and the other, have made this call; or the other process another one."""
        start = time.perf_counter()
        self._line.send(other or call)
        call()
        self._line.recv()
        return time.perf_counter() - start

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._line.send(None)
        self._process.join()


def work(line: Connection) -> None:
    """What the other process does: call what it is sent, and say when it is done."""
    while (call := line.recv()) is not None:
        call()
        line.send(None)
