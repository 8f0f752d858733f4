"""What is known of a commit: its runs, their jobs, and the statuses that were set on it.

Rules: asked as the caller. The API tells which commit a branch, a tag or the beginning of an id means. The jobs are
those of at most `MOST_RUNS` runs, at a request each; a commit with more of them is an error, never a part of it. Jobs
come without their times, which would be requests for each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from ..errors import NotThere, PageChanged, SearchLimit
from ..identity import identity_of
from ..models import JobDetails, RunFacts, Times
from ..operations import API, Call
from ..router import first_values, parameters
from ..webui.reader import Reader
from .by_number import jobs_of
from .given import given_at
from .listed import JobPage, RunPage, StatusPage, page_of
from .rights import Grants, check_may_read
from .run_list import run_list
from .runs import MOST_AS_VALUE, paging, read_api

MOST_RUNS = 30
# In no name of git's (git-check-ref-format). Of a name with a space the API says 500; where `git cat-file` fails, as
# at `@{99}`, it says nothing at all (modules/git/batch_reader.go, 15.0.2).
_IN_NO_NAME = re.compile(r"[\x00-\x20\x7f]|@\{")
MOST_STATUSES, SIZE = 500, 50  # of a commit, and of a page of the API


async def commit_runs(reader: Reader, call: Call, caller: Grants) -> RunPage:
    """A page of the commit's runs, the newest first, with a job of that name if one is asked for. Raises SearchLimit,
    ShimError."""
    await check_may_read(reader.net, call, caller)
    if not (name := first_values(call.query).get("name")):
        return await _runs(reader, call, caller, *paging(call))
    of_runs = [(run, await _jobs(reader, call, run)) for run in await _all_runs(reader, call, caller)]
    fit = [run for run, jobs in of_runs if any(one.job.name == name for one in jobs)]
    return RunPage(*page_of(fit, call))


async def _runs(reader: Reader, call: Call, caller: Grants, page: int, limit: int) -> RunPage:
    sha = await _sha(reader, call)
    asked = urlencode([("head_sha", sha), ("page", page), ("limit", limit), *identity_of(call.query)])
    return await run_list(reader, replace(call, query=asked), caller)


async def commit_jobs(reader: Reader, call: Call, caller: Grants) -> JobPage:
    """A page of the jobs of the commit's runs, those of the newest run first. Raises SearchLimit, ShimError."""
    await check_may_read(reader.net, call, caller)
    runs = await _all_runs(reader, call, caller)
    name = first_values(call.query).get("name", "")
    statuses = {value for key, value in parameters(call.query) if key == "status"}
    found = [one for run in runs for one in await _jobs(reader, call, run)]
    fit = [one for one in found if name in ("", one.job.name) and (not statuses or one.job.status in statuses)]
    return JobPage(*page_of(fit, call))


async def _all_runs(reader: Reader, call: Call, caller: Grants) -> tuple[RunFacts, ...]:
    """The commit's runs, of which there are few enough to read the jobs of each."""
    runs = await _runs(reader, call, caller, 1, MOST_AS_VALUE)
    if runs.total > MOST_RUNS:
        raise SearchLimit(f"that commit of {reader.repo} has more than {MOST_RUNS} runs; ask for the jobs of one")
    return runs.entries


async def _jobs(reader: Reader, call: Call, run: RunFacts) -> list[JobDetails]:
    found = await jobs_of(reader, call, run)
    return [JobDetails(run, job, Times(), None) for job in found.jobs]


async def commit_status(reader: Reader, call: Call, caller: Grants) -> StatusPage:
    """The statuses. Raises SearchLimit, ShimError."""
    await check_may_read(reader.net, call, caller)
    sha = await _sha(reader, call)
    path, statuses = f"{API}/repos/{reader.repo}/commits/{sha}/status", []
    repository: Mapping[str, Any] = {}
    for page in range(1, MOST_STATUSES // SIZE + 1):
        told = _read(await read_api(reader, f"{path}?page={page}&limit={SIZE}", "the API's status of a commit", call))
        entries = told.get("statuses") or []
        statuses += [entry for entry in entries if isinstance(entry, dict)]
        repository = told.get("repository") or repository
        if len(entries) < SIZE:
            break
    else:
        raise SearchLimit(f"that commit of {reader.repo} has {MOST_STATUSES} statuses or more; that is too many")
    if not repository:
        repository = (await given_at(reader.net, call, f"{API}/repos/{reader.repo}")).told
    states = tuple(str(one.get("status") or one.get("state") or "") for one in statuses)
    return StatusPage(*page_of(statuses, call), sha, states, repository)


async def _sha(reader: Reader, call: Call) -> str:
    """The id of the commit that the call names. Raises NotThere, ServerRefusal of the API's, PageChanged."""
    wanted = first_values(call.query).get("commit", "")
    if _IN_NO_NAME.search(wanted):
        raise NotThere("The target couldn't be found.")
    asked = f"limit=1&stat=false&verification=false&files=false&sha={quote(wanted, safe='')}"
    told = _read(await read_api(reader, f"{API}/repos/{reader.repo}/commits?{asked}", "the API's commits", call), list)
    sha = told[0].get("sha") if told and isinstance(told[0], dict) else None
    if not isinstance(sha, str) or not sha.isalnum():
        raise PageChanged("the API's commits were not understood: the first one has no id")
    return sha


def _read(body: bytes, kind: type = dict) -> Any:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, kind):
        raise PageChanged("the API's answer about a commit was not understood")
    return told
