"""A page of a repository's runs, newest first, with the filters of the API's list, of forgejo-proxy and of GitHub.

Rules: no filter is left out silently: what the server cannot filter is filtered here, or it is an error. From 15 on the
API's list is in order and knows every filter. From 12 to 14 it is in no promised order and knows no workflow and no
branch, so without a filter as much of it is read as makes the page certain (newest.py), else all that its own filters
leave. Up to 11 the web UI tells which runs there are, by workflow and status, and each run's state its title and
status. Who triggered a run, and a time at which it was made, no list can filter by. A run that is named by its id is
read alone, and held against the other filters. Not more than `MAX_PAGES` pages are read for one answer. The API is
asked as the caller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..capabilities import Capability
from ..errors import BadRequest, NotPossible, PageChanged, SearchLimit, ServerRefusal
from ..models import STATUSES, RunFacts
from ..newest import Page, newest
from ..operations import Call, number
from ..router import first_values, parameters
from ..times import seconds
from ..webui.grammar import list_path
from ..webui.reader import Reader
from .latest import BRANCH, CAME_WITH_FILTERS, MAX_PAGES, Filters, run_of_web
from .listed import RunPage
from .rights import Grants, check_may_read, run_of
from .runs import PAGE, page_of_runs, paging, window

NO_STATUS = "none"  # what a face asks for where no run of Forgejo can have what its client asks for


@dataclass(frozen=True)
class _Asked:
    """What the runs must be, "", 0, None or nothing for any; of several events or statuses, one."""

    workflow: str
    ref: str
    events: tuple[str, ...]
    statuses: tuple[str, ...]
    number: int
    sha: str
    page: int
    limit: int
    actor: str = ""
    since: int | None = None
    until: int | None = None
    id: int | None = None

    @property
    def is_here(self) -> bool:
        """Whether the runs are to be filtered by what no list filters by."""
        return bool(self.actor) or self.since is not None or self.until is not None

    @property
    def api(self) -> dict[str, Any]:
        """The filters that the API's list has since 12."""
        asked = {"event": self.events, "status": self.statuses, "run_number": self.number, "head_sha": self.sha}
        return {name: value for name, value in asked.items() if value}

    @property
    def api_later(self) -> dict[str, Any]:
        """Those that it has since 15, too."""
        asked = {"workflow_id": self.workflow, "ref": self.ref}
        return self.api | {name: value for name, value in asked.items() if value}

    def cut(self, runs: list[RunFacts]) -> tuple[RunFacts, ...]:
        """The page of all runs that fit."""
        return tuple(runs[(self.page - 1) * self.limit : self.page * self.limit])

    def listed(self, runs: Sequence[RunFacts], total: int) -> RunPage:
        """The page with these runs of so many."""
        return RunPage(tuple(runs), total, self.page, self.limit)

    def is_kept(self, run: RunFacts) -> bool:
        """Whether a run can be in a list that was filtered; MySQL compares texts without regard to case."""
        return (
            self.workflow.lower() in ("", (run.workflow or "").lower())
            and self.sha.lower() in ("", str(run.given.get("commit_sha", "")).lower())
            and self.number in (0, run.number)
            and (not self.statuses or run.status in self.statuses)
            and (not self.is_here or self._fits(run))
        )

    def is_past(self, created: float) -> bool:
        """Whether runs that were made before such a one are too old."""
        return self.since is not None and created < self.since

    def _fits(self, run: RunFacts) -> bool:
        actor = str((run.given.get("trigger_user") or {}).get("login", ""))
        created = created_of(run)
        since, until = (created if bound is None else bound for bound in (self.since, self.until))
        return self.actor.lower() in ("", actor.lower()) and since <= created <= until


def created_of(run: RunFacts) -> float:
    """When a run of the API's list was made, in seconds since the epoch."""
    return seconds(str(run.given.get("created") or ""))


async def run_list(reader: Reader, call: Call, caller: Grants) -> RunPage:
    """The page. Raises BadRequest, NotPossible, SearchLimit, ServerRefusal, PageChanged."""
    try:
        asked = _asked(call)
    except BadRequest:
        await check_may_read(reader.net, call, caller)
        raise
    if call.as_value and NO_STATUS in asked.statuses:
        await check_may_read(reader.net, call, caller)
        return asked.listed((), 0)
    if asked.id is not None:
        return await _of_id(reader, call, caller, asked, asked.id)
    try:
        return await _of_api(reader, call, asked)
    except NotPossible as error:
        if error.cause != "operation-absent":
            raise
    await check_may_read(reader.net, call, caller)
    return await _of_web(reader, asked)


def _asked(call: Call) -> _Asked:
    """What a request asks for; an empty value is as if left out, as in all filters of runs."""
    given = first_values(call.query)
    branch, ref, run_number = (given.get(name, "") for name in ("branch", "ref", "run_number"))
    if branch and ref:
        raise BadRequest("both branch and ref are given; give one of them", cause="filter-not-understood")
    if run_number and number(run_number) < 1:
        raise BadRequest(
            f"run_number is {ascii(run_number)}, which no run has; give a positive number",
            cause="filter-not-understood",
        )
    events, statuses = (
        tuple(value for name, value in parameters(call.query) if name == wanted and value)
        for wanted in ("event", "status")
    )
    asked = _Asked(
        given.get("workflow_id", ""),
        BRANCH + branch if branch else ref,
        events,
        statuses,
        number(run_number),
        given.get("head_sha", ""),
        *paging(call),
    )
    if not call.as_value:
        return asked
    since, until, run_id = (number(given[name]) if name in given else None for name in ("since", "until", "id"))
    return replace(asked, actor=given.get("actor", ""), since=since, until=until, id=run_id)


async def _of_id(reader: Reader, call: Call, caller: Grants, asked: _Asked, run_id: int) -> RunPage:
    """The page of the run with that id, if there is one that fits."""
    await check_may_read(reader.net, call, caller)
    try:
        run = await run_of(reader, replace(call, id=run_id), caller)
    except ServerRefusal as refused:
        if refused.status != 404:
            raise
        return asked.listed((), 0)
    event = run.given.get("event") or run.given.get("trigger_event")
    on_branch = Filters("", asked.ref.removeprefix(BRANCH), "", "").fits(run)
    fit = [run] if on_branch and asked.is_kept(run) and (not asked.events or event in asked.events) else []
    return asked.listed(asked.cut(fit), len(fit))


async def _of_api(reader: Reader, call: Call, asked: _Asked) -> RunPage:
    known = await reader.server.capabilities(reader.net)
    if known.of("GET", CAME_WITH_FILTERS) is not Capability.PRESENT:
        return await _sorted_here(reader, call, asked)
    if asked.is_here:
        return await _filtered_here(reader, call, asked)

    async def read(page: int, size: int) -> Page:
        return await page_of_runs(reader, page, call, limit=size, **asked.api_later)

    runs, total = await window(asked.page, asked.limit, read)
    if not all(asked.is_kept(run) for run in runs):
        raise PageChanged(
            f"{reader.net.server_name} was asked for some runs of {reader.repo} and answered with others; does"
            " something in front of it drop what is behind the question mark?"
        )
    return asked.listed(runs, total)


async def _filtered_here(reader: Reader, call: Call, asked: _Asked) -> RunPage:
    """The page where the API's list is in order and lacks a filter."""
    fit: dict[int, RunFacts] = {}
    seen: set[int] = set()
    for page in range(1, MAX_PAGES + 1):
        runs, total = await page_of_runs(reader, page, call, **asked.api_later)
        seen.update(run.number for run in runs)
        fit |= {run.number: run for run in runs if asked.is_kept(run)}
        if not runs or len(seen) >= total or asked.is_past(created_of(runs[-1])):
            return asked.listed(asked.cut(list(fit.values())), len(fit))
    raise _too_many(reader)


async def _sorted_here(reader: Reader, call: Call, asked: _Asked) -> RunPage:
    """The page where the API's list is in no order (12 to 14)."""
    here = Filters(asked.workflow, asked.ref.removeprefix(BRANCH), "", "")
    is_filtered = bool(asked.api or here.workflow or here.branch or asked.is_here)
    pages = 0

    async def read(page: int) -> Page:
        nonlocal pages
        pages += 1
        if pages > MAX_PAGES:
            raise _too_many(reader)
        runs, total = await page_of_runs(reader, page, call, **asked.api)
        if asked.ref and not asked.ref.startswith(BRANCH):
            raise NotPossible(
                "this server's list of runs knows no ref, and tells only of a branch which runs are its: give branch",
                cause="filter-not-possible",
            )
        if is_filtered and total > MAX_PAGES * PAGE:
            raise _too_many(reader)
        return runs, total

    most = MAX_PAGES * PAGE if is_filtered else asked.page * asked.limit
    found = await newest(most, read, lambda run: here.fits(run) and asked.is_kept(run))
    if not found.is_certain:
        raise SearchLimit(f"the list of the runs of {reader.repo} is not complete; ask again")
    return asked.listed(asked.cut(found.runs), len(found.runs) if is_filtered else found.total)


async def _of_web(reader: Reader, asked: _Asked) -> RunPage:
    """The page up to 11: numbers from the web UI, titles and statuses from each run's state."""
    if asked.ref or asked.events or asked.sha or asked.is_here:
        raise NotPossible(
            "this server's web UI lists runs by workflow_id, status and run_number only; leave other filters out",
            cause="filter-not-possible",
        )
    for status in asked.statuses:
        if status not in STATUSES:  # said as the API says it from 12 on (routers/api/v1/repo/action.go, 14.0.5)
            raise BadRequest(f"unknown status: {status}")
    if asked.workflow or asked.statuses:
        numbers = await _filtered_numbers(reader, asked)
    else:
        numbers = list(range(await reader.latest_number() or 0, 0, -1))
    fit = [RunFacts(run_number) for run_number in numbers if asked.number in (0, run_number)]
    return asked.listed([await run_of_web(reader, run.number) for run in asked.cut(fit)], len(fit))


async def _filtered_numbers(reader: Reader, asked: _Asked) -> list[int]:
    """The numbers of all runs of the workflow and the statuses, the highest first."""
    found: set[int] = set()
    pages = 0
    for status in dict.fromkeys(asked.statuses) or [""]:
        page, size, is_last = 1, 0, status == STATUSES[0]  # to the web UI that is every status, and no run has it
        while not is_last:
            pages += 1
            if pages > MAX_PAGES:
                raise _too_many(reader)
            rows = await reader.run_list(list_path(reader.repo, asked.workflow, status, page))
            found.update(run_number for run_number, _ in rows)
            page, size, is_last = page + 1, max(size, len(rows)), len(rows) < max(size, 1)
    return sorted(found, reverse=True)


def _too_many(reader: Reader) -> SearchLimit:
    return SearchLimit(
        f"that page of the runs of {reader.repo} takes more than {MAX_PAGES} requests of {PAGE} runs each; ask for one"
        " nearer to the newest runs, or with a filter that leaves fewer"
    )
