"""A verb's first argument: a repository, or one of its run pages, as a URL or a path (pages.py).

Rules: what is wrong with it is an error of usage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import click

from ..errors import ShimError
from ..pages import RunRef, Target, run_of, target_of

__all__ = ["RunRef", "Target", "named_run", "parse_target", "run_ref", "with_run"]

T = TypeVar("T")


def parse_target(value: str) -> Target:
    """OWNER/REPO, or the URL of a run or a job, as a Target. Raises BadParameter."""
    return _parameter(target_of, value)


def with_run(target: Target, run: str | None, name: str) -> Target:
    """`target` with the run, or a page of it, that the argument `name` names. Raises UsageError."""
    if run is None:
        return target
    if target.run is not None:
        raise click.UsageError(f"the URL already names a run; leave out {name}")
    if "/" not in run:
        return replace(target, run=run_ref(run))
    page = parse_target(run)
    if page.repo.key != target.repo.key or page.run is None:
        raise click.UsageError(f"the URL given as {name} is not a run of {target.repo}")
    return page


def named_run(target: Target, run: str | None) -> Target:
    """`target` with its run, for a verb that has no default. Raises UsageError."""
    target = with_run(target, run, "RUN")
    if target.run is None:
        raise click.UsageError("no run given; give its number, latest, or the URL of its page")
    return target


def run_ref(text: str) -> RunRef:
    """A run's number or `latest`. Raises BadParameter."""
    return _parameter(run_of, text)


def _parameter(parse: Callable[[str], T], value: str) -> T:
    try:
        return parse(value)
    except ShimError as error:
        raise click.BadParameter(error.message) from None
