"""The latest run that fits: by workflow, branch, event and status.

Rules: the latest is the one with the highest number. The API's list of runs is read as the caller, which is also the
question of its rights. From 15 on the list knows every filter, so one entry says it. From 12 to 14 it cannot filter by
workflow or branch, so its pages are read (newest.py), at most `MAX_PAGES` of them. Up to 11 the web UI tells, as far as
its own filters go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from ..capabilities import Capability
from ..errors import NothingMatched, NotPossible, SearchLimit
from ..models import STATUSES, Location, RunFacts
from ..newest import Page, newest
from ..operations import Call
from ..router import first_values
from ..webui.asking import trouble
from ..webui.grammar import Page as WebPage
from ..webui.grammar import latest_path, list_path, run_number_of
from ..webui.reader import Reader
from .rights import Grants, check_may_read
from .runs import page_of_runs

MAX_PAGES = 40  # of 50 runs
# Came with the order and the filters of the list of runs (15; routers/api/v1/repo/action.go, 14.0.5 and 15.0.2).
CAME_WITH_FILTERS = "/repos/{owner}/{repo}/actions/runners"
BRANCH = "refs/heads/"


@dataclass(frozen=True)
class Filters:
    """What the run must be; "" for any."""

    workflow: str
    branch: str
    event: str
    status: str

    def fits(self, run: RunFacts) -> bool:
        """Whether a run of the API's list is such a one. The event of a manual start is in `trigger_event` alone."""
        return (
            self.workflow in ("", run.workflow)
            and self.event in ("", run.given.get("event") or run.given.get("trigger_event"))
            and self.status in ("", run.status)
            and (not self.branch or _is_on(run, self.branch))
        )


def filters_of(call: Call) -> Filters:
    """The filters in a request's query; of several of a name, the first."""
    asked = first_values(call.query)
    return Filters(*(asked.get(name, "") for name in ("workflow_id", "branch", "event", "status")))


def _is_on(run: RunFacts, branch: str) -> bool:
    """Whether a run is of this branch; a tag of the same name looks the same but for the event's payload."""
    if run.given.get("prettyref") != branch:
        return False
    try:
        ref = json.loads(run.given.get("event_payload") or "{}").get("ref")
    except (ValueError, AttributeError, RecursionError):
        return True
    return not isinstance(ref, str) or not ref.startswith("refs/") or ref == BRANCH + branch


async def latest_run(reader: Reader, call: Call, caller: Grants) -> RunFacts:
    """The run as the API gives it; from the web UI, as far as that tells, where it has no list of runs (11).

    Raises NothingMatched, SearchLimit, NotPossible, ServerRefusal.
    """
    try:
        return await latest_of_api(reader, call)
    except NotPossible:
        await check_may_read(reader.net, call, caller)
    return await _of_web(reader, filters_of(call))


async def latest_of_api(reader: Reader, call: Call) -> RunFacts:
    """The run as the API gives it. Raises NotPossible where it has no list of runs, and as `latest_run` does."""
    wanted = filters_of(call)
    known = await reader.server.capabilities(reader.net)
    if known.of("GET", CAME_WITH_FILTERS) is Capability.PRESENT:
        given = {
            "workflow_id": wanted.workflow,
            "ref": BRANCH + wanted.branch if wanted.branch else "",
            "event": wanted.event,
            "status": wanted.status,
        }
        runs, _ = await page_of_runs(reader, 1, call, limit=1, **{key: text for key, text in given.items() if text})
        if not runs:
            raise _nothing(reader)
        return runs[0]
    pages: list[Page] = []

    async def read(page: int) -> Page:
        if len(pages) == MAX_PAGES:
            raise SearchLimit(
                f"the latest run that fits was not found in the {sum(len(runs) for runs, _ in pages)} runs of"
                f" {reader.repo} that were read, and more may fit; ask with fewer filters"
            )
        pages.append(await page_of_runs(reader, page, None if pages else call))
        return pages[-1]

    found = await newest(1, read, wanted.fits)
    if not found.is_certain:
        raise SearchLimit(f"the list of the runs of {reader.repo} is not complete; ask again")
    if not found.runs:
        raise _nothing(reader)
    return found.runs[0]


async def _of_web(reader: Reader, wanted: Filters) -> RunFacts:
    """The run's number, title and status."""
    number = await _number_on_web(reader, wanted)
    if number is None:
        raise _nothing(reader)
    return await run_of_web(reader, number)


async def run_of_web(reader: Reader, number: int) -> RunFacts:
    """A run's number, and the title and the status that its state tells, if it has one."""
    state = await reader.web_run(Location(number, 0))
    return RunFacts(number, title=state.title, status=state.status) if state else RunFacts(number)


async def _number_on_web(reader: Reader, wanted: Filters) -> int | None:
    if wanted == Filters("", "", "", ""):
        return await reader.latest_number()
    if wanted.status and wanted.status not in STATUSES[1:]:  # the first is every status to the web UI, and no run's
        return None
    if not wanted.branch and not wanted.event:
        runs = await reader.run_list(list_path(reader.repo, wanted.workflow, wanted.status))
        return max((number for number, _ in runs), default=None)
    if wanted.workflow and wanted.branch and not wanted.status:
        page = await reader.page(latest_path(reader.repo, wanted.workflow, wanted.branch, wanted.event))
        if page.kind is WebPage.REDIRECT:
            return run_number_of(page.answer.headers.get("Location"))
        if page.kind is not WebPage.NOT_FOUND:
            raise trouble(reader, page)
        await reader.run_numbers(1)  # hidden is "no such run" only where the account sees the runs
        return None
    raise NotPossible(
        "this server's web UI cannot filter its runs so: give workflow_id and branch (and event), or workflow_id and"
        " status, or nothing",
        cause="filter-not-possible",
    )


def _nothing(reader: Reader) -> NothingMatched:
    return NothingMatched(f"no run of {reader.repo} fits; leave a filter out, or check its words")
