"""An open log, as `Client` gives it, or why there will be none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

import requests

from .errors import NoLog, NotExecuted, ShimError, job_over
from .models import FINAL, Job
from .network import network_errors
from .requests_adapter import Backend, backend_of, task_of

CHUNK = 64 * 1024  # bytes given out at once


class Log:
    """An open log: iterate over it for its bytes, in chunks of at most 64 KiB; leaving the `with` block closes it.

    `backend` is "native" or "web", `task` the task id where the backend tells it. Reading raises Unreachable if the
    connection breaks off: a short log is never taken for a whole one.
    """

    def __init__(self, response: requests.Response, base_url: str) -> None:
        self._response = response
        self._base_url = base_url
        self.backend: Backend = backend_of(response) or "native"
        self.task = task_of(response)
        self.last_modified: str | None = response.headers.get("Last-Modified")
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        length = response.headers.get("Content-Length", "")
        self.start = int(found[1]) if found else 0
        whole = int(length) if length.isdecimal() and response.status_code == 200 else None
        self.size: int | None = int(found[2]) if found else whole

    @property
    def identity(self) -> str | None:
        """What tells this log from every other of the same job; None if the answer has nothing of the kind."""
        if self.task is not None:
            return f"task {self.task}"
        return f"{self.last_modified} {self.size}" if self.last_modified and self.size is not None else None

    def __iter__(self) -> Iterator[bytes]:
        with network_errors(self._base_url, "broke off in the middle of the log"):
            yield from self._response.iter_content(CHUNK)

    def read(self) -> bytes:
        """The rest of the log."""
        return b"".join(self)

    def close(self) -> None:
        """Give the connection up."""
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


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
