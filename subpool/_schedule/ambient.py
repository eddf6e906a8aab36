"""What `subpool.*` means here: the station that serves the calling thread's forks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._schedule.backlog import Backlog
    from subpool._schedule.job import Job
    from subpool._schedule.seat import Seat

__all__ = ["Home"]


class Home(Protocol):
    """What both kinds of station offer to the public nouns."""

    backlog: Backlog
    strict: bool
    index: int | None

    def caller_seat(self) -> Seat:
        """The seat at which the calling thread forks."""
        ...

    def await_job(self, job: Job, timeout: float | None) -> None:
        """Wait for a job: in a worker until it is done, in the host for a moment."""
        ...

    def deliver(self, action: Callable[[], object]) -> None:
        """Run a callback where callbacks run."""
        ...
