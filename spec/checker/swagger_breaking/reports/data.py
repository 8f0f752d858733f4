"""The report for programs, as findings.schema.json says, with JSON pointers into both documents."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..rules import Finding
from ..rules_file import place
from .report import Report

FORMAT = 1  # another number for another shape


def data(report: Report) -> dict[str, Any]:
    """The report as JSON's types."""
    return {
        "format": FORMAT,
        "verb": report.verb,
        "base": report.base.name,
        "head": report.head.name,
        "scope": report.scope,
        "fail_on": report.fail_on.value if report.fail_on else "never",
        "show": report.show.value,
        "failing": report.failing,
        "counts": report.counts(),
        "findings": [_finding(finding) for finding in report.printed()],
        "ignored": [{**_finding(finding), "reason": entry.reason} for finding, entry in report.ignored],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    head = {"rule": finding.rule, "level": finding.level.value, "message": finding.message}
    return {**head, "at": place(finding.change), **asdict(finding.change)}
