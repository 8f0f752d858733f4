"""Logs: bytes with a place for every row.

Rules
-----
* A line is `YYYY-MM-DDTHH:MM:SS.fffffffZ content\\n`; a newline in the content is the two characters `\\n`, and the
  content is cut at 64 KiB (modules/actions/log.go, all versions).
* `read` gives the bytes between two offsets in pieces, without holding the log a second time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

LONGEST = 64 * 1024
PIECE = 1 << 20


class Log(Protocol):
    """What a task's log must offer: its size in bytes, its length in rows."""

    @property
    def size(self) -> int: ...
    @property
    def length(self) -> int: ...
    def offset(self, row: int) -> int: ...
    def read(self, start: int, stop: int) -> Iterator[bytes | memoryview]: ...


class WrittenLog:
    """A log that grows by rows."""

    __slots__ = ("_data", "_offsets")

    def __init__(self, data: bytes = b"") -> None:
        self._data: bytes | bytearray = data
        self._offsets: list[int] | None = None

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def length(self) -> int:
        return len(self._rows())

    def _rows(self) -> list[int]:
        """Where each row begins; a row that lacks its newline counts."""
        if self._offsets is None:
            ends = [match.end() for match in re.finditer(b"\n", self._data)]
            self._offsets = [at for at in [0, *ends] if at < len(self._data)]
        return self._offsets

    def append(self, data: bytes) -> None:
        if not isinstance(self._data, bytearray):
            self._data = bytearray(self._data)
        self._data += data
        self._offsets = None

    def offset(self, row: int) -> int:
        return self._rows()[row]

    def read(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        if isinstance(self._data, bytes):
            yield memoryview(self._data)[start:stop]
            return
        for at in range(start, stop, PIECE):
            yield bytes(self._data[at : min(at + PIECE, stop)])


class GeneratedLog:
    """A log of `size` bytes made of one block, again and again; it takes no memory but a piece of about 1 MiB."""

    __slots__ = ("_ends", "_piece", "_size", "block")

    def __init__(self, size: int, block: bytes | None = None) -> None:
        self.block = block or b"".join(
            format_line(f"2026-01-02T03:04:{n:02d}Z", "x" * 90 + f" {n:02d}") for n in range(60)
        )
        if not self.block.endswith(b"\n"):
            raise ValueError("a block ends with a newline")
        self._size = size
        self._piece = memoryview(self.block * (1 + PIECE // len(self.block)))
        self._ends = [0, *(match.end() for match in re.finditer(b"\n", self.block))]

    @property
    def size(self) -> int:
        return self._size

    @property
    def length(self) -> int:
        whole, rest = divmod(self._size, len(self.block))
        return whole * (len(self._ends) - 1) + sum(1 for end in self._ends if end < rest)

    def offset(self, row: int) -> int:
        whole, rest = divmod(row, len(self._ends) - 1)
        return whole * len(self.block) + self._ends[rest]

    def read(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        while start < stop:
            skip = start % len(self.block)
            piece = self._piece[skip : skip + min(stop - start, len(self._piece) - skip)]
            yield piece
            start += len(piece)


def format_line(time: str, content: str) -> bytes:
    """One stored row; `time` is RFC 3339 with any number of decimals."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$", time)
    if not found:
        raise ValueError(f"not a time: {time!r}")
    moment = found[1]
    if found[3] != "Z":
        moment = f"{datetime.fromisoformat(found[1] + found[3]).astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    decimals = (found[2] or "")[:7].ljust(7, "0")
    return f"{moment}.{decimals}Z ".encode() + content.replace("\n", "\\n").encode()[:LONGEST] + b"\n"


def parse_line(line: bytes) -> tuple[float, str]:
    """Unix seconds as the number that the state has (a float, coarser than the file; whole ones as Go prints them)."""
    stamp, _, content = line.decode(errors="replace").partition(" ")
    seconds = int(datetime.fromisoformat(stamp[:19] + "+00:00").timestamp())
    nanoseconds = seconds * 10**9 + int(stamp[20:-1].ljust(9, "0"))
    return nanoseconds / 1e9 if nanoseconds % 10**9 else seconds, content


def rows(log: Log, first: int, count: int) -> list[tuple[float, str]]:
    """`count` rows from row `first`, as far as there are any."""
    last = min(first + count, log.length)
    if first >= last:
        return []
    stop = log.offset(last) if last < log.length else log.size
    data = b"".join(bytes(piece) for piece in log.read(log.offset(first), stop))
    return [parse_line(line.removesuffix(b"\r")) for line in data.removesuffix(b"\n").split(b"\n")]  # bufio.ScanLines
