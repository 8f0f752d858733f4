"""Extracting an untrusted zip into a new folder: whole or not at all.

Rules:
- What is extracted, and where, is zip_entries.py's to say, before anything is written.
- Bytes are counted as they come: no entry is believed. A file that is longer or shorter than its entry says, or whose
  CRC differs, refuses the archive, and so do more bytes than the limits allow.
- Everything is new: files are made with O_EXCL, so two names that are one on this system (`A` and `a`) are refused, and
  no link is ever followed. Modes are those of new files; those in the archive are not taken over.
- It is written into a hidden folder beside the target, which is renamed at the end and removed on any failure.
"""

from __future__ import annotations

import copy
import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from struct import error as StructError
from zipfile import BadZipFile, ZipFile, ZipInfo

from .errors import BadArchive, ShimError
from .files import SAFE_FLAGS, hidden_beside, write_all, writing
from .zip_entries import Limits, check_entries, is_folder, too_large, unsafe

CHUNK = 256 * 1024  # bytes read at once
CONTENTS = 16 * 1024**2  # bytes of a table of contents; it is held in memory
# What zipfile raises for bytes that are no sound zip; what cannot be written is a ShimError by then.
_DAMAGED = (BadZipFile, zlib.error, EOFError, StructError, ValueError, RuntimeError, OverflowError, OSError)


@dataclass(frozen=True)
class ExtractedFile:
    """A file that was extracted: its path in the archive, its size in bytes, the SHA-256 of its bytes in hex."""

    path: str
    size: int
    sha256: str


def unzip(archive: Path, target: Path, limits: Limits | None = None) -> list[ExtractedFile]:
    """Extract the zip at `archive` into the new folder `target`; its files, in the archive's order.

    Raises BadArchive for an archive that is damaged, unsafe or beyond the limits, ShimError if it cannot be written.
    Nothing is at `target` then.
    """
    limits = limits or Limits()
    with _reading(), _Source(archive) as source, ZipFile(source) as opened:
        entries = list(check_entries(opened.infolist(), source.size, limits, os.name == "nt"))
        with _new_folder(target) as folder:
            files, size = [], 0
            for entry, parts in entries:
                path = folder.joinpath(*parts)
                with writing(target.joinpath(*parts)):
                    (path if is_folder(entry) else path.parent).mkdir(parents=True, exist_ok=True)
                if not is_folder(entry):
                    files.append(_extract(opened, entry, path, target.joinpath(*parts)))
                    size += files[-1].size
                    limits.check_size(size, source.size)
            return files


def _extract(opened: ZipFile, entry: ZipInfo, path: Path, shown: Path) -> ExtractedFile:
    """Write one file. `shown` is what messages call it. Raises BadArchive, ShimError."""
    digest, size = hashlib.sha256(), 0
    longer = copy.copy(entry)
    longer.file_size += 1  # so that a byte more than the entry says is read, and noticed
    with _new_file(path, entry, shown) as file, opened.open(longer) as stream:
        while data := stream.read(CHUNK):
            size += len(data)
            if size > entry.file_size:
                break
            digest.update(data)
            with writing(shown):
                write_all(file, data)
    if size != entry.file_size:
        raise BadArchive(
            f"its entry {entry.filename[:80]!a} is not of the size that it says; it is damaged, or no honest zip",
            cause="zip-damaged",
        )
    return ExtractedFile(entry.filename, size, digest.hexdigest())


def _new_file(path: Path, entry: ZipInfo, shown: Path) -> FileIO:
    with writing(shown):
        try:
            return FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_FLAGS, 0o666), "wb")
        except FileExistsError:
            raise unsafe(entry, "is the same file as another entry on this system") from None


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """A hidden folder beside `target`, which becomes it at the end. It is removed if anything goes wrong."""
    hidden = hidden_beside(target, "unzip")
    with writing(target):
        if os.path.lexists(target):
            raise ShimError(f"{target} exists; remove it, or choose another place")
        if os.path.lexists(hidden):  # left by a process that was killed
            shutil.rmtree(hidden)
        hidden.mkdir()
    try:
        yield hidden
        with writing(target):
            os.rename(hidden, target)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise


@contextmanager
def _reading() -> Iterator[None]:
    """Say of what `zipfile` stumbles over that the archive is damaged."""
    try:
        yield
    except _DAMAGED:
        raise BadArchive(
            "it is no zip, it is damaged, or it cannot be read; keep it as it is, with --zip", cause="zip-damaged"
        ) from None


class _Source(FileIO):
    """The archive's bytes. A table of contents of many megabytes is not read: `zipfile` would hold all of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, opener=lambda name, flags: os.open(name, flags | SAFE_FLAGS))
        self.size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """As in FileIO. Raises BadArchive for more than fits."""
        rest = max(0, self.size - self.tell())
        size = rest if size is None or size < 0 else min(size, rest)
        if size > CONTENTS:
            raise too_large(f"its table of contents is longer than {CONTENTS} bytes")
        return super().read(size)
