"""What two documents say of the same operation: its name, parameters, answers and media types.

Rules: no opinion; the request's differences, the answers' and the operation's own are told apart, so that a direction
can be given to them. A parameter or answer that both sides name by the same `$ref` is compared once. A request's media
types count only where a body or a form is sent, an answer's body not where HTTP sends none. Names of headers and media
types are equal as `spelling` says. A code that one side names is compared with the other side's `default`,
if it has one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set

from . import spelling
from .document import Operation, Spot
from .facets import NOTHING, Given, Unit, facets, said, says
from .schemas import Schemas
from .shape import child, parameter_key


class Sections:
    """The differences of one operation: its own, the request's, the answers'."""

    def __init__(self, schemas: Schemas, old: Operation, new: Operation) -> None:
        self.key = old.key
        self.own, self.request, self.response = Unit(""), Unit(""), Unit("")
        self._schemas = schemas
        self._name(old, new)
        if _sends(old) and _sends(new):
            _media_types(self.request, "consumes", old.consumes, new.consumes, old.at, new.at)
        if old.method != "HEAD":
            _media_types(self.response, "produces", old.produces, new.produces, old.at, new.at)
        renamed = _renamed(old, new)
        for was, now in renamed:
            self.own.add("path-parameter-renamed", f"path {was}", (was, old.at), (now, new.at))
        back = {f"path {now}": f"path {was}" for was, now in renamed}
        self._parameters(old.parameters, {back.get(key, key): spot for key, spot in new.parameters.items()})
        self._responses(old.method, old.responses, new.responses)

    def _name(self, old: Operation, new: Operation) -> None:
        was, now = (says(one.content, one.at).get("operationId", NOTHING) for one in (old, new))
        if was[0] != now[0]:
            self.own.add("operation-id-changed", "", was, now)
        flags = [bool(one.content.get("deprecated")) for one in (old, new)]
        if flags[0] != flags[1]:
            kind = f"operation-{'' if flags[1] else 'un'}deprecated"
            self.own.add(kind, "", (flags[0], old.at), (flags[1], new.at))

    def _parameters(self, old: Mapping[str, Spot], new: Mapping[str, Spot]) -> None:
        for key in sorted(old.keys() | new.keys()):
            base, head = old.get(key), new.get(key)
            there = base or head
            where = parameter_key(there.content) if there and key.startswith("header ") else key
            if base and head:
                if base.named and head.named and base.at == head.at:
                    if made := self._schemas.use(self.request, "parameter", base, head):
                        self._parameter(made, made.where, base, head)
                else:
                    self._parameter(self.request, where, base, head)
            elif there:
                needed = "required-" if there.content.get("required") else ""
                kind = f"{needed}parameter-{'removed' if base else 'added'}"
                self.request.add(kind, where, in_a_word(base), in_a_word(head))

    def _parameter(self, unit: Unit, where: str, base: Spot, head: Spot) -> None:
        needed = [bool(spot.content.get("required")) or spot.content["in"] == "path" for spot in (base, head)]
        if needed[0] != needed[1]:
            kind = f"became-{'required' if needed[1] else 'optional'}"
            unit.add(kind, where, (needed[0], base.at), (needed[1], head.at))
        if base.content["in"] != "body":
            self._value(unit, where, base, head, without={"default"} if all(needed) else set())
            return
        was, now = (says(spot.content, spot.at)["name"] for spot in (base, head))
        if was[0] != now[0]:
            unit.add("body-renamed", where, was, now)
        self._child(unit, where, "schema", base, head)

    def _value(self, unit: Unit, where: str, base: Spot, head: Spot, without: Set[str] = frozenset()) -> None:
        """A parameter that is no body, or a header; a default has no meaning where a value must be given."""
        was, now = (
            {key: given for key, given in says(spot.content, spot.at).items() if key not in without}
            for spot in (base, head)
        )
        facets(unit, where, was, now)
        self._child(unit, f"{where}[]", "items", base, head)

    def _child(self, unit: Unit, where: str, key: str, base: Spot, head: Spot) -> None:
        was, now = (says(spot.content, spot.at).get(key, NOTHING) for spot in (base, head))
        if was[1] or now[1]:
            self._schemas.compare(unit, where, was, now)

    def _responses(self, method: str, old: Mapping[str, Spot], new: Mapping[str, Spot]) -> None:
        for code in sorted(old.keys() | new.keys()):
            base, head = old.get(code), new.get(code)
            if base is None or head is None:
                rest = [side.get("default") for side in (old, new)]
                at = [in_a_word(one) for one in (base, head)]
                change = "removed" if base else "added"
                if rest[0 if head else 1]:
                    change = "left-to-default" if base else "spelled-out"
                    base, head = base or rest[0], head or rest[1]
                kind = f"{'' if code[0] in '123' else 'error-'}response-{change}"
                self.response.add(kind, f"response {code}", at[0], at[1])
            if base and head:
                self._answer(method, code, base, head)

    def _answer(self, method: str, code: str, base: Spot, head: Spot) -> None:
        where = f"response {code}"
        if method == "HEAD" or code[0] == "1" or code in ("204", "205", "304"):  # HTTP sends no body
            self._headers(self.response, where, _headers(base), _headers(head))
        elif base.named and head.named and base.at == head.at:
            if made := self._schemas.use(self.response, "response", base, head):
                self._response(made, made.where, base, head)
        else:
            self._response(self.response, where, base, head)

    def _response(self, unit: Unit, where: str, base: Spot, head: Spot) -> None:
        was, now = (says(spot.content, spot.at).get("schema", NOTHING) for spot in (base, head))
        if was[1] and now[1]:
            self._schemas.compare(unit, where, was, now)
        elif was[1] or now[1]:
            bodies = [(said(given[0]), given[1]) if given[1] else NOTHING for given in (was, now)]
            unit.add(f"response-body-{'removed' if was[1] else 'added'}", where, bodies[0], bodies[1])
        self._headers(unit, where, _headers(base), _headers(head))

    def _headers(
        self, unit: Unit, where: str, old: dict[str, tuple[str, Spot]], new: dict[str, tuple[str, Spot]]
    ) -> None:
        for key in sorted(old.keys() | new.keys()):
            here = f"{where} header {(old.get(key) or new[key])[0]}"
            if key in old and key in new:
                self._value(unit, here, old[key][1], new[key][1])
            elif key in old:
                unit.add("header-removed", here, in_a_word(old[key][1]), NOTHING)
            else:
                unit.add("header-added", here, NOTHING, in_a_word(new[key][1]))


def in_a_word(spot: Spot | None) -> Given:
    """What a part of a document is, as a type's name."""
    return (said(spot.content), spot.at) if spot else NOTHING


def _headers(response: Spot) -> dict[str, tuple[str, Spot]]:
    """The headers of an answer by their names in lower case."""
    headers = response.content.get("headers", {})
    return {
        name.lower(): (name, Spot(header, child(f"{response.at}/headers", name))) for name, header in headers.items()
    }


def _renamed(old: Operation, new: Operation) -> list[tuple[str, str]]:
    """Parameters of the path that are called otherwise in the same place."""
    names = (re.findall(r"\{([^{}/]*)\}", operation.path) for operation in (old, new))
    return [(was, now) for was, now in zip(*names, strict=False) if was != now]


def _sends(operation: Operation) -> bool:
    return any(key == "body" or key.startswith("formData ") for key in operation.parameters)


def _media_types(unit: Unit, key: str, old: Iterable[str], new: Iterable[str], base_at: str, head_at: str) -> None:
    """What one side alone has; a range, such as `*/*`, that the other side has a part of is narrowed or widened."""
    was, now = ({spelling.media_type(kind) for kind in kinds} for kinds in (old, new))
    for kind in sorted(was):
        if not _covered(kind, now):
            left = _within(kind, now)
            unit.add(f"media-type-{'narrowed' if left else 'removed'}", key, (kind, base_at), (left, head_at))
    for kind in sorted(now):
        if not _covered(kind, was):
            left = _within(kind, was)
            unit.add(f"media-type-{'widened' if left else 'added'}", key, (left, base_at), (kind, head_at))


def _covered(kind: str, kinds: Iterable[str]) -> bool:
    return any(spelling.covers(one, kind) for one in kinds)


def _within(wide: str, kinds: Iterable[str]) -> str | None:
    return ", ".join(one for one in sorted(kinds) if spelling.covers(wide, one)) or None
