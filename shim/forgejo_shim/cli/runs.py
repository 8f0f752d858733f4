"""`forgejo-shim runs`: the newest runs of a repository, all of them or those that fit."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, fields
from typing import Unpack

import click

from ..arguments import RunFilters
from ..models import FINAL, Run
from ..times import seconds
from .fields import FieldsVerb, chosen
from .filters import run_filters
from .help import option_of
from .output import is_for_people, note, show_json, show_lines, show_rows
from .settings import CommonOptions, common
from .status import ago, lasted
from .table import Column, Row, row_of, status_cell
from .target import Target, takes_target

# For a program; new ones come at the end.
OF_ROWS = ("number", "status", "event", "workflow", "title", "branch", "commit", "actor", "created", "duration")
OF_TABLE = (
    Column("status"),
    Column("run", is_right=True),
    Column("title", least=20),
    Column("workflow", least=8, spare=2),
    Column("branch", least=8, spare=1),
    Column("event", least=5, spare=3),
    Column("age", spare=1, is_right=True),
    Column("took", spare=2, is_right=True),
    Column("actor", least=6, spare=4),
)


@click.command(
    cls=FieldsVerb,
    fields=[field.name for field in fields(Run)],
    examples=[
        "forgejo-shim runs OWNER/REPO",
        "forgejo-shim runs OWNER/REPO --status failure --limit 5",
        "forgejo-shim runs OWNER/REPO --json number,status,branch",
    ],
)
@takes_target("[OWNER/REPO]")
@run_filters("Which runs")
@option_of("Which runs")(
    "--limit",
    metavar="N",
    type=click.IntRange(1, 10_000),
    default=20,
    help="How many runs to list.",
)
@common
@click.pass_obj
def runs(settings: CommonOptions, /, target: Target, limit: int, **filters: Unpack[RunFilters]) -> None:
    """List the newest runs of a repository.

    On a terminal a line a run, red where it failed. In a pipe a row a run, without headings: run number, status, event,
    workflow, title, branch, commit, actor, when it was made, and seconds that it took. What the server does not tell is
    empty: Forgejo 11 gives numbers, statuses and titles, and filters by --status and --workflow only.
    """
    with settings.client(target.server) as client:
        found = client.runs(target.repo, limit, **filters)
    if settings.json:
        show_json(chosen(asdict(run) for run in found))
    elif is_for_people():
        show_lines(OF_TABLE, [_row(run, sys.stdout.encoding) for run in found])
        if not found:
            note("no run fits" if any(filters.values()) else f"{target.repo} has no runs")
    else:
        show_rows([getattr(run, name) for name in OF_ROWS] for run in found)


def _row(run: Run, encoding: str) -> Row:
    now = time.time()
    started = seconds(run.started)
    took = run.duration if run.status in FINAL or not started else now - started
    cells = (
        status_cell(run.status, encoding),
        str(run.number),
        run.title,
        run.workflow,
        run.branch,
        run.event,
        ago(now - seconds(run.created)) if run.created else "",
        lasted(took),
        run.actor,
    )
    return row_of(run.status, cells)
