"""How long the spec checks take: the figures of large documents, for `scripts/bench`.

Rules
-----
* Seconds are those of a `spec diff --all` between the reading of files and the report: both texts are parsed, compared
  and judged, from nothing each time. They are this machine's, unlike the bench's ratios; the figure is the median of a
  few turns.
* Every verdict is checked, each change by its kind and place: a wrong one ends the bench.
* The documents with changes are made of the facts of 16, again and again under new names. In the second one each
  definition has lost a property and has another of another type, or one of both where it has no more.
"""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hand import plain_session
from measuring import Figure, equal, get, say
from servers import Server
from swagger_breaking import compare, judge, parse

FACTS = Path(__file__).resolve().parents[2] / "spec/facts/16.json"
COPIES = 18
SIZE = range(750_000, 900_001)  # bytes that each of the made documents may have; 16's own has 853,816
TURNS = 5
OTHER = {"string": "integer", "integer": "string", "boolean": "string"}

Places = set[tuple[str, str]]  # kind and place of changes


def figures(server: Server) -> Iterator[Figure]:
    """A server's whole document with itself."""
    hand = server.hand()
    text = get(plain_session(), f"{hand.base_url}/swagger.v1.json").content
    name = f"Forgejo {hand.version.partition('+')[0]}"
    seconds = taken(text, text, set(), f"{name} and itself")
    yield Figure("spec diff --all, the whole document with itself", name, seconds, " s", at_most=2)


def made() -> Iterator[Figure]:
    """Two documents as large as that, with every definition changed."""
    facts = json.loads(FACTS.read_text())
    base = multiplied(facts, COPIES)
    head, changes = changed(base)
    old, new = (json.dumps(one).encode() for one in (base, head))
    for text in (old, new):
        if len(text) not in SIZE:
            raise SystemExit(f"a made document of {len(text):,} bytes, where {SIZE[0]:,} to {SIZE[-1]:,} are right")
    equal([name for name, places in changes.items() if not places], [], "definitions without a change")
    what = f"spec diff --all, two documents of 0.8 MB, all {len(changes)} definitions changed"
    yield Figure(what, "none", taken(old, new, set().union(*changes.values()), "made documents"), " s", at_most=5)


def taken(base: bytes, head: bytes, changes: Places, what: str) -> float:
    """Seconds for the changes from one text to the other, which are these."""
    found = []
    for turn in range(TURNS):
        say(f"spec diff, {what}: {turn + 1} of {TURNS}")
        start = time.perf_counter()
        findings = judge(compare(parse(base, "base"), parse(head, "head")))
        found.append(time.perf_counter() - start)
        wrong = {(one.change.kind, one.change.where) for one in findings} ^ changes
        equal(sorted(wrong)[:3], [], f"changes that are missed or not there, {what}")
    return round(statistics.median(found), 2)


def multiplied(facts: dict[str, Any], copies: int) -> dict[str, Any]:
    """A document with everything so many times: `User` is `User-0`, `User-1`, and `/user` is `/0/user`, `/1/user`."""
    document = {**facts, "paths": {}, "definitions": {}, "responses": {}}
    for number in range(copies):
        text = re.sub(r'("\$ref": "#/(?:definitions|responses)/[^"]+)', rf"\1-{number}", json.dumps(facts))
        copy = json.loads(text)
        document["paths"] |= {f"/{number}{path}": item for path, item in copy["paths"].items()}
        for section in ("definitions", "responses"):
            document[section] |= {f"{name}-{number}": one for name, one in copy[section].items()}
    return document


def changed(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Places]]:
    """The document with each definition changed, and these changes by its name."""
    head: dict[str, Any] = json.loads(json.dumps(document))
    return head, {name: set(_change(schema, f"definition {name}")) for name, schema in head["definitions"].items()}


def _change(schema: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    typed = next((key for key, one in properties.items() if one.get("type") in OTHER), None)
    lost = next((key for key in reversed(properties) if key != typed), None)
    if typed:
        properties[typed] = {"type": OTHER[properties[typed]["type"]]}
        yield "type-changed", f"{where}.{typed}"
    if lost:
        yield ("required-" if lost in required else "") + "property-removed", f"{where}.{lost}"
        del properties[lost]
        if lost in required:
            required.remove(lost)
    if not (typed or lost):
        schema["type"] = OTHER[schema["type"]]
        yield "type-changed", where
