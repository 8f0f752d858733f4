"""`forgejo-shim cancel`: cancel a run."""

from __future__ import annotations

import click

from ..models import FINAL
from .output import show_json, show_table
from .settings import CommonOptions, common
from .target import Target, TargetVerb, named_run, takes_target


@click.command(
    cls=TargetVerb,
    examples=["forgejo-shim cancel OWNER/REPO 42", "forgejo-shim cancel OWNER/REPO latest --json"],
)
@takes_target()
@click.argument("run", metavar="RUN", required=False)
@common
@click.pass_obj
def cancel(settings: CommonOptions, target: Target, run: str | None) -> None:
    """Cancel a run.

    RUN is a run number, "latest" or a run's URL, which can stand alone too. A run that is over stays as it is. Your
    token needs the scope write:repository, and you the right to write; below Forgejo 16 the web account needs it, too.
    """
    target = named_run(target, run)
    assert target.run is not None
    with settings.client(target.server) as client:
        found = client.run(target.repo, target.run)
        jobs = client.overview(target.repo, found).jobs  # a run that has failed can go on
        client.cancel(target.repo, found)
    is_over = all(status in FINAL for status in [job.status for job in jobs] or [found.status])
    if settings.json:
        show_json({"run": found.number, "run_id": found.id, "was": found.status, "cancelled": not is_over})
        return
    show_table(("run", "done"), [(found.number, f"was over: {found.status}" if is_over else "cancelled")])
