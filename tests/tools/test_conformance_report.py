"""The report of conformance tells all that happened and nothing of the machine, and how old the kept one is.

The runs are those of one case of the double; what the page shows is held against the JSON beside it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fastjsonschema
import pytest
from clauses import CLAUSES
from report_files import as_json, as_junit, write
from report_page import SIGNS, page
from reported import LEFT_OUT, OUTCOMES, WORST, Results, case_of, cleaned, report

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "tests/conformance/report"
FITS = fastjsonschema.compile(json.loads((ROOT / "spec/conformance.schema.json").read_text()))
ABOUT = {"date": "2026-01-02T03:04:05Z", "version": "0.1.0", "commit": "0" * 40, "changed": False, "seconds": 7}
EVIL = "<script>alert(1)</script>&\x1b[2J‮\"'`"


def told(*rows: tuple[str, str, str]) -> dict[str, Any]:
    """A report of rows (target, outcome, why), a case of L1 each; an empty outcome is a case that told nothing."""
    results = Results()
    for number, (target, outcome, why) in enumerate(rows):
        node = f"conformance/test_log.py::test_{number}[{target}-{EVIL}]"
        results.cases[node] = case_of(node, target, ["L1"])
        if outcome:
            results.tell(node, outcome, why).server = ("executable forgejo", "15.0.2")
    return report(results, ABOUT)


EVERY = told(*((f"t{place}", outcome, f"why {EVIL}") for place, outcome in enumerate(OUTCOMES)), ("t9", "", ""))


class Cells(HTMLParser):
    """The rows of the tables of a page, each a list of the texts in its cells, and what its tags refer to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.tags: Counter[str] = Counter()
        self.refers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.refers += [str(value) for name, value in attrs if name in ("href", "src", "data", "style", "action")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data.rstrip("\n")


@pytest.mark.clause("I1", "I2")
def test_a_case_has_its_worst_outcome() -> None:
    results, node = Results(), "conformance/test_log.py::test_it[15-proxy]"
    results.cases[node] = case_of(node, "15-proxy", ["R2", "L10", "L9"])
    assert (results.cases[node].name, results.cases[node].clauses) == ("test_log.py::test_it", ("L9", "L10", "R2"))
    assert (results.of(node).outcome, results.of(node).why) == ("not run", LEFT_OUT)
    results.tell(node, "", "")
    assert results.of(node).outcome == "not run", "its setup went well, and then it was lost"
    seen = []
    for outcome in reversed(WORST):
        results.tell(node, outcome, f"{outcome}: because")
        results.tell(node, "passed", "")
        seen.append(results.of(node).outcome)
    assert seen == ["passed", *seen[1:]] and seen[1:] == ["passed", "failed as it must", "not run", "error", "failed"]
    assert results.of(node).why == "because"


@pytest.mark.clause("I1", "I2", "I3")
def test_every_outcome_is_in_every_file(tmp_path: Path) -> None:
    assert write(EVERY, tmp_path) == tmp_path / "conformance.html"
    found = json.loads((tmp_path / "conformance.json").read_text())
    assert found == EVERY == json.loads(as_json(EVERY))
    FITS(found)
    assert found["totals"] == {**dict.fromkeys(OUTCOMES, 1), "not run": 2}
    suites = {suite.get("name"): suite for suite in ElementTree.parse(tmp_path / "conformance.xml").iter("testsuite")}
    for target in found["targets"]:
        (case,) = suites[target["name"]].findall("testcase")
        children = [child.tag for child in case]
        (outcome,) = (name for name, count in target["totals"].items() if count)
        expected = {"passed": [], "failed": ["failure"], "error": ["error"], "failed as it must": ["system-out"]}
        assert children == expected.get(outcome, ["skipped"])
    matrix = next(row for row in Cells(page(EVERY)).rows if row and row[0].startswith("L1"))
    assert matrix[1:] == ["–" if name == "not supported" else f"{SIGNS[name]} 1" for name in (*OUTCOMES, "not run")]


@pytest.mark.clause("I3")
def test_the_schema_refuses_what_is_no_report() -> None:
    assert (EVERY["targets"][-1]["server"], EVERY["targets"][0]["server"]["kind"]) == (None, "executable")
    for field in EVERY:
        with pytest.raises(fastjsonschema.JsonSchemaValueException):
            FITS({key: value for key, value in EVERY.items() if key != field})
    with pytest.raises(fastjsonschema.JsonSchemaValueException):
        FITS(json.loads(as_json(EVERY).replace('"outcomes":"p', '"outcomes":"x')))


@pytest.mark.clause("I4")
def test_the_page_is_one_file_and_untrusted_text_stays_text() -> None:
    shown = page(EVERY)
    cells = Cells(shown)
    assert "alert(1)" in shown and not cells.tags["script"] and not cells.tags["img"] and not cells.tags["link"]
    assert [target for target in cells.refers if target[0] != "#"] == []
    assert not re.search(r"url\(|@import|https?://", shown), "a clause may name redis://"
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", shown)
    ElementTree.fromstring(as_junit(told(("a", "failed", "\x00\x0b\ufffe\ud800 <&"))))


def test_a_cell_counts_its_cases() -> None:
    mixed = told(
        *[("a", "passed", "")] * 3, ("a", "not run", "no"), *[("b", "passed", "")] * 2, ("b", "not supported", "x")
    )
    (row,) = (row for row in Cells(page(mixed)).rows if row and row[0].startswith("L1"))
    assert row[1:] == ["○ 1/4", "✓ 2/3"]


@pytest.mark.clause("I5")
@pytest.mark.parametrize(
    "text, left",
    [
        ("assert 404 == 200\n more", "assert 404 == 200"),
        ("GET http://127.0.0.1:41234/api/v1/repos/o/r", "GET http://HOST/api/v1/repos/o/r"),
        ("at https://me:secret@forge.example:8080/x", "at https://HOST/x"),
        ("HTTPConnectionPool(host='localhost', port=4711)", "HTTPConnectionPool(host='HOST', port=…)"),
        ("Pool(host='forge.example', port=443)", "Pool(host='HOST', port=…)"),
        ("[::1]:80 and 10.0.0.7:22", "HOST and HOST"),
        ("no /srv/bin/forgejo, '/srv/a b', /api/v1/x", "no …, '… b', /api/v1/x"),
        (f"token {'0a' * 20} eyJhbGciOi.J9.x-y", "token … …"),
        ("on builder7: no", "on HOST: no"),
        ("x" * 999, "x" * 239 + "…"),
        ("\x1b[31mred\u202e", "␛[31mred<U+202E>"),
    ],
)
def test_what_is_only_of_a_machine_is_left_out(text: str, left: str) -> None:
    assert cleaned(text, tops={"srv"}, host="builder7") == left


def conformance(folder: Path, *words: str) -> dict[str, Any]:
    """The report of a run of one case on two doubles and a server that is not there."""
    command = [sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", "tests/conformance/test_log.py"]
    command += ["-k", "another_case", "--targets", "double-15,double-15-plain,12-proxy", "--report", folder, *words]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FORGEJO_", "PYTEST_"))}
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"the report: {folder / 'conformance.html'}" in done.stdout
    found: dict[str, Any] = json.loads((folder / "conformance.json").read_text())
    return found


@pytest.mark.clause("I1", "I2", "I5")
def test_several_processes_report_what_one_does(tmp_path: Path) -> None:
    one, several = conformance(tmp_path / "1"), conformance(tmp_path / "2", "-n", "2", "--dist", "loadgroup")
    for found in (one, several):
        FITS(found)
        assert [target["name"] for target in found["targets"]] == ["double-15", "double-15-plain", "12-proxy"]
        assert str(ROOT) not in as_json(found)
        (case,) = (case for case in found["cases"] if "another_case" in case["name"])
        why = "no FORGEJO_BIN_12, FORGEJO_IMAGE_12 or FORGEJO_URL_12"
        assert (case["clauses"], case["outcomes"]) == (["L7"], "pmn")
        assert why in next(reason for reason, places in case["why"].items() if 2 in places)
        assert found["totals"]["passed"] == 1 and found["totals"]["not run"] == 3 * len(found["cases"]) - 2
    for found in (one, several):
        for row in (found, *found["targets"], *found["cases"]):
            row.pop("seconds", None)
        del found["date"]
    assert one == several


@pytest.mark.clause("I3", "I5")
def test_the_kept_report_is_whole_and_names_no_machine() -> None:
    text, shown = ((KEPT / f"conformance.{end}").read_text() for end in ("json", "html"))
    kept = json.loads(text)
    FITS(kept)
    assert not kept["changed"] and kept["commit"][:12] in shown
    assert len(text.encode()) + len(shown.encode()) < 600_000
    for clause in kept["clauses"]:
        assert f"{clause['number']}" in shown
    told = json.dumps([kept["targets"], kept["cases"]]) + re.sub("(?s)<style>.*?</style>", "", shown)
    machine = r"(?<![\w/…}])/(?:home|root|tmp|usr|var|opt|srv|mnt|work|Users)\b|127\.0\.0"
    machine += r"|localhost|HOST:(?!PORT)|:\d{4,5}\b"
    assert re.findall(machine, told) == []


def test_the_kept_report_says_which_clauses_are_newer() -> None:
    kept = {clause["number"] for clause in json.loads((KEPT / "conformance.json").read_text())["clauses"]}
    assert kept - CLAUSES.keys() == set(), "a clause's number is never given up"
    newer = re.findall(r"\b[A-Z][0-9]+\b", (KEPT / "README.md").read_text().rpartition("newer")[2])
    assert newer == [number for number in CLAUSES if number not in kept], "make tables names them"
