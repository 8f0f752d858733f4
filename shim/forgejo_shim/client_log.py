"""An open log, as `Client` gives it, or why there will be none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests

from .client_body import Body
from .errors import Expired, NoLog, NotExecuted, NotThere, ShimError, job_over
from .models import FINAL, Job
from .requests_adapter import task_of

NO_LOG = (NotThere, NotExecuted, Expired)  # what is raised of a job without a log


class Log(Body):
    """An open log. `task` is its task id where the backend tells it."""

    what = "the log"

    def __init__(self, response: requests.Response, base_url: str) -> None:
        super().__init__(response, base_url)
        self.task = task_of(response)

    @property
    def identity(self) -> str | None:
        """What tells this log from every other of the same job; None if the answer has nothing of the kind."""
        return super().identity if self.task is None else f"task {self.task}"


@contextmanager
def saying_over(job: Job | None) -> Iterator[None]:
    """Says of a job whose list told that it was skipped, or was over before a runner took it, that it was."""
    try:
        yield
    except (NotExecuted, NoLog) as error:
        over = explained(error, job.id, job.name, job.status) if job else None
        raise over or error from None


def explained(error: ShimError, job_id: int, name: str, status: str) -> ShimError | None:
    """What explains the error by the job's status, if it does: without a log but not skipped, the job had a task."""
    explains = status == "skipped" or (status in FINAL and isinstance(error, NotExecuted))
    return job_over(job_id, name, status) if explains else None
