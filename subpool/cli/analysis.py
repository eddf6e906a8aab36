"""The demo's work: what the standard library's source files are made of.

It runs in subinterpreters and worker processes, so it imports the standard library and subpool, nothing else.
Every function takes the files' paths and returns an `Analysis`. Merging them is associative and commutative, which is
why files may be analysed anywhere, in any order, and still give equal findings.
"""

import ast
import heapq
import io
import os
import time
import tokenize
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import subpool

TOP = 5  # how many functions a record holds
WORTH_COMPARING = 6  # lines; shorter functions look alike by chance

type FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
type Shape = tuple[int, int]

_DECISIONS = (
    *(ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler),
    *(ast.BoolOp, ast.comprehension, ast.match_case, ast.Assert),
)


class Function(NamedTuple):
    """A function that holds a record: the measure first, so that records compare by it, and ties by where they are."""

    measure: int
    path: str
    line: int
    name: str


class Visit(NamedTuple):
    """The analysis of one file: who did it, and when (`time.perf_counter`: one clock for a process's interpreters)."""

    worker: int | None
    started: float
    ended: float


@dataclass(slots=True)
class Findings:
    """What was found in some files."""

    files: int = 0
    unparsable: int = 0
    lines: int = 0
    bare_lines: int = 0
    functions: int = 0
    unread_variables: int = 0
    tokens: Counter[str] = field(default_factory=Counter[str])
    nodes: Counter[str] = field(default_factory=Counter[str])
    names: Counter[str] = field(default_factory=Counter[str])
    shapes: Counter[Shape] = field(default_factory=Counter[Shape])
    longest: list[Function] = field(default_factory=list[Function])
    most_branched: list[Function] = field(default_factory=list[Function])

    def absorb(self, other: "Findings") -> None:
        """Add what `other` found."""
        self.files += other.files
        self.unparsable += other.unparsable
        self.lines += other.lines
        self.bare_lines += other.bare_lines
        self.functions += other.functions
        self.unread_variables += other.unread_variables
        self.tokens.update(other.tokens)
        self.nodes.update(other.nodes)
        self.names.update(other.names)
        self.shapes.update(other.shapes)
        self.longest = heapq.nlargest(TOP, self.longest + other.longest)
        self.most_branched = heapq.nlargest(TOP, self.most_branched + other.most_branched)

    @property
    def look_alikes(self) -> int:
        """How many functions have the same shape as another one, whatever their names and constants."""
        return sum(count for count in self.shapes.values() if count > 1)


@dataclass(slots=True)
class Analysis:
    """Findings and the visits that led to them; only the findings are the same on every run."""

    findings: Findings = field(default_factory=Findings)
    visits: list[Visit] = field(default_factory=list[Visit])

    def absorb(self, other: "Analysis") -> None:
        """Add another part of the work."""
        self.findings.absorb(other.findings)
        self.visits += other.visits


def one_after_another(paths: Iterable[str], ticks: int | None = None) -> Analysis:
    """Analyse files in a plain loop. A byte is written to the descriptor `ticks` after each."""
    whole = Analysis()
    for path in paths:
        whole.absorb(visit(path, ticks))
    return whole


def fork_join(paths: Sequence[str], ticks: int | None = None) -> Analysis:
    """The same by halves, down to single files: whoever is idle steals the biggest half that is left."""
    if len(paths) <= 1:
        return one_after_another(paths, ticks)
    middle = len(paths) // 2
    whole, rest = subpool.join(partial(fork_join, paths[:middle], ticks), partial(fork_join, paths[middle:], ticks))
    whole.absorb(rest)
    return whole


def visit(path: str, ticks: int | None = None) -> Analysis:
    """Analyse one file, and note who did it."""
    started = time.perf_counter()
    findings = analyse(path)
    done = Visit(subpool.worker_index(), started, time.perf_counter())
    tick(ticks)
    return Analysis(findings, [done])


def settle(seconds: float) -> None:
    """Keep a worker that has imported this module busy for a moment, so that the next such call starts another one."""
    time.sleep(seconds)


def tick(ticks: int | None, count: int = 1) -> None:
    """Tell the progress bar at the other end of the descriptor, if there is one, that files are done."""
    if ticks is not None:
        os.write(ticks, b"." * count)


def analyse(path: str) -> Findings:
    """Parse and tokenise one file and measure what is in it; one that cannot be read or parsed is only counted."""
    try:
        with tokenize.open(path) as file:
            source = file.read()
        tree = ast.parse(source)
        tokens = count_tokens(source)
    except (OSError, SyntaxError, UnicodeDecodeError):
        return Findings(files=1, unparsable=1)
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return Findings(
        files=1,
        lines=source.count("\n"),
        bare_lines=ast.unparse(tree).count("\n"),  # what is left without comments, blank lines and long lines' breaks
        functions=len(functions),
        unread_variables=sum(len(unread(function)) for function in functions),
        tokens=tokens,
        nodes=Counter(type(node).__name__ for node in nodes),
        names=count_names(nodes),
        shapes=Counter(shape(function) for function in functions if length(function) >= WORTH_COMPARING),
        longest=record(path, ((length(function), function) for function in functions)),
        most_branched=record(path, ((branches(function), function) for function in functions)),
    )


def count_tokens(source: str) -> Counter[str]:
    """How many tokens of each kind there are."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return Counter(tokenize.tok_name[token.type] for token in tokens)


def count_names(nodes: Iterable[ast.AST]) -> Counter[str]:
    """How often each variable and attribute is mentioned."""
    names: Counter[str] = Counter()
    for node in nodes:
        if isinstance(node, ast.Name):
            names[node.id] += 1
        elif isinstance(node, ast.Attribute):
            names[node.attr] += 1
    return names


def length(function: FunctionNode) -> int:
    """Lines from `def` to the end."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def branches(function: FunctionNode) -> int:
    """McCabe's cyclomatic complexity, near enough: one more than the decisions in the function."""
    return 1 + sum(isinstance(node, _DECISIONS) for node in ast.walk(function))


def unread(function: FunctionNode) -> set[str]:
    """Variables that the function sets and never reads, other than `_` and its like, and those that outlive it."""
    written, read = set[str](), set[str]()
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            (written if isinstance(node.ctx, ast.Store) else read).add(node.id)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            read.update(node.names)
    return {name for name in written - read if not name.startswith("_")}


def shape(function: FunctionNode) -> Shape:
    """A fingerprint of the syntax tree without names and constants; equal for functions of the same structure."""
    outline = _outline(function)
    return len(outline), zlib.crc32(outline.encode())


def record(path: str, measured: Iterable[tuple[int, FunctionNode]]) -> list[Function]:
    """The functions of one file with the largest measures, largest first."""
    return heapq.nlargest(TOP, (Function(measure, path, node.lineno, node.name) for measure, node in measured))


def _outline(node: ast.AST) -> str:
    children = "".join(_outline(child) for child in ast.iter_child_nodes(node))
    return f"({type(node).__name__}{children})"
