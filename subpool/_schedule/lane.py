"""The inline lane: background jobs that need a module which no subinterpreter can load run on threads of the host."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from subpool.errors import UnsupportedInSubinterpreter, UnsupportedWarning

if TYPE_CHECKING:
    from subpool._schedule.job import Call, Job

__all__ = ["InlineLane"]


class InlineLane:
    """Takes jobs that were refused; warns once for each module that refused."""

    def __init__(self, policy: str) -> None:
        """Run them ("inline"), or fail them ("raise")."""
        self._policy = policy
        self._warned: set[str] = set()
        self._threads: ThreadPoolExecutor | None = None

    def take(self, job: Job, call: Call, module: str) -> None:
        """Run a job, or fail it. Nothing of it has run yet."""
        if self._policy == "raise":
            job._fail(UnsupportedInSubinterpreter(f"module {module} does not load in a subinterpreter", name=module))
            return
        package = module.partition(".")[0]
        if package not in self._warned:
            self._warned.add(package)
            text = f"{package} does not load in a subinterpreter: background tasks that need it run on a host thread"
            try:
                warnings.warn(text, UnsupportedWarning, stacklevel=2)
            except UnsupportedWarning as error:  # the filters make it an error: of this job, not of who finds it
                job._fail(error)
                return
        if self._threads is None:
            self._threads = ThreadPoolExecutor(1, thread_name_prefix="subpool-inline")
        job._inline = True
        self._threads.submit(_run, job, call)

    def close(self) -> None:
        """Finish what it has."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None


def _run(job: Job, call: Call) -> None:
    function, args = call
    try:
        value = function(*args)
    except BaseException as error:  # noqa: BLE001 - it is the job's outcome
        job._fail(error)
    else:
        job._succeed(value)
