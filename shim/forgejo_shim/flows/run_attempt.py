"""One run by its id, with its attempt: the highest of its jobs'. An earlier attempt has the status and the times of its
jobs then.

Rules: a run is open as long as a job of it is, though Forgejo tells a run as failed or cancelled as soon as one job is.
Which attempt it is, is kept for an hour of a run that is over and has not changed since. Where the web UI cannot
be read, it is not known (None); that alone never fails the run.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from ..errors import WebAccount
from ..models import FINAL, PAST, JobDetails, RunFacts
from ..operations import Call
from ..times import moment
from ..webui.reader import Reader
from .job_rows import highest_attempt, job_rows
from .rights import Grants, run_of
from .run_details import details_of
from .runs import MOST_AS_VALUE

# The first that a job of a run has is the run's status; Forgejo asks for `ENDED` first (models/actions/run_job.go,
# AggregateJobStatus, 11.0.15 to 16).
OPEN = ("running", "waiting", "blocked")
ENDED = (PAST, "unknown", "cancelled", "failure")


async def one_run(reader: Reader, call: Call, caller: Grants) -> RunFacts:
    """The run. Raises ShimError."""
    run = await run_of(reader, call, caller)
    try:
        attempt, run = await _attempt(reader, call, run)
    except WebAccount:
        if call.attempt is not None:
            raise
        attempt = None
    if call.attempt is None or call.attempt == attempt:
        return replace(run, attempt=attempt)
    pages: list[JobDetails] = []
    for page in range(1, 1000):
        found = await details_of(reader, replace(call, query=f"page={page}&limit={MOST_AS_VALUE}"), run)
        pages += found.entries
        if len(pages) >= found.total or not found.entries:
            break
    return _earlier(run, call.attempt, pages)


async def _attempt(reader: Reader, call: Call, run: RunFacts) -> tuple[int | None, RunFacts]:
    """The run's attempt, and the run: open as long as a job of it is."""
    changed = [run.given.get("updated"), run.started, run.stopped]
    kept = await reader.facts.run_attempt(run.number) if run.status in FINAL else None
    if kept and kept[1:] == changed:
        return int(kept[0]), run
    rows = await (await job_rows(reader, call, run)).all()
    attempt = highest_attempt(rows)
    if run.status in FINAL and (status := _open({row.job.status for row in rows})):
        return attempt, replace(run, status=status, stopped="")
    if attempt and run.status in FINAL:
        await reader.facts.put_run_attempt(run.number, [attempt, *changed])
    return attempt, run


def _open(statuses: Set[str]) -> str:
    """The status of a run with such a job that is not over; "" if there is none."""
    return next((one for one in OPEN if one in statuses), "")


def _earlier(run: RunFacts, number: int, jobs: Sequence[JobDetails]) -> RunFacts:
    """The run as it was in an earlier attempt."""
    statuses = {job.job.status for job in jobs}
    if statuses <= {"success", "skipped"}:
        status = "success" if "success" in statuses or not statuses else "skipped"
    else:
        status = _open(statuses) or next((one for one in ENDED if one in statuses), "unknown")
    started = min((job.times.started for job in jobs if job.times.started), default=0)
    stopped = max((job.times.stopped for job in jobs), default=0) if status in FINAL else 0
    given = {**run.given, "updated": _text(stopped) or run.given.get("updated")}
    return replace(run, attempt=number, status=status, started=_text(started), stopped=_text(stopped), given=given)


def _text(at: int) -> str:
    return moment(at) if at else ""
