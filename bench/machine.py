"""The machine: what it is, two cores of it, and what a process takes from it."""

import os
import platform
import resource
import subprocess
import sys
from pathlib import Path

CPUS = Path("/sys/devices/system/cpu")


def python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def describe() -> str:
    """One line: Python, processor, cores, system."""
    return f"{python()}, {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def use_two_cores() -> None:
    """Keep to two processors of different cores: that is what the bounds are stated for.

    Where processes cannot be tied to processors, a larger machine is used as it is.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    by_core: dict[str, int] = {}
    for cpu in sorted(os.sched_getaffinity(0)):
        by_core.setdefault(siblings(cpu), cpu)
    chosen = sorted(by_core.values())[:2]
    if len(chosen) == 2:
        os.sched_setaffinity(0, chosen)


def siblings(cpu: int) -> str:
    """The processors that share a core with this one; those of one core have the same answer."""
    try:
        return (CPUS / f"cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def resident() -> int:
    """Bytes of this process that are in memory."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        shown = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, check=True)
        return int(shown.stdout) * 1024
    return pages * resource.getpagesize()


def sleeps() -> int:
    """How often a thread of this process has gone to sleep so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def root() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parent.parent


def run_python(*arguments: str, capture: bool = True) -> str:
    """Run this Python anew in the root of the repository, where `bench` and `subpool` can be imported."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=root(), check=True, text=True, stdout=subprocess.PIPE if capture else None
    )
    return done.stdout or ""
