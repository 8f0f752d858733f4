"""The rows of a stored log: how each line begins, and what in a log's bytes is no row.

Rules: pure. `{time} {text}` with seven digits behind the second (modules/actions/log.go, 11.0.15 to 16); a row has up
to 64 KiB.
"""

from __future__ import annotations

import re

from .models import Headers
from .times import seconds

ROW = b"dddd-dd-ddTdd:dd:dd.dddddddZ "  # how each line of a stored log begins (modules/actions/log.go, 11.0.15 to 16)
ROW_HEAD = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z ")  # ROW as a pattern, for many rows at once
ROW_START = re.compile(rb"^" + ROW_HEAD.pattern, re.MULTILINE)
ROWS = re.compile(rb"(?:" + ROW_HEAD.pattern + rb"[^\n]*\n)*")


def can_start_log(body: bytes, headers: Headers) -> bool:
    """Whether the first bytes of a download can be a log's. While a log is handed over to storage, an error page can
    stand in its place or at its end, under the log's own headers (recorded on 11.0.15 to 16)."""
    given = headers.get("Content-Range")
    if not headers.get("Content-Type").startswith("text/plain") or (given and not given.startswith("bytes 0-")):
        return True
    return is_row(body)


def drop_partial_rows(end: bytes) -> bytes:
    """The end of a broken download without what may be no row: an error page can follow in the middle of one.

    Kept are the rows before the last line that still begins like one; the beginning may be in the middle of a row.
    """
    last, at = 0, end.find(b"\n") + 1
    while at and ROW_HEAD.match(end, at):
        last, at = at, end.find(b"\n", at) + 1
    return end[:last]


def is_row(line: bytes) -> bool:
    """Whether a line, as far as it goes, begins like a row of a log."""
    return all(
        chr(byte).isdecimal() if shape == ord("d") else byte == shape for byte, shape in zip(line, ROW, strict=False)
    )


def row_matches(row: bytes, line: tuple[float, str]) -> bool:
    """Whether a row of a log is a line of a view: the same time, as exact as a float is, and the same text but for what
    JSON makes of bytes that are no UTF-8."""
    stamp, _, text = row.rstrip(b"\r\n").decode("utf-8", "replace").partition(" ")
    same_text = text.replace("\ufffd", "") == line[1].replace("\n", "\\n").rstrip("\r").replace("\ufffd", "")
    return is_row(row) and same_text and abs(seconds(stamp[:26] + "+00:00") - line[0]) < 0.001


def sound(data: bytes) -> tuple[int, bool]:
    """How many bytes of `data` are rows that another row follows, and whether what is behind its rows may be one."""
    found = ROWS.match(data)
    end = found.end() if found else 0
    if ROW_HEAD.match(data, end):
        return end, True
    return data.rfind(b"\n", 0, max(0, end - 1)) + 1, is_row(data[end : end + len(ROW)])


def line_feed(data: bytes, number: int) -> int:
    """Where the line feed of that number (1-based) is in `data`, which has so many."""
    at = -1
    for _ in range(number):
        at = data.index(b"\n", at + 1)
    return at


def last_lines(data: bytes, count: int) -> int | None:
    """Where the last `count` lines of `data` begin; None if that is before it."""
    missing = count + data.endswith(b"\n") - data.count(b"\n")
    return None if missing > 0 else line_feed(data, 1 - missing) + 1


def first_row(data: bytes, when: bytes = b"") -> int | None:
    """Where the first row in `data` begins that is not before `when`, a time as rows have it or the beginning of one;
    None if there is none. The bytes before the first row may be the rest of another."""
    starts = (found.start() for found in ROW_START.finditer(data))
    return next((at for at in starts if data[at : at + len(when)] >= when), None)
