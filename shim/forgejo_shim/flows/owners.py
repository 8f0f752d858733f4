"""Runs and jobs of several repositories: of the caller's account, of an organisation, of the server; and the jobs of
all runs of one.

Rules: asked as the caller, who gets what it may read in each; a repository that refuses is left out. Read are the
`MOST_REPOSITORIES` that changed last, of each the newest runs, of them the `MOST_RUNS` newest, and for jobs the
`MOST_RUNS_OF_JOBS` newest, at a request each. If there is more, or the web UI does not show the shim's account all of
it, the list says that it is cut. Jobs come without their steps and times, which would be requests for each.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from ..capabilities import Capability
from ..errors import NotPossible, NotThere, PageChanged, ServerRefusal, WebAccount
from ..identity import identity_of, with_identity
from ..models import JobDetails, Repo, RunFacts, Times
from ..operations import API, LIST_RUNS, RUN_LIST, Call, is_repository
from ..router import parameters
from ..scopes import RUNS
from ..server import Server
from ..transport import JSON_LIMIT, Transport, read_all, read_head
from ..webui.reader import Reader
from .by_number import jobs_of
from .listed import JobPage, RunPage, page_of
from .rights import Grants, check_may_read
from .run_details import chosen_by
from .run_list import created_of, run_list
from .runs import paging

MOST_REPOSITORIES = 50  # the API's largest page
MOST_RUNS = 100
MOST_RUNS_OF_JOBS = 30
# What is asked first: who owns the repositories, or whether the caller is an administrator.
_FIRST = {"/user": "/user", "/admin": "/admin/orgs?page=1&limit=1"}
_SEARCH = f"/repos/search?sort=updated&order=desc&page=1&limit={MOST_REPOSITORIES}"


@dataclass(frozen=True)
class _Found:
    """A run in its repository."""

    reader: Reader
    call: Call
    run: RunFacts


async def of_owner(net: Transport, server: Server, call: Call, caller: Grants) -> RunPage | JobPage:
    """The page that a call of one of these operations asks for. Raises ShimError."""
    if call.repo_segment and call.repo is None:  # no repository can have such a name
        await check_may_read(net, call, caller)
        raise NotThere("The target couldn't be found.")
    if call.operation in RUNS.values():
        page, limit = paging(call)
        kept = [pair for pair in parameters(call.query) if pair[0] not in ("page", "limit")]
        found, total, is_whole = await _runs(net, server, call, caller, min(MOST_RUNS, page * limit), kept)
        listed = min(total, MOST_RUNS)
        shown, *_ = page_of([one.run for one in found[:MOST_RUNS]], call)
        return RunPage(shown, listed, page, limit, is_cut=not is_whole or total > listed)
    found, total, is_whole = await _runs(net, server, call, caller, MOST_RUNS_OF_JOBS, identity_of(call.query))
    statuses, is_reversed = chosen_by(call)
    jobs: list[JobDetails] = []
    is_cut = not is_whole or total > MOST_RUNS_OF_JOBS
    for one in found[:MOST_RUNS_OF_JOBS]:
        try:
            jobs += await _jobs(one)
        except WebAccount:
            if call.repo:
                raise
            is_cut = True
    fit = [job for job in jobs if not statuses or job.job.status in statuses]
    fit.sort(key=lambda job: job.job.id, reverse=is_reversed)
    return JobPage(*page_of(fit, call), is_cut=is_cut)


async def _runs(
    net: Transport, server: Server, call: Call, caller: Grants, most: int, kept: list[tuple[str, str]]
) -> tuple[list[_Found], int, bool]:
    """The newest runs of the repositories that fit what is `kept` of the query, the count of all of them, and whether
    those are all repositories."""
    repositories, is_whole = await _repositories(net, call)
    known = await server.capabilities(net)
    if known.of("GET", LIST_RUNS) is Capability.ABSENT:
        if call.repo:
            await check_may_read(net, call, caller)
        raise NotPossible(
            "this server's API knows no run ids (they came with Forgejo 12); ask by job id, or by run number with the"
            " command forgejo-shim",
            cause="no-run-ids",
        )
    found: list[_Found] = []
    total = 0
    for repo in repositories:
        reader = Reader(net, server, repo, call.query)
        query = urlencode([("page", 1), ("limit", most), *kept], errors="surrogateescape")
        asked = replace(
            call,
            operation=RUN_LIST,
            owner_segment=repo.owner,
            repo_segment=repo.name,
            query=query,
            tail="/actions/runs",
        )
        try:
            listed = await run_list(reader, asked, caller)
        except ServerRefusal as refused:
            if call.repo or refused.status not in (403, 404):
                raise
            continue
        total += listed.total
        found += [_Found(reader, asked, run) for run in listed.entries]
    found.sort(key=lambda one: (created_of(one.run), one.run.id or 0), reverse=True)
    return found, total, is_whole


async def _jobs(found: _Found) -> list[JobDetails]:
    listed = await jobs_of(found.reader, found.call, found.run)
    return [JobDetails(found.run, job, Times(), None) for job in listed.jobs]


async def _repositories(net: Transport, call: Call) -> tuple[list[Repo], bool]:
    """The repositories whose runs are meant, and whether that is all of them. Raises ServerRefusal, PageChanged."""
    if call.repo:
        return [call.repo], True
    scope = call.tail.partition("/actions/")[0]
    owner, _ = await _told(net, call, _FIRST.get(scope, scope))
    number = owner.get("id") if isinstance(owner, dict) else None
    if scope != "/admin" and not isinstance(number, int):
        raise PageChanged(f"the API's answer to {scope!a} was not understood: it has no id")
    told, total = await _told(net, call, _SEARCH + (f"&exclusive=true&uid={number}" if number else ""))
    entries = told.get("data") if isinstance(told, dict) else told
    if not isinstance(entries, list):
        raise PageChanged("the API's list of repositories was not understood")
    names = [
        str(one.get("full_name") or "") for one in entries if isinstance(one, dict) and one.get("has_actions", True)
    ]
    found = [Repo(owner, name) for owner, _, name in (name.partition("/") for name in names)]
    return [repo for repo in found if is_repository(repo.owner, repo.name)], total <= len(entries)


async def _told(net: Transport, call: Call, path: str) -> tuple[Any, int]:
    """The API's list at a path, and the count of all its entries."""
    answer = await net.api(with_identity(API + path, call.query))
    if answer.status != 200:
        raise call.refusal(answer.status, answer.headers, await read_head(answer))
    count = answer.headers.get("X-Total-Count")
    try:
        told = json.loads(await read_all(answer, JSON_LIMIT, "the API's list of repositories"))
    except (ValueError, RecursionError):
        raise PageChanged("the API's list of repositories was not understood: it is no JSON") from None
    return told, int(count) if count.isascii() and count.isdecimal() else 0
