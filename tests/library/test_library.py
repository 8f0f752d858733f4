"""The library as a newcomer meets it: its names, its help, what it takes for arguments, and `python -m`."""

from __future__ import annotations

import ast
import inspect
import pydoc
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import forgejo_shim
import pytest
import requests
from forgejo_shim import Artifact, Client, Repo, Run, ShimError, WebCookie, WebLogin, errors, mount
from forgejo_shim.requests_adapter import ShimAdapter

PUBLIC = [getattr(forgejo_shim, name) for name in forgejo_shim.__all__]


def annotations(thing: Any) -> Iterator[str]:
    """The annotations of a public function, or of a class's public methods, properties and fields."""
    if inspect.isfunction(thing):
        yield from map(str, thing.__annotations__.values())
    elif inspect.isclass(thing) and thing.__module__.startswith("forgejo_shim"):
        yield from map(str, vars(thing).get("__annotations__", {}).values())
        for name, member in vars(thing).items():
            if not name.startswith("_") or name in ("__init__", "__iter__", "__enter__"):
                yield from annotations(member.fget if isinstance(member, property) else member)


@pytest.mark.clause("C20")
@pytest.mark.parametrize("thing", PUBLIC, ids=forgejo_shim.__all__)
def test_every_type_that_a_public_signature_names_is_exported(thing: Any) -> None:
    module = sys.modules.get(getattr(thing, "__module__", ""), forgejo_shim)
    for text in annotations(thing):
        for node in ast.walk(ast.parse(text, mode="eval")):
            if isinstance(node, ast.Name) and node.id not in vars(__import__("builtins")):
                named = getattr(module, node.id, None)
                home = getattr(named, "__module__", "") or ""
                ours = home.startswith("forgejo_shim") or node.id in ("Timeout", "Progress", "WebCredentials")
                assert not ours or node.id in forgejo_shim.__all__, f"{thing}: {node.id}"


@pytest.mark.clause("C20")
def test_every_error_is_exported_and_told_of() -> None:
    tree = {name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, ShimError)}
    assert tree <= set(forgejo_shim.__all__) and all(hasattr(forgejo_shim, name) for name in forgejo_shim.__all__)
    shown = pydoc.render_doc(forgejo_shim, renderer=pydoc.plaintext)
    for name in tree:
        assert getattr(errors, name).__doc__ and shown.count(name) > 2
    assert "├── NotExecuted" in shown


def test_python_m_is_the_command() -> None:
    for words, code in ((["--version"], 0), (["logs"], 2)):
        ended = subprocess.run(
            [sys.executable, "-m", "forgejo_shim", *words], capture_output=True, text=True, timeout=30, check=False
        )
        assert ended.returncode == code and "forgejo-shim" in ended.stdout + ended.stderr


NO_NUMBER = [True, 1.0, "", " 12", "-1", "1_0", "٣", "x", "9" * 5000, b"1", None, [1], float("nan")]
NO_OPTIONAL = [value for value in NO_NUMBER if value is not None]
NO_TEXT = [1, b"x", None, ["o/r"], True]
RUN = Run(1, 1, "", "", "", "", "")
ARTIFACT = Artifact(1, "x", 1, False, 1)
# Method, its other arguments, the argument, and what it does not take.
WRONG: list[tuple[str, dict[str, Any], str, list[Any]]] = [
    ("runs", {}, "repo", NO_TEXT),
    ("runs", {"repo": "o/r"}, "limit", NO_NUMBER),
    ("run", {"number": 1}, "repo", NO_TEXT),
    ("run", {"repo": "o/r"}, "number", [*NO_NUMBER, "Latest", RUN]),
    ("jobs", {"repo": "o/r"}, "run", [*NO_NUMBER, "newest"]),
    ("log", {"repo": "o/r"}, "job_id", NO_NUMBER),
    ("log", {"repo": "o/r", "job_id": 1}, "attempt", NO_OPTIONAL),
    ("log", {"repo": "o/r", "job_id": 1}, "step", NO_OPTIONAL),
    ("log", {"repo": "o/r", "job_id": 1}, "tail", NO_OPTIONAL),
    ("log", {"repo": "o/r", "job_id": 1}, "part", [1, b"0-1", True]),
    ("save_log", {"repo": "o/r", "path": "x"}, "job_id", NO_NUMBER),
    ("save_log", {"repo": "o/r", "job_id": 1}, "path", [1, b"x", None]),
    ("save_log", {"repo": "o/r", "job_id": 1, "path": "x"}, "attempt", NO_OPTIONAL),
    ("save_log", {"repo": "o/r", "job_id": 1, "path": "x"}, "progress", [1, "x"]),
    ("save_run_logs", {"repo": "o/r", "folder": "x"}, "run", NO_NUMBER),
    ("save_run_logs", {"repo": "o/r", "run": 1}, "folder", [1, b"x", None]),
    ("save_run_logs", {"repo": "o/r", "run": 1, "folder": "x"}, "replace", [1, "x", None]),
    ("artifacts", {}, "repo", NO_TEXT),
    ("artifacts", {"repo": "o/r"}, "run", [value for value in NO_NUMBER if value is not None]),
    ("artifacts", {"repo": "o/r"}, "limit", NO_OPTIONAL),
    ("save_artifact", {"repo": "o/r", "path": "x"}, "artifact", [1, "x", None]),
    ("save_artifact", {"repo": "o/r", "artifact": ARTIFACT}, "path", [1, b"x", None]),
    ("save_artifact", {"repo": "o/r", "artifact": ARTIFACT, "path": "x"}, "extract", [1, "x", None]),
    ("save_artifact", {"repo": "o/r", "artifact": ARTIFACT, "path": "x"}, "progress", [1, "x"]),
    ("cancel", {"repo": "o/r"}, "run", NO_NUMBER),
    ("rerun", {"repo": "o/r"}, "run", NO_NUMBER),
    ("rerun", {"repo": "o/r", "run": RUN}, "failed", [1, "x", None]),
    ("rerun_job", {"repo": "o/r"}, "job_id", NO_NUMBER),
    ("get_json", {"what": "x"}, "path", NO_TEXT),
    ("get_json", {"path": "/x"}, "what", NO_TEXT),
    ("try_web", {}, "repo", [1, b"x", True]),
]


@pytest.mark.clause("C18")
@pytest.mark.parametrize(("method", "others", "name", "values"), WRONG, ids=lambda value: str(value)[:20])
def test_a_wrong_type_is_a_type_error_before_anything_is_asked(
    method: str, others: dict[str, Any], name: str, values: list[Any]
) -> None:
    with Client("http://127.0.0.1:1") as client:
        for value in values:
            with pytest.raises(TypeError):
                getattr(client, method)(**others, **{name: value})
        assert client.adapter.sent == 0


@pytest.mark.clause("C18")
def test_a_wrong_type_for_a_client() -> None:
    for wrong in (
        {"base_url": None}, {"base_url": b"http://f"}, {"token": 7}, {"token": b"secret"}, {"web": ("u", "secret")},
        {"web": "secret"}, {"store": "state.db"}, {"session_file": "session.json"}, {"timeout": None},
        {"timeout": "5"}, {"timeout": True}, {"timeout": (1, 2, 3)}, {"timeout": (1, "2")},
    ):  # fmt: skip
        with pytest.raises(TypeError) as caught:
            Client(**{"base_url": "http://127.0.0.1:1", **wrong})  # type: ignore[arg-type]
        assert "secret" not in str(caught.value)
    for timeout in (0, -1, float("inf"), float("nan"), (1, 0)):
        with pytest.raises(ValueError, match="timeout"):
            Client("http://127.0.0.1:1", timeout=timeout)  # type: ignore[arg-type]
    for make in (lambda: WebLogin("u", None), lambda: WebLogin("u", "p", 7), lambda: WebCookie(None)):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="text"):
            make()
    with Client("http://127.0.0.1:1") as client, pytest.raises(ShimError, match="invalid range"):
        client.log("o/r", 1, part="0-1\r\nX: y")


@pytest.mark.clause("C18")
@pytest.mark.parametrize(
    "wrong",
    [
        {"web": ("u", "secret")}, {"store": "state.db"}, {"session_file": "session.json"}, {"writes": "no"},
        {"writes": None}, {"face": "forgejo"}, {"face": True}, {"base_url": b"http://f"},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_type_for_a_mount_is_told_at_once(wrong: dict[str, Any]) -> None:
    session = requests.Session()
    with pytest.raises(TypeError, match=f"{next(iter(wrong))} must") as caught:
        mount(session, **{"base_url": "http://127.0.0.1:1", **wrong})
    assert "secret" not in str(caught.value)
    assert not isinstance(session.get_adapter("http://127.0.0.1:1/"), ShimAdapter)


@pytest.mark.clause("C18")
def test_digits_are_their_number() -> None:
    from small import Small, row

    with Small("16") as small, small.client() as client:
        small.add({"build": row("x")})
        assert client.run("o/r", "1") == client.run(Repo("o", "r"), 1) == client.run("o/r", "latest")  # type: ignore[arg-type]
        assert client.jobs("o/r", "01") == client.jobs("o/r", 1) and client.runs("o/r", "1")  # type: ignore[arg-type]
        assert client.log("o/r", "1", "1", tail="5").read() == row("x")  # type: ignore[arg-type]


@pytest.mark.clause("C18")
def test_less_than_none_is_a_value_error_before_anything_is_asked() -> None:
    with Client("http://127.0.0.1:1") as client:
        for ask in (client.runs, client.artifacts):
            with pytest.raises(ValueError, match="limit must be 0 or more, not -1"):
                ask("o/r", limit=-1)
        assert client.adapter.sent == 0
