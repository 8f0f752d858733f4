"""Parts of a log: its last lines (`tail`), the lines of one step (`step`), or all of it as it grows (`follow`).

Rules: the bytes are the download's, never text of a view. What cannot be is 416, as a range that cannot: `tail` below
1, a `step` that is no number, a `step` beside another part. `follow` with `tail` begins with the last lines.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..errors import ServerRefusal
from ..operations import Call, number
from ..transport import Answer
from ..webui.reader import Reader
from .follow import follow
from .log_step import log_step
from .log_tail import log_tail
from .pinned_log import NativeLog, pinned_log
from .rights import Grants, Lately, check_may_read

TEXT = ("Content-Type", "text/plain; charset=utf-8")
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

    lately = Lately(caller, reader.net.now) if "follow" in call.parts else caller

    async def check() -> None:
        if reads_web:
            await check_may_read(reader.net, call, lately)

    await check()
    if "step" in call.parts and len(call.parts) > 1:
        raise invalid_range("step goes with neither tail nor follow")
    if call.parts.get("follow", "true") not in TRUE:
        raise invalid_range("follow is true or false")
    tail = _number_of(call, "tail", 1)
    if "follow" in call.parts:
        rows, begun = await follow(reader.net, log, check, tail=tail)
        return LogPart(rows, grows=True, begun=begun)
    if tail is not None:
        return LogPart(*await log_tail(log, tail))
    lines, begun = await log_step(reader, call.id, log, _number_of(call, "step", 0) or 0)
    return LogPart(lines, begun=begun)


def _number_of(call: Call, name: str, least: int) -> int | None:
    """The number that a part has; None if it is not asked for."""
    text = call.parts.get(name)
    if text is not None and not (text.isascii() and text.isdecimal() and least <= number(text) <= MAX_TAIL):
        raise invalid_range(f"{name} is a number from {least} to {MAX_TAIL}")
    return None if text is None else number(text)


def invalid_range(reason: str) -> ServerRefusal:
    """The answer to a part that cannot be: as to a range that cannot."""
    return ServerRefusal(416, [TEXT], f"invalid range: {reason}\n".encode())
