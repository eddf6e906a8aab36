"""A small application that processes texts by plugins, each in an interpreter of its own.

Two of them need two releases of one library, one is slow, and one is broken. `README.md` tells what to look at.
`--quick` asks no package index, and takes stand-ins for the library.
"""

import argparse
import logging
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import subpool

HERE = Path(__file__).parent
NEEDED = {"old_markdown": "0.8.4", "new_markdown": "3.0.2"}
"""Which release of mistune goes into the folder of which plugin."""
PATIENCE = 30
"""Seconds that a package index has to answer in."""
TEXT = """
# The *Cat* and the Hat

The cat sat on the mat, the rat sat on the hat, and the bat ate what the cat had left. "Who let the bat in?", said the
rat; the mat was wet, and the hat was not.

Nobody *hid* what he *had* said.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="A small application with plugins.")
    parser.add_argument("--quick", action="store_true", help="ask no package index")
    arguments = parser.parse_args()
    logging.getLogger("subpool.sandbox").setLevel(logging.ERROR)  # refusals are warnings, and one is on purpose
    with tempfile.TemporaryDirectory() as folder:
        plugins = shutil.copytree(HERE / "plugins", Path(folder) / "plugins")
        vendor(plugins, online=not arguments.quick)
        with subpool.SandboxHost(plugins, timeout=5, break_after=3, break_seconds=60) as host:
            list_them(host)
            render(host)
            study(host)
            shout(host)
            tell_how_it_went(host)


# -- dependencies ------------------------------------------------------------------------------------------------------


def vendor(plugins: Path, *, online: bool) -> None:
    """Give each plugin what it needs: from the package index, or stand-ins of our own."""
    for plugin, release in NEEDED.items():
        folder = plugins / plugin / "vendored"
        folder.mkdir()
        if online and install(f"mistune=={release}", folder):
            continue
        print(f"{plugin} gets a stand-in for mistune {release}")
        shutil.copy(HERE / "stand_ins" / f"mistune_{release.replace('.', '_')}.py", folder / "mistune.py")


def install(requirement: str, folder: Path) -> bool:
    """Have pip, or uv, put a package into a folder. Whether it is there."""
    program = installer()
    if program is None:
        return False
    line = [*program, "install", "--quiet", "--no-deps", "--target", str(folder), requirement]
    try:
        subprocess.run(line, capture_output=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def installer() -> Sequence[str] | None:
    if find_spec("pip"):
        return sys.executable, "-m", "pip"
    uv = shutil.which("uv")
    return (uv, "pip") if uv else None


# -- what the application does ----------------------------------------------------------------------------------------


def list_them(host: subpool.SandboxHost) -> None:
    print("Plugins:")
    for entry in host.plugins():
        print(f"  {entry.name} {entry.version}")


def render(host: subpool.SandboxHost) -> None:
    """The same text by two releases of one library, side by side in one process."""
    jobs = {name: host.spawn(name, "render", TEXT, returns=str) for name in ("old-markdown", "new-markdown")}
    for name, job in jobs.items():
        heading = job.result().splitlines()[0]
        print(f"{host.call(name, 'engine')} makes of the heading: {heading}")
    assert "mistune" not in sys.modules  # the application itself has none of them


def study(host: subpool.SandboxHost) -> None:
    """A slow plugin: its progress, and a deadline that it does not keep."""
    seen: list[float] = []
    box = host["word-study"]
    found = box.call(
        "pairs", TEXT, 0.0, returns=list[tuple[str, str]], on_report=lambda report: seen.append(report.fraction)
    )
    print(
        f"{len(found)} pairs of words are alike, {found[0]} say; it reported {len(seen)} times, at last {seen[-1]:.0%}"
    )
    began = time.perf_counter()
    try:
        box.call("pairs", TEXT, 0.05, timeout=0.3)
    except TimeoutError as error:
        print(f"given up after {time.perf_counter() - began:.1f} s: {error}")
    assert box.call("pairs", "cat hat", 0.0) == [("cat", "hat")]  # it goes on answering


def shout(host: subpool.SandboxHost) -> None:
    """A broken plugin: after three failures nobody waits for it any more."""
    for attempt in range(1, 5):
        try:
            host.call("shouting", "shout", TEXT)
        except subpool.PluginError as error:
            print(f"attempt {attempt}: {type(error).__name__}: {error.message}")


def tell_how_it_went(host: subpool.SandboxHost) -> None:
    for name in host:
        stats = host[name].stats()
        print(
            f"{name}: {stats.completed} calls, {stats.failed} failed, {stats.timed_out} late;",
            f"its circuit is {stats.circuit.value}",
        )


if __name__ == "__main__":
    main()
