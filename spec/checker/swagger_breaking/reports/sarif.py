"""The report as SARIF 2.1.0, for what shows or keeps findings of many tools.

Rules: a result is known again by what it says, not by its line. An ignored finding is there, suppressed, with its
reason. A document that is in no file here is named by its address, or by its path in git.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import quote

from ..rules import RULES, Finding, Level
from ..rules_file import UNUSED_ENTRY, place
from .report import Place, Report

LEVELS = {Level.ERR: "error", Level.WARN: "warning", Level.INFO: "note"}
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


class Tool(NamedTuple):
    """The program that reports: its name and version."""

    name: str
    version: str


def sarif(report: Report, tool: Tool) -> dict[str, Any]:
    """The report as JSON's types."""
    found = report.printed()
    findings = [*found, *(finding for finding, _ in report.ignored)]
    reasons = [None] * len(found) + [entry.reason for _, entry in report.ignored]
    rules = sorted({finding.rule for finding in findings})
    results = [
        _result(finding, spot, reason, report, rules.index(finding.rule))
        for finding, spot, reason in zip(findings, report.places(findings), reasons, strict=True)
    ]
    driver = {"name": tool.name, "version": tool.version, "rules": [_rule(rule) for rule in rules]}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def _rule(name: str) -> dict[str, Any]:
    rule = UNUSED_ENTRY if name == UNUSED_ENTRY.id else RULES[name]
    level = {"level": LEVELS[rule.level]}
    return {"id": name, "shortDescription": {"text": rule.meaning}, "defaultConfiguration": level}


def _result(finding: Finding, spot: Place | None, reason: str | None, report: Report, index: int) -> dict[str, Any]:
    what = place(finding.change) or "the document"
    result = {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": LEVELS[finding.level],
        "message": {"text": f"{what}: {finding.message}"},
        "locations": [
            {"physicalLocation": _physical(spot, report), "logicalLocations": [{"fullyQualifiedName": what}]}
        ],
        "partialFingerprints": {
            "change/v1": _digest(
                [finding.rule, what, json.dumps([finding.change.old, finding.change.new], sort_keys=True)]
            )
        },
    }
    if reason is not None:
        result["suppressions"] = [{"kind": "external", "justification": reason}]
    return result


def _physical(spot: Place | None, report: Report) -> dict[str, Any]:
    if spot is None:
        name = report.head.name.removesuffix("?…")
        path = name.split(":", 2)[2] if name.startswith("git:") else name
        return {"artifactLocation": {"uri": quote(path, safe="/:%@")}}
    return {
        "artifactLocation": {"uri": quote(spot.path, safe="/")},
        "region": {"startLine": spot.line},
    }


def _digest(words: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]
