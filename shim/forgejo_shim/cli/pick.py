"""Which job, or which step of it, a word names; and what is said where none or several fit.

Rules: a job's whole name comes first, then its index, its id, a pattern with `*` or `?`, the beginning of its name: the
first of these that anything fits decides. Nothing is guessed: where several fit, they are listed, at most ten, those
that failed first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

import click

from ..errors import NothingMatched, NotThere
from ..models import Job, Step
from .status import URGENCY
from .target import Target

T = TypeVar("T", Job, Step)

JOB_NAME = 255  # bytes at most; Forgejo cuts a longer one (modules/util/truncate.go)
SHOWN = 10  # choices in a message


class SeveralFit(click.ClickException):
    """Several things fit what was asked for: `choices`, one a line. An error of usage."""

    def __init__(self, message: str, choices: Sequence[str]) -> None:
        super().__init__(message)
        self.choices = choices


def check_job_name(target: Target, job: str | None) -> None:
    """Raise UsageError for a --job that no job can have, or beside a URL that names a job."""
    if job is not None and target.job_index is not None:
        raise click.UsageError("the URL already names a job; leave out --job")
    if job is not None and len(job.encode(errors="replace")) > JOB_NAME:
        raise click.UsageError("--job is longer than any job's name; give a name, an index or an id")


def pick_job(jobs: Sequence[Job], target: Target, wanted: str | None) -> Job:
    """The job that fits; without a word the only one. Raises NotThere, SeveralFit, NothingMatched: no job yet."""
    run = f"run {target.run} of {target.repo}"
    if target.job_index is not None:
        found = [job for job in jobs if job.index == target.job_index]
    else:
        found = list(jobs) if wanted is None else _fitting(jobs, wanted)
    if len(found) == 1:
        return found[0]
    more = f": `forgejo-shim jobs {target.repo} {target.run}`"
    if found:
        fit = "" if wanted is None else f" that fit {wanted!a}"
        raise SeveralFit(f"{run} has {len(found)} jobs{fit}; give the id of one", job_choices(found, more))
    if wanted is None and target.job_index is None:
        raise NothingMatched(f"{run} has no jobs")
    has = "these" if jobs else "none"
    raise _not_there("job-not-in-run", f"no job of {run} fits; it has {has}", job_choices(jobs, more))


def pick_step(steps: Sequence[Step], wanted: str, what: str) -> Step:
    """The step that fits, by its number (from 0) or its name. Raises NotThere, SeveralFit."""
    found = [step for step in steps if re.fullmatch("[0-9]+", wanted) and step.number == int(wanted)]
    found = found or _by_name(steps, wanted)
    if len(found) == 1:
        return found[0]
    if found:
        raise SeveralFit(f"{len(found)} steps of {what} fit {wanted!a}; give the number of one", step_choices(found))
    has = "these" if steps else "none"
    raise _not_there("step-not-found", f"{what} has no step {wanted!a}; it has {has}", step_choices(steps))


def _not_there(cause: str, message: str, choices: Sequence[str]) -> NotThere:
    """The error for a name that nothing has, with what there is."""
    error = NotThere(message, cause=cause)
    error.choices = choices
    return error


def job_choices(jobs: Sequence[Job], more: str = "") -> list[str]:
    """Jobs to choose from, a line each: id, status and name. `more` says where the rest is to be seen."""
    return _choices([(job.id, job.status, job.name) for job in jobs], more)


def step_choices(steps: Sequence[Step]) -> list[str]:
    """Steps to choose from, a line each: number, status and name."""
    return _choices([(step.number, step.status, step.name) for step in steps], "")


def _choices(rows: Sequence[tuple[int, str, str]], more: str) -> list[str]:
    order = sorted(rows, key=lambda row: URGENCY.index(row[1]) if row[1] in URGENCY else len(URGENCY))[:SHOWN]
    width = max((len(str(number)) for number, _, _ in order), default=0)
    shown = [f"  {number:{width}}  {status:9}  {name}" for number, status, name in order]
    return [*shown, *([f"  and {len(rows) - SHOWN} more{more}"] if len(rows) > SHOWN else [])]


def _fitting(jobs: Sequence[Job], wanted: str) -> list[Job]:
    number = int(wanted) if re.fullmatch("[0-9]+", wanted) else None
    return (
        [job for job in jobs if job.name == wanted]
        or [job for job in jobs if number is not None and job.index == number]
        or [job for job in jobs if number is not None and job.id == number]
        or _by_name(jobs, wanted)
    )


def _by_name(found: Sequence[T], wanted: str) -> list[T]:
    return (
        [one for one in found if one.name == wanted]
        or [one for one in found if re.search("[*?]", wanted) and fnmatchcase(one.name, wanted)]
        or [one for one in found if one.name.startswith(wanted)]
    )
