"""The artifacts of one instance: rows, how they are put together to artifacts, and what becomes of them.

Rules
-----
* A row is a file. Of a run, the rows of one name are one artifact, whichever protocol they came by
  (models/actions/artifact.go).
* Listed are confirmed and expired rows; a download needs every row of the name to be confirmed.
* A deletion marks confirmed rows only; they are gone at the next clean-up (services/actions/cleanup.go).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .entities import ZIP, Artifact, Run
from .logs import PIECE
from .messages import Source

LISTED = ("confirmed", "expired")
RETENTION = 90 * 24 * 3600
NO_DATE = (1980, 0, 0, 0, 0, 0)  # what a zip says where Go was given no time


class Stored:
    """Bytes in the storage."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def size(self) -> int:
        return len(self.data)

    def read(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        yield memoryview(self.data)[start:stop]


@dataclass(frozen=True)
class Group:
    """An artifact as it is listed: the rows of a name that are confirmed or expired."""

    rows: Sequence[Artifact]

    @property
    def first(self) -> Artifact:
        """The row with the lowest id, whose id is the artifact's."""
        return self.rows[0]

    @property
    def size(self) -> int:
        return sum(row.size for row in self.rows)

    @property
    def expired(self) -> bool:
        return any(row.status == "expired" for row in self.rows)

    @property
    def updated(self) -> int:
        return max(row.updated for row in self.rows)

    @property
    def expires(self) -> int:
        return max(row.expires for row in self.rows)


class Artifacts:
    """All rows by id."""

    def __init__(self, lock: Any, next_id: Callable[[str], int], now: Callable[[], int]) -> None:
        self.lock, self._next_id, self._now = lock, next_id, now
        self.rows: dict[int, Artifact] = {}

    def add(self, run: Run, name: str, content: bytes | Source | Mapping[str, bytes], **fields: Any) -> Artifact:
        """A complete artifact: of v4 from a zip's bytes, of v3 from files; its first row."""
        with self.lock:
            if isinstance(content, Mapping):
                rows = [self._complete(run, name, path, data, "", fields) for path, data in content.items()]
                return rows[0]
            return self._complete(run, name, f"{name}.zip", content, ZIP, fields)

    def _complete(
        self, run: Run, name: str, path: str, content: bytes | Source, encoding: str, fields: Mapping[str, Any]
    ) -> Artifact:
        row = self.row(run, name, path, RETENTION)
        row.content = Stored(content) if isinstance(content, bytes) else content
        row.encoding, row.size, row.status = encoding, row.content.size, "confirmed"
        for field, value in fields.items():
            setattr(row, field, value)
        return row

    def row(self, run: Run, name: str, path: str, kept: int) -> Artifact:
        """The row of a name and path, made where it is missing; `kept` is in seconds from now."""
        now = self._now()
        for row in run.artifacts:
            if (row.name, row.path) == (name, path):
                return row
        row = Artifact(self._next_id("artifact"), run, name, path, now, now, now + kept)
        run.artifacts.append(row)
        self.rows[row.id] = row
        return row

    def confirm(self, row: Artifact, content: bytes) -> None:
        """The upload is complete."""
        row.content, row.status, row.updated = Stored(content), "confirmed", self._now()
        row.blocks, row.block_list, row.announced = {}, [], 0

    def listed(self, run: Run) -> list[Group]:
        """The artifacts of a run that are listed, in the order of their ids."""
        names: dict[str, list[Artifact]] = {}
        for row in run.artifacts:
            if row.status in LISTED:
                names.setdefault(row.name, []).append(row)
        return [Group(rows) for rows in names.values()]

    def delete(self, run: Run, name: str) -> None:
        """Mark what is confirmed of a name; nothing else changes, and nobody is told."""
        for row in run.artifacts:
            if row.name == name and row.status == "confirmed":
                row.status, row.updated = "deleting", self._now()

    def clean_up(self) -> None:
        """Remove what has expired or was deleted."""
        for row in self.rows.values():
            if row.status == "confirmed" and row.expires < self._now():
                row.status, row.content = "expired", None
            elif row.status == "deleting":
                row.status, row.content = "deleted", None

    def forget(self, run: Run) -> None:
        for row in run.artifacts:
            del self.rows[row.id]


class _Unseekable(io.BytesIO):
    """What a zip is written to as Go writes it to a connection: sizes follow the bytes."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0) -> int:
        raise io.UnsupportedOperation("seek")


def archived(rows: Iterable[Artifact]) -> bytes:
    """The zip that the server makes of files (routers/web/repo/actions/view.go)."""
    data = _Unseekable()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for row in rows:
            info = zipfile.ZipInfo(row.path, NO_DATE)
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 0
            with archive.open(info, "w") as entry:
                for piece in row.content.read(0, row.content.size) if row.content else ():
                    for at in range(0, len(piece), PIECE):
                        entry.write(piece[at : at + PIECE])
    return data.getvalue()
