"""`forgejo-shim logs --failed`: of each failed job of a run the steps that made it fail, that of `why` first.

Rules: never silent: where nothing failed, or a job has no log, a sentence says so. A job whose steps cannot be told
gives all of its log. Of jobs of one name each is headed by its id, too.
"""

from __future__ import annotations

import sys
from collections import Counter

from ..client import Client
from ..client_log import NO_LOG, saying_over
from ..errors import NothingMatched, ShimError
from ..flows.failed_step import failing
from ..log_lines import select
from ..models import FAILED, FINAL, Attempt, Job, Repo, Run
from .log_options import LogOptions
from .log_output import LogPrinter, Origin
from .output import note


def show_failed(client: Client, repo: Repo, run: Run, jobs: tuple[Job, ...], options: LogOptions) -> int:
    """Print them. The exit code is 0, or that of the first failure if no job had a log. Raises NothingMatched."""
    failed = [job for job in jobs if job.status in FAILED]
    if not failed:
        counted = ", ".join(f"{count} {status}" for status, count in Counter(job.status for job in jobs).items())
        none = "is over and has none" if run.status in FINAL else "has none yet"
        raise NothingMatched(f"no job of run {run.number} of {repo} failed; it {f'has {counted}' if counted else none}")
    printer, errors = LogPrinter(options), []
    times = Counter(job.name for job in jobs)
    for job in failed:
        try:
            with saying_over(job):
                name = job.name if times[job.name] == 1 else f"{job.name} ({job.id})"
                _show_job(client, repo, run, job, name, printer)
        except NO_LOG as error:
            note(error.message)
            errors.append(error)
    return errors[0].exit_code if len(errors) == len(failed) else 0


def _show_job(client: Client, repo: Repo, run: Run, job: Job, name: str, printer: LogPrinter) -> None:
    attempt, why = _current(client, repo, job, is_counted=printer.options.format != "plain")
    steps = [attempt.steps[n] for n in failing([step.status for step in attempt.steps])] if attempt else []
    number = attempt.number if attempt else None
    origin = Origin(job.id, job.name, run.number, job.attempt if number is None else number)
    for step in steps:
        with client.log(repo, job.id, number, step=step.number) as log:
            _head(printer, f"== {name} / {step.name} ==")
            wanted = printer.options.wanted
            printed = printer.print_lines(select(log, wanted, (step.log_index or 0) + 1), origin.of(step))
        if not printed:
            _head(printer, "no line of it fits" if wanted.grep or wanted.since else "nothing was written in it")
    if not steps:
        tail, wanted = printer.options.tail_of_server(of_step=False)
        with client.log(repo, job.id, number, tail=tail) as log:
            _head(printer, f"== {name} ==", why or "it tells no step that failed, so this is all of its log")
            printer.print_lines(select(log, wanted), origin)


def _current(client: Client, repo: Repo, job: Job, is_counted: bool) -> tuple[Attempt | None, str]:
    """The job's current attempt, its lines counted if they are; or None, and why it cannot be told. Raises the errors
    that its log has, too."""
    try:
        attempts = client.job(repo, job.id, brief=not is_counted).attempts
    except NO_LOG:
        raise
    except ShimError as error:
        return None, f"its steps cannot be told, so this is all of its log: {error.message}"
    return attempts[-1] if attempts else None, ""


def _head(printer: LogPrinter, *lines: str) -> None:
    """What stands above lines that do not say themselves where they are from."""
    if printer.options.format == "plain":
        sys.stdout.flush()
        for line in lines:
            note(line)
