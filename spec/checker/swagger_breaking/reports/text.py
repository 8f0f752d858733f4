"""The report for people: what was compared, the findings, ERR first, by operation, and what they come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from ..rules import Finding, Level
from .report import Report, shown

Paint = Callable[[Level, str], str]


def text(report: Report, paint: Paint = lambda level, word: word) -> str:
    """The report; `paint` gives a level's word its colour."""
    return "\n".join(_lines(report, paint)) + "\n"


def _lines(report: Report, paint: Paint) -> Iterator[str]:
    yield f"{shown(report.base.name)} → {shown(report.head.name)}, {shown(report.scope)}"
    for (_, heading), findings in groupby(report.printed(), lambda finding: (finding.level, heading_of(finding))):
        yield f"\n{heading}"
        for finding in findings:
            level = paint(finding.level, f"{finding.level:4}")
            yield f"  {level}  {shown(finding.message)}  [{finding.rule}]"
    yield f"\n{verdict(report)}"


def heading_of(finding: Finding) -> str:
    """What a finding is about: an operation, or what several of them share."""
    change = finding.change
    if change.operation:
        return shown(change.operation)
    name = " ".join(change.where.split(" ")[:2]).split(".")[0].split("[")[0]
    count = len(change.operations)
    return shown(name) + (f" ({count} operation{'s' if count > 1 else ''})" if count else "")


def verdict(report: Report) -> str:
    """One line: how many findings there are, and what follows."""
    if not report.findings:
        kept = "the contract is kept" if report.verb == "check" else "nothing changed"
        return kept + (f"; {len(report.ignored)} ignored" if report.ignored else "")
    return f"{report.summary()}: {'fails' if report.failing else 'passes'} (--fail-on {report.fail_on or 'never'})"
