"""The bytes of a log as plain lines of text: what a person would see of it.

Rules: pure; a line becomes the same text however the bytes were split, and memory does not grow with the log. Known
beginnings of a line go: the time of a Forgejo or GitHub row, `gh`'s job and step before it, act's `[job]   | `. Escape
sequences and control characters go, what a carriage return or a backspace wrote over goes, bytes that are no UTF-8
become U+FFFD. Of the group commands the title stays.
"""

from __future__ import annotations

import re

from ..log_lines import ESCAPE
from ..rows import ROW_HEAD

LONGEST = 64 * 1024  # bytes; a longer line is cut into several
BLOCK = 64 * 1024  # bytes that are collected before they are worked on: short pieces cost no more than long ones

# Each begins with the line feed before the line: a search for a fixed first character is many times as fast as for ^.
HEAD = re.compile(
    rf"\n\ufeff?(?:[^\t\n]{{0,200}}\t[^\t\n]{{0,200}}\t)?\ufeff?{ROW_HEAD.pattern.decode()}"
    r"|\n\[[^\]\n]{1,200}/[^\]\n]{1,200}\][ ]+\| "
    r"|\n\ufeff"
)
TO_FIRST_COLUMN = re.compile(r"\x1b\[[01]?G")
OVERWRITTEN = re.compile(r"\n[^\n]*\r(?=[^\r\n])")
ERASED = re.compile(r"\n[^\n\x08]*\x08[^\n]*")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
GROUP = re.compile(r"\n(?:##\[group\]|::group::)")
END_OF_GROUP = ("##[endgroup]", "::endgroup::")


class Lines:
    """The lines of a log that comes in pieces."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._waiting = 0

    def feed(self, data: bytes) -> str:
        """The text of the lines that are ready, each with a line feed at its end; "" if none is yet."""
        self._pieces.append(data)
        self._waiting += len(data)
        if self._waiting < BLOCK:
            return ""
        block = b"".join(self._pieces)
        end = block.rfind(b"\n") + 1
        while len(block) - end > LONGEST:
            end += LONGEST
        self._pieces, self._waiting = [block[end:]], len(block) - end
        return plain(block[:end])

    def end(self) -> str:
        """The text of what is left, as if a line feed came now."""
        block = b"".join(self._pieces)
        self._pieces, self._waiting = [], 0
        return plain(block)


def plain(block: bytes) -> str:
    """The text of whole lines; the last may lack its line feed."""
    if not block:
        return ""
    block = block.removesuffix(b"\n")
    rows = block.split(b"\n")
    if max(map(len, rows)) > LONGEST:
        block = b"\n".join(row[at : at + LONGEST] for row in rows for at in range(0, len(row) or 1, LONGEST))
    text = HEAD.sub("\n", "\n" + block.decode("utf-8", "replace"))
    if "\x1b" in text or "\x9b" in text:
        text = ESCAPE.sub("", TO_FIRST_COLUMN.sub("\r", text))
    if "\r" in text:
        text = OVERWRITTEN.sub("\n", text)
    if "\b" in text:
        text = ERASED.sub(lambda found: _erase(found[0]), text)
    if "group" in text:
        text = GROUP.sub("\n", text)
    return CONTROL.sub("", text)[1:] + "\n"


def _erase(line: str) -> str:
    """A line without what its backspaces went over."""
    kept: list[str] = []
    for character in line:
        if character != "\b":
            kept.append(character)
        elif len(kept) > 1:  # the first is the line feed before the line
            kept.pop()
    return "".join(kept)
