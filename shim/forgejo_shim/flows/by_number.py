"""Calls that name a run by its number or as the latest one, and a job by its index or its name, as forgejo-proxy's
clients do: what they mean by ids, or the value that no operation by ids has.

Rules: each first asks the API as the caller: for the run, which is also the question of the caller's rights, or up to
11, whose API knows no runs, for that alone. Then a log or a rerun is the operation by ids, which asks and proves
everything anew; jobs and summary are told here, natively where the server has a run's jobs. A name that fits several
jobs is refused.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from ..api import parse_jobs
from ..capabilities import Capability
from ..errors import Ambiguous, NotPossible, NotThere
from ..models import Job, Location, RunFacts, RunJobs
from ..operations import CANCEL_RUN, JOB_LOG, RERUN_JOB, RERUN_RUN, RUN_JOBS, Call, number
from ..webui.reader import Reader
from .latest import latest_run
from .native import capability
from .rights import Grants, check_may_read
from .run_jobs import run_jobs
from .runs import read_api, run_numbered

SHOWN = 20  # jobs that a message names


async def by_number(reader: Reader, call: Call, caller: Grants) -> Call | RunJobs:
    """The call by ids that a call by number means, or its value. Raises ShimError."""
    run = await _run(reader, call, caller)
    found = await jobs_of(reader, call, run)
    operation = call.operation
    if operation in (CANCEL_RUN, RERUN_RUN) and not call.job:
        if not found.jobs:
            raise _no_run(reader, run.number)
        return replace(call.of(operation, run.number), run=run.number)
    if operation in (JOB_LOG, RERUN_RUN):
        job = _chosen(found.jobs, call.job, run.number)
        return replace(call.of(JOB_LOG if operation is JOB_LOG else RERUN_JOB, job.id), attempt=call.attempt)
    return found


async def _run(reader: Reader, call: Call, caller: Grants) -> RunFacts:
    """The run as the API has it, up to 11 only what the web UI tells."""
    if call.run == "latest":
        return await latest_run(reader, call, caller)
    run_number = call.run or 0
    if run_number > 0:
        with suppress(NotPossible):  # 11
            if run := await run_numbered(reader, run_number, call):
                return run
            raise _no_run(reader, run_number)
    await check_may_read(reader.net, call, caller)
    if run_number < 1:  # to the web UI that is some other run
        raise _no_run(reader, run_number)
    return RunFacts(run_number)


async def jobs_of(reader: Reader, call: Call, run: RunFacts) -> RunJobs:
    """The run's jobs by their index, with attempts and tasks where those are asked for."""
    if (listed := await native_jobs(reader, call, run)) is not None:
        return RunJobs(run, listed)
    state = await reader.web_run(Location(run.number, 0))
    if state is None:
        if run.id is None:
            raise _no_run(reader, run.number)
        return RunJobs(run, ())
    status, title = run.status or state.status, state.title if run.title is None else run.title
    told = replace(run, status=status, title=title)
    run = replace(told, branch=state.branch, commit=state.commit, error=state.error)
    if call.operation is RUN_JOBS:
        return await run_jobs(reader, run)
    rows = enumerate(state.jobs)
    return RunJobs(run, tuple(Job(job.id, n, job.name, job.status, None, 0, run.id, run.number) for n, job in rows))


async def native_jobs(reader: Reader, call: Call, run: RunFacts) -> tuple[Job, ...] | None:
    """The run's jobs as the server's own operation gives them; None where it has none."""
    if run.id is None:
        return None
    native = call.of(RUN_JOBS, run.id)
    if await capability(reader.net, reader.server, native) is Capability.ABSENT:
        return None
    try:
        jobs = parse_jobs(await read_api(reader, native.path, "the API's jobs of a run", call))
    except NotPossible:  # absent
        return None
    return tuple(_native_job(job, index, run) for index, job in enumerate(jobs))


def _native_job(job: dict[str, Any], index: int, run: RunFacts) -> Job:
    # A shim behind leaves out what its server does not tell.
    return Job(job["id"], index, job["name"], job["status"], job.get("attempt"), job["task_id"], run.id, run.number)


def _no_run(reader: Reader, run_number: int) -> NotThere:
    return NotThere(
        f"there is no run {run_number} in {reader.repo}, or it has no jobs; its number is the one in web addresses",
        cause="run-number-not-found",
    )


def _chosen(jobs: tuple[Job, ...], wanted: str, run_number: int) -> Job:
    """The one job with this name or this index; the first if none is wanted. Raises NotThere, Ambiguous."""
    index = number(wanted) if wanted.isascii() and wanted.isdecimal() else -1
    found = [job for job in jobs if wanted == job.name or index == job.index] if wanted else list(jobs[:1])
    if len(found) == 1:
        return found[0]
    shown = ", ".join(f"{job.index} ({job.name})" for job in (found or jobs)[:SHOWN]) or "none"
    if found:
        raise Ambiguous(
            f"run {run_number} has {len(found)} jobs {wanted}; name one by its index: {shown}", cause="job-ambiguous"
        )
    raise NotThere(f"run {run_number} has no job {wanted or 0}; its jobs are: {shown}", cause="job-not-in-run")
