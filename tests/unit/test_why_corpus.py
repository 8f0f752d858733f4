"""The logs of real tools: what an engineer would want to see first is found, in a short answer, and green is green."""

from __future__ import annotations

import json
import lzma
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from forgejo_shim.why.find import find
from forgejo_shim.why.matchers import built_in
from forgejo_shim.why.render import as_json, as_markdown, as_text, limit, of_log
from forgejo_shim.why.values import Report

LOGS = Path(__file__).parents[1] / "data" / "logs"
INDEX: list[dict[str, Any]] = json.loads((LOGS / "index.json").read_text())
RED = [row for row in INDEX if row["wanted"]]
GREEN = [row for row in INDEX if not row["wanted"]]
SIZE, LINES, FIRST, FOUND = 16 * 1024, 30, 50 / 60, 57 / 60

pytestmark = pytest.mark.xdist_group("corpus")  # each log is read once

# Go prints the messages of a test's part beside it, and whether it failed thousands of lines later.
NOT_FOUND = {"go-test-60k.log.xz"}


@cache
def report(file: str) -> Report:
    with lzma.open(LOGS / file) as log:
        return limit(of_log(find(log, built_in(), LINES), file), SIZE, LINES)


def is_first(row: dict[str, Any]) -> bool:
    findings = report(row["file"]).jobs[0].findings
    said = "\n".join((findings[0].message, *findings[0].lines)) if findings else ""
    return any(wanted in said for wanted in row["wanted"])


def is_found(row: dict[str, Any]) -> bool:
    [job] = report(row["file"]).jobs
    said = "\n".join([line for one in job.findings for line in (one.message, *one.lines)] + list(job.last))
    return any(wanted in said for wanted in row["wanted"])


@pytest.mark.parametrize("row", RED, ids=[row["file"] for row in RED])
def test_the_cause_is_found_in_a_short_answer(row: dict[str, Any]) -> None:
    assert is_found(row) != (row["file"] in NOT_FOUND)
    told = report(row["file"])
    for form in ("".join(piece for _, piece in as_text(told)), as_markdown(told), json.dumps(as_json(told))):
        assert len(form.encode()) <= SIZE
    assert "".join(piece for _, piece in as_text(told)).count("\n") <= 60


def test_the_cause_is_found_first() -> None:
    assert len(RED) >= 60 and len(GREEN) >= 20
    others = [row["file"] for row in RED if not is_first(row)]
    assert len(others) <= len(RED) * (1 - FIRST), others
    assert len(NOT_FOUND) <= len(RED) * (1 - FOUND)


def test_a_long_log_takes_a_moment() -> None:
    """CPU seconds for 60,000 lines, with room for a slow machine."""
    with lzma.open(LOGS / "pytest-xdist-60k.log.xz") as log:
        text = log.read()
    started = process_time()
    assert text.count(b"\n") > 60_000 and find([text], built_in()).findings
    assert process_time() - started < 4


@pytest.mark.parametrize("row", GREEN, ids=[row["file"] for row in GREEN])
def test_nothing_is_found_in_a_green_log(row: dict[str, Any]) -> None:
    assert report(row["file"]).jobs[0].findings == ()


@pytest.mark.parametrize("row", GREEN, ids=[row["file"] for row in GREEN])
def test_nothing_is_certain_in_a_green_log_without_its_end(row: dict[str, Any]) -> None:
    """Where the runner does not say how the job ended, retries and what is printed on purpose look like errors."""
    with lzma.open(LOGS / row["file"]) as log:
        assert find((line for line in log if "🏁".encode() not in line), built_in()).findings == ()


@pytest.mark.parametrize("row", RED, ids=[row["file"] for row in RED])
def test_in_a_red_log_something_is_certain(row: dict[str, Any]) -> None:
    with lzma.open(LOGS / row["file"]) as log:
        found = find(log, built_in())
    assert found.findings and not found.likely
