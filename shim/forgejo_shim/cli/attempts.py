"""`forgejo-shim attempts`: the attempts of a job, and which of their logs are there."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import click

from ..errors import NotNow
from ..models import Attempt
from ..times import moment
from .fields import FieldsVerb, chosen
from .filters import chosen_run
from .help import option_of
from .output import is_for_people, show_json, show_lines, show_rows
from .pick import check_job_name, pick_job
from .settings import CommonOptions, common
from .status import lasted
from .steps import attempt_json, elapsed
from .table import Column, Row, row_of, status_cell
from .target import Target, takes_target, with_run

FIELDS = (
    "number", "status", "task_id", "started", "stopped", "duration", "log", "log_length", "log_expired", "steps",
)  # fmt: skip
COLUMNS = (
    Column("status"),
    Column("attempt", spare=1, is_right=True),
    Column("started", spare=2),
    Column("took", spare=1, is_right=True),
    Column("log"),
    Column("lines", spare=3, is_right=True),
)
which_option = option_of("Which job")


@click.command(
    cls=FieldsVerb,
    fields=FIELDS,
    examples=["forgejo-shim attempts OWNER/REPO 7", "forgejo-shim attempts OWNER/REPO --job build"],
)
@takes_target()
@click.argument("job_id", metavar="[JOB_ID]", type=int, required=False)
@which_option("--run", metavar="NUMBER|latest|URL", help="The run of the job. Default: the latest.")
@which_option("--job", metavar="NAME|INDEX|ID", help="The job in it: its name, what fits only that, its index or id.")
@common
@click.pass_obj
def attempts(settings: CommonOptions, target: Target, job_id: int | None, run: str | None, job: str | None) -> None:
    """List the attempts of a job.

    The job is named by JOB_ID, by --run and --job, or by a URL from the browser. Without a run it is the latest. Only
    attempts that a runner took are listed, the oldest first. Their log is "there", "expired" or "none", or what is not
    told is empty; so are lines that were not counted. In a pipe a row an attempt, without headings: number, status,
    when it was started, its seconds, log and lines. Up to Forgejo 12 it is the current attempt alone, without its
    number.
    """
    target = with_run(target, run, "--run")
    if job_id is not None and (target.run is not None or job is not None):
        raise click.UsageError("a job id is enough; leave out the run and --job")
    check_job_name(target, job)
    with settings.client(target.server) as client:
        if job_id is None:
            found_run = chosen_run(client, target, {})
            job_id = pick_job(client.jobs(target.repo, found_run), replace(target, run=found_run.number), job).id
        found = client.job(target.repo, job_id).attempts
    if found is None:
        raise NotNow(
            f"the attempts of job {job_id} cannot be told while its rerun waits for a runner; try again later",
            cause="rerun-waits",
        )
    if settings.json:
        show_json(chosen(_json(attempt) for attempt in found))
    elif is_for_people():
        show_lines(COLUMNS, [_line(attempt, sys.stdout.encoding) for attempt in found])
    else:
        show_rows((*_named(one), _started(one), one.times.duration, log_of(one), one.log_length) for one in found)


def log_of(attempt: Attempt) -> str:
    """Whether its log is there; "" if that is not known. What has a task or lines, and has not expired, has a log."""
    if attempt.log_expired is None:
        return ""
    has_log = attempt.task_id if attempt.log_length is None else attempt.log_length
    return "expired" if attempt.log_expired else "there" if has_log else "none"


def _json(attempt: Attempt) -> dict[str, Any]:
    told = attempt_json(attempt) | {"log": log_of(attempt)}
    return {name: told[name] for name in FIELDS}


def _named(attempt: Attempt) -> tuple[int | None, str]:
    return attempt.number, attempt.status


def _started(attempt: Attempt) -> str:
    return moment(attempt.times.started) if attempt.times.started else ""


def _line(attempt: Attempt, encoding: str) -> Row:
    number, lines = ("" if value is None else str(value) for value in (attempt.number, attempt.log_length))
    took = lasted(elapsed(attempt.times, attempt.status))
    cells = (status_cell(attempt.status, encoding), number, _started(attempt), took, log_of(attempt), lines)
    return row_of(attempt.status, cells)
