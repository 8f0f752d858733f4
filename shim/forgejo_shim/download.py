"""Saving a log to a file: whole or not at all, going on where a broken download ended.

Rules: the bytes go to a hidden file in the target's folder, which is renamed into place when the last byte is there.
Its name stands for what the bytes are of: server, job, attempt, and the log's identity as the answer gave it (the task
id of a web log; `Last-Modified` and size of a native one). So every try asks for the log first, and goes on only in a
file of that very log, with an answer that says the same again and starts where the file ends, less its last bytes, of
which a broken download proves nothing; else it starts anew. One process at a time: the file is locked. What cannot be
gone on with is removed, and with a log that was saved what earlier downloads to the same place left. A file that is
replaced passes its mode on.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from .errors import BadRequest, NotNow, ShimError, Unreachable

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
    def last_modified(self) -> str | None: ...

    @property
    def size(self) -> int | None:
        """Bytes of the whole log; None if not told."""
        ...

    @property
    def start(self) -> int:
        """Where in the log this answer begins."""
        ...

    @property
    def backend(self) -> str: ...

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


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

    `subject` names server, job and attempt. Raises ShimError; then nothing new stands at `path`.
    """
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
                    part.finish(path)
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


def target_of(path: Path) -> Path:
    """Where a link leads, so that the link stays; refuses what a rename would destroy."""
    with _disk(path):
        path = Path(os.path.realpath(path))
        is_folder, is_other = path.is_dir(), path.exists() and not path.is_file()
        has_place = path.parent.is_dir()
    if is_folder:
        raise ShimError(f"{path} is a folder; name a file in it")
    if not has_place:
        raise ShimError(f"the folder {path.parent} does not exist; make it, or name another")
    if is_other:
        raise ShimError(f"{path} is no regular file; leave the name out and redirect the output to it")
    return path


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
        key = hashlib.blake2b(f"{subject}\n{identity}".encode(), digest_size=8).hexdigest()
        beginning = os.fsdecode(os.fsencode(target.name)[:NAME])
        self.path = target.with_name(f".{beginning}.{key}.part")
        self.size = 0
        self._keeps = identity is not None
        with _disk(self.path):
            self._mode = stat.S_IMODE(target.stat().st_mode) & 0o777 if target.exists() else None
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            mode = 0o666 if self._mode is None else 0o600
            self._file = os.fdopen(os.open(self.path, flags, mode), "r+b", buffering=0)
        try:
            self._lock()
        except BaseException:
            self._file.close()
            raise

    def _lock(self) -> None:
        own = os.fstat(self._file.fileno())
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_own = own.st_ino == os.stat(self.path).st_ino  # else it was finished and renamed a moment ago
        except (BlockingIOError, FileNotFoundError):
            is_own = False
        if not is_own or not stat.S_ISREG(own.st_mode):
            raise ShimError(f"another process is saving the same log as {self.path.name}; wait for it")
        self.size = os.fstat(self._file.fileno()).st_size if self._keeps else 0
        self._file.seek(self.size)

    def write(self, data: bytes) -> None:
        """Write `data` after what was written."""
        with _disk(self.path):
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) or 0 :]
            self.size += len(data)

    def restart(self) -> None:
        """Forget what was written."""
        with _disk(self.path):
            self.back_to(0)
            self._file.truncate()

    def back_to(self, size: int) -> None:
        """Write on after the first `size` bytes. What follows them stays until it is written over, so that a try which
        breaks off in it loses nothing."""
        with _disk(self.path):
            self._file.seek(size)
            self.size = size

    def finish(self, target: Path) -> None:
        """Put the file in its place, complete on disk."""
        with _disk(target):
            self._file.truncate(self.size)
            if self._mode is not None:
                os.fchmod(self._file.fileno(), self._mode)
            os.fsync(self._file.fileno())
            os.replace(self.path, target)
            self._keeps = True
        _remove_left(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._keeps or not self.size:
            self.path.unlink(missing_ok=True)
        self._file.close()


def _remove_left(target: Path) -> None:
    """Remove what broken downloads to `target` left and nobody is writing now. A name that is cut may be another's."""
    if len(os.fsencode(target.name)) > NAME:
        return
    left = re.compile(re.escape(f".{target.name}.") + r"[0-9a-f]{16}\.part")
    with suppress(OSError):
        for path in [path for path in target.parent.iterdir() if left.fullmatch(path.name)]:
            with suppress(OSError), os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "free the space or name another place" if full else "name another place"
        raise ShimError(f"{path} cannot be written ({error.strerror}); {what}") from None
