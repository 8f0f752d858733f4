"""The report as workflow commands: a runner shows each as a remark at a line of the files of the change.

    ::error file=spec/head.json,line=7,title=response-property-removed::GET /user: …

Rules: ERR first; escaped as GitHub's runner undoes it (actions/toolkit, packages/core/src/command.ts); a
document that is in no file here is named in the text.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..rules import Finding, Level
from .report import Place, Report, shown
from .text import heading_of

WORDS = {Level.ERR: "error", Level.WARN: "warning", Level.INFO: "notice"}


def commands(report: Report) -> str:
    """One line a finding."""
    return "".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    found = report.printed()
    for finding, place in zip(found, report.places(found), strict=True):
        yield _line(finding, place, report.head.name)


def _line(finding: Finding, place: Place | None, name: str) -> str:
    where = {"file": place.path, "line": str(place.line)} if place else {}
    words = ",".join(f"{key}={_property(value)}" for key, value in {**where, "title": finding.rule}.items())
    about = heading_of(finding) if place else f"{shown(name)}: {heading_of(finding)}"
    return f"::{WORDS[finding.level]} {words}::{_data(f'{about}: {shown(finding.message)}')}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
