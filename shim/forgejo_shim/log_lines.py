"""A log line by line: which of its lines are wanted, and what each becomes.

Rules: pure, and a stream: what is held is a line, the lines before it that a match may still want, or the last so many
that are asked for, never the log. All lines together are the log, byte for byte. A line that is a row begins with its
time; the end of a log that still grows may be none.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from .rows import ROW, ROW_HEAD

LONGEST = 1024 * 1024  # bytes of a line that are held; a longer one, which no log of Forgejo has, comes in pieces
STAMP = len(ROW) - 1  # bytes of a row's time
CLOCK = slice(11, 19)  # of it: HH:MM:SS
# What a terminal obeys and nobody reads (ECMA-48): colours and cursor, titles and links, and what is shorter.
ESCAPE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor; U+009B as itself, which has two bytes
    r"|\x1b[\]PX^_][^\n\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
)
ESCAPE_BYTES = re.compile(ESCAPE.pattern.encode())

Times = Literal["full", "short", "none"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number (from 1), its time as the row has it (b"" if it is no row), its text without either's
    space, and how it ends: with a line feed, or not yet."""

    number: int
    time: bytes
    text: bytes
    end: bytes = b"\n"


@dataclass(frozen=True)
class Wanted:
    """Which lines are wanted: those from a time on (as a row has it), then those that `grep` says yes to with so many
    around each, then the first or the last so many of these."""

    since: bytes = b""
    grep: Callable[[str], bool] | None = None
    context: int = 0
    head: int | None = None
    tail: int | None = None


def select(chunks: Iterable[bytes], wanted: Wanted, first: int = 1) -> Iterator[Line]:
    """The wanted lines of a log that comes in chunks. `first` is the number of the first one."""
    found = lines(chunks, first)
    if wanted.since:
        found = since(found, wanted.since)
    if wanted.grep:
        found = grep(found, wanted.grep, wanted.context)
    if wanted.head is not None:
        found = islice(found, wanted.head)
    return iter(found if wanted.tail is None else deque(found, maxlen=wanted.tail))


def lines(chunks: Iterable[bytes], first: int = 1) -> Iterator[Line]:
    """The lines of a log that comes in chunks."""
    number, rest = first, b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield _line(number, line, b"\n")
            number += 1
        if len(rest) > LONGEST:
            yield _line(number, rest, b"")
            rest = b""
    if rest:
        yield _line(number, rest, b"")


def since(found: Iterable[Line], moment: bytes) -> Iterator[Line]:
    """The rows that are not before `moment`, a time as rows have it; a line that is no row goes with the one before."""
    is_wanted = False
    for line in found:
        is_wanted = line.time >= moment if line.time else is_wanted
        if is_wanted:
            yield line


def grep(found: Iterable[Line], fits: Callable[[str], bool], context: int) -> Iterator[Line]:
    """The lines whose text fits, as one reads it, and `context` lines before and after each."""
    before: deque[Line] = deque(maxlen=context)
    after = 0
    for line in found:
        if fits(readable(line.text)):
            yield from before
            before.clear()
            yield line
            after = context
        elif after:
            yield line
            after -= 1
        else:
            before.append(line)


def readable(text: bytes) -> str:
    """A line's text as one reads it: without escape sequences; bytes that are no UTF-8 as �."""
    return _plain(text).rstrip(b"\r").decode("utf-8", "replace")


def written(line: Line, times: Times, strip: bool) -> bytes:
    """A line without its end: its time in full, as HH:MM:SS or not at all, then its text, perhaps without escape
    sequences."""
    text = _plain(line.text) if strip else line.text
    if not line.time or times == "none":
        return text
    return (line.time if times == "full" else line.time[CLOCK]) + b" " + text


def _plain(text: bytes) -> bytes:
    return ESCAPE_BYTES.sub(b"", text) if b"\x1b" in text or b"\x9b" in text else text


def _line(number: int, line: bytes, end: bytes) -> Line:
    if ROW_HEAD.match(line):
        return Line(number, line[:STAMP], line[STAMP + 1 :], end)
    return Line(number, b"", line, end)
