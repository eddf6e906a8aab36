"""A job: a call that `spawn` handed over, as the scheduler sees it. `subpool.task.Task` is the face of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from subpool._schedule.taking import Stoppable

__all__ = ["Call", "Job"]

Call = tuple["Callable[..., Any]", tuple[Any, ...]]


class Job:
    """A call on its way. Each of its moves is one dictionary operation, so the GIL makes it exactly once.

    `_call` is there while the job is private: whoever pops it runs or writes the job. `_sent` is there while it is
    published and its owner has not tried to get it back; `_number` names it then.
    """

    _call: Call
    _sent: Call
    _number: int | None = None
    _item: Any  # what goes on the channel for it, once it is written
    _wanted = False
    _watched = False
    _sleeper = 0  # address of the doorbell of a thread that sleeps until it is done
    _local: Stoppable | None = None
    _seconds: float | None = None  # how long it may run
    _inline = False  # it runs on a thread of the host, where nothing is interrupted

    def _claim_private(self) -> Call | None:
        call: Call | None = self.__dict__.pop("_call", None)
        return call

    def _claim_sent(self) -> Call | None:
        call: Call | None = self.__dict__.pop("_sent", None)
        return call

    def _begun(self) -> bool:
        """Whether somebody runs it."""
        raise NotImplementedError

    def _nudge(self) -> None:
        """Somebody who wants to run this job may try again."""
        raise NotImplementedError

    def _settled(self) -> None:
        """Wait until it is done, one way or another."""
        raise NotImplementedError

    def cancel(self) -> bool:
        """Withdraw or stop it."""
        raise NotImplementedError

    def _finish(self, kind: int, data: Any) -> None:
        """The outcome came home."""
        raise NotImplementedError

    def _return(self, arrived: list[tuple[Any, bytes]]) -> None:
        """These jobs, this one among them, returned what is written here. Twice is as good as once."""
        raise NotImplementedError

    def _succeed(self, value: Any) -> None:
        """It returned, here."""
        raise NotImplementedError

    def _fail(self, error: BaseException) -> None:
        """It raised here, or cannot even begin."""
        raise NotImplementedError

    def _overrun(self) -> None:
        """Its time is over, and so is it, whenever whoever runs it comes back."""
        raise NotImplementedError

    def _unstaffed(self) -> None:
        """There is no worker left that could run it."""
        raise NotImplementedError

    def _refused(self, call: Call, module: str) -> None:
        """A module that it needs does not load in a worker."""
        raise NotImplementedError
