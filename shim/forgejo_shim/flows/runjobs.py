"""The jobs of a run, made from the web UI so that they fit the operation's own schema.

Rules: one state before and one after, and both list the same jobs, so that each index read in between was that job's;
at most 2 + 3 × jobs requests. What the web does not tell is null (`needs`, `runs_on`), "" (`handle`), 0 (`task_id` of a
job that has no task or whose file name cannot be had) or left out (`attempt`); never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..contract import Operation, error_of, is_absent_route
from ..errors import NotNow, NotThere, PageChanged
from ..models import Headers, Location, RunState, WebJob
from ..web import Page, is_log_of, read_run
from .net import JSON_LIMIT, Answer, Reply, beginning, whole
from .pages import Reader

TRIES = 3
FIRST_BYTE = [("Range", "bytes=0-0")]


@dataclass(frozen=True)
class RunFacts:
    """What the API tells of a run (Forgejo 12 and later)."""

    id: int
    number: int
    repo_id: int
    owner_id: int


@dataclass(frozen=True)
class Attempted:
    """A job with what the web tells of its attempts.

    `shown` is the attempt that its page redirects to (None up to 12), `has_task` whether a runner has or had it,
    `task` the task id, 0 if its file name cannot be had, and `headers` those of its download.
    """

    job: WebJob
    shown: int | None
    has_task: bool
    task: int
    headers: Headers

    def attempt(self, counts_on_request: bool) -> int | None:
        """The row's attempt with 16's meaning; None if it can't be told: up to 14 the counter is raised when a runner
        takes the job, so for a row without a task it tells of the attempt before."""
        return self.shown if self.has_task or counts_on_request else None


async def run_facts(reader: Reader, operation: Operation) -> RunFacts | Reply | None:
    """The run by its id, asked as the caller, which is also the question of the caller's rights.

    The API's refusal is given as it is; None means that the API knows no run ids (Forgejo 11).
    """
    answer = await reader.api(operation.run)
    if answer.status != 200:
        return await relay(answer, operation)
    run = read_run(await whole(answer, JSON_LIMIT, "the API's run"))
    return RunFacts(run["id"], run["index_in_repo"], run["repository"]["id"], run["repository"]["owner"]["id"])


async def absent(answer: Answer, what: str) -> None:
    """Read an answer of the API that says that the route does not exist. Raises ShimError for any other."""
    body, kind = await beginning(answer), answer.headers.get("Content-Type")
    if not is_absent_route(answer.status, kind, body):
        raise error_of(answer.status, kind, body, what)


async def relay(answer: Answer, operation: Operation) -> Reply | None:
    """The API's own refusal, or None if the route does not exist."""
    body = await beginning(answer)
    if is_absent_route(answer.status, answer.headers.get("Content-Type"), body):
        return None
    return refused_by(answer, body, operation)


def refused_by(answer: Answer, body: bytes, operation: Operation) -> Reply:
    """The API's own answer to a question as that to the operation that was asked for: the redirect of a renamed
    repository is turned into one to the operation."""
    headers = answer.headers.without("Set-Cookie", "Content-Length", "Connection", "Transfer-Encoding", "Location")
    location = answer.headers.get("Location")
    if location:
        headers.append(("Location", operation.moved(location) or location))
    return Reply(answer.status, headers, body)


async def run_jobs(reader: Reader, facts: RunFacts) -> list[dict[str, Any]]:
    """The run's jobs as the contract has them, in id order. Raises ShimError."""
    return [as_contract(job, state, facts) for state, jobs in [await attempted(reader, facts.number)] for job in jobs]


def as_contract(found: Attempted, state: RunState, facts: RunFacts) -> dict[str, Any]:
    """One job in the operation's own schema."""
    job: dict[str, Any] = {
        "id": found.job.id,
        "run_id": facts.id,
        "repo_id": facts.repo_id,
        "owner_id": facts.owner_id,
        "name": found.job.name,
        "needs": None,
        "runs_on": None,
        "handle": "",
        "task_id": found.task,
        "status": found.job.status,
    }
    attempt = found.attempt(state.counts_on_request)
    if attempt is not None:
        job["attempt"] = attempt
    return job


async def attempted(reader: Reader, run_number: int) -> tuple[RunState, list[Attempted]]:
    """A run's state and its jobs with their attempts and tasks, all of one moment. Raises ShimError."""
    state = await _state(reader, run_number)
    for _ in range(TRIES):
        jobs = [await _attempted(reader, Location(run_number, index), job) for index, job in enumerate(state.jobs)]
        before, state = state, await _state(reader, run_number)
        if [job.id for job in before.jobs] == [job.id for job in state.jobs]:
            for found in jobs:
                if found.task and not is_log_of(found.headers, found.job):
                    raise PageChanged(
                        f"the download of job {found.job.id} in {reader.repo} names another job; try again"
                    )
                if found.task:
                    reader.proved(found.job.id, found.shown, found.headers, is_latest=True)
            return state, [replace(found, job=row) for row, found in zip(state.jobs, jobs, strict=True)]
    raise NotNow(
        f"the jobs of run {run_number} in {reader.repo} change too fast to be read; try again", cause="rows-moving"
    )


async def _state(reader: Reader, run_number: int) -> RunState:
    state = await reader.state(Location(run_number, 0))
    if state is None:
        raise NotThere(f"run {run_number} of {reader.repo} has no jobs")
    return state


async def _attempted(reader: Reader, at: Location, job: WebJob) -> Attempted:
    shown = await reader.shown_attempt(at) if reader.server.dialect.view_has_attempt else None
    asked = await reader.download(at, shown, FIRST_BYTE, patient=False)
    await asked.answer.close()
    has_task = asked.page in (Page.LOG, Page.SPOILED, Page.EXPIRED, Page.NO_FILE)
    return Attempted(job, shown, has_task, asked.task, asked.answer.headers)
