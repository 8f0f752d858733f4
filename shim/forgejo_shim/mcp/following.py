"""The new lines of a running job's log, for so many seconds at most.

Rules: as in reading.py what is kept is what is shown, and a cursor says where to go on. First comes what is there: the
lines behind the cursor, or without one the last lines. Then the log is followed as `Client.follow` does, from the row
that was given last: all of one attempt, whole rows only, through short failures of the server.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..client import Client
from ..client_follow import Followed
from ..errors import NoLog, NotExecuted, StillRunning
from .reading import Piece, Wanted, changed, fill, read
from .rows import all_of, rows_of


@dataclass
class Came:
    """What came of a log. `is_over`: whether its job has ended and all was given; `status` is how, "" if not told."""

    piece: Piece
    is_over: bool = False
    status: str = ""


def follow(client: Client, wanted: Wanted, seconds: float, check: Callable[[], None]) -> Came:
    """What comes within so many seconds; `check` is called now and then, and raises to end it. Raises ShimError."""
    until = time.monotonic() + seconds
    came = Came(Piece())
    try:
        came.piece = read(client, wanted, check)
    except (NotExecuted, NoLog):  # not yet, perhaps: what follows waits for it, or says that it never comes
        if wanted.cursor:
            raise
    piece, last = came.piece, came.piece.passed
    if piece.why == "full":
        return came
    piece.why = "end"
    start, left = last.start if last else 0, max(0.1, until - time.monotonic())
    with client.follow(wanted.repo, wanted.job_id, wanted.attempt, start=start, timeout=left) as followed:
        rows = rows_of(_until(followed, came, until, check), start, last.number if last else 1)
        first = next(rows, None) if last else None
        if last and first and first.mark != last.mark:
            raise changed()
        fill(piece, all_of(rows, last), replace(wanted, tail=None), until)
    came.is_over = came.is_over and piece.why == "end"
    return came


def _until(followed: Followed, came: Came, until: float, check: Callable[[], None]) -> Iterator[bytes]:
    """The pieces of a log until the time is over; `came` is told how it ended."""
    try:
        for chunk in followed:
            check()
            yield chunk
            if time.monotonic() > until:
                return
    except StillRunning:
        return
    came.is_over, came.status = True, followed.status
