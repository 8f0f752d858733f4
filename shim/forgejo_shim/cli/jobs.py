"""`forgejo-shim jobs`: the jobs of a run."""

from __future__ import annotations

from dataclasses import asdict

import click

from .help import Verb
from .output import show_json, show_table
from .settings import CommonOptions, common
from .target import Target, TargetType, run_ref


@click.command(cls=Verb, examples=["forgejo-shim jobs OWNER/REPO", "forgejo-shim jobs OWNER/REPO 42"])
@click.argument("target", metavar="OWNER/REPO|URL", type=TargetType())
@click.argument("run", metavar="[RUN]", required=False)
@common
@click.pass_obj
def jobs(settings: CommonOptions, target: Target, run: str | None) -> None:
    """List the jobs of a run.

    RUN is a run number or "latest" (the default); a run's URL names it too. Columns: job id, job index, status, attempt
    and name.
    """
    if run is not None and target.run is not None:
        raise click.UsageError("the URL already names a run; leave out RUN")
    wanted = run_ref(run) if run is not None else target.run
    with settings.client(target.server) as client:
        found = client.jobs(target.repo, "latest" if wanted is None else wanted)
    if settings.json:
        show_json([asdict(job) for job in found])
        return
    rows = [(job.id, job.index, job.status, job.attempt, job.name) for job in found]
    show_table(("job", "index", "status", "attempt", "name"), rows)
