"""The guest as a process of its own: `python -I child.py FOLDER DESCRIPTOR DESCRIPTOR LIMITS`, started by the host."""

from __future__ import annotations

import _thread
import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ORPHANED = 3.0
"""Seconds that a plugin has to end in, once the host is gone."""


def main(folder: str, fd: int, stop_fd: int, memory: int, open_files: int) -> None:
    """Take on the limits, and be a guest."""
    sys.path.insert(0, folder)
    sys.modules["__main__"].__dict__.pop("__file__", None)
    _give_up_privileges()
    _limit(memory, open_files)
    from subpool.sandbox.guest.loop import main as be_a_guest

    be_a_guest(fd, stop_fd, _end_when_orphaned())


def _end_when_orphaned() -> Callable[[], None]:
    """What to call once the host has let go, or died: then nobody is left to end what the plugin still does.

    The thread that ends the process is there beforehand: later the policy might not let it start.
    """
    orphaned, leave = _thread.allocate_lock(), os._exit  # which the policy takes away from the plugin
    orphaned.acquire()

    def wait() -> None:
        orphaned.acquire()
        time.sleep(ORPHANED)
        leave(1)

    _thread.start_new_thread(wait, ())
    return orphaned.release


def _give_up_privileges() -> None:
    """Nothing that this process starts gets more rights than it has."""
    if sys.platform != "linux":
        return
    import ctypes

    set_no_new_privileges = 38
    ctypes.CDLL(None).prctl(set_no_new_privileges, 1, 0, 0, 0)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("ctypes", "_ctypes")]:
        del sys.modules[name]  # the policy decides whether the plugin may load it


def _limit(memory: int, open_files: int) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for limit, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_NOFILE, open_files)):
        if value:
            resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
