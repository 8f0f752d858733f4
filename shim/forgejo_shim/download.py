"""Saving a log to a file: whole or not at all, going on where a broken download ended.

Rules: the bytes go to a hidden file in the target's folder, which is renamed into place when the last byte is there.
Its name stands for what the bytes are of: server, job, attempt, and the log's identity as the answer gave it (the task
id of a web log; `Last-Modified` and size of a native one). So every try asks for the log first, and goes on only in a
file of that very log, with an answer that says the same again and starts where the file ends, less its last bytes, of
which a broken download proves nothing; else it starts anew. One process at a time: the file is locked. What cannot be
gone on with is removed, and with a log that was saved what earlier downloads to the same place left. A file that is
replaced passes its mode and owner on. What is no regular file (files.py) gets the bytes straight, and once.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from .errors import BadRequest, NotNow, ShimError, Unreachable
from .files import SAFELY, disk, held, opened_straight, pass_on, target_of, write_all

TRIES = 3  # in a row that bring no further byte
AGAIN = 128 * 1024  # bytes at a part's end that are read again: a download that breaks while its log is moved to
# storage ends in an error page of 10 KiB, under the log's own headers (recorded on 11.0.15 to 16)
NAME = 100  # bytes of the target's name in a part's
PAUSE = 0.5  # seconds before the second try, doubled each time

Progress = Callable[[int, int | None], None]


class OpenedLog(Protocol):
    """What an answer tells of its log (`Client.log`)."""

    @property
    def identity(self) -> str | None:
        """What no other log has; None if the answer has nothing of the kind."""
        ...

    @property
    def last_modified(self) -> str | None:
        """The header Last-Modified, if the answer has one."""

    @property
    def size(self) -> int | None:
        """Bytes of the whole log; None if not told."""
        ...

    @property
    def start(self) -> int:
        """Where in the log this answer begins."""
        ...

    @property
    def backend(self) -> str:
        """Where the log comes from: `native` or `web`."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None:
        """Give the connection up."""


@dataclass(frozen=True)
class Saved:
    """A saved log: its file, its bytes, and the backend that gave it."""

    path: Path
    size: int
    backend: str


def save(
    ask: Callable[[Mapping[str, str]], OpenedLog], path: Path, subject: str, progress: Progress | None = None
) -> Saved:
    """Save the log that `ask(headers)` opens at `path`. `progress` gets the bytes so far and in all (None: not told).

    `subject` names server, job and attempt. Raises ShimError; then nothing new stands at `path`, if it is a file.
    """
    if stream := opened_straight(path):
        return _pour(stream, ask, path, progress)
    path = target_of(path)
    furthest, failures = 0, 0
    while True:
        part = None
        try:
            log = ask({})
            try:
                part = Part(path, subject, log.identity)
                with part:
                    _fill(part, log, ask, progress)
                    part.finish()
                    return Saved(path, part.size, log.backend)
            finally:
                log.close()
        except (Unreachable, NotNow) as error:
            if part is None and not furthest:
                raise
            if part and part.size > furthest:
                furthest, failures = part.size, 0
            failures += 1
            if failures >= TRIES:
                raise Unreachable(f"{error.message}; run it again to go on") from error
            time.sleep(PAUSE * 2 ** (failures - 1))


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`: whole or not at all, straight if it is no regular file. Raises ShimError."""
    if stream := opened_straight(path):
        with stream, disk(path):
            write_all(stream, data)
        return
    target = target_of(path)
    with Part(target, "", None) as part:
        part.restart()
        part.write(data)
        part.finish()


def _pour(
    stream: FileIO, ask: Callable[[Mapping[str, str]], OpenedLog], path: Path, progress: Progress | None
) -> Saved:
    """Write the log to what takes it once only, so that a broken download cannot be gone on with."""
    size = 0
    with stream, closing(ask({})) as log:
        for chunk in log:
            try:
                with disk(path):
                    write_all(stream, chunk)
            except BrokenPipeError:
                raise ShimError(f"{path} cannot be written: its reader has gone") from None
            size += len(chunk)
            if progress:
                progress(size, log.size)
    return Saved(path, size, log.backend)


def _fill(part: Part, log: OpenedLog, ask: Callable[[Mapping[str, str]], OpenedLog], progress: Progress | None) -> None:
    """Write what the part lacks of the log."""
    rest = _rest(part, log, ask) if part.size else None
    if rest is None:
        part.restart()
    try:
        for chunk in rest or log:
            part.write(chunk)
            if progress:
                progress(part.size, log.size)
    finally:
        if rest:
            rest.close()


def _rest(part: Part, log: OpenedLog, ask: Callable[[Mapping[str, str]], OpenedLog]) -> OpenedLog | None:
    """The log from the part's last `AGAIN` bytes on, to be written over them, if the answer proves that it is the same
    log; else None."""
    start = part.size - AGAIN
    if start <= 0:
        return None
    headers = {"Range": f"bytes={start}-"}
    if log.last_modified:
        headers["If-Range"] = log.last_modified
    try:
        rest = ask(headers)
    except BadRequest:
        return None
    if rest.start == start and rest.identity == log.identity:
        part.back_to(start)
        return rest
    rest.close()
    return None


class Part:
    """The unfinished file. Leaving its `with` block keeps it only if a later try can go on with it."""

    def __init__(self, target: Path, subject: str, identity: str | None) -> None:
        key = hashlib.blake2b(f"{subject}\n{identity}".encode(errors="surrogateescape"), digest_size=8).hexdigest()
        beginning = os.fsdecode(os.fsencode(target.name)[:NAME])
        self.path = target.with_name(f".{beginning}.{key}.part")
        self._target = target
        self._keeps = identity is not None
        with ExitStack() as opening, disk(target, f": a new file in {target.parent}"):
            if not opening.enter_context(held(self.path)):
                raise ShimError(f"another process is saving the same log as {self.path.name}; wait for it")
            self._replaced = target.stat() if target.exists() else None
            mode = 0o666 if self._replaced is None else 0o600
            self._file = FileIO(os.open(self.path, os.O_RDWR | os.O_CREAT | SAFELY, mode), "r+b")
            opening.callback(self._file.close)
            found = os.fstat(self._file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise ShimError(f"{self.path} is in the way; remove it")
            self.size = found.st_size if self._keeps else 0
            self._file.seek(self.size)
            self._open = opening.pop_all()

    def write(self, data: bytes) -> None:
        """Write `data` after what was written."""
        with disk(self._target):
            write_all(self._file, data)
            self.size += len(data)

    def restart(self) -> None:
        """Forget what was written."""
        with disk(self._target):
            self.back_to(0)
            self._file.truncate()

    def back_to(self, size: int) -> None:
        """Write on after the first `size` bytes. What follows them stays until it is written over, so that a try which
        breaks off in it loses nothing."""
        with disk(self._target):
            self._file.seek(size)
            self.size = size

    def finish(self) -> None:
        """Put the file in its place, complete on disk."""
        with disk(self._target):
            self._file.truncate(self.size)
            if self._replaced:
                pass_on(self.path, self._file.fileno(), self._replaced)
            os.fsync(self._file.fileno())
            self._file.close()  # first, since not every system renames what is open
            os.replace(self.path, self._target)
            self._keeps = True
        _remove_left(self._target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._open:
            self._file.close()
            if not self._keeps or not self.size:
                self.path.unlink(missing_ok=True)


def _remove_left(target: Path) -> None:
    """Remove what broken downloads to `target` left and nobody is writing now. A name that is cut may be another's."""
    if len(os.fsencode(target.name)) > NAME:
        return
    left = re.compile(re.escape(f".{target.name}.") + r"[0-9a-f]{16}\.part")
    with suppress(OSError):
        for path in [path for path in target.parent.iterdir() if left.fullmatch(path.name)]:
            with suppress(OSError), held(path) as is_left:
                if is_left:
                    path.unlink()
