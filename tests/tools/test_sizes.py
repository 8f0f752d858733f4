"""Product files have at most 300 lines and product functions at most 40, so that each is read at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE, FUNCTION = 300, 40  # lines; a function's from its `def` to its end


def too_large(source: str, name: str) -> Iterator[str]:
    """The file, if it is, and each of its functions that is."""
    if source.count("\n") > FILE:
        yield name
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if (node.end_lineno or 0) - node.lineno >= FUNCTION:
                yield f"{name}: {node.name}"


def test_files_and_functions_are_small() -> None:
    found = [
        name
        for folder in ("shim", "spec")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "tests" not in path.relative_to(ROOT).parts
        for name in too_large(path.read_text(), str(path.relative_to(ROOT)))
    ]
    assert found == []


def test_one_line_too_many_is_found() -> None:
    function = "async def long():\n" + "    pass\n" * (FUNCTION - 1)
    assert list(too_large(function, "a.py")) == []
    assert list(too_large(function + "    pass\n", "a.py")) == ["a.py: long"]
    assert list(too_large("\n" * FILE, "a.py")) == []
    assert list(too_large("\n" * (FILE + 1), "a.py")) == ["a.py"]
