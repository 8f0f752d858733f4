"""What a check found, as every format tells it.

Rules: names in documents are foreign text. `shown` makes them harmless for a line of text: they break no line, turn
none round, and give no command to a terminal or to the runner that reads a step's output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..document import Document
from ..rules import Finding, Level, clean
from ..rules_file import Ignore


class Place(NamedTuple):
    """A line of a file of this machine, counted from 1."""

    path: str
    line: int


@dataclass(frozen=True)
class Report:
    """`verb` is `diff` or `check`, `scope` what was looked at, `fail_on` the level at which it fails, if any, `show`
    the least level that is printed."""

    verb: str
    base: Document
    head: Document
    scope: str
    findings: Sequence[Finding]
    ignored: Sequence[tuple[Finding, Ignore]]
    fail_on: Level | None
    show: Level = Level.INFO

    @property
    def failing(self) -> bool:
        """Whether a finding is at or above the level."""
        return self.fail_on is not None and any(found.level.rank >= self.fail_on.rank for found in self.findings)

    def counts(self) -> dict[str, int]:
        """How many findings there are of each level, worst first."""
        found = Counter(finding.level for finding in self.findings)
        return {level.value: found[level] for level in reversed(Level)}

    def printed(self) -> list[Finding]:
        """The findings of a level that is printed, ERR first, else in the order of the documents."""
        found = [finding for finding in self.findings if finding.level.rank >= self.show.rank]
        return sorted(found, key=lambda finding: -finding.level.rank)

    def summary(self) -> str:
        """`2 ERR, 0 WARN, 1 INFO; 1 not shown (--show WARN); 1 ignored`."""
        counts = ", ".join(f"{count} {level}" for level, count in self.counts().items())
        left = len(self.findings) - len(self.printed())
        counts += f"; {left} not shown (--show {self.show})" if left else ""
        return counts + (f"; {len(self.ignored)} ignored" if self.ignored else "")

    def places(self, findings: Sequence[Finding]) -> list[Place | None]:
        """Where each finding is: in the second document's file, else in the first one's."""
        is_head = self.head.path is not None
        document = self.head if is_head else self.base
        path = document.path
        if path is None:
            return [None] * len(findings)
        from ..lines import Lines  # needs PyYAML, and the list of rules does not

        lines = Lines(document.text)
        spots = [(f.change.head_at, f.change.base_at)[:: 1 if is_head else -1] for f in findings]
        return [Place(path, lines.of(own or other, of_other=not own)) for own, other in spots]


def shown(text: str) -> str:
    """A foreign text within a line."""
    return clean(text).replace("##[", "##\\[")  # GitHub's runner takes `##[…]` for a command wherever it stands
