"""The specification is valid, agrees with what real servers answered, and every clause has a case.

Rules: reads files only; nothing of the shim is imported, so the specification is judged by the recordings alone.
"""

from __future__ import annotations

import ast
import copy
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastjsonschema
import jsonschema
import pytest
from clauses import CLAUSES, README
from openapi_spec_validator import OpenAPIV2SpecValidator

ROOT = Path(__file__).resolve().parents[2]
SPEC = ROOT / "spec"
CONTRACT = json.loads((SPEC / "contract.swagger.json").read_text())
CAUSES = json.loads((SPEC / "causes.json").read_text())
TRAPS = json.loads((SPEC / "traps.json").read_text())
SCHEMAS = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text())
    for path in sorted((SPEC / "web").glob("*.schema.json"))
}

LINE, SENTENCE = 120, 30  # characters; words, inline code counted as one
FEATURES = {
    "core",
    "attempts",
    "run-jobs",
    "run-zip",
    "conditional",
    "attempt-while-rerun-waits",
    "native",
    "missing-log",
    "job-details",
    "artifacts",
    "cancel",
    "delete-run",
    "own-run",
    "shim",
    "additions",
    "follow",
    "writes",
    "proxy",
    "client",
}

OPERATION = re.compile(
    r"/api/v1/repos/[^/]+/[^/]+/actions/(?:jobs/[^/]+/logs|runs/[^/]+/(?:jobs|logs)|artifacts/[^/]+/zip)(?:\?|$)"
)


def recorded(version: str = "") -> Iterator[tuple[dict[str, Any], Any]]:
    """Every recorded answer of a version (all if empty) with its JSON, None if it was none."""
    for path in sorted((ROOT / "tests/data/recordings").glob(f"{version}*.jsonl")):
        for line in path.read_text().splitlines():
            answer = json.loads(line)
            yield answer, (answer["response"].get("body") or {}).get("json")


def schema_of(answer: dict[str, Any], body: Any) -> str | None:
    """The name of the schema that a recorded answer must fit, None if the shim does not read such an answer."""
    path = answer["request"]["path"].partition("?")[0]
    if answer["response"]["status"] == 200 and isinstance(body, list) and re.search(r"/runs/[0-9]+/jobs$", path):
        return "jobs"
    if answer["response"]["status"] != 200 or not isinstance(body, dict):
        return None
    if not path.startswith("/api/v1/"):
        if answer["request"]["method"] == "POST" and "state" in body:
            return "state"
        return "artifacts" if re.search("/runs/[^/]+/artifacts/?$", path) else None
    for name, tail in (("tasks", r"/actions/tasks"), ("runs", r"/actions/runs"), ("run", r"/actions/runs/[0-9]+")):
        if re.search(tail + "$", path):
            return name
    return None


ANSWERS: dict[str, list[tuple[dict[str, Any], Any]]] = {name: [] for name in SCHEMAS}
for _answer, _body in recorded():
    if _name := schema_of(_answer, _body):
        ANSWERS[_name].append((_answer, _body))


# The contract


def test_contract_is_valid_swagger() -> None:
    # The validator is wrong about `type: file` in a response; the contract has none, so it must find nothing.
    assert [error.message for error in OpenAPIV2SpecValidator(CONTRACT).iter_errors()] == []


def test_contract_declares_what_forgejo_16_declares() -> None:
    """Of the operations below a repository, which the recording of the document keeps."""
    facts = next(
        answer["response"]["body"]["operations"]
        for answer, _ in recorded("16")
        if answer["request"]["path"] == "/swagger.v1.json"
    )
    below = {path: methods for path, methods in CONTRACT["paths"].items() if path.startswith("/repos/")}
    assert CONTRACT["paths"].keys() - below.keys() == {"/actions/run"}
    for path, methods in below.items():
        for method, operation in methods.items():
            parameters = [
                CONTRACT["parameters"][p["$ref"].rpartition("/")[2]] if "$ref" in p else p
                for p in operation["parameters"]
            ]
            assert facts[f"{method.upper()} {path}"] == {
                "operationId": operation["operationId"],
                "parameters": [[p["name"], p["in"], p["type"], p.get("required", False)] for p in parameters],
                "produces": operation.get("produces"),
                "responses": sorted(operation["responses"]),
            }


def test_recorded_jobs_fit_the_contract() -> None:
    schema = copy.deepcopy(CONTRACT["definitions"]["ActionRunJob"])
    for field in schema["properties"].values():
        if field.pop("x-nullable", False):
            field["type"] = [field["type"], "null"]
    schema |= {"required": list(schema["properties"]), "additionalProperties": False}
    jobs = [
        job
        for answer, body in recorded("16")
        if re.search("/runs/[0-9]+/jobs$", answer["request"]["path"]) and answer["response"]["status"] == 200
        for job in body
    ]
    assert len({job["status"] for job in jobs}) > 2
    for job in jobs:
        jsonschema.validate(job, schema)


# The schemas of the web answers


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_valid_and_says_what_it_is(name: str) -> None:
    schema = SCHEMAS[name]
    jsonschema.Draft7Validator.check_schema(schema)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["$id"] == f"urn:forgejo-shim:web:{name}"
    assert "Recorded on" in schema["$comment"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_accepts_every_recorded_answer(name: str) -> None:
    assert ANSWERS[name]
    fast, slow = fastjsonschema.compile(SCHEMAS[name]), jsonschema.Draft7Validator(SCHEMAS[name])
    for answer, body in ANSWERS[name]:
        assert list(slow.iter_errors(body)) == [], answer["note"]
        fast(copy.deepcopy(body))


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_rejects_every_answer_that_lost_a_field(name: str) -> None:
    fast, slow = fastjsonschema.compile(SCHEMAS[name]), jsonschema.Draft7Validator(SCHEMAS[name])
    _, body = max(ANSWERS[name], key=lambda pair: len(json.dumps(pair[1])))
    mutants = list(mutated(body, SCHEMAS[name], SCHEMAS[name]))
    assert len(mutants) > 3
    for what, mutant in mutants:
        assert not slow.is_valid(mutant), what
        with pytest.raises(fastjsonschema.JsonSchemaValueException):
            fast(mutant)


def mutated(body: Any, schema: Any, root: Any) -> Iterator[tuple[str, Any]]:
    """Copies of `body`, each with one required field dropped, or one known value of another type or out of its enum."""
    schema = root["definitions"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "enum" in schema or schema.get("type") in ("string", "boolean", "integer"):
        yield "another type", {"no": "such value"}
        yield "another word", "done-ish" if "enum" in schema else []
    if isinstance(body, dict):
        for key in schema.get("required", []):
            yield f"without {key}", {k: v for k, v in body.items() if k != key}
        for key in schema.get("properties", {}).keys() & body.keys():
            for what, value in mutated(body[key], schema["properties"][key], root):
                yield f"{key}: {what}", body | {key: value}
    if isinstance(body, list) and body and "items" in schema:
        for what, value in mutated(body[0], schema["items"], root):
            yield what, [value, *body[1:]]


def test_a_page_of_runs_holds_runs() -> None:
    head = {"$schema", "$id", "$comment", "title"}
    run = {key: value for key, value in SCHEMAS["run"].items() if key not in head}
    assert SCHEMAS["runs"]["properties"]["workflow_runs"]["items"] == run


# Causes, traps and their tables


def test_tables_are_what_their_data_says() -> None:
    command = [sys.executable, ROOT / "scripts/tables", "--check"]
    check = subprocess.run(command, check=False, capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


@pytest.mark.parametrize("row", CAUSES, ids=lambda row: str(row["cause"]))
def test_cause_is_well_formed(row: dict[str, Any]) -> None:
    assert row.keys() <= {"cause", "own", "status", "native_status", "message", "native_message", "exit_code", "clause"}
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", row["cause"])
    assert row["clause"] in CLAUSES
    assert row["exit_code"] in range(1, 9) and row["exit_code"] != 2
    assert row["status"] is not None or row["own"]


def test_causes_are_named_once() -> None:
    assert [cause for cause, count in Counter(row["cause"] for row in CAUSES).items() if count > 1] == []


def test_every_error_that_forgejo_16_answered_has_one_exit_code() -> None:
    seen = set()
    for answer, body in recorded("16"):
        request, response = answer["request"], answer["response"]
        if response["status"] < 400 or not OPERATION.match(request["path"]):
            continue
        message = body["message"] if body else (response["body"] or {}).get("text", "")
        rows = [row for row in CAUSES if fits(row, response["status"], message)]
        assert len({row["exit_code"] for row in rows}) == 1, (answer["note"], message)
        seen |= {row["cause"] for row in rows}
    assert seen >= {row["cause"] for row in CAUSES if not row.get("own")} - {"sign-in-required"}


def fits(row: dict[str, Any], status: int, message: str) -> bool:
    """Whether a native answer is of this cause."""
    patterns = [
        re.sub(r"\\\{\w+\\\}", "(?s:.*)", re.escape(text)) for text in row.get("native_message", [row["message"]])
    ]
    return status == row.get("native_status", row["status"]) and any(
        re.fullmatch(pattern, message.strip()) for pattern in patterns
    )


def test_traps_name_clauses_and_are_all_there() -> None:
    assert [trap["trap"] for trap in TRAPS] == list(range(1, len(TRAPS) + 1))
    assert [trap["trap"] for trap in TRAPS if not set(trap["clauses"]) <= CLAUSES.keys()] == []


# Clauses and their cases


def test_clauses_are_well_formed() -> None:
    bullets = re.findall(r"^- \*\*([A-Z][0-9]+)\*\*", README, re.MULTILINE)
    assert bullets == list(CLAUSES), "a clause twice, or one that does not read '- **L1** (feature) sentence.'"
    assert {feature for clause in CLAUSES.values() for feature in clause.features} == FEATURES
    for letter in {clause[0] for clause in bullets}:
        numbers = [int(clause[1:]) for clause in bullets if clause[0] == letter]
        assert numbers == list(range(1, len(numbers) + 1))


def test_sentences_are_short_and_lines_normal() -> None:
    """Outside the tables and what is made from data."""
    prose = re.sub(r"(?s)<!-- \w+:begin -->.*?:end -->", "", README)
    lines = [line for line in prose.splitlines() if not line.startswith("|")]
    assert [line for line in lines if len(line) > LINE] == []
    text = re.sub(r"`[^`]*`", "X", "\n".join(lines))
    items = [" ".join(item.split()) for item in re.split(r"\n\n|\n *- |\n(?=#)", text)]
    sentences = [sentence for item in items for sentence in re.split(r"(?<=[.:])\s+(?=[A-Z\"])", item)]
    assert len(sentences) > 300
    assert [sentence for sentence in sentences if len(sentence.split()) > SENTENCE] == []


def marked(source: str) -> Iterator[str]:
    """The clauses named by `pytest.mark.clause(...)`, or `clause(...)` for short, in a test's source."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pytest.mark.clause", "clause"):
            for argument in node.args:
                assert isinstance(argument, ast.Constant), f"line {node.lineno}: a clause is named by its text"
                yield str(argument.value)


def test_every_clause_has_a_case_and_every_case_a_clause() -> None:
    cases = [*(ROOT / "tests").glob("*/test_*.py"), *(SPEC / "checker/tests").glob("test_*.py")]
    named = {clause for path in cases for clause in marked(path.read_text())}
    assert named - CLAUSES.keys() == set(), "marked, but no clause of spec/README.md"
    assert [clause for clause in CLAUSES if clause not in named] == [], "clauses without a case"
