"""What `watch` shows of a run on a terminal: a line for the run, a table of its jobs, and how many are left out.

Rules: pure. It never has more lines than it is given. Steps are left out before jobs: first those that neither run nor
failed, then all. Where jobs are left out, those that failed or run are shown first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.text import Text

from ..models import FINAL, Job, JobDetails, Run, Step, Times
from ..times import seconds
from .status import URGENCY, lasted
from .steps import steps_of
from .table import Cell, Column, Row, cut, row_of, status_cell, table_lines

COLUMNS = (Column("status"), Column("took", spare=1, is_right=True), Column("job", least=8))
HEADINGS = 2  # lines: that of the run and the headings
AT_WORK = ("running", "failure")


@dataclass(frozen=True)
class Seen:
    """A run as it was last seen: its jobs by their index, and by job id what was asked for in full."""

    run: Run
    jobs: tuple[Job, ...]
    details: Mapping[int, JobDetails] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether each job has ended; of a run without jobs, whether the run has."""
        return all(status in FINAL for status in self._statuses)

    @property
    def status(self) -> str:
        """The run's status. It follows the jobs where they know better: a run that has failed can go on."""
        if not self.is_over:
            return "running" if self.run.status in FINAL else self.run.status
        order = ("cancelled", "failure", "success", "skipped")
        return next(status for status in order if status in self._statuses)

    @property
    def _statuses(self) -> Sequence[str]:
        return [job.status for job in self.jobs] or [self.run.status]


def frame(seen: Seen, width: int, height: int, now: float, encoding: str = "utf-8", *, steps: bool) -> Iterator[Text]:
    """The lines, at most `height` of them (but three), each at most `width` cells wide; `steps`: those of all jobs, not
    only those of running ones."""
    yield _of_run(seen, width, now, encoding)
    room = max(1, height - HEADINGS)
    jobs, found = list(seen.jobs), {job.id: _steps(seen, job, every=steps) for job in seen.jobs}
    if _count(jobs, found) > room:
        found = {job_id: [step for step in its if step.status in AT_WORK] for job_id, its in found.items()}
    if _count(jobs, found) > room:
        found = {}
    left: list[Job] = []
    if len(jobs) > room:
        jobs.sort(key=lambda job: URGENCY.index(job.status) if job.status in URGENCY else 0)
        jobs, left = jobs[: room - 1], jobs[room - 1 :]
    rows = [row for job in jobs for row in _rows(seen, job, found.get(job.id, ()), now, encoding)]
    yield from table_lines(COLUMNS, rows, width, encoding)
    if left:
        by_status = Counter(job.status for job in left)
        counts = ", ".join(f"{by_status[status]} {status}" for status in URGENCY if by_status[status])
        yield Text(cut(f"and {len(left)} more: {counts}", width, encoding))


def _count(jobs: Sequence[Job], steps: Mapping[int, Sequence[Step]]) -> int:
    return len(jobs) + sum(map(len, steps.values()))


def _of_run(seen: Seen, width: int, now: float, encoding: str) -> Text:
    run = seen.run
    began = seconds(run.started)
    took = seen.run.duration if seen.is_over else now - began if began else None
    where = " ".join(filter(None, (run.workflow, run.branch, run.event)))
    cells: tuple[Cell, ...] = (status_cell(seen.status, encoding), f"run {run.number}", run.title, where, lasted(took))
    columns = (Column(""), Column(""), Column("", least=12), Column("", least=8, spare=2), Column("", spare=1))
    return list(table_lines(columns, [Row(cells)], width, encoding))[1]


def _steps(seen: Seen, job: Job, *, every: bool) -> list[Step]:
    details = seen.details.get(job.id)
    return list(steps_of(details)) if details and (every or job.status == "running") else []


def _rows(seen: Seen, job: Job, steps: Sequence[Step], now: float, encoding: str) -> Iterator[Row]:
    details = seen.details.get(job.id)
    took = _took(details.times, job.status, now) if details else ""
    yield row_of(job.status, (status_cell(job.status, encoding), took, job.name))
    for step in steps:
        took = _took(step.times, step.status, now)
        yield row_of(step.status, (status_cell(step.status, encoding), took, f"  {step.number}  {step.name}"))


def _took(times: Times, status: str, now: float) -> str:
    is_on = status not in FINAL and times.started
    return lasted(now - times.started if is_on else times.duration)
