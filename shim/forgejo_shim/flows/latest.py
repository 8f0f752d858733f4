"""The latest run that fits: by workflow, branch, event and status.

Rules: the latest is the one with the highest number. The API's list of runs is read as the caller, which is also the
question of its rights. From 15 on the list is in order and knows every filter, so one entry says it. From 12 to 14 it
is in no promised order and cannot filter by workflow or branch, so its pages are read, those that should be the newest
first, until every number above the best was seen, at most `MAX_PAGES` of them. Up to 11 the web UI tells, as far as its
own filters go.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..capabilities import Capability
from ..contract import Operation, runs_path
from ..errors import NothingMatched, NotPossible, SearchLimit
from ..models import Location
from ..router import first_values
from ..web import STATUSES, Page, latest_path, list_path, read_first_runs, read_runs, run_number_of
from .job import Viewer
from .net import JSON_LIMIT, Reply, whole
from .runjobs import absent, relay

MAX_PAGES = 40  # of 50 runs
# Came with the order and the filters of the list of runs (15; routers/api/v1/repo/action.go, 14.0.5 and 15.0.2).
CAME_WITH_ORDER = "/repos/{owner}/{repo}/actions/runners"
BRANCH = "refs/heads/"


@dataclass(frozen=True)
class Wanted:
    """What the run must be; "" for any."""

    workflow: str
    branch: str
    event: str
    status: str

    def fits(self, run: dict[str, Any]) -> bool:
        """Whether a run of the API's list is such a one. The event of a manual start is in `trigger_event` alone."""
        return (
            self.workflow in ("", run.get("workflow_id"))
            and self.event in ("", run.get("event") or run.get("trigger_event"))
            and self.status in ("", run["status"])
            and (not self.branch or _is_on(run, self.branch))
        )


def wanted(operation: Operation) -> Wanted:
    """The filters in a request's query; of several of a name, the first."""
    asked = first_values(operation.query)
    return Wanted(*(asked.get(name, "") for name in ("workflow_id", "branch", "event", "status")))


def _is_on(run: dict[str, Any], branch: str) -> bool:
    """Whether a run is of this branch; a tag of the same name looks the same but for the event's payload."""
    if run.get("prettyref") != branch:
        return False
    try:
        ref = json.loads(run.get("event_payload") or "{}").get("ref")
    except (ValueError, AttributeError, RecursionError):
        return True
    return not isinstance(ref, str) or not ref.startswith("refs/") or ref == BRANCH + branch


async def latest_run(viewer: Viewer, operation: Operation) -> dict[str, Any] | Reply | None:
    """The run as the API gives it, or the API's refusal; None if the API has no list of runs (11).

    Raises NothingMatched, SearchLimit.
    """
    look_for = wanted(operation)
    known = await viewer.server.capabilities(viewer.net)
    filters: dict[str, object] = {}
    if in_order := known.of("GET", CAME_WITH_ORDER) is Capability.PRESENT:
        filters = {
            "workflow_id": look_for.workflow,
            "ref": BRANCH + look_for.branch if look_for.branch else "",
            "event": look_for.event,
            "status": look_for.status,
        }
    filters = {name: value for name, value in filters.items() if value}
    first = await _page(viewer, operation, 1 if in_order else 50, filters)
    if first is None or isinstance(first, Reply):
        return first
    runs, total = first
    if in_order:
        found = next(iter(runs), None)
    else:
        found = await _search(viewer, look_for, runs, total)
    if found is None:
        raise NothingMatched(f"no run of {viewer.repo} fits; leave a filter out, or check its words")
    return found


async def _page(
    viewer: Viewer, operation: Operation, limit: int, filters: dict[str, object]
) -> tuple[list[dict[str, Any]], int] | Reply | None:
    """The first page, or the API's refusal; None if it has no such list."""
    answer = await viewer.api(runs_path(viewer.repo, page=1, limit=limit, **filters))
    if answer.status != 200:
        return await relay(answer, operation)
    return read_first_runs(await whole(answer, JSON_LIMIT, "a page of the API's runs"))


async def _later_page(viewer: Viewer, page: int) -> list[dict[str, Any]]:
    """A later page of the same list, without filters. Raises ShimError for whatever is none."""
    answer = await viewer.api(runs_path(viewer.repo, page=page, limit=50))
    if answer.status != 200:
        await absent(answer, f"page {page} of the runs of {viewer.repo}")
        return []
    return read_runs(await whole(answer, JSON_LIMIT, "a page of the API's runs"))[0]


async def _search(viewer: Viewer, look_for: Wanted, runs: list[dict[str, Any]], total: int) -> dict[str, Any] | None:
    """The best run of all pages, of which the first was read already; the others from the last page on, unless the
    first begins with the newest."""
    size = max(1, len(runs))
    pages = -(-total // size)
    falling = len(runs) > 1 and runs[0]["index_in_repo"] > runs[-1]["index_in_repo"]
    seen: set[int] = set()
    best: dict[str, Any] | None = None
    for count, page in enumerate([1, *(range(2, pages + 1) if falling else range(pages, 1, -1))], 1):
        if page > 1:
            runs = await _later_page(viewer, page)
        seen |= {run["index_in_repo"] for run in runs}
        for run in filter(look_for.fits, runs):
            if best is None or run["index_in_repo"] > best["index_in_repo"]:
                best = run
        if best and _all_above(best["index_in_repo"], seen, total):
            return best
        if count == MAX_PAGES and pages > MAX_PAGES:
            raise SearchLimit(
                f"the latest run that fits was not found in the {len(seen)} runs of {viewer.repo} that were read, and"
                " more may fit; ask with fewer filters"
            )
    if len(seen) < total:
        raise SearchLimit(f"the list of the runs of {viewer.repo} is not complete; ask again")
    return best


def _all_above(number: int, seen: set[int], total: int) -> bool:
    """Whether every run above `number` was seen. Numbers have gaps only where runs can be deleted (16)."""
    return max(seen) <= total and sum(other > number for other in seen) >= total - number


async def latest_on_web(viewer: Viewer, operation: Operation) -> dict[str, Any]:
    """The run's number, title and status, where no API tells. Raises NothingMatched, NotPossible."""
    number = await _number_on_web(viewer, wanted(operation))
    state = await viewer.state(Location(number, 0)) if number else None
    if number is None:
        raise NothingMatched(f"no run of {viewer.repo} fits; leave a filter out, or check its words")
    told: dict[str, Any] = {"index_in_repo": number}
    return told | ({"title": state.title, "status": state.status} if state else {})


async def _number_on_web(viewer: Viewer, look_for: Wanted) -> int | None:
    if look_for == Wanted("", "", "", ""):
        return await viewer.latest_number()
    if look_for.status and look_for.status not in STATUSES:
        return None
    if not look_for.branch and not look_for.event:
        page = await viewer.page(list_path(viewer.repo, look_for.workflow, look_for.status))
        return max((number for number, _ in viewer.listed(page)), default=None)
    if look_for.workflow and look_for.branch and not look_for.status:
        page = await viewer.page(latest_path(viewer.repo, look_for.workflow, look_for.branch, look_for.event))
        if page.page is Page.REDIRECT:
            return run_number_of(page.answer.headers.get("Location"))
        if page.page is not Page.HIDDEN:
            raise viewer.trouble(page)
        await viewer.run_numbers(1)  # hidden is "no such run" only where the account sees the runs
        return None
    raise NotPossible(
        "this server's web UI cannot filter its runs so: give workflow_id and branch (and event), or workflow_id and"
        " status, or nothing",
        cause="filter-not-possible",
    )
