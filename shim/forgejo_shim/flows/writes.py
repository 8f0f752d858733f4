"""Rerun and cancel, in the web account's name but by the caller's right.

Rules: whoever asks must be let dispatch a workflow by the API, asked as the caller each time and never kept; any other
answer than the one that only a writer gets is relayed. Then the place is proved, and one POST is sent, never a second
one unless the first was turned away at the door (a lost session, an old CSRF token).

Never the wrong job: a job is rerun only while every job of its run is over, since rows move only while one is not, and
afterwards its id must still be at its index. That also keeps a rerun whole: of the jobs that need it, which run again
too, Forgejo would skip (up to 14), stop at (15.0.2) or cancel (16) those that are not over (services/actions/rerun.go).
"""

from __future__ import annotations

import json

from ..contract import CANCEL_RUN, RERUN_JOB, Operation, as_caller
from ..errors import NotNow, NotThere, PageChanged, ShimError, Unreachable, WebAccount
from ..models import Location, RunState
from ..web import FINAL, Page, rerun_path, run_path
from .job import Viewer
from .locate import locate
from .net import Broken, Net, Reply, beginning, encode, is_json
from .pages import Asked
from .runjobs import RunFacts, refused_by

YES = (400, "ref is empty")  # routers/api/v1/repo/action.go, DispatchWorkflow; seen on 11.0.15, 15.0.2 and 16
AT_THE_DOOR = (Page.BAD_TOKEN, Page.HIDDEN, Page.SIGN_IN)


async def write_question(net: Net, operation: Operation) -> Reply | None:
    """Whether the caller may rerun and cancel here; None is a yes, else the API's own answer. Raises PageChanged."""
    path = as_caller(operation.write_question, operation.query)
    answer = await net.ask("POST", path, [("Content-Type", "application/json")], encode({"ref": ""}))
    body = await beginning(answer)
    if answer.status < 300:
        raise PageChanged("the API let a workflow without a ref be dispatched; report this server's version")
    try:
        message = json.loads(body).get("message") if is_json(answer) else None
    except (ValueError, AttributeError, RecursionError):
        message = None
    if (answer.status, message) == YES:
        return None
    return refused_by(answer, body, operation)


async def write(viewer: Viewer, operation: Operation, facts: RunFacts | None) -> Reply:
    """Do it, the question having been a yes; `facts` of the run, for an operation by run id. Raises ShimError."""
    if operation.template == RERUN_JOB:
        return await _rerun_job(viewer, operation.id)
    number = facts.number if facts else 0
    verb = "cancel" if operation.template == CANCEL_RUN else "rerun"
    for last in (False, True):
        state = await viewer.state(Location(number, 0))
        if state is None:
            raise NotThere(f"run with id {operation.id}: resource does not exist")
        if verb == "rerun":
            _all_over(state, f"run {operation.id}")
        asked = await _post(viewer, run_path(viewer.repo, number, verb))
        if last or asked.page not in AT_THE_DOOR:
            break
    return _done(viewer, asked)


async def _rerun_job(viewer: Viewer, job_id: int) -> Reply:
    for last in (False, True):
        found = await locate(viewer, job_id)
        _all_over(found.state, f"job {job_id}")
        asked = await _post(viewer, rerun_path(viewer.repo, found.at))
        if last or asked.page not in AT_THE_DOOR:
            break
    reply = _done(viewer, asked)
    after = await viewer.state(found.at)
    if after is None or after.index_of(job_id) != found.at.job_index:
        raise PageChanged(f"the rows of run {found.at.run_number} in {viewer.repo} moved while job {job_id} was rerun;"
                          " look at the run before asking again")  # fmt: skip
    return reply


def _all_over(state: RunState, what: str) -> None:
    for job in state.jobs:
        if job.status not in FINAL:
            raise NotNow(
                f"{what} cannot be rerun while job {job.id} of the run is {job.status}; ask again when all are over",
                cause="not-over",
                retry_after=10,
            )


async def _post(viewer: Viewer, path: str) -> Asked:
    """Send it once. Where no answer comes, nobody knows whether it was done."""
    try:
        return await viewer.post(path, {})
    except (Broken, OSError, Unreachable) as error:
        raise Unreachable(
            f"{viewer.net.called} broke off after it was asked ({type(error).__name__}), so it may have been done;"
            " look at the run before asking again",
            cause="write-unknown",
        ) from None


def _done(viewer: Viewer, asked: Asked) -> Reply:
    """204, or the error that the web UI's refusal stands for."""
    if asked.page is Page.STATE and _says_done(asked.text):
        return Reply(204, [], b"")
    if asked.answer.status == 400 and b'"errorMessage"' in asked.text:
        raise NotNow("the run or the job has just begun again; ask again when it is over", cause="not-over")
    raise _refused(viewer, asked)


def _says_done(text: bytes) -> bool:
    """Whether it is the JSON that a rerun or a cancel is answered with: nothing in it, or where the browser goes next
    (routers/web/repo/actions/view.go, 11.0.15 to 16)."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and (not told or (len(told) == 1 and isinstance(told.get("redirect"), str)))


def _refused(viewer: Viewer, asked: Asked) -> ShimError:
    if asked.page is Page.HIDDEN and viewer.server.session.credentials:
        return WebAccount(
            f"the shim's {viewer.server.session.account} at {viewer.net.called} cannot write to {viewer.repo};"
            " give it write access",
            cause="web-account-cannot-write",
        )
    return viewer.trouble(asked)
