"""Why a run is red: its failed jobs, in each the step that failed, what was found there, and its last lines.

Rules: read as the caller, after the API said yes to it. All logs of a run together cost at most `MOST` bytes: each job
gets its share of what is left (job_report.py), the failed ones before the cancelled ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from ..errors import BadRequest, ShimError
from ..models import FAILED, FINAL, Headers, Job, Location, RunFacts, RunJobs
from ..operations import Call, number
from ..router import first_values
from ..times import in_utc
from ..webui.grammar import actions
from ..webui.reader import Reader
from ..why.matchers import Matcher, built_in
from ..why.render import limit
from ..why.values import Report, RunHead
from .job_report import JobReading

MOST = 4 * 1024 * 1024  # bytes of all logs of a run
SHARE = 2 * 1024 * 1024  # bytes of one log
JOBS = 10  # that are reported in full
LINES, MOST_LINES = 30, 1000  # last lines of a step
SIZE, LEAST_SIZE, MOST_SIZE = 16 * 1024, 1024, 1024 * 1024  # bytes of a report


@dataclass(frozen=True)
class Wanted:
    """What a report is to be: at most `lines` last lines of a step, `size` bytes in all; and the matchers besides those
    that are known."""

    lines: int = LINES
    size: int = SIZE
    matchers: Sequence[Matcher] = ()


@dataclass(frozen=True)
class Why:
    """A report, and whether the caller wants it as Markdown."""

    report: Report
    as_markdown: bool


async def why(reader: Reader, call: Call, found: RunJobs, headers: Headers) -> Why:
    """The report that a request asks for, of a run that its caller may read. Raises ShimError."""
    asked = first_values(call.query)
    wanted = Wanted(
        _within(asked, "lines", LINES, 0, MOST_LINES), _within(asked, "max_bytes", SIZE, LEAST_SIZE, MOST_SIZE)
    )
    accept = ",".join(value for _, value in headers.only("Accept"))
    return Why(await report(reader, call, found, wanted), _prefers_markdown(accept))


def _within(asked: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    text = asked.get(name, "")
    if text and not (text.isascii() and text.isdecimal() and least <= number(text) <= most):
        raise BadRequest(f"{name} is a number from {least} to {most}", cause="out-of-range")
    return number(text) if text else default


def _prefers_markdown(accept: str) -> bool:
    """Whether an Accept header wants Markdown rather than JSON (RFC 9110, 12.5.1)."""
    weights: dict[str, float] = {}
    for entry in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in entry.split(";"))
        weight = next((one[2:] for one in parameters if one.startswith("q=")), "1")
        weights[kind] = float(weight) if weight.replace(".", "", 1).isdecimal() else 0.0
    wanted = weights.get("text/markdown", 0.0)
    if "application/json" in weights:
        return wanted > weights["application/json"]
    allowed = next((weights[kind] for kind in ("application/*", "*/*") if kind in weights), 0.0)
    return wanted > 0 and wanted >= allowed  # what is named is wanted rather than what is allowed as well


async def report(reader: Reader, call: Call, found: RunJobs, wanted: Wanted) -> Report:
    """The report of a run that the caller may read. Raises ShimError."""
    failed = [job for status in FAILED for job in found.jobs if job.status == status]
    head = _head(reader, await _with_error(reader, found.run, failed))
    if any(job.status not in FINAL for job in found.jobs):
        head = replace(head, stopped="")  # a run has failed as soon as a job of it has
    matchers = (*wanted.matchers, *built_in())
    left, told = MOST, []
    given_up: dict[str, None] = {}
    for at, job in enumerate(failed[:JOBS]):
        reading = JobReading(reader, call, job, min(SHARE, left // (min(JOBS, len(failed)) - at)))
        url = f"{head.url}/jobs/{job.index}"
        told.append(replace(await reading.report(matchers, wanted.lines), url=url))
        left -= reading.cost
        given_up |= dict.fromkeys(reading.given_up)
    by_status = dict(Counter(job.status for job in found.jobs))
    made = Report(head, tuple(told), by_status, tuple(job.name for job in failed[JOBS:]), tuple(given_up))
    return limit(made, wanted.size, wanted.lines)


async def _with_error(reader: Reader, run: RunFacts, failed: Sequence[Job]) -> RunFacts:
    """The run with what is wrong with its workflow, as far as its web page tells this shim: it is asked only where a
    job has failed that no runner has taken, or the run without one."""
    if run.error is None and run.status in FAILED and not (failed and all(job.task_id for job in failed)):
        with suppress(ShimError):
            state = await reader.web_run(Location(run.number, 0))
            return replace(run, error=state.error if state else "")
    return run


def _head(reader: Reader, run: RunFacts) -> RunHead:
    given = {name: str(run.given.get(name) or "") for name in ("event", "trigger_event", "prettyref", "commit_sha")}
    page = f"{reader.net.base_url}{actions(reader.repo)}/runs/{run.number}"
    return RunHead(
        repo=str(reader.repo),
        number=run.number,
        id=run.id,
        title=run.title or "",
        status=run.status or "",
        event=given["event"] or given["trigger_event"],  # a run by hand or by schedule has no other
        workflow=run.workflow or "",
        branch=given["prettyref"] or run.branch,
        commit=given["commit_sha"] or run.commit,
        started=in_utc(run.started),
        stopped=in_utc(run.stopped),
        url=str(run.given.get("html_url") or page),
        error=run.error or "",
    )
