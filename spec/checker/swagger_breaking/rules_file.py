"""What a project says about its findings, in TOML: other levels, and findings that it knows and ignores.

    [levels]
    operation-added = "WARN"

    [[ignore]]
    rule = "response-property-removed"
    at = "definition User.*"            # as the report shows it, * for any text; left out: anywhere
    reason = "our client never read it"
    until = 2027-01-01                  # may be left out; from that day on it counts again

Rules: an ignored finding needs a reason, and stays in the reports that programs read; an entry that ignores nothing is
a finding itself, so that none outlives what it was written for. What is not known here is an error.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from . import strict_toml
from .change import Change
from .rules import RULES, Finding, Level, Rule

IGNORE_UNUSED = "ignore-unused"
UNUSED_ENTRY = Rule(
    IGNORE_UNUSED, Level.WARN, "An entry of the rules file ignores nothing, or has ended.", "", frozenset(), {}
)
_KEYS = {"rule": str, "at": str, "reason": str, "until": date}


@dataclass(frozen=True)
class Ignore:
    """One entry: findings of `rule` at a place that fits `at` are left out until that day, for `reason`."""

    rule: str
    at: str
    reason: str
    until: date | None = None

    def fits(self, finding: Finding, today: date) -> bool:
        """Whether it ignores this finding today."""
        pattern = ".*".join(map(re.escape, self.at.split("*")))
        is_there = re.fullmatch(pattern, place(finding.change), re.DOTALL)
        return bool(finding.rule == self.rule and is_there and (self.until is None or today < self.until))


@dataclass(frozen=True)
class RulesFile:
    """What a file says; without one, nothing."""

    levels: Mapping[str, Level] = field(default_factory=dict)
    ignores: Sequence[Ignore] = ()

    def sift(self, findings: Iterable[Finding], today: date) -> tuple[list[Finding], list[tuple[Finding, Ignore]]]:
        """The findings that count, and those ignored with the entry that did it; the first one that fits does."""
        kept, ignored = [], []
        for finding in findings:
            entry = next((entry for entry in self.ignores if entry.fits(finding, today)), None)
            if entry:
                ignored.append((finding, entry))
            else:
                kept.append(finding)
        used = [entry for _, entry in ignored]
        kept += [self._unused(entry, today) for entry in self.ignores if not any(entry is one for one in used)]
        return kept, ignored

    def _unused(self, entry: Ignore, today: date) -> Finding:
        why = f"ended on {entry.until}" if entry.until and entry.until <= today else "ignores nothing any more"
        change = Change(IGNORE_UNUSED, "", f"ignore {entry.rule} at {entry.at}", "", entry.reason, None, "", "", ())
        message = f"the entry for {entry.rule} at {entry.at!r} {why}; take it out, or mend it ({entry.reason})"
        return Finding(IGNORE_UNUSED, self.levels.get(IGNORE_UNUSED, UNUSED_ENTRY.level), message, change)


def place(change: Change) -> str:
    """Where a change is, as reports show it and `at` names it: `GET /user: response 200.id`, `definition User.id`."""
    return ": ".join(filter(None, [change.operation, change.where]))


def read_rules_file(path: Path) -> RulesFile:
    """What a file says. Raises ValueError with a sentence."""
    return strict_toml.read(path, "the rules file", parse_rules_file)


def parse_rules_file(text: str) -> RulesFile:
    """What the text of a file says. Raises ValueError with a sentence."""
    found = strict_toml.table(text)
    strict_toml.only(found, {"levels": dict, "ignore": list}, "the file")
    levels = {rule: _level(rule, level) for rule, level in found.get("levels", {}).items()}
    return RulesFile(levels, tuple(_ignore(number, entry) for number, entry in enumerate(found.get("ignore", []), 1)))


def _level(rule: str, level: object) -> Level:
    _known(rule, [*RULES, IGNORE_UNUSED], "[levels]")
    if not isinstance(level, str) or level.upper() not in list(Level):
        raise ValueError(f"[levels] {rule}: {level!a} is no level; there are {', '.join(reversed(Level))}")
    return Level(level.upper())


def _ignore(number: int, entry: object) -> Ignore:
    where = f"[[ignore]] number {number}"
    if not isinstance(entry, dict):
        raise ValueError(f"{where} is no table")
    strict_toml.only(entry, _KEYS, where)
    if not entry.get("reason", "").strip():
        raise ValueError(f"{where} gives no reason")
    if not entry.get("rule"):
        raise ValueError(f"{where} names no rule")
    _known(entry["rule"], [*RULES], where)
    return Ignore(entry["rule"], entry.get("at", "*"), entry["reason"], entry.get("until"))


def _known(rule: str, rules: list[str], where: str) -> None:
    if rule not in rules:
        near = difflib.get_close_matches(rule, rules, 1)
        hint = f"; {near[0]} is meant, perhaps" if near else ""
        raise ValueError(f"{where}: there is no rule {rule!a}{hint}")
