"""What is said of one value, keyword by keyword: type, format, enum, default, limits, vendor marks.

Rules: each keyword that differs is one Difference, of a kind that says which way it moved where that can be known:
narrowed, if every value fitted before that fits now; widened, the other way round; changed, if neither is certain. A
keyword of which nothing is known here is a change all the same. Not compared: descriptions, examples, x-go-*, and the
formats of two types that have nothing in common.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import unquote

from .change import REQUEST, RESPONSE
from .shape import Json, child, keys

SILENT = {"description", "summary", "title", "example", "examples", "externalDocs", "x-example"}
OF_PARTS = {
    "$ref",
    "name",
    "in",
    "required",
    "schema",
    "properties",
    "items",
    "additionalProperties",
    "allOf",
    "readOnly",
}
NULLABLE = ("x-nullable", "x-isnullable")
UPPER = ("maximum", "maxLength", "maxItems", "maxProperties")
LOWER = ("minimum", "minLength", "minItems", "minProperties")
PLAIN = ("type", "format", "enum", "default", "collectionFormat")
STRICT = ("exclusiveMaximum", "exclusiveMinimum", "uniqueItems")
WIDER_TYPE = {("integer", "number")}
WIDER_FORMAT = {("int32", "int64"), ("float", "double")}


Given = tuple[Any, str]  # a value and its JSON pointer
NOTHING: Given = (None, "")
Says = Mapping[str, Given]  # by keyword


class Difference(NamedTuple):
    """What differs at one place, and where each document says so; `old` or `new` is None where nothing is said."""

    kind: str
    where: str
    old: Any
    new: Any
    base_at: str
    head_at: str


class Pair(NamedTuple):
    """JSON pointers of what two references lead to; or of the subtypes that may stand there."""

    base: str
    head: str
    subtypes: bool = False


@dataclass
class Unit:
    """What is compared as one: an operation's request or answers, or a pair of targets of references.

    What is only ever answered, a read-only property, or only ever sent stands in a unit of its own below it."""

    where: str
    differences: list[Difference] = field(default_factory=list)
    uses: dict[Pair, None] = field(default_factory=dict)
    seen: set[Pair] = field(default_factory=set)
    only: dict[str, Unit] = field(default_factory=dict)  # by direction

    def only_in(self, direction: str) -> Unit:
        """The part of this unit for a direction; in what is only answered nothing is sent, and the other way round."""
        if direction not in self.only:
            part = self.only[direction] = Unit(self.where)
            part.only = {direction: part, **{other: Unit("") for other in (REQUEST, RESPONSE) if other != direction}}
        return self.only[direction]

    def parts(self, direction: str) -> list[Unit]:
        """What of this unit counts in a direction; where neither is known, what is answered."""
        part = self.only.get(direction or RESPONSE)
        return [self] if part is None or part is self else [self, part]

    def add(self, kind: str, where: str, base: Given, head: Given) -> None:
        """Note a difference between what either side gives: a value and its pointer, or NOTHING."""
        self.differences.append(Difference(kind, where, base[0], head[0], base[1], head[1]))


def named(at: str) -> str:
    """The name of a definition, a shared answer or parameter; for what stands elsewhere its pointer."""
    section, *names = keys(at) or [""]
    if section == "x-files" and names:
        return f"{names[0]}#{at[len(child('/x-files', names[0])) :]}"
    return names[0] if len(names) == 1 and section in ("definitions", "responses", "parameters") else f"#{at}"


def said(schema: Json | list[Json] | None) -> str:
    """A schema in a word: `integer int64`, `User`, `[string]`, `object`."""
    if not schema:
        return "any"
    if isinstance(schema, list):
        return ", ".join(map(said, schema))
    if "$ref" in schema:
        return named(unquote(schema["$ref"][1:]))
    if "schema" in schema:
        return said(schema["schema"])
    kind = schema.get("type", "any" if "properties" not in schema else "object")
    if kind == "array":
        return f"[{said(schema.get('items'))}]"
    if isinstance(schema.get("additionalProperties"), dict) and "properties" not in schema:
        return f"{{{said(schema['additionalProperties'])}}}"
    return " ".join(filter(None, ["/".join(kind) if isinstance(kind, list) else kind, schema.get("format", "")]))


def same(old: Any, new: Any) -> bool:
    """Equality of JSON's values, where 1 is 1.0 and not true."""
    return _plainly(old) == _plainly(new)


def _plainly(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def is_silent(key: str) -> bool:
    """Whether a keyword says nothing to a client."""
    return key in SILENT or key.startswith("x-go-")


def says(content: Json, at: str) -> Says:
    """What a part of a document says itself."""
    return {key: (value, child(at, key)) for key, value in content.items()}


def facets(unit: Unit, where: str, old: Says, new: Says) -> None:
    """Compare what is said of one value: of a schema, a parameter that is no body, items or a header."""
    for key in sorted((old.keys() | new.keys()) - OF_PARTS - {*NULLABLE}):
        was, now = old.get(key, NOTHING), new.get(key, NOTHING)
        if is_silent(key) or (was[1] and now[1] and same(was[0], now[0])):
            continue
        if key == "enum" and was[1] and now[1]:
            _enum(unit, where, was, now)
        elif kind := _kind(key, was[0], now[0], old, new):
            unit.add(kind, where, _told(key, was), _told(key, now))
    marks = [next((one[key] for key in NULLABLE if key in one and one[key][0]), (False, "")) for one in (old, new)]
    if bool(marks[0][0]) != bool(marks[1][0]):
        unit.add("became-nullable" if marks[1][0] else "became-not-nullable", where, marks[0], marks[1])


def _told(key: str, given: Given) -> Given:
    """A value, with its keyword where the kind of change alone does not say it."""
    return given if key in PLAIN or not given[1] else ({key: given[0]}, given[1])


def _kind(key: str, was: Any, now: Any, old: Says, new: Says) -> str:
    """The kind of a facet's change, "" if it is none."""
    if key == "type":
        return _type(was, now, old, new)
    if key == "enum":
        return "enum-dropped" if key in old else "enum-added"
    if key == "format":
        narrowed, widened = not was or (now, was) in WIDER_FORMAT, not now or (was, now) in WIDER_FORMAT
        silent = (not was and not now) or other_type(old, new)
        return "" if silent else f"format-{_breadth(narrowed, widened)}"
    if key == "default":
        return "default-" + ("added" if key not in old else "removed" if key not in new else "changed")
    if key in UPPER or key in LOWER:
        wider = now is None or (was is not None and (now > was if key in UPPER else now < was))
        return "" if was == now else f"limit-{'widened' if wider else 'narrowed'}"
    if key in STRICT or key == "allowEmptyValue":
        narrower = bool(now) == (key in STRICT)
        return "" if bool(was) == bool(now) else f"limit-{'narrowed' if narrower else 'widened'}"
    if key in ("pattern", "multipleOf"):
        return "limit-" + _breadth(was is None, now is None)
    if key == "collectionFormat":
        return "" if (was or "csv") == (now or "csv") else "collection-format-changed"
    return "mark-changed" if key[:2] == "x-" else "keyword-changed"


def _breadth(narrowed: bool, widened: bool) -> str:
    return "narrowed" if narrowed else "widened" if widened else "changed"


def _type(was: Any, now: Any, old: Says, new: Says) -> str:
    if was is None and now == _implied(old):
        return "type-spelled-out"
    if now is None and was == _implied(new):
        return "type-left-out"
    narrowed, widened = _holds(was, now), _holds(now, was)
    return "" if narrowed and widened else "type-" + _breadth(narrowed, widened)


def other_type(old: Says, new: Says) -> bool:
    """Whether no value of the one type needs to be of the other."""
    was, now = (one.get("type", NOTHING)[0] for one in (old, new))
    return _type(was, now, old, new) == "type-changed"


def _implied(says: Says) -> str:
    """The type that a schema without one clearly means."""
    return (
        "object"
        if {"properties", "additionalProperties", "allOf"} & says.keys()
        else "array"
        if "items" in says
        else ""
    )


def _holds(wide: Any, narrow: Any) -> bool:
    """Whether every type of one is among those of the other; none said is every type."""
    if wide is None or narrow is None:
        return wide is None
    wide, narrow = ({one} if isinstance(one, str) else set(one) for one in (wide, narrow))
    return all(one in wide or any((one, more) in WIDER_TYPE for more in wide) for one in narrow)


def _enum(unit: Unit, where: str, was: Given, now: Given) -> None:
    old, new = ({_plainly(value): value for value in given[0]} for given in (was, now))
    for value in sorted(old.keys() - new.keys()):
        unit.add("enum-value-removed", where, (old[value], was[1]), (None, now[1]))
    for value in sorted(new.keys() - old.keys()):
        unit.add("enum-value-added", where, (None, was[1]), (new[value], now[1]))
