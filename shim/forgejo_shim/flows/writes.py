"""Rerun, cancel and the deletion of an artifact, in the web account's name but by the caller's right.

Rules: whoever asks must be let dispatch a workflow by the API, asked as the caller each time and never kept
(rights.py). Then the place is proved, and one POST is sent, never a second one unless the first was turned away at the
door (a lost session, an old CSRF token).

Never the wrong job: a job is rerun only while every job of its run is over, since rows move only while one is not, and
afterwards its id must still be at its index. That also keeps a rerun whole: of the jobs that need it, which run again
too, Forgejo would skip (up to 14), stop at (15.0.2) or cancel (16) those that are not over (services/actions/rerun.go).

Nor another artifact: it is deleted by the name that its run's list had under its id. The web UI says yes to any name
(routers/web/repo/actions/view.go, 11.0.15 to 15.0.2), so only the list, read again, tells that it is gone. An expired
one cannot be deleted and stays, and to 16 too that is done.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import TypeVar

from ..errors import NotNow, NotThere, PageChanged, ShimError, Unreachable, WebAccount, not_over, run_over
from ..models import FINAL, Done, Location
from ..operations import Call
from ..transport import BrokenBody, Transport
from ..webui.asking import PageAnswer, delete, post, trouble
from ..webui.grammar import Page, artifact_path, rerun_path, run_path
from ..webui.reader import Reader
from ..webui.values import WebRun
from .artifacts import check_has_address, find_artifact
from .find_job import find_job
from .rights import Grants

T = TypeVar("T")

AT_THE_DOOR = (Page.BAD_CSRF_TOKEN, Page.NOT_FOUND, Page.SIGN_IN)


async def change_run(reader: Reader, number: int, verb: str, name: str, *, tells_over: bool = False) -> Done:
    """Rerun or cancel (`verb`) a run; `name` is what the caller called it. `tells_over`: whether the cancel of a run
    that is over is an error. Raises ShimError."""
    for last in (False, True):
        state = await reader.web_run(Location(number, 0))
        if state is None:
            raise NotThere(f"run with id {name}: resource does not exist")
        if verb == "rerun":
            check_all_over(state, f"run {name}")
        elif tells_over and all(job.status in FINAL for job in state.jobs):
            raise run_over(name)
        page = await once(reader.net, post(reader, run_path(reader.repo, number, verb), {}))
        if last or page.kind not in AT_THE_DOOR:
            break
    return done_of(reader, page)


async def rerun_job(reader: Reader, job_id: int, *, is_first: bool = True) -> Done:
    """Rerun a job, and the jobs that need it. `is_first`: all jobs of the run have to be over; else one that is not
    over is left alone, since it was rerun with another. Raises ShimError."""
    for last in (False, True):
        place = await find_job(reader, job_id)
        if is_first:
            check_all_over(place.state, f"job {job_id}")
        elif place.job.status not in FINAL:
            return Done()
        page = await once(reader.net, post(reader, rerun_path(reader.repo, place.at), {}))
        if last or page.kind not in AT_THE_DOOR:
            break
    done = done_of(reader, page)
    after = await _seen_after(reader.net, reader.web_run(place.at))
    if after is None or after.index_of(job_id) != place.at.job_index:
        raise PageChanged(f"the rows of run {place.at.run_number} in {reader.repo} moved while job {job_id} was rerun;"
                          " look at the run before asking again")  # fmt: skip
    return done


def check_all_over(state: WebRun, what: str) -> None:
    """Raise NotNow while a job of a run is not over."""
    for job in state.jobs:
        if job.status not in FINAL:
            raise not_over(what, job.id, job.status)


async def delete_artifact(reader: Reader, call: Call, caller: Grants) -> Done:
    """Delete the artifact whose id the call names. Raises ShimError."""
    for last in (False, True):
        place = await find_artifact(reader, call, caller)
        if place.artifact.is_expired:
            return Done()
        check_has_address(place.artifact)
        path = artifact_path(reader.repo, place.run.number, place.artifact.name)
        try:
            page = await once(reader.net, delete(reader, path))
        finally:  # it may be gone, whether or not anybody learns of it
            await reader.facts.put_artifacts(place.run.number, None)
        if last or page.kind not in AT_THE_DOOR:
            break
    done = done_of(reader, page)
    left = await _seen_after(reader.net, reader.artifacts(place.run.number)) or ()
    if any(row.name == place.artifact.name for row in left):
        raise PageChanged(f"artifact {place.artifact.name!a} of run {place.run.number} in {reader.repo} is still listed"
                          " after its deletion; look at the run before asking again")  # fmt: skip
    return done


async def once(net: Transport, sent: Awaitable[T]) -> T:
    """What is answered to something that is sent once. Where no answer comes, nobody knows whether it was done."""
    try:
        return await sent
    except Unreachable as error:
        if error.cause != Unreachable.cause or not error.was_sent:
            raise
    except BrokenBody:
        pass
    raise _unknown(net)


async def _seen_after(net: Transport, asked: Awaitable[T]) -> T:
    """What is seen after something was sent and answered; whatever keeps it from being seen, it may have been done."""
    try:
        return await asked
    except (ShimError, BrokenBody):
        raise _unknown(net) from None


def _unknown(net: Transport) -> Unreachable:
    return Unreachable(
        f"{net.server_name} was asked and did not answer to the end, so it may have been done; look at the run before"
        " asking again",
        cause="write-unknown",
    )


def done_of(reader: Reader, page: PageAnswer) -> Done:
    """That it is done. Raises the error that the web UI's refusal stands for."""
    if page.kind is Page.VIEW and _says_done(page.text):
        return Done()
    if page.answer.status == 400 and b'"errorMessage"' in page.text:
        raise NotNow("the run or the job has just begun again; ask again when it is over", cause="not-over")
    raise _refused(reader, page)


def _says_done(text: bytes) -> bool:
    """Whether it is the JSON that a rerun or a cancel is answered with: nothing in it, or where the browser goes next
    (routers/web/repo/actions/view.go, 11.0.15 to 16)."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and (not told or (len(told) == 1 and isinstance(told.get("redirect"), str)))


def _refused(reader: Reader, page: PageAnswer) -> ShimError:
    if page.kind is Page.NOT_FOUND and reader.server.session.credentials:
        return WebAccount(
            f"the shim's {reader.server.session.account} at {reader.net.server_name} cannot write to {reader.repo};"
            " give it write access",
            cause="web-account-cannot-write",
        )
    return trouble(reader, page)
