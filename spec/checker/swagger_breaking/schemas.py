"""What two documents say of the same value, through properties and items; what many share is compared once.

Rules: no opinion here. What both sides give by a `$ref` is a Unit of its own, compared once for each pair of targets,
however often and however recursively it is used; a reference and the same thing written out are equal. The parts of an
`allOf` count as one schema, the first to say a thing holding. Where a definition with a discriminator is used, so are
its subtypes. A property that is read-only on both sides is only answered: no request has it.
"""

from __future__ import annotations

from collections.abc import Iterable

from .change import REQUEST, RESPONSE
from .document import Document, Json, Spot
from .facets import NOTHING, Given, Pair, Says, Unit, facets, is_silent, named, other_type, said, says
from .subtypes import Subtypes

REST = "additionalProperties"


class Merged:
    """A schema of one document with the parts of its `allOf` counted in; None is a schema that says nothing."""

    def __init__(self, document: Document, spot: Spot | None, without: Iterable[str] = ()) -> None:
        self.says: dict[str, Given] = {}  # by keyword
        self.properties: dict[str, Given] = {}
        self.required: dict[str, str] = {}  # name → pointer
        taken, todo = set(without), [spot] if spot else []
        while todo:
            content, at, _ = one = todo.pop()
            if at in taken and one is not spot:
                continue
            taken.add(at)
            self.says = {**says(content, at), **self.says}
            self.properties = {**says(content.get("properties", {}), f"{at}/properties"), **self.properties}
            self.required = {**dict.fromkeys(content.get("required", ()), f"{at}/required"), **self.required}
            todo += [document.spot(part, f"{at}/allOf/{n}") for n, part in enumerate(content.get("allOf", ()))][::-1]

    def get(self, key: str) -> Given:
        """What is said by a keyword."""
        return self.says.get(key, NOTHING)


class Schemas:
    """Two documents side by side; `units` are filled by whatever is compared."""

    def __init__(self, base: Document, head: Document) -> None:
        self.base, self.head = base, head
        self.units: dict[Pair, Unit] = {}
        self._subtypes = Subtypes(base), Subtypes(head)
        self.met: tuple[set[str], set[str]] = set(), set()  # pointers that references of either side led to
        self._waiting: list[tuple[Unit, str, Spot | None, Spot | None]] = []

    def compare(self, unit: Unit, where: str, base: Given, head: Given) -> None:
        """Compare two schemas where they are used, at the latest when `finish` is called; NOTHING is any value."""
        old = self.base.spot(*base) if base[1] else None
        new = self.head.spot(*head) if head[1] else None
        if old and new and old.named and new.named:
            facets(unit, where, _marks(*base), _marks(*head))
            self.use(unit, "definition", old, new)
        else:
            self._meet(old, new)
            self._waiting.append((unit, where, _marked(old, base[0]), _marked(new, head[0])))
        self._use_subtypes(unit, old, new)

    def use(self, unit: Unit, what: str, old: Spot, new: Spot) -> Unit | None:
        """Note that a unit uses what two references lead to: the unit of that if it is new, and not compared yet."""
        self._meet(old, new)
        pair = Pair(old.at, new.at)
        unit.uses[pair] = None
        if pair in self.units:
            return None
        name, other = named(old.at), named(new.at)
        made = self.units[pair] = Unit(f"{what} {name}" if name == other else f"{what} {name} (now {other})")
        if what == "definition":
            self._waiting.append((made, made.where, old, new))
        return made

    def _use_subtypes(self, unit: Unit, old: Spot | None, new: Spot | None) -> None:
        """Note that a unit uses all that may stand for what two references lead to."""
        sides = [family.of(spot.at) if spot else {} for family, spot in zip(self._subtypes, (old, new), strict=True)]
        if not any(sides):
            return
        pair = Pair(old.at if old else "", new.at if new else "", True)
        unit.uses[pair] = None
        if pair in self.units:
            return
        made = self.units[pair] = Unit(f"definition {named(pair.base or pair.head)}")
        for word in sorted(sides[0].keys() | sides[1].keys()):
            base, head = (side.get(word) for side in sides)
            if base and head:
                self.use(made, "definition", base, head)
            else:
                self._meet(base, head)
                given = [(word, spot.at) if spot else NOTHING for spot in (base, head)]
                made.add(f"subtype-{'removed' if base else 'added'}", made.where, given[0], given[1])

    def finish(self) -> None:
        """Compare all that waits, and what that uses in turn: no recursion, however the documents recur."""
        while self._waiting:
            self._both(*self._waiting.pop())

    def _meet(self, *spots: Spot | None) -> None:
        for met, spot in zip(self.met, spots, strict=True):
            if spot and spot.named:
                met.add(spot.at)

    def _both(self, unit: Unit, where: str, old: Spot | None, new: Spot | None) -> None:
        if old is None or new is None:
            self._any(unit, where, old, new)
            return
        pair = Pair(old.at, new.at)
        if pair in unit.seen:  # a ring, or told already
            return
        unit.seen.add(pair)
        shared = self._shared_parts(unit, old, new)
        b, h = Merged(self.base, old, shared), Merged(self.head, new, shared)
        facets(unit, where, b.says, h.says)
        if other_type(b.says, h.says):
            return
        self._properties(unit, where, b, h)
        self._rest(unit, where, b.get(REST), h.get(REST))
        self._items(unit, where, b, h)

    def _items(self, unit: Unit, where: str, b: Merged, h: Merged) -> None:
        """The items of a list; a list of schemas has one for each position."""
        base, head, same_type = b.get("items"), h.get("items"), b.get("type")[0] == h.get("type")[0]
        lists = [isinstance(given[0], list) for given in (base, head)]
        if all(lists):
            for number in range(max(len(base[0]), len(head[0]))):
                given = [
                    (side[0][number], f"{side[1]}/{number}") if number < len(side[0]) else NOTHING
                    for side in (base, head)
                ]
                self.compare(unit, f"{where}[{number}]", given[0], given[1])
        elif any(lists) and base[1] and head[1]:
            unit.add("keyword-changed", f"{where}[]", ({"items": base[0]}, base[1]), ({"items": head[0]}, head[1]))
        elif not any(lists) and ((base[1] and head[1]) or ((base[1] or head[1]) and same_type)):
            self.compare(unit, f"{where}[]", base, head)

    def _any(self, unit: Unit, where: str, old: Spot | None, new: Spot | None) -> None:
        """One side says nothing at all of a value."""
        b, h = Merged(self.base, old), Merged(self.head, new)
        before = len(unit.differences)
        facets(unit, where, b.says, h.says)
        if len(unit.differences) == before and (b.properties or h.properties or b.required or h.required):
            sides = [("object", spot.at) if spot else NOTHING for spot in (old, new)]
            unit.add("type-narrowed" if old is None else "type-widened", where, sides[0], sides[1])

    def _shared_parts(self, unit: Unit, old: Spot, new: Spot) -> set[str]:
        """Definitions that both take in by `allOf`: units of their own, so that a change in one is told as its own."""
        parts: list[dict[str, Spot]] = []
        for document, spot, met in zip((self.base, self.head), (old, new), self.met, strict=True):
            spots = [
                document.spot(part, f"{spot.at}/allOf/{n}") for n, part in enumerate(spot.content.get("allOf", ()))
            ]
            parts.append({one.at: one for one in spots if one.named and one.at != spot.at})
            met.update(parts[-1])
        shared = parts[0].keys() & parts[1].keys()
        for at in sorted(shared):
            self.use(unit, "definition", parts[0][at], parts[1][at])
        return shared

    def _properties(self, unit: Unit, where: str, b: Merged, h: Merged) -> None:
        for name in sorted({*b.properties, *b.required, *h.properties, *h.required}):
            here, needed = f"{where}.{name}", (name in b.required, name in h.required)
            base, head = b.properties.get(name, NOTHING), h.properties.get(name, NOTHING)
            at = base[1] or b.required.get(name, ""), head[1] or h.required.get(name, "")
            fixed = _is_read_only(self.base, base), _is_read_only(self.head, head)
            told = unit.only_in(RESPONSE) if any(fixed) else unit
            if at[0] and at[1]:
                if fixed[0] != fixed[1]:
                    self._read_only(unit, here, fixed, needed, at)
                if needed[0] != needed[1]:
                    kind = "became-optional" if needed[0] else "became-required"
                    told.add(kind, here, (needed[0], at[0]), (needed[1], at[1]))
                if base[1] or head[1]:
                    self.compare(told, here, base, head)
            else:
                kind = f"{'required-' if any(needed) else ''}property-{'removed' if at[0] else 'added'}"
                old, new = ((said(given[0]), p) if p else NOTHING for given, p in zip((base, head), at, strict=True))
                told.add(kind, here, old, new)

    def _read_only(
        self, unit: Unit, where: str, fixed: tuple[bool, bool], needed: tuple[bool, bool], at: tuple[str, str]
    ) -> None:
        """A property that one side sends in requests and the other does not."""
        kind = f"became-{'read-only' if fixed[1] else 'writable'}"
        sent = f"required-{kind}" if needed[0 if fixed[1] else 1] else kind
        for direction, word in ((REQUEST, sent), (RESPONSE, kind)):
            unit.only_in(direction).add(word, where, (fixed[0], at[0]), (fixed[1], at[1]))

    def _rest(self, unit: Unit, where: str, base: Given, head: Given) -> None:
        """Properties without a name."""
        breadth = [
            0 if given[0] is False else 1 if isinstance(given[0], dict) and given[0] else 2 for given in (base, head)
        ]
        if breadth == [1, 1]:
            self.compare(unit, f"{where}.*", base, head)
        elif breadth[0] != breadth[1]:
            kind = f"additional-properties-{'narrowed' if breadth[1] < breadth[0] else 'widened'}"
            unit.add(kind, f"{where}.*", (_breadth(base[0]), base[1]), (_breadth(head[0]), head[1]))


def _breadth(rest: Json | bool | None) -> str:
    if rest is False:
        return "no other property"
    return f"other properties of {said(rest)}" if isinstance(rest, dict) and rest else "any other property"


def _marks(site: Json, at: str) -> Says:
    """Vendor marks beside a reference: Swagger says to ignore them, generators do not."""
    return {key: given for key, given in says(site, at).items() if key[:2] == "x-"}


def _marked(spot: Spot | None, site: Json) -> Spot | None:
    """What a reference leads to, with the vendor marks beside the reference."""
    if spot is None or not spot.named:
        return spot
    marks = {key: value for key, value in site.items() if key[:2] == "x-" and not is_silent(key)}
    return spot._replace(content=spot.content | marks) if marks else spot


def _is_read_only(document: Document, given: Given) -> bool:
    """Whether a property says so itself, beside or behind its `$ref`, or in a part of its `allOf`."""
    todo, seen = [given], set()
    while todo:
        schema, at = todo.pop()
        if schema is None or at in seen:
            continue
        if schema.get("readOnly") is True:
            return True
        seen.add(at)
        if "$ref" in schema:
            todo.append(document.spot(schema, at)[:2])
        todo.extend((part, f"{at}/allOf/{n}") for n, part in enumerate(schema.get("allOf", ())))
    return False
