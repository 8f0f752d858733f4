"""`forgejo-shim rerun`: run a finished run again, or one of its jobs."""

from __future__ import annotations

import click

from ..models import Job
from .help import option_of
from .output import show_json, show_table
from .pick import check_job_name, pick_job
from .settings import CommonOptions, common
from .target import Target, TargetVerb, named_run, takes_target

which_option = option_of("Which jobs")


@click.command(
    cls=TargetVerb,
    examples=["forgejo-shim rerun OWNER/REPO 42", "forgejo-shim rerun OWNER/REPO latest --job build"],
)
@takes_target()
@click.argument("run", metavar="RUN", required=False)
@which_option("--failed", is_flag=True, help="Only the job that failed or was cancelled, and those that need it.")
@which_option("--job", metavar="NAME|INDEX|ID", help="Only this job, and those that need it: as for `logs`.")
@common
@click.pass_obj
def rerun(settings: CommonOptions, target: Target, run: str | None, failed: bool, job: str | None) -> None:
    """Run a finished run again, or one job of it.

    RUN is a run number, "latest" or a run's URL, which can stand alone too; the URL of a job means this job. No job of
    the run may be unfinished. Of several failed jobs Forgejo cannot rerun some: --failed is then refused, unless none
    succeeded. Your token needs the scope write:repository, you and the web account the right to write.
    """
    target = named_run(target, run)
    check_job_name(target, job)
    one_job = job is not None or target.job_index is not None
    if failed and one_job:
        raise click.UsageError("give --failed or a job, not both")
    assert target.run is not None
    chosen: Job | None
    with settings.client(target.server) as client:
        found = client.run(target.repo, target.run)
        if one_job:
            chosen = pick_job(client.jobs(target.repo, found), target, job)
            client.rerun_job(target.repo, chosen.id)
        else:
            chosen = client.rerun(target.repo, found, failed=failed)
    if settings.json:
        told = None if chosen is None else {"job_id": chosen.id, "name": chosen.name}
        show_json({"run": found.number, "run_id": found.id, "job": told})
        return
    show_table(("run", "rerun"), [(found.number, "all jobs" if chosen is None else f"job {chosen.id} ({chosen.name})")])
