"""Writes a report (reported.py) to a folder: conformance.json, conformance.xml for programs that read JUnit, and
conformance.html for people.

Rules: JSON has a line for each target, clause and case, so that two reports can be compared by lines. In JUnit a target
is a suite; "not supported" and "not run" are skipped there, and never passed.
"""

from __future__ import annotations

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from forgejo_shim import __version__
from report_page import page

ROOT = Path(__file__).parents[2]
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TAGS = {"failed": "failure", "error": "error", "not supported": "skipped", "not run": "skipped"}


def about() -> dict[str, Any]:
    """What the report of a run that begins now says of itself. The commit is unknown (None) outside a clone."""
    commit = _git("rev-parse", "HEAD")
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": __version__,
        "commit": commit or None,
        "changed": bool(commit and _git("status", "--porcelain")),
    }


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", ROOT, *words], check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return "" if done.returncode else done.stdout.strip()


def write(report: dict[str, Any], folder: Path) -> Path:
    """Write the three files; the page's path."""
    (folder / "conformance.json").write_text(as_json(report), encoding="utf-8")
    (folder / "conformance.xml").write_text(as_junit(report), encoding="utf-8")
    (folder / "conformance.html").write_text(page(report), encoding="utf-8")
    return folder / "conformance.html"


def as_json(report: dict[str, Any]) -> str:
    """The report as JSON."""
    fields = []
    for key, value in report.items():
        many = isinstance(value, list)
        text = "[\n" + ",\n".join(map(_dumped, value)) + "\n]" if many else _dumped(value)
        fields.append(f"{_dumped(key)}:{text}")
    return "{" + ",\n".join(fields) + "}\n"


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_junit(report: dict[str, Any]) -> str:
    """The report as JUnit's XML."""
    root = ElementTree.Element("testsuites", name="conformance", time=str(report["seconds"]))
    suites = []
    for target in report["targets"]:
        totals = target["totals"]
        skipped = totals["not supported"] + totals["not run"]
        counts = {
            "tests": sum(totals.values()),
            "failures": totals["failed"],
            "errors": totals["error"],
            "skipped": skipped,
        }
        told = {"name": target["name"], "timestamp": report["date"], "time": target["seconds"], **counts}
        suites.append(ElementTree.SubElement(root, "testsuite", {key: str(value) for key, value in told.items()}))
    for case in report["cases"]:
        whys = {place: why for why, places in case.get("why", {}).items() for place in places}
        seconds = case.get("seconds", [0] * len(suites))
        for place, letter in enumerate(case["outcomes"]):
            if outcome := report["outcomes"].get(letter):
                _testcase(suites[place], case["name"], outcome, whys.get(place, ""), seconds[place])
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _testcase(suite: ElementTree.Element, case: str, outcome: str, why: str, seconds: float) -> None:
    file, _, name = NOT_XML.sub("�", case).partition(".py::")
    told = {"classname": f"{suite.get('name')}.{file}", "name": name, "time": str(seconds)}
    element, why = ElementTree.SubElement(suite, "testcase", told), NOT_XML.sub("�", why)
    if tag := TAGS.get(outcome):
        ElementTree.SubElement(element, tag, message=f"{outcome}: {why}" if tag == "skipped" else why)
    elif why:
        ElementTree.SubElement(element, "system-out").text = f"{outcome}: {why}"
