"""The log of one job, or what is wanted of it, on stdout.

Rules: a step that is named is looked up in the job; what only labels the lines is left out where it cannot be told.
Wanted lines of which there are none are an error, never silence.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..client import Client
from ..errors import NothingMatched, NotThere, ShimError
from ..models import Attempt, JobDetails, Repo, Step
from .log_output import LogPrinter, Origin
from .pick import pick_step, step_choices


def show_part(client: Client, repo: Repo, attempt: int | None, origin: Origin, printer: LogPrinter) -> None:
    """Print what the options want of a job's log. Raises ShimError."""
    options, job_id = printer.options, origin.job_id
    number, step = _number(options.step), None
    if options.step is not None and number is None:
        is_brief = attempt is None and options.format == "plain"
        step = pick_step(_steps(client.job(repo, job_id, brief=is_brief), attempt), options.step, f"job {job_id}")
        number = step.number
    tail, wanted = options.tail_of_server(of_step=number is not None)
    try:
        with client.log(repo, job_id, attempt, step=number, tail=tail) as log:
            if options.format != "plain":
                origin = _described(client, repo, attempt, origin, number)
            printed = printer.print_log(log, wanted, origin, (origin.step.log_index or 0) + 1 if origin.step else 1)
    except NotThere as error:
        if error.cause == "step-not-found":
            error.choices = step_choices(_steps_or_none(client, repo, job_id, attempt))
        raise
    if not printed and (wanted.grep or wanted.since):
        raise NothingMatched(f"no line of the log of job {job_id} fits; look for less, or for something else")


def _number(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch("[0-9]{1,18}", text) else None


def _described(client: Client, repo: Repo, attempt: int | None, origin: Origin, number: int | None) -> Origin:
    """The origin with all that the job tells of itself."""
    try:
        details = client.job(repo, origin.job_id)
    except ShimError:
        return replace(origin, job=origin.job or str(origin.job_id), is_counted=number is None)
    found = _attempt(details, attempt)
    steps = _steps(details, attempt)
    origin = replace(
        origin,
        job=details.job.name,
        run=details.run.number,
        attempt=found.number if found and found.number is not None else attempt,
        steps=tuple(step for step in steps if step.log_length),  # others have no place in the log
    )
    step = next((step for step in steps if step.number == number), None)
    return origin.of(step) if step else replace(origin, is_counted=origin.is_counted and number is None)


def _attempt(details: JobDetails, number: int | None) -> Attempt | None:
    """The attempt of that number, or the current one."""
    found = [attempt for attempt in details.attempts or () if number in (None, attempt.number)]
    return found[-1] if found else None


def _steps(details: JobDetails, number: int | None) -> tuple[Step, ...]:
    found = _attempt(details, number)
    return found.steps if found else ()


def _steps_or_none(client: Client, repo: Repo, job_id: int, attempt: int | None) -> tuple[Step, ...]:
    try:
        return _steps(client.job(repo, job_id), attempt)
    except ShimError:
        return ()
