"""`forgejo-shim jobs`: the jobs of a run."""

from __future__ import annotations

import click

from .help import Verb
from .output import show_list
from .settings import CommonOptions, common
from .target import Target, parse_target, with_run


@click.command(cls=Verb, examples=["forgejo-shim jobs OWNER/REPO", "forgejo-shim jobs OWNER/REPO 42"])
@click.argument("target", metavar="OWNER/REPO|URL", type=parse_target)
@click.argument("run", metavar="[RUN]", required=False)
@common
@click.pass_obj
def jobs(settings: CommonOptions, target: Target, run: str | None) -> None:
    """List the jobs of a run.

    RUN is a run number, "latest" (the default) or a run's URL, which can stand alone too. Columns: job id, job index,
    status, attempt and name.
    """
    target = with_run(target, run, "RUN")
    with settings.client(target.server) as client:
        found = client.jobs(target.repo, "latest" if target.run is None else target.run)
    columns = {"job": "id", "index": "index", "status": "status", "attempt": "attempt", "name": "name"}
    show_list(found, columns, settings.json)
