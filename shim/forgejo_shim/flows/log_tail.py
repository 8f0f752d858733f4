"""The last lines of a log: where they begin, found by reading it backwards from its end.

Rules: an unfinished line counts as a line. All reads of more than one are of one task (pinned_log.py).
"""

from __future__ import annotations

from ..rows import last_lines, line_feed
from ..transport import Answer
from ..webui.grammar import part_of
from .pinned_log import PinnedLog, another_part, read_block, read_end

FIRST = 64 * 1024  # bytes of the end of a log that are read first
BLOCK = 1024 * 1024  # bytes of a log that are looked through at once


async def log_tail(log: PinnedLog, count: int) -> tuple[bytes | Answer, int | None]:
    """The last `count` lines: out of the log's last bytes if they are in there, else an open answer and its size."""
    data, start, _ = await read_end(log, min(max(FIRST, count * 128), BLOCK))
    begin = last_lines(data, count)
    if begin is not None or start == 0:
        return data[begin or 0 :], None
    await log.pin()
    start, size = await tail_begin(log, count)
    answer = await log.open(f"bytes={start}-{size - 1}")
    if (part_of(answer.headers) or ())[:2] != (start, size - 1):
        await answer.close()
        raise another_part()
    return answer, size - start


async def tail_begin(log: PinnedLog, count: int) -> tuple[int, int]:
    """Where the last `count` lines of a pinned log begin, and its size, both in bytes."""
    data, start, size = await read_end(log, BLOCK)
    missing = count + data.endswith(b"\n")  # line feeds from the end to the one before the first line
    while (inside := data.count(b"\n")) < missing and start:
        missing -= inside
        begin = max(0, start - BLOCK)
        data, start = await read_block(log, begin, start), begin
    if inside >= missing:
        start += line_feed(data, inside - missing + 1) + 1
    return start, size
