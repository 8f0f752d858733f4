"""The clauses of spec/README.md as data.

Rules: a clause reads `- **L1** (feature, feature) One sentence. Perhaps more.`; a letter's heading is `### L: title`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

README = (Path(__file__).resolve().parents[1] / "spec/README.md").read_text()
CLAUSE = re.compile(r"^- \*\*([A-Z][0-9]+)\*\* \(([a-z, -]+)\) (\S.*(?:\n  .*)*\.)$", re.MULTILINE)
TITLE = re.compile(r"^### ([A-Z]): (.*)$", re.MULTILINE)
END = re.compile(r"(?<=[.:])\s+(?=[A-Z`-])")  # of a sentence


@dataclass(frozen=True)
class Clause:
    """`features` are what a target must have for the clause to hold there; `sentence` is the first one of `text`."""

    number: str
    features: list[str]
    text: str

    @property
    def sentence(self) -> str:
        return END.split(self.text)[0]


CLAUSES = {m[1]: Clause(m[1], m[2].split(", "), " ".join(m[3].split())) for m in CLAUSE.finditer(README)}
TITLES = dict(TITLE.findall(README))
