"""What one document says otherwise than another: structure alone, no opinion.

Rules: operations are matched by method and URL (basePath and path), however it is spelled and whatever the path's
parameters are called; where no URL fits, by the path alone. What they say by the same `$ref` is compared once and told
with the operations that reach it, in each direction that they use it in. So a change inside a definition is one Change
a direction, however many operations show it. The order is stable, and comparing the other way round gives the mirrored
changes (`MIRRORED`). Not compared: descriptions, tags, examples.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from .change import OF_SERVERS, REQUEST, RESPONSE, Change
from .document import Document, Operation, Spot, operations
from .facets import NOTHING, Pair, Unit
from .operations import Sections, in_a_word
from .schemas import Schemas
from .scope import EVERYTHING, Scope, plain
from .server import server_changes
from .shape import child

Both = tuple[Operation, Operation]
Lone = tuple[Operation | None, Operation | None]
# What tells an operation, the surest first.
NAMES: tuple[Callable[[Operation], str], ...] = (
    lambda one: f"{one.url} {one.path}",
    lambda one: one.url,
    lambda one: plain(one.url),
    lambda one: one.path,
    lambda one: plain(one.path),
)


def compare(base: Document, head: Document, scope: Scope = EVERYTHING) -> list[Change]:
    """What HEAD says otherwise than BASE, in a stable order."""
    return sorted(_Comparison(base, head, scope).changes(), key=_order)


def _order(change: Change) -> tuple[Any, ...]:
    method, _, path = change.operation.partition(" ")
    place = 1 if path else 0 if change.kind in OF_SERVERS else 2
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
        yield from _respelled(self.base, self.head, both)
        yield from server_changes(self.base, self.head, both, self.scope.unused)
        sections = [Sections(self.schemas, old, new) for old, new in both]
        self.schemas.finish()
        for one in sections:
            for direction, unit in (("", one.own), (REQUEST, one.request), (RESPONSE, one.response)):
                told = (difference for part in unit.parts(direction) for difference in part.differences)
                yield from (Change(d.kind, one.key, d.where, direction, *d[2:], (one.key,)) for d in told)
                self._reached(unit, direction, one.key)
        if self.scope.unused:
            yield from self._unused()
        for (pair, direction), keys in self.reach.items():
            for part in self.schemas.units[pair].parts(direction):
                for d in part.differences:
                    yield Change(d.kind, "", d.where, direction, *d[2:], tuple(sorted(keys)))

    def _reached(self, unit: Unit, direction: str, key: str) -> None:
        """Note what an operation reaches in a direction."""
        todo = [pair for part in unit.parts(direction) for pair in part.uses]
        while todo:
            pair = todo.pop()
            keys = self.reach[pair, direction]
            if key not in keys:
                keys.add(key)
                todo.extend(pair for part in self.schemas.units[pair].parts(direction) for pair in part.uses)

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


def _matched(old: dict[str, Operation], new: dict[str, Operation], scope: Scope) -> tuple[list[Both], list[Lone]]:
    """The operations in scope that both have, and those that one has: matched by URL first, then by path."""
    pairs: list[Both] = []
    left = list(old.values()), list(new.values())
    for spelled in NAMES:
        groups: tuple[dict[str, list[Operation]], ...] = defaultdict(list), defaultdict(list)
        for group, side in zip(groups, left, strict=True):
            for one in side:
                group[f"{one.method} {spelled(one)}"].append(one)
        for name in groups[0].keys() & groups[1].keys():
            pairs.extend(zip(groups[0][name], groups[1][name], strict=False))
        paired = {id(one) for pair in pairs for one in pair}
        left = [one for one in left[0] if id(one) not in paired], [one for one in left[1] if id(one) not in paired]
    lone: list[Lone] = [(one, None) for one in left[0]] + [(None, one) for one in left[1]]
    return (
        sorted((pair for pair in pairs if any(one.key in scope for one in pair)), key=lambda pair: pair[0].key),
        [pair for pair in lone if any(one and one.key in scope for one in pair)],
    )


def _respelled(base: Document, head: Document, both: list[Both]) -> Iterator[Change]:
    """Paths that are written otherwise where the basePath is not."""
    for old, new in both:
        if base.base_path == head.base_path and plain(old.path) != plain(new.path):
            yield Change("path-respelled", old.key, "", "", old.path, new.path, old.at, new.at, (old.key,))


def _one_sided(old: Operation | None, new: Operation | None) -> Iterator[Change]:
    if there := old or new:
        was, now = (
            (one.content.get("operationId", "no operationId"), one.at) if one else NOTHING for one in (old, new)
        )
        kind = f"operation-{'removed' if old else 'added'}"
        yield Change(kind, there.key, "", "", was[0], now[0], was[1], now[1], (there.key,))
