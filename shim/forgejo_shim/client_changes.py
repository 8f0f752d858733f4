"""Cancel and rerun for `Client`: asked for once, by the caller's own right.

Rules: natively where the server has the operation, else by the web account (flows/writes.py). A run of Forgejo 11,
whose API knows no run ids, is named by its number. Forgejo reruns one job with those that need it, or all jobs of a
run, and the shim nothing while a job of the run is not over: so several failed jobs are rerun together only if no job
of the run succeeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .client_session import ClientSession
from .errors import NothingMatched, NotPossible, not_over
from .flows.dispatch import Request, dispatch
from .flows.rights import Caller
from .models import FAILED, FINAL, Headers, Job, Repo, Run
from .operations import CANCEL_RUN, RERUN_JOB, RERUN_RUN, Operation, recognise
from .paths import job_path, run_path
from .transport import Transport

SHOWN = 20  # jobs that a message names


class ClientChanges:
    """Cancels and reruns."""

    def __init__(self, asking: ClientSession) -> None:
        self._asking = asking

    def cancel(self, repo: Repo, run: Run) -> None:
        """Cancel a run; one that is over stays as it is. Raises ShimError."""
        self._of_run(CANCEL_RUN, repo, run)

    def rerun(self, repo: Repo, run: Run) -> None:
        """Rerun all jobs of a run. Raises ShimError."""
        self._of_run(RERUN_RUN, repo, run)

    def rerun_job(self, repo: Repo, job_id: int) -> None:
        """Rerun a job, and those that need it. Raises ShimError."""
        self._asking.post(f"{job_path(repo, job_id)}/rerun", f"job {job_id} of {repo}", RERUN_JOB.path)

    def rerun_failed(self, repo: Repo, run: Run, jobs: Sequence[Job]) -> Job | None:
        """Rerun the failed one of the run's jobs, or all jobs (None) if no job succeeded. Raises ShimError."""
        failed = [job for job in jobs if job.status in FAILED]
        what = f"run {run.number} of {repo}"
        going_on = next((job for job in jobs if job.status not in FINAL), None)
        if not failed and going_on:
            raise not_over(what, going_on.id, going_on.status)
        if not failed:
            raise NothingMatched(f"no job of {what} has failed or was cancelled; leave --failed out to rerun all")
        if len(failed) == 1:
            self.rerun_job(repo, failed[0].id)
            return failed[0]
        if any(job.status == "success" for job in jobs):
            names = ", ".join(f"{job.id} ({job.name})" for job in failed[:SHOWN])
            raise NotPossible(
                f"{what} has {len(failed)} failed jobs, and Forgejo reruns one at a time or all jobs of the run: name"
                f" one with --job, or leave --failed out; they are {names}",
                cause="several-failed",
            )
        self.rerun(repo, run)
        return None

    def _of_run(self, operation: Operation, repo: Repo, run: Run) -> None:
        verb = operation.path.rpartition("/")[2]
        path = f"{run_path(repo, run.number if run.id is None else run.id)}/{verb}"
        what = f"run {run.number} of {repo}"
        if run.id is not None:
            self._asking.post(path, what, operation.path)
            return
        found, server = recognise(operation.method, path, ""), self._asking.adapter.server
        assert found
        call = replace(found, run=run.number)

        async def ask(net: Transport, caller: Caller) -> None:
            await dispatch(net, server, call, Request(Headers(), caller, writes=True))

        self._asking.run(ask, what, operation.path)
