"""`forgejo-shim jobs`: the jobs of a run, and how a verb names one of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from ..errors import NothingMatched
from ..models import Job
from .help import Verb
from .output import show_list
from .settings import CommonOptions, common
from .target import Target, parse_target, with_run

JOB_NAME = 255  # bytes at most; Forgejo cuts a longer one (modules/util/truncate.go)


@click.command(cls=Verb, examples=["forgejo-shim jobs OWNER/REPO", "forgejo-shim jobs OWNER/REPO 42"])
@click.argument("target", metavar="OWNER/REPO|URL", type=parse_target)
@click.argument("run", metavar="[RUN]", required=False)
@common
@click.pass_obj
def jobs(settings: CommonOptions, target: Target, run: str | None) -> None:
    """List the jobs of a run.

    RUN is a run number, "latest" (the default) or a run's URL, which can stand alone too. Columns: job id, job index,
    status, attempt and name.
    """
    target = with_run(target, run, "RUN")
    with settings.client(target.server) as client:
        found = client.jobs(target.repo, "latest" if target.run is None else target.run)
    columns = {"job": "id", "index": "index", "status": "status", "attempt": "attempt", "name": "name"}
    show_list(found, columns, settings.json)


def check_job_name(target: Target, job: str | None) -> None:
    """Raise UsageError for a --job that no job can have, or beside a URL that names a job."""
    if job is not None and target.job_index is not None:
        raise click.UsageError("the URL already names a job; leave out --job")
    if job is not None and len(job.encode(errors="replace")) > JOB_NAME:
        raise click.UsageError("--job is longer than any job's name; give a name or an index")


def pick_job(jobs: Sequence[Job], target: Target, wanted: str | None) -> Job:
    """The job that fits. Raises NothingMatched if there is none, UsageError if there are several."""
    run = f"run {target.run} of {target.repo}"
    if target.job_index is not None:
        found = [job for job in jobs if job.index == target.job_index]
    elif wanted is None:
        found = list(jobs)
    else:
        found = [job for job in jobs if job.name == wanted]
        if not found and re.fullmatch("[0-9]+", wanted):
            found = [job for job in jobs if job.index == int(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise click.UsageError(f"{len(found)} jobs of {run} fit; give a job id: {_names(found)}")
    raise NothingMatched(f"no job of {run} fits; it has {_names(jobs) or 'none'}")


def _names(jobs: Sequence[Job]) -> str:
    return ", ".join(f"{job.id} ({job.name})" for job in jobs)
