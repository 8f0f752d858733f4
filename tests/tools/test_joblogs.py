"""The logs of real tools are what their index and recipes say, and the rows around them are the runner's."""

from __future__ import annotations

import json
import lzma
import re
from pathlib import Path

import pytest
from recipes import read
from rows import Rows

LOGS = Path(__file__).parents[1] / "data/logs"
INDEX = {row["file"]: row for row in json.loads((LOGS / "index.json").read_text(encoding="utf-8"))}
RECIPES = [read(path) for path in sorted((LOGS / "recipes").glob("*.toml"))]
ROW = re.compile(r"2026-11-20T10:\d\d:\d\d\.\d{7}Z ")
ESCAPES = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|[()][0-9A-Z])")


def test_index_recipes_and_files_name_the_same_logs() -> None:
    logs = {f"{log.name}.log.xz": log for recipe in RECIPES for log in recipe.logs}
    assert sum(len(recipe.logs) for recipe in RECIPES) == len(logs)
    assert set(INDEX) == set(logs) == {path.name for path in LOGS.glob("*.log.xz")}
    for name, log in logs.items():
        assert (INDEX[name]["kind"], tuple(INDEX[name]["wanted"])) == (log.kind, log.wanted), name


@pytest.mark.parametrize("name", sorted(INDEX))
def test_a_log_has_rows_and_the_wanted_lines(name: str) -> None:
    row, text = INDEX[name], lzma.decompress((LOGS / name).read_bytes()).decode()
    lines = text.split("\n")[:-1]
    assert len(lines) == row["rows"] and all(ROW.match(line) for line in lines)
    plain = ESCAPES.sub("", text)
    assert [line for line in row["wanted"] if line not in plain] == []
    assert ("Job failed\n" in plain) == bool(row["wanted"]) != ("Job succeeded\n" in plain)


def test_there_are_many_of_them_and_some_are_long() -> None:
    failed = [row for row in INDEX.values() if row["wanted"]]
    assert len(failed) >= 60 and len(INDEX) - len(failed) >= 20
    assert sum(row["rows"] >= 60_000 for row in failed) >= 6
    assert sum(path.stat().st_size for path in LOGS.glob("*.log.xz")) <= 3_000_000


def written(rows: Rows) -> list[str]:
    """The rows without their times."""
    return [row.split(" ", 1)[1] for row in rows.written]


def test_the_runners_sentences_end_with_the_first_output_and_go_on_after_the_last_step() -> None:
    rows = Rows(2, version=12)
    rows.say("before")
    rows.output(0, b"")
    rows.say("no output yet")
    rows.output(0, b"out\r\nlost")
    rows.say("unseen")
    rows.end(0)
    rows.say("unseen")
    rows.end(1)
    rows.say("after")
    assert written(rows) == ["before\n", "no output yet\n", "out\n", "after\n"]


def test_a_cancelled_job_has_no_rows_of_steps_that_never_began() -> None:
    rows = Rows(3, version=12)
    rows.output(0, b"out\n")
    rows.end(0)
    rows.say("unseen")
    rows.end_all()
    rows.say("Job failed")
    assert written(rows) == ["out\n", "Job failed\n"]


@pytest.mark.parametrize(
    "printed, row",
    [
        (b"::group::tests\n", ["  \u2753  ::group::tests\n", "##[group]tests\n"]),
        (b"x\n::group::tests\n::endgroup::\n", ["x\n", "##[group]tests\n", "##[endgroup]\n"]),
        (b"::add-matcher::/m.json\n", ["  \u2753 add-matcher /m.json\n", "::add-matcher::/m.json\n"]),
        (b"##[error]boom\n", ["  \u2757  ##[error]boom\n", "##[error]boom\n"]),
        (b"::debug::x\n::add-mask::secret\n", []),
        (b"x\n::error file=a.py,line=3::boom\n", ["x\n", "::error file=a.py,line=3::boom\n"]),
        (b"10 %\r20 %\r\n", ["10 %\r20 %\n"]),
        (b"\xff\n", ["?\n"]),
    ],
)
def test_output_becomes_rows(printed: bytes, row: list[str]) -> None:
    rows = Rows(1, version=12)
    rows.output(0, printed)
    assert written(rows) == row


@pytest.mark.parametrize("version, row", [(12, ["\u2699\ufe0f [runner]: exitcode '1': failure\n"]), (6, [])])
def test_an_old_runner_does_not_say_amid_the_steps_why_one_failed(version: int, row: list[str]) -> None:
    rows = Rows(3, version)
    rows.end(0)
    rows.end(1)
    rows.fail(1, "exitcode '1': failure")
    assert written(rows) == row
