"""`forgejo-shim logs`: a job's log on stdout or in a file, or the logs of a whole run in a folder.

Rules: a job is asked for by its id. A name or an index is looked up in the run's list of jobs; where several jobs fit,
their ids are listed instead.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from ..client import Client
from ..client_log import saying_over
from ..download import Saved
from ..errors import PageChanged, ShimError
from ..files import open_special
from ..models import Job
from .help import Verb, option_of
from .jobs import check_job_name, pick_job
from .output import note, progress, show_json, show_log
from .settings import CommonOptions, FileType, common
from .target import RunRef, Target, parse_target, with_run

which_option, where_option = map(option_of, ("Which log", "Where it goes"))


class _LogsCommand(Verb):
    """Reads `-1` as a job id, not as an option, so that the server answers it as any id that no job has."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        valued = {name for each in self.params if not getattr(each, "is_flag", True) for name in each.opts}
        words = [
            f" {word}" if re.fullmatch("-[0-9]+", word) and before not in valued else word  # " -1" is no option
            for before, word in zip(["", *args], args, strict=False)
        ]
        return super().parse_args(ctx, words)


def _parse_id(value: str) -> int:
    """A job id or an attempt: any number of a sane length. The server decides whether it exists."""
    if not re.fullmatch(" ?[+-]?[0-9]{1,30}", value):
        raise click.BadParameter(f"{value!a} is not a number" if len(value) < 100 else "the number is too long")
    return int(value)


def _not_empty(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value == "":
        raise click.BadParameter("the name is empty", ctx, param)
    return value


@click.command(
    cls=_LogsCommand,
    examples=[
        "forgejo-shim logs OWNER/REPO 7",
        "forgejo-shim logs OWNER/REPO --run latest --job build",
        "forgejo-shim logs https://forge.example/OWNER/REPO/actions/runs/42/jobs/0",
        "forgejo-shim logs OWNER/REPO --run 42 --dir logs",
    ],
)
@click.argument("target", metavar="OWNER/REPO|URL", type=parse_target)
@click.argument("job_id", metavar="[JOB_ID]", type=_parse_id, required=False)
@which_option("--run", metavar="NUMBER|latest|URL", help="The run of the job, instead of JOB_ID.")
@which_option("--job", metavar="NAME|INDEX", help="The job in that run: its name or its index (from 0).")
@which_option("--attempt", type=_parse_id, metavar="N", help="Attempt of the job (from 1). Default: the current.")
@where_option(
    "-o",
    "--output",
    metavar="FILE",
    type=FileType(path_type=str, allow_dash=True),
    callback=_not_empty,
    help="Save the log in FILE, whole or not at all. Pipes and devices are written directly.",
)
@where_option(
    "-d",
    "--dir",
    "folder",
    metavar="PATH",
    callback=_not_empty,
    help="Save all logs of a run here. Jobs without a log are named on stderr; that is a failure if none was saved.",
)
@common
@click.pass_obj
def logs(settings: CommonOptions, /, target: Target, job_id: int | None, **chosen: Any) -> int:
    """Print a job's log, or save it.

    The job is named by JOB_ID, by --run and --job, or by a URL from the browser.
    """
    job, attempt, output, folder = (chosen[key] for key in ("job", "attempt", "output", "folder"))
    target = with_run(target, chosen["run"], "--run")
    _check_options(target, job_id, job, attempt, output, folder)
    output = None if output == "-" else output
    special = open_special(Path(output)) if output else None  # opened now, so that a pipe's reader sees an error
    with special or nullcontext(), settings.client(target.server) as client:
        if folder:
            assert target.run is not None
            return _save_run(client, target, target.run, Path(folder), settings.json)
        found: Job | None = None
        if job_id is None:
            assert target.run is not None
            found = pick_job(client.jobs(target.repo, target.run), target, job)
            job_id = found.id
        attempt = target.attempt if attempt is None else attempt
        if output and not special:
            with progress(f"job {job_id}") as report, saying_over(found):
                saved = client.save_log(target.repo, job_id, output, attempt, report)
            if settings.json:
                show_json({"job_id": job_id, "attempt": attempt, **_summary(saved)})
            return 0
        with saying_over(found), client.log(target.repo, job_id, attempt) as log:
            show_log(log, special, output or "stdout")
    return 0


def _check_options(
    target: Target, job_id: int | None, job: str | None, attempt: int | None, output: str | None, folder: str | None
) -> None:
    if job_id is not None and (target.run is not None or job is not None):
        raise click.UsageError("a job id is enough; leave out the run and --job")
    if job_id is None and target.run is None:
        raise click.UsageError("no job given; use a job id, or --run and --job")
    check_job_name(target, job)
    one_job = job_id is not None or job is not None or target.job_index is not None
    if folder and (one_job or attempt is not None or output):
        raise click.UsageError("--dir saves all current logs of a run; leave out the job, --attempt and --output")


def _save_run(client: Client, target: Target, run: RunRef, folder: Path, as_json: bool) -> int:
    """Save every log there is. The exit code is that of the first log that the server failed at; else, if none was
    saved, that of the first failure."""
    with progress(f"run {run}") as report:
        found = client.save_run_logs(target.repo, run, folder, report)
    if as_json:
        show_json([{"job_id": job.id, "name": job.name, **_summary(saved)} for job, saved in found])
    failures = [(job, saved) for job, saved in found if isinstance(saved, ShimError)]
    for job, error in [] if as_json else failures:
        says_all = error.cause in {"job-skipped", "job-cancelled"}
        said = error.message.removeprefix(f"job {job.id} of {target.repo}: ")
        note(said if says_all else f"job {job.id} ({job.name}): not saved: {said}")
    failed = [error.exit_code for _, error in failures if isinstance(error, PageChanged)]
    if not failed and len(failures) == len(found):
        failed = [error.exit_code for _, error in failures]
    return failed[0] if failed else 0


def _summary(saved: Saved | ShimError) -> dict[str, object]:
    if isinstance(saved, ShimError):
        return {"path": None, "cause": saved.cause, "message": saved.message, "exit_code": saved.exit_code}
    return {"path": str(saved.path), "size": saved.size, "backend": saved.backend}
