"""What the server itself answers to an operation, read into the value that the flows give of it: for a face that writes
another form than Forgejo's.

Rules: asked as the caller; whatever the server answers but a yes is raised as its refusal. Bytes (a log, a zip) have no
other form and are handed on (dispatch.py).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import urlencode

from ..api import is_absent_route, parse_jobs, parse_run
from ..api_artifact import parse_artifact, parse_artifacts
from ..api_job import parse_full
from ..errors import NotPossible, PageChanged, run_not_over, run_over
from ..identity import with_identity
from ..models import FINAL, Artifact, Done, JobDetails
from ..operations import (
    ARTIFACT,
    ARTIFACTS,
    CANCEL_RUN,
    DELETE_ARTIFACT,
    DELETE_RUN,
    JOB,
    RERUN_JOB,
    RERUN_RUN,
    RUN_ARTIFACTS,
    Call,
)
from ..paths import run_jobs_path, run_path
from ..router import first_values
from ..server import Server
from ..transport import JSON_LIMIT, Transport, read_all, read_head
from .listed import ArtifactPage
from .rights import check_may_write
from .runs import paging, window
from .writes import once

NativeValue = JobDetails | Artifact | ArtifactPage | Done


async def native_value(net: Transport, server: Server, call: Call) -> NativeValue | None:
    """The value; None where the server turns out not to have the operation. Raises ServerRefusal, PageChanged."""
    try:
        return await READ[call.operation](net, call)
    except NotPossible:
        await server.correct(net, await server.capabilities(net), call.operation, present=False)
        return None


async def _body(net: Transport, call: Call, path: str) -> tuple[bytes, int]:
    """The body of a 200, and the count of all entries where it tells one. Raises NotPossible if the route is absent."""
    answer = await net.api(with_identity(path, call.query))
    what = "the server's answer"
    if answer.status != 200:
        body = await read_head(answer)
        if is_absent_route(answer.status, answer.headers.get("Content-Type"), body):
            raise NotPossible(f"{what} is that there is no such route")
        raise call.refusal(answer.status, answer.headers, body)
    total = answer.headers.get("X-Total-Count")
    body = await read_all(answer, JSON_LIMIT, what)
    return body, int(total) if total.isascii() and total.isdecimal() else 0


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise PageChanged("the server's answer was not understood: it is no JSON") from None


async def _artifact(net: Transport, call: Call) -> Artifact:
    return parse_artifact(_json((await _body(net, call, call.path))[0]), "the API's artifact")


async def _artifacts(net: Transport, call: Call) -> ArtifactPage:
    name = first_values(call.query).get("name")

    async def read(page: int, size: int) -> tuple[list[Artifact], int]:
        query = urlencode({"page": page, "limit": size, **({"name": name} if name else {})})
        body, total = await _body(net, call, f"{call.path}?{query}")
        return parse_artifacts(_json(body), "the API's artifacts"), total

    page, limit = paging(call)
    found, total = await window(page, limit, read)
    return ArtifactPage(tuple(found), total, page, limit)


async def _job(net: Transport, call: Call) -> JobDetails:
    told = parse_full((await _body(net, call, f"{call.path}?brief=true"))[0])
    if told.run.id is None or call.repo is None:
        return told
    body, _ = await _body(net, call, run_path(call.repo, told.run.id))
    return replace(told, run=parse_run(body))


async def _open(net: Transport, call: Call) -> str:
    """The status of a job that is not over of the run that a call names; "" if all are, whatever the run's status (it
    has failed as soon as a job of it has). Raises ServerRefusal, NotPossible."""
    assert call.repo
    jobs = parse_jobs((await _body(net, call, run_jobs_path(call.repo, call.id)))[0])
    return next((job["status"] for job in jobs if job["status"] not in FINAL), "")


async def _cancel(net: Transport, call: Call) -> Done:
    if call.repo and not await _open(net, call):
        await check_may_write(net, call)
        raise run_over(call.id)
    return await _done(net, call)


async def _delete(net: Transport, call: Call) -> Done:
    if call.repo and (status := await _open(net, call)):
        await check_may_write(net, call)
        raise run_not_over(call.id, status)
    return await _done(net, call)


async def _done(net: Transport, call: Call) -> Done:
    answer = await once(net, net.native(call.target))
    body = answer.told or await read_head(answer)
    if 200 <= answer.status < 300:
        return Done()
    if is_absent_route(answer.status, answer.headers.get("Content-Type"), body):
        raise NotPossible("the server has no such route")
    raise call.refusal(answer.status, answer.headers, body)


READ: dict[object, Callable[[Transport, Call], Awaitable[NativeValue]]] = {
    ARTIFACT: _artifact,
    ARTIFACTS: _artifacts,
    RUN_ARTIFACTS: _artifacts,
    JOB: _job,
    CANCEL_RUN: _cancel,
    DELETE_RUN: _delete,
    **dict.fromkeys((DELETE_ARTIFACT, RERUN_RUN, RERUN_JOB), _done),
}
