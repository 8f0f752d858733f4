"""The forms of a report, and a report that has at most a number of bytes in any of them.

Rules: pure. What the limit takes away is counted by job; of whole jobs the names are left. The last that can be taken
away leaves less than 1024 bytes, whatever a run, a job or a log is called.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from ..inert import name_text
from ..models import STATUSES, Times
from ..times import moment
from .markdown import as_markdown
from .text import as_text
from .values import Found, JobReport, Report, RunHead

__all__ = ["as_json", "as_markdown", "as_text", "limit", "of_log"]

SHORTER, SHORTEST = (200, 80, 20, 5), 3  # characters of each text, where nothing else helps


def of_log(found: Found, name: str) -> Report:
    """What was found in a log without a run, as a report on one job of that name."""
    head = RunHead("", 0, None, name, "", "", "", "", "", "", "", "")
    size = found.size
    job = JobReport(
        0, 0, name, "", None, Times(), "", None, found.findings, found.last, size, size, likely=found.likely
    )
    return Report(head, (job,), {}, given_up=found.given_up)


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON; what is not known is left out."""
    jobs = []
    for job in report.jobs:
        step = {**asdict(job.step), "times": None, **_times(job.step.times)} if job.step else None
        given = {**asdict(job), "times": None, **_times(job.times), "step": step and _known(step)}
        given |= {key: [_known(one) for one in given[key]] for key in ("findings", "likely")}
        jobs.append(_known({**given, "last": list(job.last)}))
    return {
        "run": _known(asdict(report.run)),
        "jobs": jobs,
        "by_status": report.by_status,
        "left_out": list(report.left_out),
        "given_up": list(report.given_up),
    }


def _known(given: dict[str, Any]) -> dict[str, Any]:
    always = ("index", "name", "title", "status", "repo", "url", "number", "message", "lines", "findings", "last")
    return {key: value for key, value in given.items() if key in always or value not in (None, "", 0, [])}


def _times(times: Times) -> dict[str, str]:
    return {key: moment(at) for key, at in (("started", times.started), ("stopped", times.stopped)) if at}


def limit(report: Report, size: int, lines: int) -> Report:
    """The report with at most `lines` last lines a job, in at most `size` bytes as text, Markdown or plain JSON.

    The least important goes first: findings but for a job's first, last lines from their beginning, the lines of the
    first finding, whole jobs from the last; then each text is cut, addresses go, those of jobs before the run's, and at
    last the first job. `size` is at least 1024.
    """
    jobs = tuple(replace(job, last=job.last[-lines:] if lines else ()) for job in report.jobs)
    report = replace(report, jobs=jobs)
    drops = list(_drops(report))
    low, high = 0, len(drops)
    while low < high:
        middle = (low + high) // 2
        if _fits(_without(report, drops[:middle]), size):
            high = middle
        else:
            low = middle + 1
    return _without(report, drops[:low])


Drop = tuple[str, int]
"""What to take away: a finding, a line, the lines of a finding or all of the job at an index, all behind a width,
names, the addresses of jobs, the run's, or all that is left of jobs."""


def _drops(report: Report) -> Iterator[Drop]:
    """What can be taken away, the least important first."""
    jobs = list(enumerate(report.jobs))
    for count in range(max((len(job.told) for _, job in jobs), default=0), 1, -1):
        yield from (("finding", at) for at, job in jobs if len(job.told) >= count)
    for count in range(max((len(job.last) for _, job in jobs), default=0), 0, -1):
        yield from (("line", at) for at, job in jobs if len(job.last) >= count)
    yield from (("lines", at) for at, job in reversed(jobs) if job.told)
    yield from (("job", at) for at, _ in reversed(jobs[1:]))
    yield from (("width", width) for width in SHORTER)
    yield from (("names", 0), ("width", SHORTEST), ("addresses", 0), ("address", 0), ("jobs", 0))


def _without(report: Report, drops: list[Drop]) -> Report:
    """The report without these."""
    jobs, names, given_up, width = list(report.jobs), list(report.left_out), report.given_up, 0
    for kind, at in drops:
        if kind == "width":
            width = at
        elif kind == "names":
            names = [f"{len(names)} jobs"] if names else []
            given_up = (f"{len(given_up)} matchers",) if given_up else ()
        elif kind == "job":
            names.insert(0, jobs.pop().name)
        elif kind not in ("addresses", "address", "jobs"):
            jobs[at] = _less(jobs[at], kind)
    report = replace(report, jobs=tuple(jobs), left_out=tuple(names), given_up=given_up)
    report = _cut(report, width) if width else report
    if ("addresses", 0) in drops:
        report = replace(report, jobs=tuple(replace(job, url="") for job in report.jobs))
    if ("address", 0) in drops:
        report = replace(report, run=replace(report.run, url=""))
    return _without_jobs(report) if ("jobs", 0) in drops else report


def _without_jobs(report: Report) -> Report:
    """The run with the number of its jobs, but none of them; of its own names, too, the beginning."""
    cut = {name: _cut(getattr(report.run, name), SHORTEST) for name in ("repo", "commit")}
    run = replace(report.run, **cut)
    by_status = {status: count for status, count in report.by_status.items() if status in STATUSES}
    return replace(report, run=run, jobs=(), by_status=by_status, left_out=(f"jobs: {report.failed}",))


def _less(job: JobReport, kind: str) -> JobReport:
    if kind == "line":
        return replace(job, last=job.last[1:], left_out=job.left_out + 1)
    told, left_out = job.told[:-1], job.left_out + 1
    if kind == "lines":
        told, left_out = (replace(job.told[0], lines=()),), job.left_out + len(job.told[0].lines)
    findings, likely = (told, ()) if job.findings else ((), told)
    return replace(job, findings=findings, likely=likely, left_out=left_out)


def _cut(value: Any, width: int) -> Any:
    """The same with each text cut to a width, but for the names of statuses."""
    if isinstance(value, str):
        return value if len(value) <= width or value in STATUSES else value[:width] + "…"
    if isinstance(value, tuple):
        return tuple(_cut(one, width) for one in value)
    if hasattr(value, "__dataclass_fields__"):
        names = [name for name in value.__dataclass_fields__ if name not in ("url", "repo", "commit")]
        return replace(value, **{name: _cut(getattr(value, name), width) for name in names})
    return value


def _fits(report: Report, size: int) -> bool:
    """Whether each form of a report has at most so many bytes. JSON, which is made in no time, is tried first."""
    return (
        len(json.dumps(as_json(report))) < size
        and len(as_markdown(report).encode("utf-8", "replace")) <= size
        and len(name_text("".join(piece for _, piece in as_text(report))).encode("utf-8", "replace")) <= size
    )
