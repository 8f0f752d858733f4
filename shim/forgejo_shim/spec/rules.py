"""What a change means for clients: the rules, as data.

Rules: BASE is what clients were written for, HEAD what they will meet. Every kind of change has exactly one rule in
each direction that it can have. ERR: a client that keeps to BASE breaks. WARN: one that BASE led to expect otherwise
may. INFO: none does. Ids are stable. Generated clients count: a name that becomes a method's breaks them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .compare import REQUEST, RESPONSE, Change


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
    """`sentence` is filled with where, old and new; `kinds` are the (kind, direction) of the changes that it judges."""

    id: str
    level: Level
    sentence: str
    kinds: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Finding:
    """A change with what it means; `message` is a sentence without the operation."""

    rule: str
    level: Level
    message: str
    change: Change


# Rule, level, sentence; and the kinds of change where they are not the rule's own name.
OF_OPERATIONS = """
operation-removed | ERR | the operation ({old}) is missing
operation-added | INFO | the operation ({new}) is new
operation-id-changed | ERR | operationId {old} is now {new}: generated clients name their methods by it
operation-deprecated | INFO | the operation is deprecated now
operation-undeprecated | INFO | the operation is not deprecated any more
path-parameter-renamed | WARN | the path's parameter {old} is called {new} now: generated clients name arguments by it
base-path-changed | ERR | the basePath is {new} where it was {old}
base-path-moved | INFO | the basePath is {new} where it was {old}: another sub-path of a server
security-removed | ERR | {old} does not let in any more
security-added | INFO | {new} lets in, too
security-eased | INFO | less than {old} lets in
security-tightened | INFO | {new} lets in, where less did
security-scheme-changed | ERR | {where} is {new} where it was {old}
definition-removed | INFO | {where} is gone, and nothing that stays refers to it
definition-added | INFO | {where} is new
"""
OF_REQUESTS = """
request-media-type-removed | ERR | a body of {old} is not taken any more | media-type-removed
request-media-type-added | INFO | a body of {new} is taken, too | media-type-added
request-parameter-removed | WARN | {where} is not taken any more | parameter-removed required-parameter-removed
request-parameter-added | INFO | {where} ({new}) is new and may be left out | parameter-added
request-required-parameter-added | ERR | {where} ({new}) is new and must be given | required-parameter-added
request-body-renamed | WARN | the body is called {new} where it was {old}: generated clients name arguments by it | body-renamed
request-property-removed | WARN | {where} is not taken any more | property-removed required-property-removed
request-property-added | INFO | {where} ({new}) is new and may be left out | property-added
request-required-property-added | ERR | {where} ({new}) is new and must be given | required-property-added
request-became-required | ERR | {where} must be given now | became-required
request-became-optional | INFO | {where} may be left out now | became-optional
request-type-narrowed | ERR | {where} takes {new} only, where it took {old} | type-narrowed format-narrowed
request-type-widened | INFO | {where} takes {new}, where it took {old} only | type-widened format-widened
request-type-changed | ERR | {where} takes {new} where it took {old} | type-changed format-changed
request-type-spelled-out | INFO | {where} says its type otherwise and means the same | type-spelled-out type-left-out
request-enum-added | ERR | {where} takes these values only: {new} | enum-added
request-enum-dropped | INFO | {where} takes other values than {old}, too | enum-dropped
request-enum-value-removed | ERR | {where} does not take {old} any more | enum-value-removed
request-enum-value-added | INFO | {where} takes {new}, too | enum-value-added
request-default-added | WARN | {where} counts as {new} when left out | default-added
request-default-removed | WARN | {where} does not count as {old} any more when left out | default-removed
request-default-changed | ERR | {where} counts as {new} when left out, where it counted as {old} | default-changed
request-limit-narrowed | ERR | {where} takes less: {new} where it was {old} | limit-narrowed
request-limit-widened | INFO | {where} takes more: {new} where it was {old} | limit-widened
request-limit-changed | WARN | {where} takes {new} where it was {old} | limit-changed
request-became-nullable | INFO | {where} may be null now | became-nullable
request-became-not-nullable | ERR | {where} must not be null any more | became-not-nullable
request-additional-properties-narrowed | ERR | {where} takes {new} where it took {old} | additional-properties-narrowed
request-additional-properties-widened | INFO | {where} takes {new} where it took {old} | additional-properties-widened
request-became-read-only | WARN | {where} is not taken any more: it is read-only | became-read-only
request-became-writable | INFO | {where} is taken now: it was read-only | became-writable
request-collection-format-changed | ERR | {where} takes several values as {new} where it was {old} | collection-format-changed
request-mark-changed | INFO | {where} is marked {new} where it was {old} | mark-changed
request-keyword-changed | WARN | {where} says {new} where it said {old} | keyword-changed
"""  # noqa: E501
OF_RESPONSES = """
response-media-type-removed | ERR | {old} is not answered any more | media-type-removed
response-media-type-added | INFO | {new} may be answered, too | media-type-added
response-removed | ERR | {where} is not answered any more
response-added | WARN | {where} ({new}) may be answered, too
response-error-removed | WARN | {where} is not answered any more | error-response-removed
response-error-added | INFO | {where} may be answered, too | error-response-added
response-body-removed | ERR | {where} has no body any more, where it was {old}
response-body-added | INFO | {where} has a body now: {new}
response-header-removed | ERR | {where} is not sent any more | header-removed
response-header-added | INFO | {where} is new | header-added
response-property-removed | ERR | {where} ({old}) is not answered any more | property-removed required-property-removed
response-property-added | INFO | {where} ({new}) is new | property-added required-property-added
response-became-required | INFO | {where} is always answered now | became-required
response-became-optional | ERR | {where} is not always answered any more | became-optional
response-type-narrowed | INFO | {where} is {new} only, where it was {old} | type-narrowed format-narrowed
response-type-widened | ERR | {where} is {new}, where it was {old} only | type-widened format-widened
response-type-changed | ERR | {where} is {new} where it was {old} | type-changed format-changed
response-type-spelled-out | INFO | {where} says its type otherwise and means the same | type-spelled-out type-left-out
response-enum-added | INFO | {where} is one of these only: {new} | enum-added
response-enum-dropped | WARN | {where} may be other than {old} | enum-dropped
response-enum-value-removed | INFO | {where} is not {old} any more | enum-value-removed
response-enum-value-added | WARN | {where} may be {new}, too | enum-value-added
response-default-changed | INFO | {where} has the default {new} where it was {old} | default-added default-removed default-changed
response-limit-narrowed | INFO | {where} is held to {new} where it was {old} | limit-narrowed
response-limit-widened | WARN | {where} is held to {new} where it was {old} | limit-widened
response-limit-changed | WARN | {where} is held to {new} where it was {old} | limit-changed
response-became-nullable | ERR | {where} may be null now | became-nullable
response-became-not-nullable | INFO | {where} is not null any more | became-not-nullable
response-additional-properties-narrowed | INFO | {where} holds {new} where it was {old} | additional-properties-narrowed
response-additional-properties-widened | WARN | {where} holds {new} where it was {old} | additional-properties-widened
response-read-only-changed | INFO | {where} is answered as before; whether it may be sent changed | became-read-only became-writable
response-collection-format-changed | ERR | {where} holds several values as {new} where it was {old} | collection-format-changed
response-mark-changed | INFO | {where} is marked {new} where it was {old} | mark-changed
response-keyword-changed | WARN | {where} says {new} where it said {old} | keyword-changed
"""  # noqa: E501
# Of definitions that no operation uses: kinds that a schema can change in.
OF_SCHEMAS = """
    property-added property-removed required-property-added required-property-removed became-required became-optional
    type-changed type-narrowed type-widened type-spelled-out type-left-out format-changed format-narrowed format-widened
    enum-added enum-dropped enum-value-added enum-value-removed default-added default-removed default-changed
    limit-narrowed limit-widened limit-changed became-nullable became-not-nullable became-read-only became-writable
    additional-properties-narrowed additional-properties-widened collection-format-changed mark-changed keyword-changed
"""


# What a side says by saying nothing, by how the kind of change begins.
UNSAID = {"type-": "any type", "format-": "any format", "limit-": "no limit", "collection-format-": "csv"}


def _rules(table: str, direction: str) -> Iterator[Rule]:
    for line in table.strip().splitlines():
        name, level, sentence, *kinds = (part.strip() for part in line.split("|"))
        yield Rule(name, Level(level), sentence, frozenset((kind, direction) for kind in (kinds or [name])[0].split()))


RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        *_rules(OF_OPERATIONS, ""),
        *_rules(OF_REQUESTS, REQUEST),
        *_rules(OF_RESPONSES, RESPONSE),
        Rule(
            "unused-definition-changed",
            Level.INFO,
            "{where} changed ({old} is now {new}), and no operation uses it",
            frozenset((kind, "") for kind in OF_SCHEMAS.split()),
        ),
    )
}
RULE_OF = {kind: rule for rule in RULES.values() for kind in rule.kinds}


def judge(changes: Iterable[Change], levels: Mapping[str, Level] | None = None) -> list[Finding]:
    """One finding a change, in the same order; `levels` (rule id → level) replace the rules' own."""
    return [_finding(change, RULE_OF[change.kind, change.direction], levels or {}) for change in changes]


def _finding(change: Change, rule: Rule, levels: Mapping[str, Level]) -> Finding:
    unsaid = next((word for start, word in UNSAID.items() if change.kind.startswith(start)), "nothing")
    words = {"where": clean(change.where), "old": _word(change.old, unsaid), "new": _word(change.new, unsaid)}
    return Finding(rule.id, levels.get(rule.id, rule.level), rule.sentence.format(**words), change)


def _word(value: Any, unsaid: str) -> str:
    """A value in a sentence: short, on one line, and without control characters."""
    if value is None:
        return unsaid
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return clean(text if len(text) <= 120 else f"{text[:117]}…") or '""'


def clean(text: str) -> str:
    """A foreign text on one line and without control characters."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
