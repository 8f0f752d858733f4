"""What a run of the conformance cases has told, and the report made of it: the value that JSON, JUnit and page are
written from (spec/conformance.schema.json).

Rules
-----
* Each collected case of each target has one outcome. Several phases of a case count as the worst of them; a case that
  told nothing (left out, interrupted, its process lost) is "not run", never passed.
* A report is about the project, not about a machine: `cleaned` takes addresses, paths, the host's name and what looks
  like a credential out of every text that a failure wrote. What is invisible, or obeyed by a terminal, becomes a sign.
* `seconds` of a result are those of the case itself; those of a target hold the server's start and the seeding, too.
"""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clauses import CLAUSES
from forgejo_shim.inert import name_text

LETTERS = {
    "passed": "p",
    "failed": "f",
    "failed as it must": "m",
    "not supported": "s",
    "error": "e",
    "not run": "n",
}
OUTCOMES = tuple(LETTERS)
WORST = ("failed", "error", "not run", "failed as it must", "passed", "not supported")  # first
LEFT_OUT = "left out of this run"
LENGTH = 240  # characters of a reason
USER = re.compile(r"(?<=://)[^/\s@]+@")
CREDENTIAL = re.compile(r"\b[0-9a-f]{40}\b|\beyJ[\w.-]+")
HOST = re.compile(
    r"((?<=://)|(?<=host='))[\w.-]+(:\d+)?|(?<=://)\[[\w:]+\](:\d+)?|(\b(\d{1,3}\.){3}\d{1,3}|\blocalhost|\[::1\])(:\d+)?"
)
PORT = re.compile(r"(?i)(\bport\W{0,3})\d+")
PATH = re.compile(r"(?<![\w/.…])/([\w.-]+)(/[^\s'\"`,;:()<>\[\]]*)?")
TOPS = frozenset(path.name for path in Path("/").iterdir()) | {"home", "root", "tmp", "usr", "var", "Users"}


@dataclass(frozen=True)
class Case:
    """A case on a target; `target` is empty if it needs none. `name` is `test_log.py::test_it[parameters]`."""

    target: str
    name: str
    clauses: tuple[str, ...]


@dataclass
class Result:
    """How a case ended; seconds of itself, and `spent` with all that was made for it; of a server that was asked, what
    it is, and the version that it reported."""

    outcome: str = ""
    why: str = ""
    seconds: float = 0
    spent: float = 0
    server: tuple[str, str] | None = None


@dataclass
class Results:
    """Cases and their results, by pytest's ids."""

    cases: dict[str, Case] = field(default_factory=dict)
    told: dict[str, Result] = field(default_factory=dict)

    def tell(self, node: str, outcome: str, why: str) -> Result:
        """The result of a case after one more phase; `outcome` is empty for a setup or teardown that went well."""
        result = self.told.setdefault(node, Result())
        if outcome and (not result.outcome or WORST.index(outcome) < WORST.index(result.outcome)):
            result.outcome, result.why = outcome, why.removeprefix(f"{outcome}: ")
        return result

    def of(self, node: str) -> Result:
        """How a collected case ended."""
        result = self.told.get(node, Result())
        return result if result.outcome else Result("not run", LEFT_OUT, 0, result.spent)

    def by_target(self) -> dict[str, list[Result]]:
        """The results of each target."""
        found: dict[str, list[Result]] = {}
        for node, case in self.cases.items():
            found.setdefault(case.target, []).append(self.of(node))
        return found


def case_of(node: str, target: str, clauses: Collection[str]) -> Case:
    """The case of pytest's id `conformance/test_log.py::test_it[TARGET-parameters]`."""
    name, _, parameters = node.removeprefix("conformance/").removesuffix("]").partition("[")
    parameters = parameters.removeprefix(target).removeprefix("-")
    return Case(target, f"{name}[{parameters}]" if parameters else name, tuple(sorted(set(clauses), key=order)))


def order(number: str) -> tuple[str, int]:
    """That of clauses: by letter, then by number."""
    return number[0], int(number[1:])


def report(results: Results, about: dict[str, Any]) -> dict[str, Any]:
    """The report; `about` is what it says of itself (date, version, commit, seconds)."""
    targets = results.by_target()
    places = {name: place for place, name in enumerate(targets)}
    rows: dict[tuple[str, tuple[str, ...]], dict[int, Result]] = {}
    for node, case in results.cases.items():
        rows.setdefault((cleaned(case.name), case.clauses), {})[places[case.target]] = results.of(node)
    return {
        "report": 1,
        **about,
        "outcomes": {letter: outcome for outcome, letter in LETTERS.items()},
        "totals": _totals([result for told in targets.values() for result in told]),
        "targets": [_target(name, told) for name, told in targets.items()],
        "clauses": [{"number": c.number, "features": c.features, "sentence": c.sentence} for c in CLAUSES.values()],
        "cases": [_case(name, clauses, row, len(targets)) for (name, clauses), row in rows.items()],
    }


def _case(name: str, clauses: tuple[str, ...], row: dict[int, Result], width: int) -> dict[str, Any]:
    """A case by target: a letter each, and where they say something, reasons and seconds."""
    found: dict[str, Any] = {"name": name, "clauses": list(clauses)}
    found["outcomes"] = "".join(LETTERS[row[place].outcome] if place in row else " " for place in range(width))
    whys: dict[str, list[int]] = {}
    for place, result in sorted(row.items()):
        if result.outcome != "passed":
            whys.setdefault(cleaned(result.why) or "no reason is known", []).append(place)
    seconds = [short(row[place].seconds) if place in row else 0 for place in range(width)]
    return found | ({"why": whys} if whys else {}) | ({"seconds": seconds} if any(seconds) else {})


def short(seconds: float) -> float:
    """Rounded to tenths, and whole where it is."""
    return round(seconds, 1) if round(seconds, 1) % 1 else round(seconds)


def _target(name: str, told: list[Result]) -> dict[str, Any]:
    how, version = next((result.server for result in told if result.server), ("", ""))
    server = {"kind": how.partition(" ")[0].lower(), "version": cleaned(version)} if how else None
    seconds = round(sum(result.spent for result in told), 1)
    return {"name": name, "server": server, "seconds": seconds, "totals": _totals(told)}


def _totals(told: list[Result]) -> dict[str, int]:
    counts = Counter(result.outcome for result in told)
    return {outcome: counts[outcome] for outcome in OUTCOMES}


def cleaned(text: str, tops: Collection[str] = TOPS, host: str = socket.gethostname()) -> str:
    """One line of a text, short, inert, and without what is only of this machine. `tops` are the names in its root
    folder: what begins with none of them is the path of an address."""
    line = name_text(text.strip().partition("\n")[0])
    for pattern, put in ((USER, ""), (CREDENTIAL, "…"), (HOST, "HOST"), (PORT, r"\1…")):
        line = pattern.sub(put, line)
    line = PATH.sub(lambda found: "…" if found[1] in tops else found[0], line)
    line = re.sub(rf"\b{re.escape(host)}\b", "HOST", line) if len(host) > 2 else line
    return line if len(line) <= LENGTH else line[: LENGTH - 1] + "…"
