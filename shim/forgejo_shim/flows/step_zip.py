"""The logs of a run, or of its attempt n, as a zip of a file for each step, as GitHub's clients read them.

Rules: `<job>/<n>_<step>.txt` has the step's rows as they are in the log (steps from 1, each by the first line of its
name; one without a row has no file),
`<job>/system-<n>.txt` rows of no step. A job whose steps cannot be told is one file, `<n>_<job>.txt` (jobs from 0),
and of one without a log a `.MISSING` says why. A client looks for a job's files by its name (gh: for `/` and `:` left
out, at most 90 UTF-16 units), so jobs that have one name in common have none that it would find: then it asks for their
logs one by one, and never shows another job's. So a folder's name is safe as a part of a path and to read, but what
only a shell or Windows reads otherwise (`-rf`, `NUL`, `*`) stays, for a client to find it; steps' names have none of
that. A log that breaks off or moves breaks the zip off.
"""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from itertools import count

from ..api import error_of
from ..errors import Expired, NoLog, NotExecuted, NotThere, ServerRefusal, ShimError, attempt_not_found
from ..file_names import different_names, first_line, safe_name
from ..models import Headers, Location, RunFacts
from ..operations import JOB_LOG, Call
from ..transport import one_ahead
from ..webui.reader import Reader
from .divided_log import NO_STEP, DividedLog, divided_log
from .job_log import hidden_attempt
from .job_rows import JobRow, job_rows
from .no_log import why_none
from .pinned_log import WebLog, pinned_log
from .rights import Grants, run_of
from .run_details import of_attempt
from .run_zip import EPOCH, Archive, Pipe

BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
NAME_UNITS = 90  # of UTF-16: gh's JOB_NAME_MAX_LENGTH, which is GitHub's own limit


async def step_zip(reader: Reader, call: Call, caller: Grants) -> Archive:
    """The zip. Raises NotPossible (501) if it cannot be made, NotThere for an attempt that the run has not."""
    run = await run_of(reader, call, caller)
    rows = await (await job_rows(reader, call, run)).all()
    shown = of_attempt(rows, call.attempt) if call.attempt is not None else [(row, row.job.attempt) for row in rows]
    if isinstance(await pinned_log(reader, call.of(JOB_LOG, 0)), WebLog):
        for row, attempt in shown:
            if not row.is_taken and attempt != row.job.attempt:  # the web UI then refuses every attempt
                raise hidden_attempt(row.job.id, attempt, row.job.status)
        await _check_earlier(reader, [(row.job.id, attempt) for row, attempt in shown if attempt != row.job.attempt])
    return Archive(run, _write_zip(reader, call, run, shown))


async def _check_earlier(reader: Reader, earlier: list[tuple[int, int | None]]) -> None:
    """Raise NotPossible, before the first byte, if the web UI gives no earlier attempt's log (13.0.0 to 13.0.3)."""
    if earlier and not reader.server.dialect.download_has_attempt:
        with suppress(NotExecuted, Expired, NoLog, NotThere):
            answer = await WebLog(reader, *earlier[0]).open("")
            await answer.close()


async def _write_zip(
    reader: Reader, call: Call, run: RunFacts, shown: list[tuple[JobRow, int | None]]
) -> AsyncIterator[bytes]:
    pipe = Pipe()
    archive = zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]
    names = zip(different_names((folder_name(row.job.name), row.job.id) for row, _ in shown), shown, strict=True)
    logs = (_divided(reader, call, run, row, attempt) for row, attempt in shown)
    async with aclosing(one_ahead(reader.net, logs)) as coming:
        async for opening in coming:
            name, (row, _) = next(names)
            one_file = f"{row.job.index}_{name}"
            try:
                log = await opening
            except (NotExecuted, Expired, NoLog) as error:
                archive.writestr(_info(f"{one_file}.MISSING"), f"{why_none(error)}\n")
                continue
            async with aclosing(_write_log(reader, archive, pipe, log, name, one_file)) as chunks:
                async for chunk in chunks:
                    yield chunk
    archive.close()
    yield pipe.take()


async def _divided(reader: Reader, call: Call, run: RunFacts, row: JobRow, attempt: int | None) -> DividedLog:
    """The log of a job's attempt. Raises NotExecuted of one that no runner took, Expired, NoLog, ShimError."""
    if not row.is_taken and attempt == row.job.attempt:
        raise NotExecuted
    asked = replace(call.of(JOB_LOG, row.job.id), attempt=attempt)
    try:
        log = await pinned_log(reader, asked)
        return await divided_log(reader, log, Location(run.number, row.job.index or 0), attempt)
    except (NotThere, ServerRefusal) as error:
        meant = _meant(error, row.job.id)
        # Of an attempt up to the job's own, that there is none says that no runner took it.
        untaken = attempt_not_found(row.job.id, attempt or 0).message
        raise NotExecuted if meant.message.endswith(untaken) else meant from None


def _meant(error: ShimError, job_id: int) -> ShimError:
    """What a refusal of the server's says of a job's log, where that is one of the zip's own texts."""
    if not isinstance(error, ServerRefusal):
        return error
    kind = Headers(error.headers).get("Content-Type")
    meant = error_of(error.status, kind, error.body, f"job {job_id}", JOB_LOG.path)
    return meant if isinstance(meant, NotExecuted | Expired | NoLog | NotThere) else error


async def _write_log(
    reader: Reader, archive: zipfile.ZipFile, pipe: Pipe, log: DividedLog, folder: str, one_file: str
) -> AsyncGenerator[bytes, None]:
    """One job's files, in chunks."""
    systems = count(1)
    now, member = NO_STEP, None if log.ranges else archive.open(_info(f"{one_file}.txt"), "w", force_zip64=True)
    async with aclosing(log.pieces()) as pieces:
        async for step, data in pieces:
            if member is None or step != now:
                if member:
                    member.close()
                name = _step_file(log, step) if step != NO_STEP else f"system-{next(systems)}.txt"
                now, member = step, archive.open(_info(f"{folder}/{name}"), "w", force_zip64=True)
            await reader.net.aside(partial(member.write, data))
            if made := pipe.take():
                yield made
    if member:
        member.close()
    yield pipe.take()


def _step_file(log: DividedLog, step: int) -> str:
    return f"{step + 1}_{safe_name(first_line(log.steps[step].name), 'step')}.txt"


def folder_name(job: str) -> str:
    """The name that a job's files have: what a client makes of its name to find them, but for what is no part of a
    path anywhere, and for what turns round the text beside it."""
    kept = "".join(c for c in job if unicodedata.category(c) != "Cc" and c not in "/:\\" and c not in BIDI)
    name = kept.encode("utf-16-le", "surrogatepass")[: 2 * NAME_UNITS].decode("utf-16-le", "replace").strip()
    return "_" if name in ("", ".", "..") else name


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info
