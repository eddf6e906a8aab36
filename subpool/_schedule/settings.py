"""What a worker is told when it starts. It crosses as a pickle, so the class lives where workers can import it."""

from __future__ import annotations

__all__ = ["WorkerSettings"]


class WorkerSettings:
    """Settings of one worker, by keyword. Not a named tuple: that alone would cost each worker half a megabyte."""

    index: int
    """The number that `worker_index()` gives."""
    seat: int
    workers: int
    cores: int
    grace: float
    """Seconds that a task has to stop in."""
    idle_spin: float
    """Seconds an idle worker looks around before it naps."""
    background: bool
    """Whether it takes background jobs."""
    max_tasks: int | None
    strict: bool
    pin: int | None
    """The CPU to run on, or None."""
    recursion_limit: int
    bell: tuple[int, int]
    """Descriptors of its doorbell."""
    courier: tuple[int, int]
    """Descriptors of its courier's doorbell."""
    halves: tuple[int, int]
    """The slots for its halves: first number, and the one after the last."""
    jobs: tuple[int, int]
    """The slots for its background jobs, likewise."""
    relay: int
    """Queue for what it prints, logs and warns of."""
    relay_bell: int
    preload: tuple[str, ...]
    initializer: bytes
    finalizer: bytes

    def __init__(self, **settings: object) -> None:
        self.__dict__.update(settings)
