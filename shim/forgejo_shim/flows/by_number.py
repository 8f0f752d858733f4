"""Runs and jobs by run number, for servers whose API knows no run ids (Forgejo 11): what `Client` falls back to.

Rules: outside the contract, so nothing here answers a request of `/api`; the question of the caller's rights comes
first all the same.
"""

from __future__ import annotations

from ..contract import error_of, job_logs_path, recognise
from ..errors import NotThere
from ..models import Job, Repo
from .answer import question
from .net import Net
from .pages import Reader
from .runjobs import attempted
from .server import Server


async def run_numbers(net: Net, server: Server, repo: Repo, allowed: set[str], page: int) -> list[tuple[int, str]]:
    """Run numbers and titles, newest first, 50 a page (1-based). Raises ShimError."""
    return await (await _reader(net, server, repo, allowed)).run_numbers(page)


async def latest_number(net: Net, server: Server, repo: Repo, allowed: set[str]) -> int | None:
    """The number of the newest run, None if there is none. Raises ShimError."""
    return await (await _reader(net, server, repo, allowed)).latest_number()


async def jobs(net: Net, server: Server, repo: Repo, allowed: set[str], run_number: int) -> list[Job]:
    """The jobs of a run. Raises ShimError."""
    reader = await _reader(net, server, repo, allowed)
    if run_number < 1:
        raise NotThere(f"run {run_number} of {repo} does not exist; run numbers start at 1", cause="run-not-found")
    state, found = await attempted(reader, run_number)
    return [
        Job(
            id=job.job.id,
            index=index,
            name=job.job.name,
            status=job.job.status,
            attempt=job.attempt(state.counts_on_request),
            task_id=job.task,
            run_id=None,
            run_number=run_number,
        )
        for index, job in enumerate(found)
    ]


async def _reader(net: Net, server: Server, repo: Repo, allowed: set[str]) -> Reader:
    operation = recognise("GET", job_logs_path(repo, 0), "")
    if operation is None or operation.repo is None:
        raise NotThere(f"{repo} is no name of a repository; give OWNER/REPO", cause="repository-hidden")
    reader = Reader(net, server, repo)
    refusal = await question(reader, operation, allowed)
    if refusal is not None:
        body = refusal.body if isinstance(refusal.body, bytes) else b""
        raise error_of(refusal.status, "application/json", body, str(repo))
    return reader
