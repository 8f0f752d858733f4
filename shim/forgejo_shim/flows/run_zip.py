"""A run's logs as a zip, written as it goes: entry names and markers as in 16, one open log at a time.

Rules: the names are settled before the first byte, so that an attempt that can't be known is a clear 501; each log is
proved as a single log is. A log that breaks off in the middle is kept as far as its rows came, with a `.PARTIAL`;
anything that is not understood raises before the central directory is written, so that the zip is seen to be broken.
Names and texts: services/actions/job_logs.go, 16 (and recordings of it).
"""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from ..errors import Expired, NoLog, NotExecuted, NotNow, NotPossible, Unreachable
from ..models import RunFacts
from ..rows import drop_partial_rows
from ..transport import CHUNK, BrokenBody
from ..webui.reader import Reader
from ..webui.values import WebJob
from .attempts_taken import attempts_taken
from .job_log import OpenLog, open_log
from .no_log import why_none
from .run_jobs import JobRow, read_rows

HELD_BACK = 128 * 1024  # bytes; a row has up to 64 KiB, the error page after a broken log 10 KiB (recorded)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the entries have no time, as in 16; this is the least that a zip can say

Entry = tuple[JobRow, int]  # a job, and the attempt that it is named by to begin with


class Pipe:
    """A file without seek that the zip is written to; what it holds is taken out after each write."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing to do: `zipfile` asks for it."""

    def take(self) -> bytes:
        """What was written since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        return data


@dataclass
class Archive:
    """The zip of a run's logs; `chunks` are made as they are read."""

    run: RunFacts
    chunks: AsyncIterator[bytes]


async def run_zip(reader: Reader, run: RunFacts) -> Archive:
    """The zip of a run's logs. Raises NotPossible (501) if a name would have to be guessed."""
    return Archive(run, _write_zip(reader, await _entries(reader, run)))


async def _entries(reader: Reader, run: RunFacts) -> list[Entry]:
    """What the zip will hold. Raises NotPossible (501) if a name would have to be guessed."""
    read = await read_rows(reader, run.number)
    if read is None:
        return []
    state, rows = read
    taken: dict[int, int] | None = None
    found: list[Entry] = []
    for row in rows:
        if not row.is_told:
            raise Unreachable(f"the log of job {row.job.id} ({row.job.name}) of {reader.repo} does not come; ask again")
        attempt = row.attempt(state.counts_on_request)
        if attempt is None:
            if taken is None:
                taken = await attempts_taken(reader, run.number, state) or {}
            attempt = _counted(row, taken, run)
        found.append((row, attempt))
    return found


def _counted(row: JobRow, taken: dict[int, int], run: RunFacts) -> int:
    """The attempt of a row that does not tell: from the attempts that were taken, 0 if there was none."""
    count = row.redirected if (row.redirected or 0) > 1 else taken.get(row.job.id)
    if count is None:
        raise NotPossible(
            f"the attempt of job {row.job.id} in run {run.id} cannot be known on this server, and the zip's names"
            " would have to be guessed; read its jobs' logs one by one",
            cause="zip-attempt-unknown",
        )
    return count if row.has_task or count == 0 else count + 1  # a waiting rerun is named by its new number


async def _write_zip(reader: Reader, found: list[Entry]) -> AsyncIterator[bytes]:
    """The zip's bytes in chunks."""
    pipe = Pipe()
    archive = zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]
    for entry in found:
        async for chunk in _write_entry(reader, archive, pipe, entry):
            yield chunk
    archive.close()
    yield pipe.take()


async def _write_entry(reader: Reader, archive: zipfile.ZipFile, pipe: Pipe, entry: Entry) -> AsyncIterator[bytes]:
    row, attempt = entry
    try:
        opened = await _open(reader, row)
    except (NotExecuted, Expired, NoLog) as error:
        waits = row.has_task and isinstance(error, NotExecuted)
        archive.writestr(_info(row.job, attempt + waits, "MISSING"), f"{why_none(error)}\n")
        yield pipe.take()
        return
    attempt = opened.attempt or attempt
    broken, held = "", b""
    try:
        with archive.open(_info(row.job, attempt, "log"), "w", force_zip64=True) as member:
            try:
                while data := await opened.answer.read(CHUNK):
                    held += data
                    await reader.net.aside(partial(member.write, held[:-HELD_BACK]))
                    held = held[-HELD_BACK:]
                    if made := pipe.take():
                        yield made
            except BrokenBody as error:
                broken = str(error)
                held = drop_partial_rows(held)
            member.write(held)
    finally:
        await opened.answer.close()
    if broken:
        archive.writestr(_info(row.job, attempt, "PARTIAL"), f"log read failed mid-stream: {broken}\n")
    yield pipe.take()


async def _open(reader: Reader, row: JobRow) -> OpenLog:
    """The job's log. Raises ShimError."""
    opened = await open_log(reader, row.job.id, None)
    if opened.attempt is None and opened.task != row.task:
        await opened.answer.close()
        raise NotNow(f"job {row.job.id} was rerun while its run's zip was written; try again", cause="rows-moving")
    return opened


def _info(job: WebJob, attempt: int, suffix: str) -> zipfile.ZipInfo:
    name = "".join(c for c in job.name if c >= " " and c not in "\x7f/\\").strip() or "job"
    info = zipfile.ZipInfo(f"{name}-{job.id}-attempt-{attempt}.{suffix}", EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
