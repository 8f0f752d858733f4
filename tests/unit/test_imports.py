"""The order of imports: models and errors first, the drivers last, no I/O up to the flows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

PACKAGE = Path(__file__).parents[2] / "shim" / "forgejo_shim"

# Each layer may import itself and the layers before it; a name with a dot at its end is a folder.
LAYERS = (
    ("models", "errors", "inert"),
    (
        "artifact_ids",
        "why.values",
        "capabilities",
        "expressions",
        "file_names",
        "router",
        "sealed",
        "search",
        "workflow_ids",
        "times",
        "newest",
        "zip_entries",
    ),
    ("identity", "operations", "scopes", "pages", "paths", "rows", "log_lines", "schema"),
    ("why.",),
    (
        "api",
        "api_artifact",
        "api_job",
        "transport",
        "store.protocol",
        "webui.values",
        "webui.grammar",
        "webui.cookies",
        "webui.html",
        "webui.view",
        "webui.totp",
    ),
    ("store.facts", "webui.session"),
    ("server",),
    ("webui.asking", "webui.reader"),
    ("flows.",),
    ("faces.",),
    ("address", "environment", "files", "network", "store.", "arguments"),
    ("answer_body", "requests_transport", "requests_adapter", "proxy."),
    (
        "download",
        "unzip",
        "client",
        "client_artifacts",
        "client_base",
        "client_body",
        "client_changes",
        "client_follow",
        "client_jobs",
        "client_log",
        "client_logs",
        "client_runs",
        "client_session",
        "client_tries",
        "pick_run",
        "client_why",
    ),
    ("mcp.",),
    ("__init__",),
    ("cli.", "__main__"),
)
PURE = 10  # layers without I/O
IO = {"requests", "urllib3", "aiohttp", "http.client", "socket", "ssl", "time", "threading", "asyncio", "sqlite3", "os"}


def modules() -> Iterator[tuple[str, list[str]]]:
    """Each module of the package as `flows.net`, with the names that it imports: `.flows.net` or `socket`."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(parts), list(_imported(ast.parse(path.read_text()), parts))


def _imported(tree: ast.AST, parts: tuple[str, ...]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
        elif isinstance(node, ast.ImportFrom):
            folder = parts[: len(parts) - node.level]
            base = ".".join([*folder, *([node.module] if node.module else [])])
            is_module = (PACKAGE / base.replace(".", "/")).with_suffix(".py").exists()
            yield from [f".{base}"] if is_module else (f".{'.'.join(filter(None, [base, n.name]))}" for n in node.names)


def layer(name: str) -> int:
    for fits in (str.__eq__, lambda name, n: n.endswith(".") and name.startswith(n)):  # a file's own line comes first
        for number, names in enumerate(LAYERS):
            if any(fits(name, n) for n in names):
                return number
    raise AssertionError(f"{name} is in no layer: say in LAYERS where it belongs")


@pytest.mark.parametrize("name, imported", list(modules()), ids=[name for name, _ in modules()])
def test_imports_point_one_way(name: str, imported: list[str]) -> None:
    own = layer(name)
    for other in imported:
        if other.startswith("."):
            target = other[1:] if (PACKAGE / f"{other[1:].replace('.', '/')}.py").exists() else "__init__"
            if own == len(LAYERS) - 1 or layer(target) < len(LAYERS) - 2:
                assert layer(target) <= own, f"{name} imports {target}"
            else:
                raise AssertionError(f"{name} imports {other}")
        elif own < PURE:
            assert other not in IO, f"{name} imports {other}: no I/O before the drivers"


def test_models_and_errors_import_nothing_of_the_package() -> None:
    found = {name: [other for other in imported if other.startswith(".")] for name, imported in modules()}
    assert found["models"] == found["errors"] == []


def test_nothing_private_of_urllib3_is_used() -> None:
    """What urllib3 does not promise (`_fp`, `_original_response`, …) may go with any version of it."""
    known = set(dir(urllib3.HTTPResponse)) | set(vars(urllib3.HTTPResponse(b"", preload_content=False)))
    private = {name for name in known if name[0] == "_" and name[1] != "_"} | {"length_remaining", "chunk_left"}
    assert {"_fp", "_connection", "_original_response"} <= private
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in private:
                assert isinstance(node.value, ast.Name) and node.value.id == "self", f"{path.name} uses .{node.attr}"
