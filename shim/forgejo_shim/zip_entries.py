"""Which entries of an untrusted zip are extracted, and under which paths: pure rules over its table of contents.

Rules: one entry that is refused refuses the whole archive. A path stays below its folder on every system: its parts are
plain names, and what a drive or a step upwards could be is refused everywhere. What only Windows reads otherwise
(devices such as `NUL`, streams, dots at the end) is refused there. No name has a character that acts where it is shown:
a control, or one that turns text round. Only folders and regular files are taken, plain or deflated, each path once.
Sizes are those that the archive claims; unzip.py counts the bytes.
"""

from __future__ import annotations

import re
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipInfo

from .errors import BadArchive
from .file_names import OF_WINDOWS

ENCRYPTED = 0x1  # a flag of an entry
SHOWN = 80  # characters of a name in a message
_TURNS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # Bidi_Control of Unicode (UAX #9)


@dataclass(frozen=True)
class Limits:
    """How much of an archive is extracted: entries, bytes of all files, folders within each other, bytes of a file's
    or a folder's name, and how many times the archive's own size the files may be together, once they are more than
    `small` bytes."""

    entries: int = 100_000
    size: int = 10 * 1024**3
    depth: int = 50
    name: int = 255
    ratio: int = 200
    small: int = 100 * 1024**2

    def check_size(self, size: int, archive_size: int) -> None:
        """Raise BadArchive if files of so many bytes are more than an archive of that size may hold."""
        if size > self.size:
            raise too_large(f"its files are more than {self.size} bytes together")
        if size > self.small and size > self.ratio * archive_size:
            raise too_large(f"its files are more than {self.ratio} times as large as the archive")


def check_entries(
    entries: Sequence[ZipInfo], archive_size: int, limits: Limits, for_windows: bool
) -> Iterator[tuple[ZipInfo, tuple[str, ...]]]:
    """Each file and folder of the archive with the parts of its path; all are checked before the first is given.

    Raises BadArchive.
    """
    if len(entries) > limits.entries:
        raise too_large(f"it has {len(entries)} entries, and at most {limits.entries} are extracted")
    limits.check_size(sum(entry.file_size for entry in entries), archive_size)
    found = [(entry, _parts(entry, limits, for_windows)) for entry in entries]
    _check_each_once(found)
    return iter(found)


def too_large(reason: str) -> BadArchive:
    """The error for an archive beyond a limit."""
    return BadArchive(f"{reason}; keep the archive as it is, with --zip", cause="zip-too-large")


def unsafe(entry: ZipInfo, reason: str) -> BadArchive:
    """The error for an entry that is not extracted."""
    name = entry.orig_filename
    shown = name if len(name) <= SHOWN else name[:SHOWN] + "…"
    return BadArchive(f"its entry {shown!a} {reason}; keep the archive as it is, with --zip", cause="zip-unsafe")


def _parts(entry: ZipInfo, limits: Limits, for_windows: bool) -> tuple[str, ...]:
    """The parts of an entry's path. Raises BadArchive."""
    name = entry.orig_filename  # as it stands there: `filename` ends at a NUL
    if _TURNS.search(name) or any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise unsafe(entry, "has a control character in its name")
    if name.startswith("/") or "\\" in name or re.match("[A-Za-z]:", name):
        raise unsafe(entry, "is an absolute path, or one of another system")
    parts = tuple(name.removesuffix("/").split("/"))
    if not {"", ".", ".."}.isdisjoint(parts):
        raise unsafe(entry, "leads out of its folder, or nowhere")
    if len(parts) > limits.depth:
        raise unsafe(entry, f"is more than {limits.depth} folders deep")
    if any(len(part.encode()) > limits.name for part in parts):
        raise unsafe(entry, f"has a name of more than {limits.name} bytes")
    if for_windows and any(OF_WINDOWS.search(part) for part in parts):
        raise unsafe(entry, "has a name that Windows does not have")
    _check_kind(entry)
    return parts


def _check_kind(entry: ZipInfo) -> None:
    """Raise BadArchive for what is neither a folder nor a file that can be read."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if is_folder(entry) else stat.S_IFREG):
        raise unsafe(entry, "is a link or a device, or anything else but a regular file")
    if is_folder(entry) and entry.file_size:
        raise unsafe(entry, "is a folder with bytes in it")
    if entry.flag_bits & ENCRYPTED:
        raise unsafe(entry, "is encrypted")
    if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise unsafe(entry, f"is compressed in a way that is not read here ({entry.compress_type})")


def is_folder(entry: ZipInfo) -> bool:
    """Whether an entry is a folder."""
    return entry.orig_filename.endswith("/")


def _check_each_once(found: Sequence[tuple[ZipInfo, tuple[str, ...]]]) -> None:
    """Raise BadArchive if two files have one path, or a file is also a folder."""
    files = {parts for entry, parts in found if not is_folder(entry)}
    seen: set[tuple[str, ...]] = set()
    for entry, parts in found:
        if parts in files:
            if parts in seen or is_folder(entry):
                raise unsafe(entry, "is there twice")
            seen.add(parts)
        if any(parts[:end] in files for end in range(1, len(parts))):
            raise unsafe(entry, "is in a folder that is a file")
