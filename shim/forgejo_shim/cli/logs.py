"""`forgejo-shim logs`: a job's log on stdout or in a file, or the logs of a whole run in a folder.

Rules: a job is asked for by its id; a name or an index is turned into one by the run's own list. A name that several
jobs bear decides nothing: their ids are listed instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..client import Client, saying_skipped
from ..download import Saved
from ..errors import NothingMatched, ShimError
from ..files import opened_straight
from ..models import Job
from .output import note, progress, show_json, show_log
from .settings import Settings, common
from .target import RunRef, Target, TargetType, run_ref

JOB_NAME = 255  # bytes at most; Forgejo cuts a longer one (modules/util/truncate.go)


class _Command(click.Command):
    """Takes `-1` for the job id that it is, so that the answer is the server's, as for every id that no job has."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        valued = {name for option in self.params if not getattr(option, "is_flag", True) for name in option.opts}
        words = [
            f" {word}" if re.fullmatch("-[0-9]+", word) and before not in valued else word  # with a space, no option
            for before, word in zip(["", *args], args, strict=False)
        ]
        return super().parse_args(ctx, words)


class _Id(click.ParamType[int]):
    """A job id, whatever the server says of it, if it is not longer than any number needs."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if not re.fullmatch(" ?[+-]?[0-9]{1,30}", value):
            self.fail(f"{value!a} is no number" if len(value) < 100 else "that is no number of a job", param, ctx)
        return int(value)


def _not_empty(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value == "":
        raise click.BadParameter("the name is empty", ctx, param)
    return value


@click.command(cls=_Command)
@click.argument("target", metavar="OWNER/REPO|URL", type=TargetType())
@click.argument("job_id", metavar="[JOB_ID]", type=_Id(), required=False)
@click.option("--run", "run", metavar="NUMBER|latest|URL", help="The run to look in, in place of a job id.")
@click.option("--job", "job", metavar="NAME|INDEX", help="The job of that run, by its name or its 0-based index.")
@click.option(
    "--attempt", type=_Id(), metavar="N", help="An earlier attempt of the job, from 1; default: the current one."
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    callback=_not_empty,
    help="Save the log in FILE: whole or not at all. A device or a pipe is written to straight.",
)
@click.option(
    "-d", "--dir", "folder", metavar="PATH", callback=_not_empty, help="Save every job's log of the run in a folder."
)
@common
@click.pass_obj
def logs(settings: Settings, /, target: Target, job_id: int | None, **chosen: Any) -> int:
    """Print a job's log, or save it.

    \b
    forgejo-shim logs OWNER/REPO 7
    forgejo-shim logs OWNER/REPO --run latest --job build
    forgejo-shim logs https://forge.example/OWNER/REPO/actions/runs/42/jobs/0
    forgejo-shim logs OWNER/REPO --run 42 --dir logs
    """
    job, attempt, output, folder = (chosen[key] for key in ("job", "attempt", "output", "folder"))
    target = _with_run(target, chosen["run"])
    _refuse_contradictions(target, job_id, job, attempt, output, folder)
    output = None if output == "-" else output
    straight = opened_straight(Path(output)) if output else None  # at once, so that a pipe's reader learns of an error
    with straight or nullcontext(), settings.client(target.server) as client:
        if folder:
            assert target.run is not None
            return _save_run(client, target, target.run, Path(folder), settings.json)
        found: Job | None = None
        if job_id is None:
            assert target.run is not None
            found = _choose(client.jobs(target.repo, target.run), target, job)
            job_id = found.id
        attempt = target.attempt if attempt is None else attempt
        if output and not straight:
            with progress(f"job {job_id}") as report, saying_skipped(found):
                saved = client.save_log(target.repo, job_id, output, attempt, report)
            if settings.json:
                show_json({"job_id": job_id, "attempt": attempt, **_summary(saved)})
            return 0
        with saying_skipped(found), client.log(target.repo, job_id, attempt) as log:
            show_log(log, straight, output or "stdout")
    return 0


def _with_run(target: Target, run: str | None) -> Target:
    """The target with the run that `--run` names."""
    if run is None:
        return target
    if target.run is not None:
        raise click.UsageError("the URL names a run already; leave --run out")
    if "/" not in run:
        return replace(target, run=run_ref(run))
    named = TargetType().convert(run, None, None)
    if named.repo.key != target.repo.key or named.run is None:
        raise click.UsageError(f"the URL of --run is of no run in {target.repo}")
    return named


def _refuse_contradictions(
    target: Target, job_id: int | None, job: str | None, attempt: int | None, output: str | None, folder: str | None
) -> None:
    if job_id is not None and (target.run is not None or job is not None):
        raise click.UsageError("a job id names the job already; leave the run and --job out")
    if job_id is None and target.run is None:
        raise click.UsageError("no job is named; give a job id, or a run and --job")
    if job is not None and target.job_index is not None:
        raise click.UsageError("the URL names a job already; leave --job out")
    if job is not None and len(job.encode(errors="replace")) > JOB_NAME:
        raise click.UsageError("--job is longer than any job's name; give its name or its index")
    one_job = job_id is not None or job is not None or target.job_index is not None
    if folder and (one_job or attempt is not None or output):
        raise click.UsageError("--dir saves the current logs of a whole run; leave job, --attempt and --output out")


def _choose(jobs: Sequence[Job], target: Target, wanted: str | None) -> Job:
    """The one job meant. Raises NothingMatched, or UsageError if several are."""
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
        raise click.UsageError(f"{run} has {len(found)} such jobs; give one's id: {_listed(found)}")
    raise NothingMatched(f"{run} has no such job; it has {_listed(jobs) or 'none'}")


def _listed(jobs: Sequence[Job]) -> str:
    return ", ".join(f"{job.id} ({job.name})" for job in jobs)


def _save_run(client: Client, target: Target, run: RunRef, folder: Path, as_json: bool) -> int:
    """Save what there is; the exit code is that of the first failure if nothing was saved."""
    with progress(f"run {run}") as report:
        found = client.save_run_logs(target.repo, run, folder, report)
    if as_json:
        show_json([{"job_id": job.id, "name": job.name, **_summary(saved)} for job, saved in found])
    failures = [(job, saved) for job, saved in found if isinstance(saved, ShimError)]
    for job, error in [] if as_json else failures:
        is_said = error.cause == "job-skipped"
        note(error.message if is_said else f"job {job.id} ({job.name}): not saved: {error.message}")
    return failures[0][1].exit_code if failures and len(failures) == len(found) else 0


def _summary(saved: Saved | ShimError) -> dict[str, object]:
    if isinstance(saved, ShimError):
        return {"path": None, "cause": saved.cause, "message": saved.message, "exit_code": saved.exit_code}
    return {"path": str(saved.path), "size": saved.size, "backend": saved.backend}
