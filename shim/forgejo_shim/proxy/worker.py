"""One worker of several: how it obeys its parent (workers.py), and what it shares with the others.

Rules: it hears its parent by a line of its own, and ends as after a signal when that line ends, since its parent has.
Signals are the parent's alone: a terminal's and systemd's reach all processes at once, and a worker that ended slowly
by itself would leave connections waiting, since its place listens on. What it says to the operator goes by the line, so
that the parent says it once.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..files import SAFE_FLAGS
from .metrics import METRICS, count_in

READY, DRAIN, END, RELOAD = b"ready", b"drain", b"end", b"reload"
LINE = 4096  # bytes of a line for the operator


class Worker:
    """Worker `number`; `line` leads to its parent, `folder` is that of all workers."""

    def __init__(self, number: int, line: socket.socket, folder: Path) -> None:
        self.folder = folder
        self._line = line
        self._ends = False
        for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        count_in(folder / METRICS, number)

    def ready(self) -> None:
        """Tell the parent that it serves."""
        self._line.send(READY)

    def say(self, line: str) -> None:
        """Have the parent tell the operator."""
        with suppress(OSError):  # nobody is there any more
            self._line.send(line.encode(errors="backslashreplace")[:LINE])

    def obey(self, stop: Callable[[], None], reload: Callable[[], None] | None) -> None:
        """Listen to the parent (serve.py)."""
        loop = asyncio.get_running_loop()

        def begin() -> None:
            if not self._ends:
                self._ends = True
                stop()

        def hear() -> None:
            told = self._line.recv(LINE)
            if told == RELOAD and reload:
                reload()
            elif told != RELOAD:
                begin()
            if told == END:
                stop()
            if not told:
                loop.remove_reader(self._line)
                shutil.rmtree(self.folder, ignore_errors=True)  # which the parent would have done

        loop.add_reader(self._line, hear)


def in_turn(folder: Path, write: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """`write`, while no other worker of `folder` does: a pipe takes long texts in pieces."""
    turn = os.open(folder / "log.lock", os.O_CREAT | os.O_WRONLY | SAFE_FLAGS, 0o600)

    def write_in_turn(data: bytes) -> None:
        fcntl.flock(turn, fcntl.LOCK_EX)
        try:
            write(data)
        finally:
            fcntl.flock(turn, fcntl.LOCK_UN)

    return write_in_turn
