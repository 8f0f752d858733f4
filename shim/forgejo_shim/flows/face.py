"""The face of forgejo-proxy: its routes, which name a run by its number or as the latest one and a job by its index or
its name, translated into operations that name both by their ids.

Rules: every route first asks the API as the caller: for the run, which is also the question of the caller's rights, or
up to 11, whose API knows no runs, for that alone. Then a log or a rerun is the operation by ids, which asks and proves
everything anew; the jobs and the summary are told here, natively where the server has a run's jobs. A name that fits
several jobs is refused. Without `job` it is the first one, as forgejo-proxy has it; without `attempt` the current one,
where forgejo-proxy has the first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from ..capabilities import Capability
from ..contract import (
    FACE_JOBS,
    FACE_LATEST,
    FACE_LOGS,
    FACE_RERUN,
    JOB_LOGS,
    LATEST,
    RERUN_JOB,
    RERUN_NUMBER,
    RUN_JOBS,
    Operation,
    number,
    recognise_face,
    runs_path,
)
from ..errors import Ambiguous, NotThere
from ..models import Headers, Location
from ..router import first_values, tidied
from ..web import FINAL, read_jobs, seconds
from .answer import JSON_TYPE, Allowed, capability, question, refuse_signatures
from .job import NO_FACTS, Viewer, numbered
from .latest import latest_on_web, latest_run
from .net import JSON_LIMIT, Net, Reply, encode, whole
from .runjobs import as_contract, attempted, relay
from .server import Server

SHOWN = 20  # jobs that a message names
OF_JOB = ("id", "name", "status", "attempt", "task_id")
OF_RUN = {"run_number": "index_in_repo", "run_id": "id", "title": "title", "workflow_id": "workflow_id"}

Json = dict[str, Any]


def is_face_in_disguise(path: str) -> bool:
    """Whether a server in between that tidies paths may make a route of forgejo-proxy's below the base URL out of one
    that is none: by then nobody would read its number as a run's number."""
    tidy = tidied(path)
    return tidy != path and recognise_face("GET", tidy, "", everywhere=True) is not None


async def translate(
    net: Net, server: Server, operation: Operation, headers: Headers, allowed: Allowed
) -> Operation | Reply:
    """The operation that one of the face means, or its answer. Raises ShimError."""
    if operation.template == FACE_LATEST:
        return _as(operation, LATEST)
    if operation.method != operation.verb or operation.repo is None:  # refused alike, whatever the job
        return _as(operation, RERUN_JOB if operation.verb == "POST" else JOB_LOGS)
    refuse_signatures(headers)
    viewer = Viewer(net, server, operation.repo, operation.query)
    run = await _run(viewer, operation, allowed)
    if isinstance(run, Reply):
        return run
    jobs = await _jobs(viewer, operation, run)
    if isinstance(jobs, Reply):
        return jobs
    wanted = first_values(operation.query).get("job", "")
    if operation.template == FACE_LOGS or (wanted and operation.template == FACE_RERUN):
        job = _chosen(jobs, wanted, run["index_in_repo"])
        return _as(operation, JOB_LOGS if operation.template == FACE_LOGS else RERUN_JOB, job["id"])
    if operation.template == FACE_RERUN:
        if not jobs:
            raise _no_run(viewer, run["index_in_repo"])
        return _as(operation, RERUN_NUMBER, run["index_in_repo"])
    told = jobs if operation.template == FACE_JOBS else _summary(run, jobs)
    return Reply(200, [JSON_TYPE], encode(told))


def _as(operation: Operation, template: str, id_or_number: int = 0) -> Operation:
    """The operation `template` with the same query; a parameter that it does not know is nothing to it."""
    return replace(operation.by_run(template, id_or_number), attempt=operation.attempt, root="")


async def _run(viewer: Viewer, operation: Operation, allowed: Allowed) -> Json | Reply:
    """The run as the API has it, up to 11 only what the web UI tells; or the API's refusal."""
    latest = operation.tail.startswith("/actions/runs/latest/")
    if latest and (found := await latest_run(viewer, operation)) is not None:
        return found
    if not latest and operation.id > 0:
        path = runs_path(viewer.repo, run_number=operation.id, page=1, limit=1)
        answer = await viewer.api(path)
        if answer.status == 200:
            if run := await numbered(answer, operation.id):
                return run
            raise _no_run(viewer, operation.id)
        if refusal := await relay(answer, operation):
            return refusal
    if refusal := await question(viewer, operation, allowed):
        return refusal
    if latest:
        return await latest_on_web(viewer, operation)
    if operation.id < 1:  # to the web UI that is some other run
        raise _no_run(viewer, operation.id)
    return {"index_in_repo": operation.id}


async def _jobs(viewer: Viewer, operation: Operation, run: Json) -> list[Json] | Reply:
    """The run's jobs by their index, with attempts and tasks where those are asked for; or the API's refusal."""
    if "id" in run:
        native = operation.by_run(RUN_JOBS, run["id"])
        if await capability(viewer.net, viewer.server, native) is not Capability.ABSENT:
            answer = await viewer.api(native.path)
            if answer.status == 200:
                return _indexed(read_jobs(await whole(answer, JSON_LIMIT, "the API's jobs of a run")))
            if refusal := await relay(answer, operation):
                return refusal
    state = await viewer.state(Location(run["index_in_repo"], 0))
    if state is None:
        if "id" not in run:
            raise _no_run(viewer, run["index_in_repo"])
        return []
    run |= {"status": state.status, "title": state.title} | run
    if operation.template != FACE_JOBS:
        return _indexed([{"id": job.id, "name": job.name, "status": job.status} for job in state.jobs])
    state, found = await attempted(viewer, run["index_in_repo"])
    return _indexed([as_contract(job, state, NO_FACTS) for job in found])


def _indexed(jobs: list[Json]) -> list[Json]:
    return [{"index": index} | {name: job[name] for name in OF_JOB if name in job} for index, job in enumerate(jobs)]


def _no_run(viewer: Viewer, run_number: int) -> NotThere:
    return NotThere(
        f"there is no run {run_number} in {viewer.repo}, or it has no jobs; its number is the one in web addresses",
        cause="run-number-not-found",
    )


def _chosen(jobs: list[Json], wanted: str, run_number: int) -> Json:
    """The one job with this name or this index; the first if none is wanted. Raises NotThere, Ambiguous."""
    index = number(wanted) if wanted.isascii() and wanted.isdecimal() else -1
    found = [job for job in jobs if job["name"] == wanted or job["index"] == index] if wanted else jobs[:1]
    if len(found) == 1:
        return found[0]
    shown = ", ".join(f"{job['index']} ({job['name']})" for job in (found or jobs)[:SHOWN]) or "none"
    if found:
        raise Ambiguous(
            f"run {run_number} has {len(found)} jobs {wanted}; name one by its index: {shown}", cause="job-ambiguous"
        )
    raise NotThere(f"run {run_number} has no job {wanted or 0}; its jobs are: {shown}", cause="job-not-in-run")


def _summary(run: Json, jobs: list[Json]) -> Json:
    """A run in short. `duration` is from the beginning to the end of what is over, in whole seconds."""
    told = {name: run[key] for name, key in OF_RUN.items() if key in run}
    told["status"] = run["status"]
    for name in ("started", "stopped") if run["status"] in FINAL else ("started",):
        if seconds(run.get(name, "")):
            told[name] = run[name]
    if "started" in told and "stopped" in told:
        told["duration"] = max(0, int(seconds(told["stopped"]) - seconds(told["started"])))
    told["jobs"] = len(jobs)
    told["by_status"] = dict(Counter(job["status"] for job in jobs))
    told["failed"] = [
        {name: job[name] for name in ("index", "id", "name")} for job in jobs if job["status"] == "failure"
    ]
    return told
