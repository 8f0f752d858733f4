"""A report as text for a terminal.

Rules: pure. Text of a log, a run or a job is untrusted: here it never begins a line of its own. What else a terminal
obeys the caller takes out. A job with thirty last lines and ten findings has at most 60 lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..times import seconds
from .values import Finding, JobReport, Report, RunHead

OF_LOG = "    "  # in front of each line of a log
GIVEN_UP = "matchers that took too long on a line, and were given up:"
ONLY_LIKELY = "no certain error was found; what looks most like one:"
_BREAKS = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")


def as_text(report: Report) -> Iterator[tuple[str, str]]:
    """The report in pieces of text, each with a style of rich; they end with line feeds."""
    run = report.run
    if run.repo:
        yield "bold", f"{run.repo} #{run.number} {one_line(run.title)}\n"
        yield "dim", " · ".join(filter(None, map(one_line, run_facts(run)))) + "\n"
        yield "dim", f"{one_line(run.url)}\n" if run.url else ""
        yield "", count_jobs(report) + "\n"
    if run.error:
        yield "red", f"workflow: {one_line(run.error)}\n"
    for job in report.jobs:
        yield from _job_as_text(job, is_log=not run.repo)
    if report.left_out:
        yield "bold", f"\n{len(report.left_out)} more: {', '.join(map(one_line, report.left_out))}\n"


def _job_as_text(job: JobReport, *, is_log: bool) -> Iterator[tuple[str, str]]:
    yield "bold", f"\n{one_line(job.name)}" if not is_log else one_line(job.name)
    yield "red", f" {job.status}" if job.status else ""
    yield "", f" in step {job.step.number}, {one_line(job.step.name)}" if job.step else ""
    yield "dim", f" ({', '.join(known)})\n" if (known := job_facts(job)) else "\n"
    if job.url:
        yield "dim", f"{one_line(job.url)}\n"
    if job.missing:
        yield "yellow", f"  no log: {one_line(job.missing)}\n"
    if job.likely:
        yield "yellow", f"  {ONLY_LIKELY}\n"
    for number, finding in enumerate(job.told):
        yield "red", f"  {place_of(finding)}{one_line(finding.message)}"
        yield "dim", f" [{one_line(finding.owner)}]\n"
        if number == 0 and len(finding.lines) > 1:
            yield "", _block(finding.lines)
    if job.last:
        yield "bold", "  last lines:\n"
        yield "", _block(job.last)
    if job.left_out:
        yield "yellow", f"  {left_out(job)}\n"


def _block(lines: tuple[str, ...]) -> str:
    return "".join(f"{OF_LOG}{one_line(line)}\n" for line in lines)


def run_facts(run: RunHead) -> Iterator[str]:
    """What is known of a run, in a few words each."""
    yield from (run.status, run.event, run.workflow, run.branch, run.commit[:10])
    if run.started and run.stopped:
        yield _spent(round(seconds(run.stopped) - seconds(run.started)))


def job_facts(job: JobReport) -> list[str]:
    """What else is known of a job."""
    about = [f"attempt {job.attempt}"] if job.attempt else []
    if job.times.duration is not None:
        about.append(_spent(job.times.duration))
    if job.log_size is not None and job.read < job.log_size:
        about.append(f"{job.read} of {job.log_size} bytes searched")
    return about


def _spent(spent: int) -> str:
    minutes, rest = divmod(spent, 60)
    if minutes >= 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"


def count_jobs(report: Report) -> str:
    """How many jobs of the run have each status."""
    counts = ", ".join(f"{count} {status}" for status, count in report.by_status.items())
    return f"jobs: {counts or 'none'}"


def left_out(job: JobReport) -> str:
    """How much of a job the limit took away."""
    return f"findings and lines left out: {job.left_out}"


def place_of(finding: Finding) -> str:
    """Where a finding is, with a colon behind it; "" if that is not known."""
    numbers = [str(number) for number in (finding.line, finding.column) if number is not None]
    return ":".join([one_line(finding.file), *numbers]) + ": " if finding.file else ""


def one_line(text: str) -> str:
    """A text in one line."""
    return _BREAKS.sub(" ", text)
