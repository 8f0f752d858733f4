"""A log in bounded pieces: from its beginning, its end, a cursor or a line on, one step of it, or the lines that fit.

Rules: the log streams through; what is kept of it is what is shown, at most `room` bytes, and one row. Reading stops
when that is full, at the last line asked for, or after `SECONDS`, and a cursor says where to go on. A cursor goes on
with the row that was given last, and that row must still be what it was: never the middle of another attempt's log.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from ..client import Client
from ..errors import BadRequest, ShimError, Unreachable, WrongArguments
from ..models import Repo
from ..rows import ROW_HEAD, is_row
from .fence import shortened, size_of
from .rows import Cursor, Line, Row, all_of, fitting, rows_of, text_of

SECONDS = 40.0  # of reading in one call; many clients give up after 60
END = 256 * 1024  # bytes of the end of a log that `tail` looks at
LINE = 1000  # bytes of a line that are shown among others
BREAK = "--"  # between lines that do not follow each other, as grep has it


@dataclass(frozen=True)
class Wanted:
    """What of a job's log is asked for. Lines are numbered from 1, in a step from its first line on; `room` are the
    bytes that the lines may take."""

    repo: Repo
    job_id: int
    attempt: int | None = None
    step: int | None = None
    cursor: Cursor | None = None
    first: int = 1
    last: int | None = None
    tail: int | None = None
    fits: Callable[[str], bool] | None = None
    context: int = 0
    times: bool = False
    whole: bool = False  # no line that has not ended yet
    room: int = 15 * 1024


class Shown(NamedTuple):
    """A line as it is shown, its row, and whether rows were left out before it."""

    text: str
    row: Row
    is_apart: bool


@dataclass
class Piece:
    """Lines of a log. `why` says why they end: "end", "full", "last", "time" or "broken"; `seen` counts those that
    fitted, `cut` those that are shown in part. `passed` is the last row that is done with, and `size` are the bytes of
    the whole log (None: not known)."""

    lines: deque[Shown] = field(default_factory=deque)
    passed: Row | None = None
    why: str = "end"
    seen: int = 0
    cut: int = 0
    size: int | None = None
    is_part: bool = False  # what came is not all of the log
    used: int = 0

    @property
    def text(self) -> str:
        """The lines, with a sign where others were left out between them."""
        signs = (f"{BREAK}\n" if line.is_apart and at else "" for at, line in enumerate(self.lines))
        return "\n".join(sign + line.text for sign, line in zip(signs, self.lines, strict=True))


def read(client: Client, wanted: Wanted, check: Callable[[], None]) -> Piece:
    """The piece of the log that is wanted; `check` is called now and then, and raises to end it. Raises ShimError."""
    cursor = wanted.cursor
    reads_end = wanted.tail is not None and not wanted.fits and wanted.step is None
    part = f"-{END}" if reads_end else f"{cursor.start}-" if cursor and wanted.step is None else None
    try:
        log = client.log(wanted.repo, wanted.job_id, wanted.attempt, part=part, step=wanted.step)
    except BadRequest as error:
        if error.cause != "range-not-satisfiable" or part is None:
            raise
        if cursor:  # the log is shorter now
            raise changed() from None
        return Piece(size=0)
    with log:
        number = cursor.number if cursor and log.start else None if log.start else 1
        rows = rows_of(_checked(log, check), log.start, number)
        if reads_end and log.start:
            next(rows, None)  # it may have begun before
        until = time.monotonic() + SECONDS
        before = _row_of(rows, cursor, until) if cursor else None
        if not cursor and wanted.first > 1:
            first = _first(rows, lambda row: (row.number or 0) >= wanted.first, until)
            rows = chain([first] if first else [], rows)
        piece = Piece(size=None if wanted.step is not None else log.size, passed=before, is_part=log.start > 0)
        fits = wanted.fits
        found = fitting(rows, before, fits, wanted.context) if fits else all_of(rows, before)
        fill(piece, found, wanted, until)
    return piece


def _checked(chunks: Iterable[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    for chunk in chunks:
        check()
        yield chunk


def _first(rows: Iterator[Row], is_it: Callable[[Row], bool], until: float) -> Row | None:
    """The first row that is it. Raises WrongArguments if it is not found in time."""
    for row in rows:
        if is_it(row):
            return row
        if time.monotonic() > until:
            raise WrongArguments(
                "that line is too far into the log to be reached in time; take tail, or grep and its cursor"
            )
    return None


def _row_of(rows: Iterator[Row], cursor: Cursor, until: float) -> Row:
    """The row that the cursor stands at, if it is still there. Raises ShimError."""
    row = _first(rows, lambda row: row.start >= cursor.start, until)
    if row is None or row.start != cursor.start or row.mark != cursor.mark:
        raise changed()
    return row


def changed() -> ShimError:
    """The error for a log that is not the cursor's."""
    return ShimError(
        "the log is another one now than where the cursor is from, as after a rerun; read it without a cursor",
        409,
        cause="log-changed",
    )


def fill(piece: Piece, found: Iterable[Line | Row], wanted: Wanted, until: float) -> None:
    """Put lines into the piece until it is full. Raises Unreachable if the log breaks off before any."""
    alone = wanted.first == wanted.last
    limit = wanted.room - 50 if alone else min(LINE, wanted.room - 50)
    for one in found:
        row = one.row if isinstance(one, Line) else one
        if not ROW_HEAD.match(row.data) and not (is_row(row.data) and not row.is_whole):
            piece.why = "broken"
            break
        if wanted.whole and not row.is_whole:
            break
        if wanted.last is not None and (row.number or 0) > wanted.last:
            piece.why = "last"
            break
        if isinstance(one, Line) and not _put(piece, one, limit, wanted):
            piece.why = "full"
            break
        if row.is_whole and (piece.passed is None or row.start > piece.passed.start):
            piece.passed = row
        if time.monotonic() > until:
            piece.why = "time"
            break
    if piece.why == "broken" and piece.passed is None:
        raise Unreachable("the log breaks off into something else, as while it is moved; ask again")


def _put(piece: Piece, line: Line, limit: int, wanted: Wanted) -> bool:
    """Put a line into the piece; whether there was room. Of a tail the first lines make room."""
    whole = text_of(line.row, times=wanted.times)
    text = shortened(whole, limit)
    sign = "" if line.row.number is None else f"{line.row.number}{':' if line.fits else '-'} "
    shown = Shown(sign + text, line.row, line.is_apart)
    if wanted.tail is None and piece.used + _size(shown) > wanted.room:
        piece.passed = line.before
        return False
    piece.seen += 1
    piece.cut += text != whole
    piece.lines.append(shown)
    piece.used += _size(shown)
    while wanted.tail is not None and (piece.used > wanted.room or len(piece.lines) > wanted.tail):
        piece.used -= _size(piece.lines.popleft())
    return True


def _size(shown: Shown) -> int:
    """The bytes of a line and its line feed as JSON has them, and of the sign before it."""
    return size_of(shown.text) + 2 + (len(BREAK) + 2) * shown.is_apart
