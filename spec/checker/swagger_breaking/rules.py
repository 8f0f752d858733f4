"""What a change means for clients: the rules, as data in `tables/`.

Rules: BASE is what clients were written for, HEAD what they will meet. Every kind of change has exactly one rule in
each direction that it can have. ERR: a client that keeps to BASE breaks. WARN: one that BASE led to expect otherwise
may. INFO: none does. Ids are stable. Generated clients count: a name that becomes a method's breaks them.

A rule in a table has `level`; `meaning`, a sentence for a list of rules; `message`, filled with where, old and new;
`kinds` of change, where they are not its own name; `example`, what stands at a JSON pointer in BASE and in HEAD.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from typing import Any

from .change import REQUEST, RESPONSE, Change

# What a side says by saying nothing, by how the kind of change begins.
UNSAID = {"type-": "any type", "format-": "any format", "limit-": "no limit", "collection-format-": "csv"}


class Level(StrEnum):
    """How bad: ERR breaks clients, WARN may, INFO does not."""

    INFO = "INFO"
    WARN = "WARN"
    ERR = "ERR"

    @property
    def rank(self) -> int:
        """0 for INFO, 2 for ERR."""
        return list(Level).index(self)


@dataclass(frozen=True)
class Rule:
    """A row of a table; `kinds` are the (kind, direction) of the changes that it judges."""

    id: str
    level: Level
    meaning: str
    message: str
    kinds: frozenset[tuple[str, str]]
    example: Mapping[str, Any] = field(hash=False)  # `at`, and `base` and `head` unless nothing stands there


@dataclass(frozen=True)
class Finding:
    """A change with what it means; `message` is a sentence without the operation."""

    rule: str
    level: Level
    message: str
    change: Change


def _rules(table: str, direction: str) -> Iterator[Rule]:
    text = files("swagger_breaking").joinpath("tables", f"{table}.toml").read_text("utf-8")
    for name, row in tomllib.loads(text).items():
        kinds = frozenset((kind, direction) for kind in row.get("kinds", name).split())
        yield Rule(name, Level(row["level"]), row["meaning"], row["message"], kinds, row["example"])


RULES: dict[str, Rule] = {
    rule.id: rule for rule in (*_rules("operations", ""), *_rules("requests", REQUEST), *_rules("responses", RESPONSE))
}
RULE_OF = {kind: rule for rule in RULES.values() for kind in rule.kinds}


def judge(changes: Iterable[Change], levels: Mapping[str, Level] | None = None) -> list[Finding]:
    """One finding a change, in the same order; `levels` (rule id → level) replace the rules' own."""
    return [_finding(change, RULE_OF[change.kind, change.direction], levels or {}) for change in changes]


def _finding(change: Change, rule: Rule, levels: Mapping[str, Level]) -> Finding:
    unsaid = next((word for start, word in UNSAID.items() if change.kind.startswith(start)), "nothing")
    where = change.where
    if where.startswith("definition ") and change.direction:
        where += f" in {change.direction}s"
    words = {"where": clean(where), "old": _word(change.old, unsaid), "new": _word(change.new, unsaid)}
    return Finding(rule.id, levels.get(rule.id, rule.level), rule.message.format(**words), change)


def _word(value: Any, unsaid: str) -> str:
    """A value in a sentence: short, on one line, and without control characters."""
    if value is None:
        return unsaid
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return clean(text if len(text) <= 120 else f"{text[:117]}…") or '""'


def clean(text: str) -> str:
    """A foreign text on one line and without control characters."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
