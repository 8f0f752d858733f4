"""Rerun the jobs of a run that failed or were cancelled, and those that need them.

Rules: Forgejo reruns one job with those that need it, so they are rerun one by one, by their index. All jobs of the run
are over before; one that was rerun with another since is left alone. If a later one cannot be rerun, what was done
stays, and the error says so.
"""

from __future__ import annotations

from ..errors import NotThere, PageChanged, ShimError, WrongState
from ..models import FAILED, FINAL, Done, Location
from ..operations import Call
from ..webui.reader import Reader
from .find_job import find_job
from .rights import Grants, run_of
from .writes import check_all_over, rerun_job


async def rerun_failed(reader: Reader, call: Call, caller: Grants) -> Done:
    """Rerun them. Raises WrongState where there are none, PageChanged where only some were rerun, ShimError."""
    run = await run_of(reader, call, caller)
    state = await reader.web_run(Location(run.number, 0))
    if state is None:
        raise NotThere(f"run with id {call.id}: resource does not exist")
    failed = [job.id for job in state.jobs if job.status in FAILED]
    if not failed:
        check_all_over(state, f"run {call.id}")
        raise WrongState(f"no job of run {call.id} failed or was cancelled; rerun all of it", cause="nothing-failed")
    for at, job_id in enumerate(failed):
        try:
            await rerun_job(reader, job_id, is_first=at == 0)
        except ShimError as error:
            if at == 0:
                raise
            if error.cause == "not-over" and await _goes_on(reader, job_id):
                continue
            raise PageChanged(
                f"{at} of {len(failed)} failed jobs of run {call.id} were rerun, but job {job_id} was not:"
                f" {error.message}",
                cause="rerun-in-part",
            ) from None
    return Done()


async def _goes_on(reader: Reader, job_id: int) -> bool:
    """Whether a job is rerun all the same: from 13 to 15 a rerun stops with an error at a job that needs it and goes on
    already (routers/web/repo/actions/view.go, 15.0.2)."""
    return (await find_job(reader, job_id)).job.status not in FINAL
