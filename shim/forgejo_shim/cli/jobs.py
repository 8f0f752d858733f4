"""`forgejo-shim jobs`: the jobs of a run and their steps."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any, Unpack

import click

from ..arguments import RunFilters
from ..models import Job, JobDetails, Step
from .fields import FieldsVerb, chosen, is_chosen
from .filters import chosen_run, run_filters
from .help import option_of
from .output import is_for_people, show_json, show_lines, show_rows
from .settings import CommonOptions, common
from .status import lasted
from .steps import elapsed, step_json, steps_of, times_json
from .table import Cell, Column, Row, row_of, status_cell
from .target import Target, takes_target, with_run

OF_STEPS = ("started", "stopped", "duration", "steps")  # fields that only a job in full has
COLUMNS = (
    Column("status"),
    Column("job", is_right=True),
    Column("index", spare=2, is_right=True),
    Column("attempt", spare=1, is_right=True),
    Column("took", spare=1, is_right=True),
    Column("name", least=12),
)


@click.command(
    cls=FieldsVerb,
    fields=[*(field.name for field in fields(Job)), *OF_STEPS],
    examples=[
        "forgejo-shim jobs OWNER/REPO",
        "forgejo-shim jobs OWNER/REPO 42 --steps",
        "forgejo-shim jobs OWNER/REPO --workflow ci.yml --json id,name,status",
    ],
)
@takes_target()
@click.argument("run", metavar="[RUN]", required=False)
@option_of("Options")("--steps", is_flag=True, help="The steps of each job, too. That takes some requests a job.")
@run_filters("Which run, if not RUN")
@common
@click.pass_obj
def jobs(
    settings: CommonOptions, /, target: Target, run: str | None, steps: bool, **filters: Unpack[RunFilters]
) -> None:
    """List the jobs of a run.

    RUN is a run number, "latest" (the default) or a run's URL, which can stand alone too. In a pipe a row a job,
    without headings: job id, job index, status, attempt and name; with --steps also a row a step, which has the step's
    status and name, and at its end its number (from 0) and its seconds. A job's own row has no number there.
    """
    target = with_run(target, run, "RUN")
    steps = steps or any(map(is_chosen, OF_STEPS))
    with settings.client(target.server) as client:
        found = client.jobs(target.repo, chosen_run(client, target, filters))
        told = [(job, client.job(target.repo, job.id, brief=True) if steps else None) for job in found]
    if settings.json:
        show_json(chosen(_json(job, details) for job, details in told))
    elif is_for_people():
        columns = [column for column in COLUMNS if steps or column.heading != "took"]
        show_lines(columns, [row for one in told for row in _lines(*one, sys.stdout.encoding)])
    else:
        show_rows(row for one in told for row in _rows(*one))


def _json(job: Job, details: JobDetails | None) -> dict[str, Any]:
    more = times_json(details.times) | {"steps": [step_json(step) for step in steps_of(details)]} if details else {}
    return asdict(job) | more


def _rows(job: Job, details: JobDetails | None) -> Iterator[Sequence[object]]:
    row = (job.id, job.index, job.status, job.attempt, job.name)
    if not details:
        yield row
        return
    yield (*row, "", details.times.duration)
    for step in steps_of(details):
        yield (job.id, job.index, step.status, job.attempt, step.name, step.number, step.times.duration)


def _lines(job: Job, details: JobDetails | None, encoding: str) -> Iterator[Row]:
    attempt = "" if job.attempt is None else str(job.attempt)
    took = [lasted(elapsed(details.times, job.status))] if details else []
    cells: tuple[Cell, ...] = (status_cell(job.status, encoding), str(job.id), str(job.index), attempt, *took, job.name)
    yield row_of(job.status, cells)
    for step in steps_of(details) if details else ():
        yield _line_of_step(step, encoding)


def _line_of_step(step: Step, encoding: str) -> Row:
    took = lasted(elapsed(step.times, step.status))
    cells = (status_cell(step.status, encoding), "", "", "", took, f"  {step.number}  {step.name}")
    return row_of(step.status, cells)
