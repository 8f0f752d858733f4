"""The report as Markdown, for a comment on a pull request.

Rules: ERR first; foreign text stands in code only, where it is neither a link nor a mention nor HTML. A comment
holds 65536 characters, so what goes beyond `ROOM` is counted in place of shown.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..rules import Finding
from .report import Report, shown
from .text import heading_of, verdict

ROOM = 60_000  # characters


def markdown(report: Report) -> str:
    """The report: a heading, the verdict, a table."""
    head = f"### Spec {report.verb}: {code(report.base.name)} → {code(report.head.name)}\n\n"
    head += f"{_sentence(report)}\n\n"
    found = report.printed()
    if not found:
        return head.rstrip("\n") + "\n"
    head += "| Level | Where | What | Rule |\n| --- | --- | --- | --- |\n"
    rows: list[str] = []
    room = ROOM - len(head)
    for row in _rows(found):
        room -= len(row)
        if room < 0:
            rows.append(f"\nand {len(found) - len(rows)} more\n")
            break
        rows.append(row)
    return head + "".join(rows)


def _sentence(report: Report) -> str:
    said = verdict(report)
    return f"{said[0].upper()}{said[1:]}; looked at: {code(report.scope)}."


def _rows(found: list[Finding]) -> Iterator[str]:
    for finding in found:
        cells = (f"**{finding.level}**", code(heading_of(finding)), code(finding.message), code(finding.rule))
        yield f"| {' | '.join(cells)} |\n"


def code(text: str) -> str:
    """A text as code, in a table too."""
    inner = shown(text).replace("\\|", "\\ |").replace("|", "\\|")  # no table tells `\\|` in one way
    fence = "`" * (1 + max((len(run) for run in _backticks(inner)), default=0))
    pad = " " if inner.startswith("`") or inner.endswith("`") else ""
    return f"{fence}{pad}{inner or ' '}{pad}{fence}"


def _backticks(text: str) -> list[str]:
    return "".join(c if c == "`" else " " for c in text).split()
