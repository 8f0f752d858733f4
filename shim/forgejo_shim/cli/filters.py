"""The options that choose runs: a verb lists those that fit, or takes the latest of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ..arguments import RunFilters, filters
from ..client import Client
from ..models import STATUSES, Run
from .help import option_of
from .pick_run import run_here
from .target import Target

F = TypeVar("F", bound=Callable[..., Any])


def _checked(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    try:
        filters({"commit": value})
    except ValueError:
        raise click.BadParameter("give the whole id of a commit, as git rev-parse prints it", ctx, parameter) from None
    return value


def run_filters(title: str) -> Callable[[F], F]:
    """Give a verb the filters, as keyword arguments that are those of `Client.runs`; its help calls them `title`."""
    option = option_of(title)
    words = STATUSES[1:]
    options = (
        option("--status", type=click.Choice(words), metavar="STATUS", help=f"Of this status: {', '.join(words)}."),
        option("--branch", metavar="NAME", help="Of this branch."),
        option("--workflow", metavar="FILE", help="Of the workflow in this file, such as ci.yml."),
        option("--event", metavar="EVENT", help="Triggered by this event: push, schedule, pull_request, …"),
        option("--commit", metavar="SHA", callback=_checked, help="Of the commit with this id."),
    )

    def give(command: F) -> F:
        for one in reversed(options):
            command = one(command)
        return command

    return give


def chosen_run(client: Client, target: Target, given: RunFilters) -> Run:
    """The run that the target names; without filters that of the clone here; else the latest that fits.

    Raises UsageError for a number and a filter.
    """
    if not filters(given) and (found := run_here(client, target)):
        return found
    if target.run in (None, "latest"):
        return client.run(target.repo, "latest", **given)
    if filters(given):
        raise click.UsageError("the run is named by its number; leave the filters out")
    assert target.run is not None
    return client.run(target.repo, target.run)
