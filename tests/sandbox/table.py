"""Writes docs/sandbox-attacks.md from the corpus of attacks: `python tests/sandbox/table.py`."""

from __future__ import annotations

import sys
from pathlib import Path

from corpus import ISOLATIONS, Attack, Outcome, corpus

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "sandbox-attacks.md"
HEAD = """\
# What plugins were tried to get away with

<!-- Written by tests/sandbox/table.py from the attacks in tests/sandbox/attacks/. -->

A {{py:class}}`~subpool.Sandbox` is **no security boundary against hostile code**. This page says how far it goes: each
attack below is a plugin in `tests/sandbox/attacks/`, and the tests run all {count} of them, in both isolations, by the
default policy, on every Python that subpool supports. After each, the host has to be alive and unchanged, and another
plugin has to answer; what is said not to be stopped is shown not to be.

| outcome | what it means | interpreter | process |
|---|---|---:|---:|
"""
MEANINGS = {
    Outcome.REFUSED: "the policy refused it, and the plugin could do nothing about that",
    Outcome.CONTAINED: "nothing but the plugin itself suffered",
    Outcome.NOT_STOPPED: "it got at something that it should not have, or did harm",
}
TITLES = {
    "builtins": "Patched built-ins and modules",
    "encodings": "Encodings and odd names",
    "files": "The host's files, descriptors and environment",
    "frames": "Frames and tracebacks",
    "hook": "Taking the policy away",
    "imports": "Imports",
    "loops": "Loops without end",
    "objects": "Objects with a mind of their own",
    "output": "Floods of output",
    "recursion": "Recursion",
    "results": "Results and memory",
    "subclasses": "Walks over classes",
    "threads": "Threads and what runs at the end",
}


def page() -> str:
    """The whole page."""
    attacks = corpus()
    parts = [HEAD.format(count=len(attacks)) + "".join(map(_total, Outcome))]
    parts.append(_not_stopped(attacks))
    for kind in sorted({attack.kind for attack in attacks}):
        rows = [_row(attack) for attack in attacks if attack.kind == kind]
        parts.append(f"## {TITLES[kind]}\n\n| attack | interpreter | process |\n|---|---|---|\n" + "".join(rows))
    return "\n".join(parts)


def _total(outcome: Outcome) -> str:
    counts = [sum(attack.expected[isolation] is outcome for attack in corpus()) for isolation in ISOLATIONS]
    return f"| {outcome.value} | {MEANINGS[outcome]} | {counts[0]} | {counts[1]} |\n"


def _not_stopped(attacks: list[Attack]) -> str:
    lines = ["## What an interpreter does not stop\n"]
    for attack in attacks:
        if attack.expected["interpreter"] is Outcome.NOT_STOPPED:
            other = attack.expected["process"]
            also = "a process does not either" if other is Outcome.NOT_STOPPED else f"in a process it is {other.value}"
            lines.append(f"- `{attack.name}`: {_about(attack)} ({also})")
    return "\n".join(lines) + "\n"


def _row(attack: Attack) -> str:
    outcomes = [attack.expected[isolation] for isolation in ISOLATIONS]
    shown = [f"**{each.value}**" if each is Outcome.NOT_STOPPED else each.value for each in outcomes]
    return f"| `{attack.path.stem}`: {_about(attack)} | {shown[0]} | {shown[1]} |\n"


def _about(attack: Attack) -> str:
    text = " ".join(attack.about.split()).rstrip(".").replace("|", "\\|")
    return text[0].lower() + text[1:]


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        sys.stdout.write(page())
    else:
        PAGE.write_text(page(), encoding="utf-8")
