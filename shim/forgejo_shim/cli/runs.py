"""`forgejo-shim runs`: the newest runs of a repository."""

from __future__ import annotations

import click

from .help import Verb, option_of
from .output import show_list
from .settings import CommonOptions, common
from .target import Target, parse_target


@click.command(
    cls=Verb,
    examples=["forgejo-shim runs OWNER/REPO", "forgejo-shim runs OWNER/REPO --limit 50 --json"],
)
@click.argument("target", metavar="OWNER/REPO", type=parse_target)
@option_of("Options")(
    "--limit",
    metavar="N",
    type=click.IntRange(1, 10_000),
    default=20,
    help="How many runs to list.",
)
@common
@click.pass_obj
def runs(settings: CommonOptions, target: Target, limit: int) -> None:
    """List the newest runs of a repository.

    Columns: run number, status, event, workflow and title. Forgejo 11 gives numbers and titles only.
    """
    with settings.client(target.server) as client:
        found = client.runs(target.repo, limit)
    columns = {"run": "number", "status": "status", "event": "event", "workflow": "workflow", "title": "title"}
    show_list(found, columns, settings.json)
