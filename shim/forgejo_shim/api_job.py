"""One job in full, as a server tells it that has the operation: a patched one (D1, D2), or a shim behind (A1, A2).

Rules: pure. A shim leaves out what its server does not tell; what is no such job is PageChanged.
"""

from __future__ import annotations

import json
from typing import Any

from .errors import PageChanged
from .models import Attempt, Job, JobDetails, JobPlan, RunFacts, Step, Times
from .times import seconds

Json = dict[str, Any]
NOT_SO = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


def parse_job(body: bytes) -> JobPlan:
    """What of a job tells how its log is read. Raises PageChanged."""
    try:
        job = json.loads(body)
        attempts = {one.number: one for one in map(_attempt, job.get("attempts") or ())}
        attempt, name = _number(job, "attempt"), str(job["name"])
        return JobPlan(attempt, int(job["task_id"]), str(job["status"]), attempts, name)
    except NOT_SO as fault:
        raise PageChanged(f"the API's job was not understood ({fault!a}); report this server's version") from None


def parse_full(body: bytes) -> JobDetails:
    """The job in full of an answer's body. Raises PageChanged."""
    try:
        return parse_details(json.loads(body))
    except NOT_SO as fault:
        raise PageChanged(f"the API's job was not understood ({fault!a}); report this server's version") from None


def parse_details(told: Any) -> JobDetails:
    """The job of an answer. Raises one of `NOT_SO` for one that is none."""
    run = RunFacts(int(told["run_number"]), told.get("run_id"), told.get("repo_id"), told.get("owner_id"))
    job = Job(
        id=int(told["id"]),
        index=None,
        name=str(told["name"]),
        status=str(told["status"]),
        attempt=_number(told, "attempt"),
        task_id=_number(told, "task_id") or 0,
        run_id=run.id,
        run_number=run.number,
    )
    attempts = told.get("attempts")
    return JobDetails(run, job, _times(told), None if attempts is None else tuple(map(_attempt, attempts)))


def _attempt(told: Json) -> Attempt:
    return Attempt(
        number=_number(told, "number"),
        status=str(told["status"]),
        times=_times(told),
        task_id=_number(told, "task_id"),
        log_expired=told.get("log_expired"),
        log_length=_number(told, "log_length"),
        steps=tuple(map(_step, told.get("steps") or ())),
    )


def _step(told: Json) -> Step:
    lines = _number(told, "log_index"), _number(told, "log_length")
    return Step(int(told["number"]), str(told["name"]), str(told["status"]), _times(told), *lines)


def _times(told: Json) -> Times:
    return Times(*(int(seconds(told.get(name) or "")) for name in ("started", "stopped")))


def _number(told: Json, name: str) -> int | None:
    value = told.get(name)
    return None if value is None else int(value)
