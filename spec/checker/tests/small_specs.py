"""Small Swagger documents: one of few operations, and what stands at a place of it otherwise.

Rules: data/rules holds them as data. A row's `base` and `head` are what stands at its `place`, a JSON pointer, in
either document; what a row does not have is not there. `forward` and `backward` are the rules that then speak, with
their levels, from base to head and from head to base.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from swagger_breaking import Document, parse

DATA = Path(__file__).parent / "data/rules"
SMALL: dict[str, Any] = json.loads((DATA / "small.json").read_text())
ROWS: list[dict[str, Any]] = [
    row for name in ("operations", "schemas") for row in json.loads((DATA / f"{name}.json").read_text())
]
GONE = object()


def spec(content: Any, name: str = "small") -> Document:
    """A document of this content, read as any other is."""
    return parse(json.dumps(content).encode(), name)


def put(place: str, value: Any, content: Any = SMALL) -> Any:
    """A copy of the content with this value at a place, GONE to take away what is there; at "" with these keys."""
    made = copy.deepcopy(content)
    if not place:
        return made | value
    node, parts = made, [part.replace("~1", "/").replace("~0", "~") for part in place.split("/")[1:]]
    for part in parts[:-1]:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if isinstance(node, list):
        at = int(parts[-1])
        node[at : at + 1] = [] if value is GONE else [value]
    elif value is GONE:
        node.pop(parts[-1], None)
    else:
        node[parts[-1]] = value
    return made


def pair(row: dict[str, Any]) -> tuple[Document, Document]:
    """Base and head of a row."""
    base, head = (spec(put(row["place"], row.get(side, GONE)), side) for side in ("base", "head"))
    return base, head
