"""Files of source code, tokenised and parsed. By itself, since what it imports takes a worker a megabyte and more."""

import ast
import io
import tokenize


def examined(path: str) -> tuple[int, int]:
    """A source file, tokenised and parsed: how many tokens and nodes it has."""
    with open(path, "rb") as file:
        source = file.read()
    tokens = sum(1 for _ in tokenize.tokenize(io.BytesIO(source).readline))
    return tokens, sum(1 for _ in ast.walk(ast.parse(source)))


def examine(paths: list[str]) -> list[tuple[int, int]]:
    """All of them, one after the other."""
    return list(map(examined, paths))
