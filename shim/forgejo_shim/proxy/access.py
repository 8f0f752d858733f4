"""The access log: one JSON object a line.

Rules: no query, no header, no address, no account; what a client sent (method, path) stands inside a JSON string, all
ASCII, so it can't make a line or speak to a terminal. Lines are gathered and written by a thread: a reader that does
not keep up costs lines, which are counted, and never time.

    {"time": "2026-01-02T03:04:05.678Z", "id": "5f0c2a91-2a", "method": "GET", "path": "/api/v1/version",
     "status": 200, "bytes": 431, "seconds": 0.0021, "backend": "pass", "operation": ""}

`bytes` counts the head, too. `cause` is that of an error of the shim's own (spec/README.md). `broken` is true where the
connection ended before the answer did; status 499 says that it
was the caller who went away. `id` is the X-Request-Id of answers that the shim made.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quoted
from queue import SimpleQueue

EVERY = 0.25  # seconds for which lines are gathered
WAITING = 64 * 1024  # lines that may wait for a slow reader
PATH = 1024  # characters of a path that are shown


class AccessLog:
    """A log that `write` puts somewhere; it may block, and what it raises ends the log. Used within a loop."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.lost = 0
        self._write = write
        self._second = 0, ""  # the last one, and as text
        self._lines: list[str] = []
        self._handed = self._written = 0  # lines; the first is the loop's to change, the second the thread's
        self._batches: SimpleQueue[list[str] | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write_on, name="access-log", daemon=True)
        self._writer.start()

    def note(
        self,
        name: str,
        method: str,
        path: str,
        status: int,
        size: int,
        seconds: float,
        backend: str,
        operation: str,
        broken: bool,
        cause: str = "",
    ) -> None:
        """Log one request. `name`, `backend`, `operation` and `cause` are the proxy's own words. (Written by hand: half
        of what the rest of the proxy costs would be gone into an encoder and a calendar.)"""
        if self._handed - self._written + len(self._lines) >= WAITING:
            self.lost += 1
            return
        if not self._lines:
            asyncio.get_running_loop().call_later(EVERY, self._hand_over)
        shown = quoted(path if len(path) <= PATH else path[:PATH] + "…")
        more = (f', "cause": "{cause}"' if cause else "") + ', "broken": true' * broken
        self._lines.append(
            f'{{"time": "{self._time()}", "id": "{name}", "method": {quoted(method)}, "path": {shown},'
            f' "status": {status}, "bytes": {size}, "seconds": {seconds:.6f}, "backend": "{backend}",'
            f' "operation": "{operation}"{more}}}\n'
        )

    def _time(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second[0]:
            self._second = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second[1]}.{int(now % 1 * 1000):03}Z"

    def close(self, patience: float = 2.0) -> None:
        """Write what is left, for at most `patience` seconds."""
        self._hand_over()
        self._batches.put(None)
        self._writer.join(patience)

    def _hand_over(self) -> None:
        if self._lines:
            self._handed += len(self._lines)
            self._batches.put(self._lines)
            self._lines = []

    def _write_on(self) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                self._write("".join(batch).encode())
            except (OSError, ValueError):  # a pipe without a reader, or closed: nobody to tell
                self._write = lambda data: None
            self._written += len(batch)
