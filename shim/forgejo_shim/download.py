"""Saving a log or an artifact's zip to a file: whole or not at all, and resumed where a broken download ended.

Rules:
- The bytes go to a hidden `.part` file in the target's folder. It is renamed into place after the last byte.
- The part file's name is a hash of what is saved and of the answer's identity: the task id of a web log, else
  `Last-Modified` and size.
- Each try asks for all of it first. It resumes only in a part file of that very log or zip, with an answer of the same
  identity that starts a little before the file's end, since the last bytes of a broken download prove nothing.
  Otherwise it starts again.
- The part file is locked: one process at a time. It is removed if it cannot be resumed. A saved file removes the part
  files of earlier downloads to the same target.
- The part file is a regular file of this user's own, or it is not written to.
- A replaced file passes on its mode and owner. A special file (files.py) gets the bytes directly, once.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from .client_body import Body
from .errors import BadRequest, DiskFull, NotNow, ShimError, Unreachable
from .files import (
    NAME_LIMIT,
    copy_owner_and_mode,
    open_own,
    open_special,
    resolve_target,
    try_lock,
    write_all,
    writing,
)

TRIES = 3  # tries in a row that bring no further byte
REREAD = 128 * 1024  # bytes at the end of a part file that are read again: a download that breaks while its log is
# moved to storage ends in an error page of 10 KiB, under the log's own headers (recorded on 11.0.15 to 16)
PAUSE = 0.5  # seconds before the second try, doubled each time

Progress = Callable[[int, int | None], None]
Ask = Callable[[Mapping[str, str]], Body]  # opens what is saved, with these headers of a request


@dataclass(frozen=True)
class Saved:
    """A saved log or zip: its file, its size in bytes, and the backend that gave it."""

    path: Path
    size: int
    backend: str


@dataclass(frozen=True)
class Place:
    """Where a file goes, what messages call it, and the file that it replaces, whose mode and owner it gets."""

    path: Path
    shown: Path
    replaced: os.stat_result | None = None


def save(ask: Ask, path: Path, subject: str, progress: Progress | None = None) -> Saved:
    """Save what `ask(headers)` opens to `path`. `progress` gets the bytes so far and in all (None: unknown).

    `subject` names it: for a log its server, job and attempt. Raises ShimError; a file at `path` is then as it was.
    """
    if stream := open_special(path):
        return _write_directly(stream, ask, path, progress)
    return _save_whole(ask, _place(path), subject, progress)


def save_new(ask: Ask, path: Path, subject: str, progress: Progress | None, shown: Path) -> Saved:
    """As `save`, at a path where nothing was: whatever is put there meanwhile is replaced, and no link is followed.
    Messages call it `shown`. Raises ShimError."""
    return _save_whole(ask, Place(path, shown), subject, progress)


def _save_whole(ask: Ask, place: Place, subject: str, progress: Progress | None) -> Saved:
    furthest, failures = 0, 0
    while True:
        part = None
        try:
            body = ask({})
            try:
                part = PartFile(place, subject, body.identity)
                with part:
                    _complete(part, body, ask, progress)
                    part.finish()
                    return Saved(place.path, part.size, body.backend)
            finally:
                body.close()
        except DiskFull as error:
            if part and part.is_of_use:
                raise DiskFull(f"{error.message}; ask for it again to go on with {part.path}, or remove that") from None
            raise
        except (Unreachable, NotNow) as error:
            if part is None and not furthest:
                raise
            if part and part.size > furthest:
                furthest, failures = part.size, 0
            failures += 1
            if failures >= TRIES:
                raise Unreachable(f"{error.message}; run it again to continue") from error
            time.sleep(PAUSE * 2 ** (failures - 1))


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`: whole or not at all, or directly to a special file. Raises ShimError."""
    if stream := open_special(path):
        with stream, writing(path):
            write_all(stream, data)
        return
    with PartFile(_place(path), "", None) as part:
        part.restart()
        part.write(data)
        part.finish()


def _place(path: Path) -> Place:
    """The place that a path names. Raises ShimError if no regular file can be there."""
    target = resolve_target(path)
    with writing(target):
        return Place(target, target, target.stat() if target.exists() else None)


def _write_directly(stream: FileIO, ask: Ask, path: Path, progress: Progress | None) -> Saved:
    """Write it to a special file. Nothing can be written twice, so a broken download is an error."""
    size = 0
    with stream, closing(ask({})) as body:
        for chunk in body:
            try:
                with writing(path):
                    write_all(stream, chunk)
            except BrokenPipeError:
                raise ShimError(f"{path} cannot be written: its reader has closed it") from None
            size += len(chunk)
            if progress:
                progress(size, body.size)
    return Saved(path, size, body.backend)


def _complete(part: PartFile, body: Body, ask: Ask, progress: Progress | None) -> None:
    """Write the rest of it to the part file."""
    rest = _resume(part, body, ask) if part.size else None
    if rest is None:
        part.restart()
    try:
        for chunk in rest or body:
            part.write(chunk)
            if progress:
                progress(part.size, body.size)
    finally:
        if rest:
            rest.close()


def _resume(part: PartFile, body: Body, ask: Ask) -> Body | None:
    """What `body` is from the part file's last `REREAD` bytes on, to be written over them. None if the answer does not
    prove that it is the same."""
    start = part.size - REREAD
    if start <= 0:
        return None
    headers = {"Range": f"bytes={start}-"}
    if body.last_modified:
        headers["If-Range"] = body.last_modified
    try:
        rest = ask(headers)
    except BadRequest:
        return None
    if rest.start == start and rest.identity == body.identity:
        part.rewind(start)
        return rest
    rest.close()
    return None


class PartFile:
    """An unfinished download. The file stays after its `with` block only if a later try can resume it."""

    def __init__(self, place: Place, subject: str, identity: str | None) -> None:
        key = hashlib.blake2b(f"{subject}\n{identity}".encode(errors="surrogateescape"), digest_size=8).hexdigest()
        beginning = os.fsdecode(os.fsencode(place.path.name)[:NAME_LIMIT])
        self.path = place.path.with_name(f".{beginning}.{key}.part")
        self._place = place
        self._can_resume = identity is not None
        with ExitStack() as opening, writing(place.shown, f": a new file in {place.path.parent}"):
            if not opening.enter_context(try_lock(self.path)):
                raise ShimError(f"another process is saving the same as {self.path.name}; wait for it")
            self._file = open_own(self.path, 0o666 if place.replaced is None else 0o600)
            opening.callback(self._file.close)
            self.size = os.fstat(self._file.fileno()).st_size if self._can_resume else 0
            self._file.seek(self.size)
            self._open = opening.pop_all()

    def write(self, data: bytes) -> None:
        """Write `data` after what was written."""
        with writing(self._place.shown):
            write_all(self._file, data)
            self.size += len(data)

    def restart(self) -> None:
        """Start again from the first byte."""
        with writing(self._place.shown):
            self.rewind(0)
            self._file.truncate()

    def rewind(self, size: int) -> None:
        """Continue after the first `size` bytes. The bytes after them stay until they are written over, so that a try
        that breaks off among them loses nothing."""
        with writing(self._place.shown):
            self._file.seek(size)
            self.size = size

    def finish(self) -> None:
        """Rename the file to its target, when all of it is on disk."""
        with writing(self._place.shown):
            self._file.truncate(self.size)
            if self._place.replaced:
                copy_owner_and_mode(self.path, self._file.fileno(), self._place.replaced)
            os.fsync(self._file.fileno())
            self._file.close()  # before the rename: some systems do not rename open files
            os.replace(self.path, self._place.path)
            self._can_resume = True
        _remove_stale_parts(self._place.path)

    @property
    def is_of_use(self) -> bool:
        """Whether a later try can go on with what is there."""
        try:
            return self._can_resume and self.path.stat().st_size > REREAD
        except OSError:
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._open:
            self._file.close()
            if not self.is_of_use:
                self.path.unlink(missing_ok=True)


def _remove_stale_parts(target: Path) -> None:
    """Remove part files of broken downloads to `target` that nobody is writing. A cut name may be another target's."""
    if len(os.fsencode(target.name)) > NAME_LIMIT:
        return
    stale = re.compile(re.escape(f".{target.name}.") + r"[0-9a-f]{16}\.part")
    with suppress(OSError):
        for path in [path for path in target.parent.iterdir() if stale.fullmatch(path.name)]:
            with suppress(OSError), try_lock(path) as is_free:
                if is_free:
                    path.unlink()
