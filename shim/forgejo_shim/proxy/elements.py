"""A tree of HTML: elements, sections with a heading, tables.

Rules: pure. What is written of it escapes every text and attribute; texts of `style` and `script` are our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

Piece = Element | str
Row = Sequence[Piece]


def make(tag: str, *inside: Piece, kind: str = "", **attributes: str) -> Element:
    """An element with texts and elements inside; `kind` is its class."""
    made = Element(tag, {**({"class": kind} if kind else {}), **attributes})
    for one in inside:
        if not isinstance(one, str):
            made.append(one)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + one
        else:
            made.text = (made.text or "") + one
    return made


def section(name: str, title: str, *inside: Element) -> Element:
    """A section with a heading, whose id is `name`."""
    return make("section", make("h2", title, id=name), *inside, **{"aria-labelledby": name})


def table(name: str, heads: Sequence[str], rows: Iterable[Row], last: Sequence[str] = ()) -> Element:
    """A table named by the heading `name`; heads that begin with a `#` are of numbers. `last` is the row of totals."""
    kinds = ["number" if head.startswith("#") else "" for head in heads]

    def row(cells: Row) -> Element:
        first = make("th", cells[0], scope="row", kind=kinds[0])
        return make(
            "tr", first, *(make("td", cell, kind=kind) for cell, kind in zip(cells[1:], kinds[1:], strict=True))
        )

    titles = [make("th", head.lstrip("#"), scope="col", kind=kind) for head, kind in zip(heads, kinds, strict=True)]
    parts = [make("thead", make("tr", *titles)), make("tbody", *map(row, rows))]
    return make("table", *parts, *([make("tfoot", row(last))] if last else []), **{"aria-labelledby": name})
