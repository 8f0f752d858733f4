"""What is found in the log of one job that failed, as the report of its run has it (why.py); nothing of another job.

Rules: read as the caller, after the API said yes to it. At most `SHARE` bytes of the log are read.
"""

from __future__ import annotations

from ..api import parse_run
from ..api_job import parse_full
from ..capabilities import Capability
from ..errors import NotPossible, job_not_found
from ..models import FAILED, Job, RunFacts
from ..operations import JOB, Call
from ..paths import job_path, run_path
from ..webui.reader import Reader
from ..why.matchers import built_in
from ..why.values import Finding
from .by_number import jobs_of
from .find_job import find_job
from .job_report import JobReading
from .listed import FindingPage, page_of
from .native import capability
from .rights import Grants, check_may_read
from .runs import read_api, run_numbered
from .why import SHARE


async def findings(reader: Reader, call: Call, caller: Grants) -> FindingPage:
    """The page; of a job that did not fail there are none. Raises ShimError."""
    await check_may_read(reader.net, call, caller)
    run, status = await _run(reader, call)
    told: tuple[Finding, ...] = ()
    if status in FAILED:
        told = (await JobReading(reader, call, await _job(reader, call, run), SHARE).report(built_in(), 0)).told
    return FindingPage(*page_of(told, call), run)


async def _run(reader: Reader, call: Call) -> tuple[RunFacts, str]:
    """The run of the job that the call names, and the job's status."""
    if await capability(reader.net, reader.server, call.of(JOB, call.id)) is Capability.PRESENT:
        path = job_path(reader.repo, call.id, brief=True)
        job = parse_full(await read_api(reader, path, f"job {call.id}", call)).job
        run = parse_run(await read_api(reader, run_path(reader.repo, job.run_id or 0), "the API's run", call))
        return run, job.status
    place = await find_job(reader, call.id)
    number = place.at.run_number
    try:
        found = await run_numbered(reader, number, call)
    except NotPossible:  # 11, whose API knows no runs
        found = None
    return found or RunFacts(number), place.job.status


async def _job(reader: Reader, call: Call, run: RunFacts) -> Job:
    """The job with what its log is read by."""
    for job in (await jobs_of(reader, call, run)).jobs:
        if job.id == call.id:
            return job
    raise job_not_found(call.id)
