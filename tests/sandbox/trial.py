"""A trial: one attack in one isolation, by a host that has something to lose, and looks afterwards whether it has.

    python trial.py KIND/NAME ISOLATION FOLDER

tries one in this process, and prints the verdict as JSON.
"""

from __future__ import annotations

import builtins
import json
import locale
import os
import resource
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from corpus import Attack, Outcome, attack_of

import subpool

Isolation = Literal["interpreter", "process"]
PATIENCE = 45.0
"""Seconds after which a trial in a process of its own has failed."""
SETTLED = 10.0
"""Seconds in which what an interpreter held is given back at the latest, after it was closed."""
HEAVY = 150 << 20
"""Bytes by which no plugin may grow this process."""
GRACE, CLOSE, HASTY = 0.3, 0.4, 0.4
"""Seconds that what does not stop anyway is waited for: a call, a sandbox, and what it held."""
BYSTANDER = "def answer(number):\n    return number + 1\n"


@dataclass(frozen=True)
class Verdict:
    """What came of a trial."""

    outcome: Outcome
    said: str
    """What the host was told, if the call failed."""
    harm: list[str]
    """What the attack has reached, for people."""

    def written(self) -> str:
        """As one line."""
        return json.dumps({**asdict(self), "outcome": self.outcome.value})

    @classmethod
    def read(cls, text: str) -> Verdict:
        """From that line."""
        data = json.loads(text)
        return cls(Outcome(data["outcome"]), data["said"], data["harm"])


class Treasure:
    """What the host has that no plugin is to get: a file, a variable, a descriptor, a place to write to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "treasure"
        self.folder.mkdir()
        self.text, self.value = secrets.token_hex(16), secrets.token_hex(16)
        self.file = self.folder / "secret.txt"
        self.file.write_text(self.text, encoding="utf-8")
        self.moment = secrets.randbelow(10**18)
        os.utime(self.file, ns=(self.moment, self.moment))
        self.target = self.folder / "written"
        self.variable = f"SUBPOOL_TREASURE_{secrets.token_hex(4)}"
        self.tokens = (self.text, self.value, str(self.moment))

    @contextmanager
    def held(self) -> Generator[dict[str, str]]:
        """Hold it for the time of the block. Yields what an attack is told of it."""
        os.environ[self.variable] = self.value
        self.fd = os.open(self.file, os.O_RDONLY)
        try:
            yield {
                "secret": str(self.file),
                "target": str(self.target),
                "variable": self.variable,
                "native": str(find_spec("msgspec._core").origin),  # type: ignore[union-attr] # pyright: ignore[reportOptionalMemberAccess]
            }
        finally:
            del os.environ[self.variable]
            os.close(self.fd)

    def stolen(self, said: str) -> list[str]:
        """What of it shows."""
        found = [f"it got at a secret ({each})" for each in self.tokens if each in said]
        if self.target.exists():
            found.append("it wrote a file")
        return found


class Senses:
    """What a plugin must leave as it is in this process."""

    def __init__(self, treasure: Treasure) -> None:
        self._treasure = treasure
        self._state = self._look()
        self._memory = resident()
        self._held = held_by_the_process()

    def _look(self) -> dict[str, Any]:
        return {
            "the working directory": os.getcwd(),
            "the environment": dict(os.environ),
            "the umask": next(line for line in status() if line.startswith("Umask")),
            "signal handlers": [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
            "a timer": signal.getitimer(signal.ITIMER_REAL),
            "the locale": locale.setlocale(locale.LC_ALL),
            "the time zone": (os.environ.get("TZ"), time.tzname),
            "the recursion limit": sys.getrecursionlimit(),
            "the switch interval": sys.getswitchinterval(),
            "built-in functions": (builtins.open, builtins.isinstance, builtins.print, int.__add__),
            "modules": (sys.modules["json"], json.dumps, os.getcwd, sys.path[:]),
            "a limit": [resource.getrlimit(each) for each in (resource.RLIMIT_NOFILE, resource.RLIMIT_AS)],
            "the priority": (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0)),
            "profiling": (sys.getprofile(), sys.gettrace(), Path(f"/tmp/perf-{os.getpid()}.map").exists()),
        }

    def harm(self) -> list[str]:
        """What is otherwise than it was."""
        now = self._look()
        found = [f"it changed {name}" for name, value in self._state.items() if now[name] != value]
        if not is_open(self._treasure.fd):
            found.append("it closed a descriptor")
        if resident() - self._memory > HEAVY:
            found.append("it filled the memory of the host's process")
        return found

    def left(self, patience: float) -> list[str]:
        """What is left over of a plugin whose sandbox was closed."""
        until = time.monotonic() + patience
        while (more := held_by_the_process() - self._held) and time.monotonic() < until:
            time.sleep(0.01)  # nobody tells when the kernel has reaped a thread
        return [f"{what} is left over" for what in sorted({what for what, _ in more})]


def held_by_the_process() -> set[tuple[str, str]]:
    """Threads and descriptors."""
    threads = {("a thread", each) for each in os.listdir("/proc/self/task")}
    descriptors = {("a descriptor", each) for each in os.listdir("/proc/self/fd") if is_open(int(each))}
    return threads | descriptors


def is_open(fd: int) -> bool:
    """Whether it is: the one by which they were listed is not, any more."""
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def status() -> list[str]:
    """What the kernel says of this process."""
    return Path("/proc/self/status").read_text(encoding="utf-8").splitlines()


def resident() -> int:
    """Bytes of memory that this process takes."""
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def tried(
    attack: Attack, isolation: Isolation, folder: Path, bystander: subpool.Sandbox, patience: float = SETTLED
) -> Verdict:
    """Try an attack in this process."""
    treasure = Treasure(folder)
    with treasure.held() as aim:
        assert bystander.call("answer", 1) == 2
        senses = Senses(treasure)
        options: dict[str, Any] = {"timeout": 5.0, **attack.options}
        if isolation == "interpreter":
            options.pop("memory", None)
        box = subpool.Sandbox(attack.path, isolation=isolation, **options)
        said, result, refused = "", None, False
        try:
            result = box.call("attack", aim)
        except (subpool.PluginError, TimeoutError) as error:
            said, refused = str(error), isinstance(error, subpool.PolicyViolation)
        refused = refused or box.stats().violations > 0
        harm = senses.harm()
        try:
            answer = bystander.call("answer", 41, timeout=10)
        except (subpool.PluginError, TimeoutError) as error:
            answer = str(error)
        if answer != 42:
            harm.append(f"another plugin does not answer: {answer!r}")
        box.close()
        harm += [*senses.left(patience), *treasure.stolen(f"{result!r} {said}")]
    outcome = Outcome.NOT_STOPPED if harm else Outcome.REFUSED if refused else Outcome.CONTAINED
    return Verdict(outcome, said, harm)


def tried_alone(attack: Attack, isolation: Isolation, folder: Path) -> Verdict:
    """Try an attack in a process of its own, since it might take that along."""
    line = [sys.executable, __file__, attack.name, isolation, str(folder)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(each for each in sys.path if each)}
    done = subprocess.run(
        line, env=environ, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False
    )
    *noise, last = done.stdout.splitlines() or [""]
    if done.returncode or not last.startswith("{"):
        return Verdict(
            Outcome.NOT_STOPPED, "", [f"the host's process ended with {done.returncode}: {done.stderr[-500:]}"]
        )
    verdict = Verdict.read(last)
    if any("flood" in line for line in noise):
        return Verdict(Outcome.NOT_STOPPED, verdict.said, [*verdict.harm, "it wrote to the host's standard output"])
    return verdict


def main(name: str, isolation: Isolation, folder: str) -> None:
    """Try one here, and leave by the shortest way: a plugin may stand in the usual one."""
    import logging

    from subpool.sandbox import instance, sandbox

    instance.GRACE, sandbox.CLOSE = GRACE, CLOSE  # type: ignore[misc] # pyright: ignore[reportConstantRedefinition]
    logging.getLogger("subpool.sandbox").setLevel(logging.CRITICAL)
    path = Path(folder) / "bystander.py"
    path.write_text(BYSTANDER, encoding="utf-8")
    verdict = tried(attack_of(name), isolation, Path(folder), subpool.Sandbox(path), HASTY)
    os.write(1, f"\n{verdict.written()}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]
