"""`forgejo-shim spec check` against the target's front: it passes, or says what is missing.

Rules: a target with the adapter is asked as the server that it is, since a document is no answer of the shim's. The
double lists operations without their answers, so there only operations count where they are the double's own.

What came since 15.0.2 is told by two running servers. What is right is found without the code under test: by the keys
of the two documents, and by their definitions without what only people read.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from forgejo_shim.cli import main
from hand import plain_session
from servers import available
from targets import Live, Target

# Operations more than 15.0.2 has, and how many are Actions'.
GAINED = {"16": (15, 11), "15-patched": (10, 10), "15.0.4-patched": (10, 10)}
CONTRACT = json.loads((Path(__file__).parents[2] / "spec/contract.swagger.json").read_text())
OPERATIONS = {f"{method.upper()} {path}" for path, item in CONTRACT["paths"].items() for method in item}
BY_RUN_ID = {key for key in OPERATIONS if "{run_id}" in key}
WRITES = {key for key in OPERATIONS if not key.startswith("GET ")}
# What a target must claim to have an operation whose path ends so.
FEATURES = {"/actions/run": "own-run", "/runs/{run_id}": "delete-run", "/cancel": "cancel"}


def run(home: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of the command."""
    hidden = {name: None for name in os.environ if name.startswith(("FORGEJO", "XDG_"))}
    result = CliRunner(env={**hidden, "HOME": str(home)}).invoke(main, ["--json", "spec", *words])
    assert result.exit_code in (0, 1) and result.stderr == "", result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, found


def is_native(target: Target) -> bool:
    """Whether the server itself has the operations."""
    return "native" in target.features


def lacking(target: Target) -> set[str]:
    """The operations of the contract that are not there: a proxy that only reads declares no writes of its own."""
    if not is_native(target) and target.front != "proxy":
        return OPERATIONS
    absent = {key for key in OPERATIONS if not is_claimed(key, target)}
    return absent if is_native(target) else absent | WRITES


def is_claimed(key: str, target: Target) -> bool:
    """Whether the target claims an operation."""
    wanted = next((feature for end, feature in FEATURES.items() if key.endswith(end)), "core")
    if "artifact" in key and "artifacts" not in target.features:
        return False
    return wanted in {"core", *target.features} and (key not in BY_RUN_ID or "run-jobs" in target.features)


@pytest.mark.clause("K1", "K2")
def test_the_check_names_what_is_missing(live: Live, tmp_path: Path) -> None:
    code, found = run(tmp_path, "check", live.base_url)
    missing = {finding["operation"] for finding in found["findings"] if finding["rule"] == "operation-removed"}
    assert missing == lacking(live.target)
    if not (live.target.double and is_native(live.target)):
        worse = [finding for finding in found["findings"] if finding["level"] == "ERR"]
        assert len(worse) == len(missing), worse
        assert code == (1 if missing else 0)


@pytest.mark.clause("K19")
def test_a_part_of_the_contract_is_checked_by_its_paths(live: Live, tmp_path: Path) -> None:
    code, found = run(tmp_path, "check", live.base_url, "--path", "**/logs")
    missing = {finding["operation"] for finding in found["findings"] if finding["rule"] == "operation-removed"}
    assert missing == {key for key in lacking(live.target) if key.endswith("/logs")}
    if not (live.target.double and is_native(live.target)):
        assert code == (1 if missing else 0)


@pytest.mark.clause("K3")
def test_a_server_does_not_differ_from_itself(live: Live, tmp_path: Path) -> None:
    code, found = run(tmp_path, "diff", "--all", live.base_url, live.base_url)
    assert (code, found["findings"]) == (0, [])


def document(base_url: str) -> dict[str, Any]:
    """The document that a server gives."""
    found: dict[str, Any] = plain_session().get(f"{base_url}/swagger.v1.json").json()
    return found


def keys(document: dict[str, Any]) -> set[str]:
    """The operations of a document whose paths hold nothing but operations."""
    return {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}


def bare(schema: Any, names: bool = False) -> Any:
    """A schema without prose; the keys of `properties` are names and stay."""
    if not isinstance(schema, dict):
        return schema
    silent = () if names else ("description", "title", "example", "x-go-name", "x-go-package")
    return {key: bare(value, not names and key == "properties") for key, value in schema.items() if key not in silent}


def definitions(findings: list[dict[str, Any]]) -> set[str]:
    """The definitions in which something changed."""
    places = [one["where"] for one in findings if one["kind"] not in ("definition-added", "definition-removed")]
    return {where.split(" ")[1].partition(".")[0] for where in places if where.startswith("definition ")}


@pytest.mark.clause("K13")
def test_what_came_since_15_is_found_and_breaks_nobody(live: Live, tmp_path: Path) -> None:
    target = live.target
    if target.double or target.front or target.version not in GAINED:
        pytest.skip(f"not supported: only {' and '.join(GAINED)} themselves are held against 15")
    way = available("15")
    if isinstance(way, str):
        pytest.skip(way)
    with way() as stock:
        old, new = document(stock.base_url), document(live.base_url)
        there = run(tmp_path, "diff", "--all", stock.base_url, live.base_url)
        back = run(tmp_path, "diff", "--all", live.base_url, stock.base_url)
    came = keys(new) - keys(old)
    assert (len(came), sum("/actions/" in key for key in came)) == GAINED[target.version]
    was, now = (one["definitions"] for one in (old, new))
    otherwise = {name for name in was.keys() & now.keys() if bare(was[name]) != bare(now[name])}
    for (code, found), rule, level in ((there, "operation-added", "INFO"), (back, "operation-removed", "ERR")):
        operations = [one for one in found["findings"] if one["rule"].startswith("operation-")]
        assert {(one["rule"], one["level"]) for one in operations} == {(rule, level)}
        assert sorted(one["operation"] for one in operations) == sorted(came)
        assert definitions(found["findings"]) == otherwise != set()
        assert code == (1 if level == "ERR" else 0)
    assert {one["level"] for one in there[1]["findings"]} == {"INFO"}
