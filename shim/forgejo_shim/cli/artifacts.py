"""`forgejo-shim artifacts`: the artifacts of a run, or the newest of a repository."""

from __future__ import annotations

from dataclasses import asdict

import click

from .filters import chosen_run
from .help import option_of
from .output import show_json, show_table
from .settings import CommonOptions, common
from .target import Target, TargetVerb, takes_target, with_run


@click.command(
    cls=TargetVerb, examples=["forgejo-shim artifacts OWNER/REPO 42", "forgejo-shim artifacts OWNER/REPO --newest 50"]
)
@takes_target()
@click.argument("run", metavar="[RUN]", required=False)
@option_of("Options")(
    "--newest",
    metavar="N",
    type=click.IntRange(1, 10_000),
    help="List the N newest of all runs, in place of those of one run.",
)
@common
@click.pass_obj
def artifacts(settings: CommonOptions, target: Target, run: str | None, newest: int | None) -> None:
    """List the artifacts of a run.

    RUN is a run number, "latest" (the default) or a run's URL, which can stand alone too. Columns: artifact id, id of
    its run, size in bytes, whether it is there or has expired, when it was made, and name. What the server does not
    tell is empty.
    """
    target = with_run(target, run, "RUN")
    if newest and target.run is not None:
        raise click.UsageError("--newest lists those of all runs; leave the run out")
    with settings.client(target.server) as client:
        found = client.artifacts(target.repo, None if newest else chosen_run(client, target, {}), newest)
    if settings.json:
        show_json([asdict(artifact) for artifact in found])
        return
    rows = [(a.id, a.run_id, a.size, "expired" if a.is_expired else "there", a.created, a.name) for a in found]
    show_table(("artifact", "run id", "size", "status", "made", "name"), rows)
