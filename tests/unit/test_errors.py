"""Every cause of spec/causes.json against the errors that the code raises and what the client makes of answers.

Rules: what the code raises is read from its source: an error's class, its cause and the text of its message, with `…`
for what is filled in. So a cause that only one side knows, or a message that only one side changed, is found.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forgejo_shim import errors
from forgejo_shim.api import error_of
from forgejo_shim.errors import Expired, NoLog, NotExecuted, ShimError, attempt_not_found, job_not_found
from forgejo_shim.faces.forgejo import error_body
from forgejo_shim.operations import ARTIFACT_ZIP, JOB_LOG, RUN_JOBS

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "shim/forgejo_shim"
ROWS = {row["cause"]: row for row in json.loads((ROOT / "spec/causes.json").read_text())}
OWN = {cause: row for cause, row in ROWS.items() if row.get("own")}
JSON = "application/json;charset=utf-8"
CLASSES = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, ShimError)}
# Causes of the command's own, which no row of the table has: wrong words, and a 404 that no message explains.
NOT_IN_THE_TABLE = {"usage", "not-found"}


def text_of(node: ast.expr, names: dict[str, str]) -> str:
    """The text of a string in the source, `…` for what is filled in; `names` are local texts that others begin with."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            names.get(ast.unparse(part.value), "…") if isinstance(part, ast.FormattedValue) else str(part.value)  # type: ignore[attr-defined]
            for part in node.values
        )
    return "…"


def raised() -> Iterator[tuple[str, str, str]]:
    """Class, cause and message of every error that the code makes with a cause."""
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text())
        names = {
            ast.unparse(node.targets[0]): text_of(node.value, {})
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.JoinedStr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in CLASSES and node.args:
                kind = ast.unparse(node.func)
                cause = next((key.value for key in node.keywords if key.arg == "cause"), None)
                own = cause_by_class(kind) if cause is None else cause.value if isinstance(cause, ast.Constant) else ""
                if own:
                    yield kind, str(own), text_of(node.args[0], names)
            if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant):
                if node.elts[0].value in OWN:  # pages._trouble
                    yield "WebAccount", str(node.elts[0].value), text_of(node.elts[1], names)


def cause_by_class(kind: str) -> str:
    """The cause that a class has of itself."""
    try:
        return str(CLASSES[kind]("x").cause)
    except TypeError:
        return ""


RAISED = list(raised())


def pattern(message: str) -> str:
    """A row's message as a pattern."""
    return re.sub(r"\\\{\w+\\\}", "(?s:.+)", re.escape(message))


def filled(message: str) -> str:
    """A row's message with something in its places."""
    return re.sub(r"\{\w+\}", "7", message)


def test_the_code_and_the_table_know_the_same_causes() -> None:
    own = {cause for _, cause, _ in RAISED}
    assert own - ROWS.keys() - NOT_IN_THE_TABLE == set()
    assert OWN.keys() - own == set()


@pytest.mark.parametrize(("kind", "cause", "message"), RAISED, ids=lambda value: str(value)[:40])
def test_an_error_has_the_status_and_the_exit_code_of_its_cause(kind: str, cause: str, message: str) -> None:
    if cause in NOT_IN_THE_TABLE:
        return
    row = ROWS[cause]
    assert CLASSES[kind].exit_code == row["exit_code"]
    if row.get("own") and row["status"] is not None:
        assert CLASSES[kind].status == row["status"]


@pytest.mark.parametrize("cause", OWN)
def test_a_message_of_the_code_is_that_of_the_table(cause: str) -> None:
    messages = [message for _, own, message in RAISED if own == cause]
    assert any(re.fullmatch(pattern(OWN[cause]["message"]), message) for message in messages), messages


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (job_not_found(7), "job-not-found"),
        (attempt_not_found(7, 2), "attempt-not-found"),
        (NotExecuted(), "not-executed"),
        (Expired(), "logs-expired"),
        (NoLog(), "job-has-no-log"),
    ],
)
def test_what_the_contract_has_a_word_for_is_said_in_its_words(error: ShimError, cause: str) -> None:
    row = ROWS[cause]
    assert re.fullmatch(pattern(row["message"]), error.message)
    assert (error.status, error.exit_code, error.cause) == (row["status"], row["exit_code"], "")


def answers() -> Iterator[Any]:
    """Each cause as Forgejo 16 and as the shim answer it: status, body, operation."""
    for cause, row in ROWS.items():
        template = {"run-not-found": RUN_JOBS, "artifact-not-found": ARTIFACT_ZIP}.get(cause, JOB_LOG).path
        own = {"cause": cause} if row.get("own") else {}
        if row["status"] is not None:
            body = json.dumps({"message": filled(row["message"]), "url": "http://f/api/swagger", **own}).encode()
            yield pytest.param(row["status"], body, template, cause, id=f"{cause}-shim")
        for message in row.get("native_message", []):
            body = json.dumps({"message": filled(message), "url": "http://f/api/swagger"}).encode()
            status = row.get("native_status", row["status"])
            yield pytest.param(status, body, template, cause, id=f"{cause}-native")


@pytest.mark.clause("C5", "C6")
@pytest.mark.parametrize(("status", "body", "template", "cause"), list(answers()))
def test_an_answer_is_the_same_error_on_both_backends(status: int, body: bytes, template: str, cause: str) -> None:
    error = error_of(status, JSON, body, "job 7 of o/r", template)
    assert (error.cause, error.exit_code) == (cause, ROWS[cause]["exit_code"])
    assert "\n" not in error.message and error.message


def test_an_error_survives_the_way_through_an_answer() -> None:
    for kind, cause, message in RAISED:
        row = ROWS.get(cause, {})
        if row.get("own") and row["status"] is not None:
            made = error_of(
                row["status"], JSON, error_body(made_of(kind, message, cause), "http://f"), "x", JOB_LOG.path
            )
            assert (type(made).__name__, made.message, made.cause) == (kind, message, cause)


def made_of(kind: str, message: str, cause: str) -> ShimError:
    error = CLASSES[kind](message) if cause_by_class(kind) else CLASSES[kind](message, cause=cause)
    error.cause = cause
    return error


@pytest.mark.clause("S35")
@pytest.mark.parametrize(
    "message",
    [
        "access token does not exist [sha: 0123456789abcdef]",
        'token is malformed\naccess token does not exist [sha: Passw0rd!y]\ntask with token "Passw0rd!y": resource',
    ],
)
def test_a_401_never_repeats_what_the_server_repeats(message: str) -> None:
    error = error_of(
        401, JSON, json.dumps({"message": message, "url": "http://f/api/swagger"}).encode(), "o/r", JOB_LOG.path
    )
    assert error.exit_code == 4
    assert "0123456789abcdef" not in repr(error) and "Passw0rd" not in repr(error)


@pytest.mark.clause("S48")
@pytest.mark.parametrize(
    ("status", "kind", "body", "exit_code"),
    [
        (404, "text/html", b"<html>", 8),
        (404, "text/plain", b"404 page not found\n", 1),
        (401, "text/html", b"<html>", 8),
        (401, JSON, b'{"message": "Unauthorized"}', 8),
        (403, "text/html", b"<html>", 8),
        (403, JSON, b'{"message": "Forbidden", "url": "http://f/api/swagger"}', 4),
        (404, JSON, b'{"message": "no Route matched with those values"}', 8),
        (405, "text/html", b"<html>", 8),
        (416, "text/html", b"<html>", 8),
        (302, "text/html", b"", 8),
        (500, JSON, b'{"message": "database is locked", "url": ""}', 8),
        (502, "text/html", b"<html>Bad Gateway", 8),
        (503, "text/html", b"<html>", 1),
        (429, "text/plain", b"slow down", 1),
        (404, JSON, b'["message"]', 8),
        (404, JSON, b'{"message": 7}', 8),
        (404, JSON, b'{"message": ""}', 8),
        (404, JSON, b'{"message": "", "url": "http://f/api/swagger"}', 5),
    ],
)
def test_answers_that_are_in_no_table(status: int, kind: str, body: bytes, exit_code: int) -> None:
    assert error_of(status, kind, body, "job 7 of o/r", JOB_LOG.path).exit_code == exit_code


def test_an_empty_500_says_that_there_is_no_log_only_where_a_log_was_asked_for() -> None:
    assert error_of(500, JSON, b'{"message": ""}', "x", RUN_JOBS.path).exit_code == 8
