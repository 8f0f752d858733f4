"""`forgejo-shim cancel`: cancel a run."""

from __future__ import annotations

import click

from ..models import FINAL
from .help import Verb
from .output import show_json, show_table
from .settings import CommonOptions, common
from .target import Target, named_run, parse_target


@click.command(
    cls=Verb,
    examples=["forgejo-shim cancel OWNER/REPO 42", "forgejo-shim cancel OWNER/REPO latest --json"],
)
@click.argument("target", metavar="OWNER/REPO|URL", type=parse_target)
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
        client.cancel(target.repo, found)
    over = None if found.status == "unknown" else found.status in FINAL  # on 11, whose API knows no runs
    if settings.json:
        cancelled = None if over is None else not over
        show_json({"run": found.number, "run_id": found.id, "was": found.status, "cancelled": cancelled})
        return
    done = {True: f"was over: {found.status}", False: "cancelled", None: "cancelled, if it was not over"}[over]
    show_table(("run", "done"), [(found.number, done)])
