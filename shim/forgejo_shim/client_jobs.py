"""One job with its attempts and steps for `Client`, from the operation that a patched server has itself (D1)."""

from __future__ import annotations

from typing import Any

from .client_session import ClientSession
from .errors import PageChanged
from .models import Attempt, Job, JobDetails, Repo, RunFacts, Step, Times
from .operations import JOB
from .paths import job_path
from .times import seconds

Json = dict[str, Any]


class ClientJobs:
    """Reads single jobs."""

    def __init__(self, asking: ClientSession) -> None:
        self._asking = asking

    def details(self, repo: Repo, job_id: int, *, brief: bool) -> JobDetails:
        """The job in full. Raises ShimError."""
        what = f"job {job_id} of {repo}"
        answer = self._asking.json(job_path(repo, job_id, brief=brief), what, JOB.path)
        try:
            return parse_details(answer)
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise PageChanged(f"{what} was not understood ({fault!a}); report this server's version") from None


def parse_details(told: Any) -> JobDetails:
    """The job of an answer. Raises what Python raises for one that is none."""
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
