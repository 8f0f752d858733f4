"""`forgejo-shim logs`: a job's log, or what is wanted of it, on stdout; or logs as they are in a file or a folder.

Rules: which job is pick.py's to say, what of its log log_options.py's, how it looks log_output.py's. A job is asked for
by its id, once it is known.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ..client import Client
from ..client_log import saying_over
from ..download import Saved
from ..errors import PageChanged, ShimError
from ..files import open_special
from ..models import Job
from .failed import show_failed
from .follow import follow_job, follow_run
from .help import option_of
from .log_options import LogOptions, chosen_options, log_options
from .log_output import LogPrinter, Origin
from .log_part import show_part
from .output import note, progress, show_json, tell
from .pick import check_job_name, pick_job
from .pick_run import run_here
from .settings import CommonOptions, FileType, common
from .target import Target, TargetVerb, takes_target, with_run

which_option, where_option = map(option_of, ("Which log", "Where it goes"))


class _LogsCommand(TargetVerb):
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
        "forgejo-shim logs OWNER/REPO --job build --tail 50",
        "forgejo-shim logs OWNER/REPO --failed",
        "forgejo-shim logs OWNER/REPO --follow",
        "forgejo-shim logs https://forge.example/OWNER/REPO/actions/runs/42/jobs/0",
        "forgejo-shim logs OWNER/REPO --run 42 --dir logs",
    ],
)
@takes_target()
@click.argument("job_id", metavar="[JOB_ID]", type=_parse_id, required=False)
@which_option("--run", metavar="NUMBER|latest|URL", help="The run of the job. Default: the latest.")
@which_option("--job", metavar="NAME|INDEX|ID", help="The job in it: its name, what fits only that, its index or id.")
@which_option("--attempt", type=_parse_id, metavar="N", help="Attempt of the job (from 1). Default: the current.")
@log_options
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
@where_option("--force", is_flag=True, help="With --dir: replace logs that are there. Without it that is an error.")
@common
@click.pass_obj
def logs(settings: CommonOptions, /, target: Target, job_id: int | None, **given: Any) -> int:
    """Print a job's log, or a part of it; follow or save it.

    The job is named by JOB_ID, by --run and --job, or by a URL from the browser. Without a run it is the latest; in a
    git clone that of what is checked out. A followed log ends with its job, and the exit code is the result: 0 for
    success, else 1. Piped, a log is its bytes.
    """
    options = chosen_options(given)
    job, attempt, output, folder = (given[key] for key in ("job", "attempt", "output", "folder"))
    output = None if output == "-" else output
    target = with_run(target, given["run"], "--run")
    if given["force"] and not folder:
        raise click.UsageError("--force is for --dir; leave it out")
    _check_options(target, job_id, job, attempt, output, folder, options)
    special = open_special(Path(output)) if output else None  # opened now, so that a pipe's reader sees an error
    with special or nullcontext(), settings.client(target.server) as client:
        if job_id is None and target.run is None:
            run = run_here(client, target, failed_first=options.failed)
            target = replace(target, run=run.number if run else "latest")
        if folder:
            return _save_run(client, target, Path(folder), given["force"], settings.json)
        attempt = target.attempt if attempt is None else attempt
        seen = client.overview(target.repo, target.run) if target.run is not None else None
        if seen and options.failed:
            return show_failed(client, target.repo, seen.run, seen.jobs, options)
        if seen and options.follow and job is None and target.job_index is None:
            return follow_run(client, target.repo, seen, LogPrinter(options))
        found = pick_job(seen.jobs, replace(target, run=seen.run.number), job) if seen else None
        job_id = found.id if found else job_id
        assert job_id is not None
        if output and not special:
            return _save(client, target, job_id, found, attempt, output, settings.json)
        origin = Origin(job_id, found.name if found else "", seen.run.number if seen else None, attempt)
        origin = replace(origin, is_counted=options.is_counted)
        printer = LogPrinter(options, special, output or "stdout", may_page=settings.may_ask())
        if options.follow:
            return follow_job(client, target.repo, attempt, origin, printer)
        with saying_over(found):
            show_part(client, target.repo, attempt, origin, printer)
    return 0


def _check_options(
    target: Target,
    job_id: int | None,
    job: str | None,
    attempt: int | None,
    output: str | None,
    folder: str | None,
    options: LogOptions,
) -> None:
    if job_id is not None and (target.run is not None or job is not None):
        raise click.UsageError("a job id is enough; leave out the run and --job")
    check_job_name(target, job)
    one_job = job_id is not None or job is not None or target.job_index is not None
    if folder and (one_job or attempt is not None or output):
        raise click.UsageError("--dir saves all current logs of a run; leave out the job, --attempt and --output")
    if (output or folder) and options != LogOptions():
        raise click.UsageError("--output and --dir save logs as they are; redirect stdout to keep a part of one")
    if options.failed and (one_job or attempt is not None):
        raise click.UsageError("--failed looks at all jobs of a run as they are; leave out the job and --attempt")
    if options.follow and attempt is not None and not one_job:
        raise click.UsageError("an attempt is one of a job; name the job too")


def _save(
    client: Client, target: Target, job_id: int, job: Job | None, attempt: int | None, output: str, as_json: bool
) -> int:
    with progress(f"job {job_id}") as report, saying_over(job):
        saved = client.save_log(target.repo, job_id, output, attempt, report)
    if as_json:
        show_json({"job_id": job_id, "attempt": attempt, **_summary(saved)})
    else:
        tell(f"saved {saved.path} ({saved.size:,} bytes)")
    return 0


def _save_run(client: Client, target: Target, folder: Path, force: bool, as_json: bool) -> int:
    """Save every log there is. The exit code is that of the first log that the server failed at; else, if none was
    saved, that of the first failure."""
    assert target.run is not None
    with progress(f"run {target.run}") as report:
        found = client.save_run_logs(target.repo, target.run, folder, report, replace=force)
    if as_json:
        show_json([{"job_id": job.id, "name": job.name, **_summary(saved)} for job, saved in found])
    failures = [(job, saved) for job, saved in found if isinstance(saved, ShimError)]
    for job, error in [] if as_json else failures:
        says_all = error.cause in {"job-skipped", "job-cancelled"}
        said = error.message.removeprefix(f"job {job.id} of {target.repo}: ")
        note(said if says_all else f"job {job.id} ({job.name}): not saved: {said}")
    skipped = sum(error.cause == "job-skipped" for _, error in failures)
    counts = {"saved": len(found) - len(failures), "skipped": skipped, "not saved": len(failures) - skipped}
    others = "".join(f", {count} {word}" for word, count in list(counts.items())[1:] if count)
    if not as_json:
        tell(f"saved {counts['saved']} logs in {folder}/{others}")
    failed = [error.exit_code for _, error in failures if isinstance(error, PageChanged)]
    if not failed and len(failures) == len(found):
        failed = [error.exit_code for _, error in failures]
    return failed[0] if failed else 0


def _summary(saved: Saved | ShimError) -> dict[str, object]:
    if isinstance(saved, ShimError):
        return {"path": None, "cause": saved.cause, "message": saved.message, "exit_code": saved.exit_code}
    return {"path": str(saved.path), "size": saved.size, "backend": saved.backend}
