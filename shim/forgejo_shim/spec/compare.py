"""What one document says otherwise than another: structure alone, no opinion.

Rules: operations are matched by method and path, whatever the path's parameters are called; what they say by the same
`$ref` is compared once and told with the operations that reach it, in each direction that they use it in. So a change
inside a definition is one Change a direction, however many operations show it. The order is stable, and comparing the
other way round gives the mirrored changes (`MIRRORED`). Not compared: descriptions, tags, examples, host, schemes.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..contract import API
from .document import NO_CREDENTIALS, Document, Operation, Spot, operations
from .facets import NOTHING, Pair, Unit
from .operations import Sections, in_a_word
from .schemas import Schemas
from .scope import EVERYTHING, Scope, plain
from .shape import child

_TWO_WAY = """
    operation-added operation-removed, operation-deprecated operation-undeprecated, parameter-added parameter-removed,
    required-parameter-added required-parameter-removed, property-added property-removed,
    required-property-added required-property-removed, became-required became-optional, definition-added
    definition-removed, media-type-added media-type-removed, response-added response-removed, error-response-added
    error-response-removed, response-body-added response-body-removed, header-added header-removed, security-added
    security-removed, security-eased security-tightened, type-narrowed type-widened, type-spelled-out type-left-out,
    format-narrowed format-widened, enum-added enum-dropped, enum-value-added enum-value-removed, default-added
    default-removed, limit-narrowed limit-widened, became-nullable became-not-nullable, became-read-only
    became-writable, additional-properties-narrowed additional-properties-widened
"""
_ONE_WAY = """
    operation-id-changed path-parameter-renamed body-renamed base-path-changed base-path-moved security-scheme-changed
    type-changed format-changed default-changed limit-changed collection-format-changed mark-changed keyword-changed
"""
# Every kind of change, and the kind that it is when the documents change places.
MIRRORED = {kind: kind for kind in _ONE_WAY.split()}
for _one, _other in (words.split() for words in _TWO_WAY.split(",")):
    MIRRORED |= {_one: _other, _other: _one}

SCHEME = ("type", "in", "name", "flow", "authorizationUrl", "tokenUrl")
REQUEST, RESPONSE = "request", "response"


@dataclass(frozen=True)
class Change:
    """One difference. `operation` is `GET /path`, or "" for one inside something that several operations share, whose
    `where` then begins with its name: `definition User.settings[].name`, `response notFound header X`, `basePath`.
    Otherwise `where` is `query limit`, `body.title`, `response 200[].id` or "". `direction` is `request`,
    `response` or "" (neither); `base_at`, `head_at` are JSON pointers, "" where it is not there."""

    kind: str
    operation: str
    where: str
    direction: str
    old: Any
    new: Any
    base_at: str
    head_at: str
    operations: tuple[str, ...]


def compare(base: Document, head: Document, scope: Scope = EVERYTHING) -> list[Change]:
    """What HEAD says otherwise than BASE, in a stable order."""
    return sorted(_Comparison(base, head, scope).changes(), key=_order)


def _order(change: Change) -> tuple[Any, ...]:
    method, _, path = change.operation.partition(" ")
    place = 1 if path else 0 if change.kind.startswith(("base-path-", "security-")) else 2
    values = json.dumps([change.old, change.new], sort_keys=True)
    return place, path, method, change.where, change.direction, change.kind, values, change.base_at, change.head_at


class _Comparison:
    def __init__(self, base: Document, head: Document, scope: Scope) -> None:
        self.base, self.head, self.scope = base, head, scope
        self.schemas = Schemas(base, head)
        self.reach: dict[tuple[Pair, str], set[str]] = defaultdict(set)

    def changes(self) -> Iterator[Change]:
        both, one_sided = _matched(operations(self.base), operations(self.head), self.scope)
        for old, new in one_sided:
            yield from _one_sided(old, new)
        yield from self._document([old for old, _ in both])
        yield from self._security(both)
        sections = [Sections(self.schemas, old, new) for old, new in both]
        self.schemas.finish()
        for one in sections:
            for direction, unit in (("", one.own), (REQUEST, one.request), (RESPONSE, one.response)):
                yield from (Change(d.kind, one.key, d.where, direction, *d[2:], (one.key,)) for d in unit.differences)
                self._reached(unit, direction, one.key)
        if self.scope.unused:
            yield from self._unused()
        for (pair, direction), keys in self.reach.items():
            for d in self.schemas.units[pair].differences:
                yield Change(d.kind, "", d.where, direction, *d[2:], tuple(sorted(keys)))

    def _reached(self, unit: Unit, direction: str, key: str) -> None:
        """Note what an operation reaches in a direction."""
        todo = list(unit.uses)
        while todo:
            pair = todo.pop()
            keys = self.reach[pair, direction]
            if key not in keys:
                keys.add(key)
                todo.extend(self.schemas.units[pair].uses)

    def _document(self, compared: list[Operation]) -> Iterator[Change]:
        keys = tuple(operation.key for operation in compared)
        old, new = self.base.base_path, self.head.base_path
        if old != new:
            kind = f"base-path-{'moved' if old.endswith(API) and new.endswith(API) else 'changed'}"
            at = ["/basePath" if "basePath" in one.content else "" for one in (self.base, self.head)]
            yield Change(kind, "", "basePath", "", old, new, at[0], at[1], keys)
        schemes = [one.content.get("securityDefinitions", {}) for one in (self.base, self.head)]
        for name in sorted(schemes[0].keys() & schemes[1].keys()):
            was, now = ({key: one[name][key] for key in SCHEME if key in one[name]} for one in schemes)
            users = tuple(o.key for o in compared if any(name in _schemes(way) for way in o.security))
            if was != now and (users or self.scope.unused):
                there = child("/securityDefinitions", name)
                yield Change(
                    "security-scheme-changed", "", f"security scheme {name}", "", was, now, there, there, users
                )

    def _security(self, both: list[tuple[Operation, Operation]]) -> Iterator[Change]:
        """Ways in that came or went: once for all operations that have them from the document, else of each."""
        inherited: dict[tuple[str, str], list[str]] = defaultdict(list)
        for old, new in both:
            for kind, way in _ways(old.security, new.security):
                if "security" in old.content or "security" in new.content:
                    yield self._way(kind, way, old, new, (old.key,))
                else:
                    inherited[kind, way].append(old.key)
        for (kind, way), keys in inherited.items():
            yield self._way(kind, way, None, None, tuple(sorted(keys)))

    def _way(self, kind: str, way: str, old: Operation | None, new: Operation | None, keys: tuple[str, ...]) -> Change:
        at = [
            f"{operation.at}/security" if operation and "security" in operation.content
            else "/security" if "security" in document.content else ""
            for operation, document in ((old, self.base), (new, self.head))
        ]  # fmt: skip
        was, now = (way, None) if kind in ("security-removed", "security-eased") else (None, way)
        return Change(kind, old.key if old else "", "security", "", was, now, at[0], at[1], keys)

    def _unused(self) -> Iterator[Change]:
        """Definitions that no operation of both documents shows; one that has only got another name is none."""
        old, new = (document.content.get("definitions", {}) for document in (self.base, self.head))
        met = [set(one) for one in self.schemas.met]
        unused = Unit("")
        for name in sorted(old.keys() & new.keys()):
            at = child("/definitions", name)
            was, now = self.base.spot(old[name], at), self.head.spot(new[name], at)
            if Pair(was.at, now.at) not in self.schemas.units:
                self.schemas.use(unused, "definition", was, now)
        self.schemas.finish()
        used = {pair for pair, _ in self.reach}
        self._reached(unused, "", "")
        for pair, direction in list(self.reach):
            if direction == "":
                if pair in used:
                    del self.reach[pair, ""]
                else:
                    self.reach[pair, ""] = set()
        lone = [
            {name: one[name] for name in sorted(one.keys() - other.keys()) if child("/definitions", name) not in seen}
            for one, other, seen in ((old, new, met[0]), (new, old, met[1]))
        ]
        twins = [{json.dumps(schema, sort_keys=True) for schema in one.values()} for one in lone]
        for number, kind in enumerate(("definition-removed", "definition-added")):
            for name, schema in lone[number].items():
                if json.dumps(schema, sort_keys=True) not in twins[1 - number]:
                    there = in_a_word(Spot(schema, child("/definitions", name)))
                    base, head = (NOTHING, there) if number else (there, NOTHING)
                    yield Change(kind, "", f"definition {name}", "", base[0], head[0], base[1], head[1], ())


def _matched(
    old: dict[str, Operation], new: dict[str, Operation], scope: Scope
) -> tuple[list[tuple[Operation, Operation]], list[tuple[Operation | None, Operation | None]]]:
    """The operations in scope that both have, and those that one has; the same names first, then those of a place."""
    pairs = [(old[key], new[key]) for key in old.keys() & new.keys()]
    rest: list[dict[str, list[Operation]]] = [defaultdict(list), defaultdict(list)]
    for side, own, other in ((0, old, new), (1, new, old)):
        for key in sorted(own.keys() - other.keys()):
            rest[side][plain(key)].append(own[key])
    lone: list[tuple[Operation | None, Operation | None]] = []
    for place in sorted(rest[0].keys() | rest[1].keys()):
        were, are = rest[0][place], rest[1][place]
        pairs.extend(zip(were, are, strict=False))
        lone.extend((operation, None) for operation in were[len(are) :])
        lone.extend((None, operation) for operation in are[len(were) :])
    pairs.sort(key=lambda pair: (pair[0].path, pair[0].method))
    return (
        [(was, now) for was, now in pairs if was.key in scope or now.key in scope],
        [pair for pair in lone if any(operation and operation.key in scope for operation in pair)],
    )


def _one_sided(old: Operation | None, new: Operation | None) -> Iterator[Change]:
    if there := old or new:
        was, now = (
            (one.content.get("operationId", "no operationId"), one.at) if one else NOTHING for one in (old, new)
        )
        kind = f"operation-{'removed' if old else 'added'}"
        yield Change(kind, there.key, "", "", was[0], now[0], was[1], now[1], (there.key,))


def _schemes(way: str) -> set[str]:
    return {part.partition("(")[0] for part in way.split(" + ")}


def _ways(old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """A way in is kept if it still does, or if less of it does."""
    was, now = ({way: frozenset(way.split(" + ")) - {NO_CREDENTIALS} for way in ways} for ways in (old, new))
    for way in sorted(was.keys() - now.keys()):
        yield ("security-eased" if any(less <= was[way] for less in now.values()) else "security-removed"), way
    for way in sorted(now.keys() - was.keys()):
        yield ("security-tightened" if any(less <= now[way] for less in was.values()) else "security-added"), way
