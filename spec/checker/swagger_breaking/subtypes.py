"""Which definitions may stand where another one is named: those that inherit from it by `allOf`, with a discriminator.

Rules: Swagger 2.0 names a subtype in no `$ref`; a value of the discriminator is the name of a definition that inherits.
A subtype's subtypes count. Beside that, the values in the discriminator's `enum` and in the `mapping` of an
`x-discriminator` name definitions. A subtype is known by `x-discriminator-value` or `x-ms-discriminator-value` where it
has one, since that is what is sent, else by its name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from .document import Document, Json, Spot
from .shape import child

MARKS = ("x-discriminator-value", "x-ms-discriminator-value")
PREFIX = "#/definitions/"


class Subtypes:
    """The subtypes of one document's definitions."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._at: dict[str, str] = {}  # by a definition's name, past any reference
        self._spots: dict[str, Spot] = {}
        self._names: dict[str, str] = {}
        for name, schema in document.content.get("definitions", {}).items():
            spot = document.spot(schema, child("/definitions", name))
            self._at[name] = spot.at
            self._spots[spot.at] = spot._replace(named=True)
            if "$ref" not in schema or spot.at not in self._names:
                self._names[spot.at] = name
        self._parents = {at: set(self._bases(spot)) & self._spots.keys() for at, spot in self._spots.items()}
        self._children: dict[str, set[str]] = defaultdict(set)
        for at, parents in self._parents.items():
            for parent in parents:
                self._children[parent].add(at)
        self._found: dict[str, dict[str, Spot]] = {}

    def _bases(self, spot: Spot) -> Iterator[str]:
        """What a schema takes in by `allOf`, also by parts that are written out."""
        for part in _parts(spot.content):
            for one in part.get("allOf", ()):
                if "$ref" in one:
                    yield self._document.spot(one, "").at

    def of(self, at: str) -> dict[str, Spot]:
        """The subtypes of the definition at a pointer, by the word that is sent; none without a discriminator."""
        if at not in self._found:
            self._found[at] = self._of(at) if at in self._spots else {}
        return self._found[at]

    def _of(self, at: str) -> dict[str, Spot]:
        family = [part for one in _closure(at, self._parents) for part in _parts(self._spots[one].content)]
        if not any("discriminator" in schema or "x-discriminator" in schema for schema in family):
            return {}
        found = _closure(at, self._children) | {self._at[name] for name in self._listed(family)}
        return {self._word(one): self._spots[one] for one in sorted(found - {at})}

    def _listed(self, family: list[Json]) -> set[str]:
        """Definitions that the discriminator itself names."""
        words: list[Any] = []
        for schema in family:
            name, mark = schema.get("discriminator"), schema.get("x-discriminator")
            values = schema.get("properties", {}).get(name, {}) if isinstance(name, str) else {}
            words += self._document.spot(values, "").content.get("enum", ())
            mapping = mark.get("mapping") if isinstance(mark, dict) else None
            words += mapping.values() if isinstance(mapping, dict) else ()
        return {word.removeprefix(PREFIX) for word in words if isinstance(word, str)} & self._at.keys()

    def _word(self, at: str) -> str:
        schema = self._spots[at].content
        return next((schema[mark] for mark in MARKS if isinstance(schema.get(mark), str)), self._names[at])


def _parts(schema: Json) -> Iterator[Json]:
    """A schema and the parts of its `allOf` that are written out."""
    yield schema
    for part in schema.get("allOf", ()):
        yield from _parts(part)


def _closure(at: str, steps: dict[str, set[str]]) -> set[str]:
    """A pointer and all that steps lead to from it."""
    found, todo = {at}, [at]
    while todo:
        more = steps.get(todo.pop(), set()) - found
        found |= more
        todo.extend(more)
    return found
