"""The rows of a log, one by one out of the pieces it comes in, and which of them were asked for.

Rules: pure; no more of a log is kept than one row and what stands around a match. A row is at most 64 KiB of text
(`LIMIT`); of a longer line the beginning counts. What does not begin as a row does is none (rows.py of the package):
there the log breaks off.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..inert import plain_text
from ..rows import ROW_HEAD

TIME = 29  # characters of the time before a row's text, and the space behind it
LIMIT = 64 * 1024 + TIME  # bytes of a row: its time, and what Forgejo keeps of a line (modules/actions/log.go)
_ODD = re.compile(rb"[^\x20-\x7e\t]")
CURSOR = re.compile(r"(\d{0,9})\.(\d{0,9})\.(\d{0,15})\.(\d{1,15})\.([0-9a-f]{12})")


class Row(NamedTuple):
    """A row: its bytes up to `LIMIT`, where it starts in the log (or step), its number (1-based, None: not known)."""

    data: bytes
    start: int
    number: int | None
    is_whole: bool

    @property
    def mark(self) -> str:
        """What tells this row from any other row that could stand in its place: its time is in it, to 100 ns."""
        return hashlib.sha256(self.data).hexdigest()[:12]


@dataclass(frozen=True)
class Cursor:
    """The last row that was given, so that reading goes on behind it; the attempt and the step that were asked for."""

    attempt: int | None
    step: int | None
    number: int | None
    start: int
    mark: str

    def __str__(self) -> str:
        first = (self.attempt, self.step, self.number)
        return ".".join("" if one is None else str(one) for one in (*first, self.start, self.mark))


def cursor_of(text: str) -> Cursor | None:
    """A cursor as it was given out; None if it is none."""
    found = CURSOR.fullmatch(text)
    if not found:
        return None
    attempt, step, number = (int(one) if one else None for one in found.group(1, 2, 3))
    return Cursor(attempt, step, number, int(found[4]), found[5])


class Line(NamedTuple):
    """A row that is to be shown, and the row before it; whether it fits or stands around one that does, and whether
    rows between it and the last line were left out."""

    row: Row
    before: Row | None
    fits: bool = True
    is_apart: bool = False


def rows_of(chunks: Iterable[bytes], start: int, number: int | None) -> Iterator[Row]:
    """The rows in the pieces of a log from byte `start` on, whose first row has that number."""
    held, size = b"", 0  # of a row that has begun: its beginning, and all its bytes so far
    for chunk in chunks:
        at = 0
        while (end := chunk.find(b"\n", at) + 1) > 0:
            yield Row((held + chunk[at:end])[:LIMIT], start, number, is_whole=True)
            start, number = start + size + end - at, None if number is None else number + 1
            held, size, at = b"", 0, end
        held, size = (held + chunk[at:])[:LIMIT], size + len(chunk) - at
    if size:
        yield Row(held, start, number, is_whole=False)


def text_of(row: Row, *, times: bool = False) -> str:
    """A row's text as it is shown: inert, without its time unless that is wanted."""
    text = row.data.rstrip(b"\r\n")
    text = text if times or not ROW_HEAD.match(text) else text[TIME:]
    if not _ODD.search(text):  # as most are not, and this is quick
        return text.decode()
    return plain_text(text.decode("utf-8", "replace"))


def all_of(rows: Iterable[Row], before: Row | None) -> Iterator[Line]:
    """Every row; `before` is the row before them."""
    for row in rows:
        yield Line(row, before)
        before = row


def fitting(
    rows: Iterable[Row], before: Row | None, fits_text: Callable[[str], bool], context: int
) -> Iterator[Line | Row]:
    """The rows whose text fits, with `context` rows around each; of others only the row."""
    held: deque[tuple[Row, Row | None]] = deque(maxlen=context)
    shown: Row | None = None
    after = 0
    for row in rows:
        fits = fits_text(text_of(row))
        if fits or after:
            for one, previous in [*held, (row, before)] if fits else [(row, before)]:
                yield Line(one, previous, fits and one is row, shown is not None and previous is not shown)
                shown = one
            held.clear()
            after = context if fits else after - 1
        else:
            held.append((row, before))
            yield row
        before = row
