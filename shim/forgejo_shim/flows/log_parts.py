"""Parts of a log: its last lines (`tail`), the lines of one step (`step`), or all of it as it grows (`follow`).

Rules: the bytes are the download's, never text of a view. What cannot be is 416, as a range that cannot: `tail` below
1, a `step` that is no number, two of them at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..errors import PageChanged, ServerRefusal
from ..operations import Call, number
from ..rows import last_lines, line_feed
from ..transport import Answer, read_all
from ..webui.grammar import part_of
from ..webui.reader import Reader
from .follow import follow
from .log_step import log_step
from .pinned_log import NativeLog, PinnedLog, another_part, pinned_log
from .rights import Grants, check_may_read

TEXT = ("Content-Type", "text/plain; charset=utf-8")
FIRST = 64 * 1024  # bytes of the end of a log that are read first
BLOCK = 1024 * 1024  # bytes of a log that are looked through at once
MAX_TAIL = 1_000_000  # lines
TRUE = ("1", "t", "T", "true", "True", "TRUE")  # Go's strconv.ParseBool


@dataclass
class LogPart:
    """Some lines of a log. `size` are its bytes, None if that is not known; `grows`: it has no end yet.

    `begun` is an answer that the lines are made from and that is open already: lines that nobody ever begins to read
    do not close it.
    """

    lines: bytes | Answer | AsyncIterator[bytes]
    size: int | None = None
    grows: bool = False
    begun: Answer | None = None


async def log_part(reader: Reader, call: Call, caller: Grants) -> LogPart:
    """The part of a log that the call asks for. Raises ShimError."""
    log = await pinned_log(reader, call)
    reads_web = not isinstance(log, NativeLog) or "step" in call.parts
    if reads_web:
        await check_may_read(reader.net, call, caller)
    if len(call.parts) > 1:
        raise invalid_range("step, tail and follow exclude each other")
    name, text = next(iter(call.parts.items()))
    if name == "follow":
        if text not in TRUE:
            raise invalid_range("follow is true or false")

        async def still_allowed() -> None:
            if reads_web:
                await check_may_read(reader.net, call, caller)

        rows, begun = await follow(reader.net, log, still_allowed)
        return LogPart(rows, grows=True, begun=begun)
    least = 1 if name == "tail" else 0
    if not (text.isascii() and text.isdecimal()) or not least <= number(text) <= MAX_TAIL:
        raise invalid_range(f"{name} is a number from {least} to {MAX_TAIL}")
    if name == "tail":
        return await log_tail(log, number(text))
    lines, begun = await log_step(reader, call.id, log, number(text))
    return LogPart(lines, begun=begun)


def invalid_range(reason: str) -> ServerRefusal:
    """The answer to a part that cannot be: as to a range that cannot."""
    return ServerRefusal(416, [TEXT], f"invalid range: {reason}\n".encode())


async def log_tail(log: PinnedLog, count: int) -> LogPart:
    """The last `count` lines: out of the log's last bytes if they are in there, else from where they begin."""
    data, start, _ = await _end(log, min(max(FIRST, count * 128), BLOCK))
    begin = last_lines(data, count)
    if begin is not None or start == 0:
        return LogPart(data[begin or 0 :])
    await log.pin()
    data, start, size = await _end(log, BLOCK)
    missing = count + data.endswith(b"\n")  # line feeds from the end to the one before the first line
    while (inside := data.count(b"\n")) < missing and start:
        missing -= inside
        begin = max(0, start - BLOCK)
        data, start = await _block(log, begin, start), begin
    if inside >= missing:
        start += line_feed(data, inside - missing + 1) + 1
    answer = await log.open(f"bytes={start}-{size - 1}")
    if (part_of(answer.headers) or ())[:2] != (start, size - 1):
        await answer.close()
        raise another_part()
    return LogPart(answer, size - start)


async def _end(log: PinnedLog, length: int) -> tuple[bytes, int, int]:
    """The last bytes of a log, where they begin, and its size. A log without a byte has no range at all."""
    answer = await log.open(f"bytes=-{length}")
    part = part_of(answer.headers)
    if answer.status == 416 or (answer.status == 200 and answer.headers.get("Content-Length") == "0"):
        await answer.close()
        return b"", 0, 0
    if answer.status != 206 or part is None:
        await answer.close()
        raise PageChanged("the end of a log was asked for, and something else came")
    return await read_all(answer, length, "the end of a log"), part[0], part[2]


async def _block(log: PinnedLog, start: int, stop: int) -> bytes:
    answer = await log.open(f"bytes={start}-{stop - 1}")
    part = part_of(answer.headers)
    data = await read_all(answer, BLOCK, "a part of a log")
    if part is None or part[:2] != (start, stop - 1) or len(data) != stop - start:
        raise another_part()
    return data
