"""A table on a terminal: a line a row, however narrow the terminal and however long the names.

Rules: pure. Cells that do not fit are cut with an ellipsis, the widest first and none below its column's `least`; then
columns are left out, the highest `spare` first; at last everything is cut. A spare column without a value in any row is
left out anyhow. Widths are those of a terminal, where an ideograph takes two. Cells of plain text are untrusted, so
they are made safe here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from .status import look_of
from .terminal import one_line

GAP = 2
HEADING = "bold"

Cell = str | Text
"""Text as others gave it, or with a style and as it is."""


@dataclass(frozen=True)
class Column:
    """`least` is the width down to which cells are cut (None: they are not), `spare` above 0 lets it be left out."""

    heading: str
    least: int | None = None
    spare: int = 0
    is_right: bool = False


@dataclass(frozen=True)
class Row:
    """The cells of a row, and the style of the whole of it."""

    cells: Sequence[Cell]
    style: str = ""


def row_of(status: str, cells: Sequence[Cell]) -> Row:
    """A row in the colour of a status."""
    return Row(cells, look_of(status).of_row)


def status_cell(status: str, encoding: str) -> Text:
    """A status with its sign."""
    look = look_of(status)
    return Text(f"{look.sign if has_signs(encoding) else look.plain} {one_line(status)}", look.colour)


@cache
def has_signs(encoding: str) -> bool:
    """Whether an encoding has the signs of a status and the ellipsis."""
    try:
        return bool("✓✗–●…".encode(encoding))
    except (UnicodeEncodeError, LookupError):
        return False


def table_lines(columns: Sequence[Column], rows: Sequence[Row], width: int, encoding: str = "utf-8") -> Iterator[Text]:
    """The headings and the rows, a line each of at most `width` cells; what the encoding lacks is escaped."""
    headings = Row([column.heading for column in columns], HEADING)
    table = [(row.style, [_styled(cell, encoding) for cell in row.cells]) for row in (headings, *rows)]
    natural = [max(cell_len(cells[n].plain) for _, cells in table) for n in range(len(columns))]
    empty = [n for n, column in enumerate(columns) if column.spare and not any(cells[n] for _, cells in table[1:])]
    widths = fitted(columns, {n: size for n, size in enumerate(natural) if n not in empty}, width)
    for style, cells in table:
        line = Text(style=style)
        for n, room in widths.items():
            text = cut(cells[n].plain, room, encoding)
            pad = " " * (room - cell_len(text))
            line.append(pad if columns[n].is_right else "")
            line.append(text, cells[n].style)
            line.append("" if columns[n].is_right else pad)
            line.append(" " * GAP)
        line.rstrip()
        yield line


def _styled(cell: Cell, encoding: str) -> Text:
    return (
        cell if isinstance(cell, Text) else Text(one_line(cell).encode(encoding, "backslashreplace").decode(encoding))
    )


def fitted(columns: Sequence[Column], natural: Mapping[int, int], width: int) -> Mapping[int, int]:
    """The width of each column that is shown, by its position; `natural` is what it would need."""
    kept = dict(natural)
    while True:
        floor = {n: kept[n] if (least := columns[n].least) is None else min(kept[n], least) for n in kept}
        if _with_gaps(floor) <= width:
            break
        most = max(kept, key=lambda n: columns[n].spare)
        if not columns[most].spare:
            floor = {n: kept[n] if columns[n].least is None else 1 for n in kept}
            floor = floor if _with_gaps(floor) <= width else dict.fromkeys(kept, 0)
            break
        del kept[most]
    while _with_gaps(kept) > width and kept != floor:
        widest = max((n for n in kept if kept[n] > floor[n]), key=lambda n: kept[n])
        kept[widest] -= 1
    return kept


def _with_gaps(widths: Mapping[int, int]) -> int:
    return sum(widths.values()) + GAP * (len(widths) - 1)


def cut(text: str, width: int, encoding: str = "utf-8") -> str:
    """The text in at most `width` cells, its end an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    ellipsis = "…" if has_signs(encoding) else "..." if width > 5 else "."
    return (set_cell_size(text, max(0, width - len(ellipsis))).rstrip() + ellipsis)[:width]
