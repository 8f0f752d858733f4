"""The logs of jobs for `Client`: opened, saved, and why there will be none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from . import download
from .capabilities import Capability
from .client_log import Log, explained, saying_over
from .client_session import ClientSession
from .download import Progress, Saved
from .errors import Expired, NoLog, NotExecuted, NotForgejo, NotThere, PageChanged, ShimError
from .file_names import safe_name
from .models import Job, Repo
from .operations import JOB, JOB_LOG
from .paths import job_log_path, job_path


def refuse_present(folder: Path, jobs: Iterable[Job]) -> None:
    """Raise ShimError if anything is where the log of one of the jobs would be saved."""
    for path in (_path_in(folder, job) for job in jobs):
        if os.path.lexists(path):
            raise ShimError(f"{path} exists; remove it, choose another folder, or replace what is there (--force)")


def _path_in(folder: Path, job: Job) -> Path:
    return folder / f"{safe_name(job.name, 'job')}-{job.id}.log"  # unique by the id


class ClientLogs:
    """Opens and saves logs."""

    def __init__(self, asking: ClientSession) -> None:
        self._asking = asking

    def open(
        self,
        repo: Repo,
        job_id: int,
        attempt: int | None,
        headers: Mapping[str, str],
        step: int | None = None,
        tail: int | None = None,
    ) -> Log:
        """Open a log. Raises ShimError."""
        what = f"job {job_id} of {repo}" + ("" if attempt is None else f", attempt {attempt}")
        path = job_log_path(repo, job_id, attempt, step=step, tail=tail)
        try:
            response = self._asking.open(path, what, JOB_LOG.path, {"Accept-Encoding": "identity", **headers})
        except (NotExecuted, NoLog) as error:
            over = self._over(error, repo, job_id) if attempt is None else None
            raise over or error from None
        kind = response.headers.get("Content-Type", "")
        if not kind.startswith(("text/plain", "multipart/byteranges")):
            response.close()
            raise NotForgejo(f"{what}: the answer is {kind or 'of no type'} and no log; check the address")
        return Log(response, self._asking.base_url)

    def save(self, repo: Repo, job_id: int, attempt: int | None, path: Path, progress: Progress | None) -> Saved:
        """Save a log at `path`. Raises ShimError."""
        subject = f"{self._asking.base_url} {repo.key} job {job_id} attempt {attempt}"
        return download.save(lambda headers: self.open(repo, job_id, attempt, headers), path, subject, progress)

    def save_in(self, repo: Repo, job: Job, folder: Path, progress: Progress | None) -> Saved | ShimError:
        """Save a job's current log in `folder`; the error that says why there is none, or that the server fails at it.

        Raises every other ShimError.
        """
        path = _path_in(folder, job)
        if path.exists() and not path.is_file():
            raise ShimError(f"{path} is not a regular file; remove it, or choose another folder")
        try:
            with saying_over(job):
                return self.save(repo, job.id, None, path, progress)
        except (NotThere, NotExecuted, Expired, PageChanged) as error:
            return error

    def _over(self, error: ShimError, repo: Repo, job_id: int) -> ShimError | None:
        """The error that says why there will be no log, if the server's own answers or a page just read tell that."""
        known = self._asking.capabilities()
        if error.is_relayed and known.of(JOB.method, JOB.path) is not Capability.PRESENT:
            return None
        try:
            job = self._asking.json(job_path(repo, job_id), f"job {job_id} of {repo}", JOB.path)
        except ShimError:
            return None
        match job:
            case {"status": str(status), "name": str(name)}:
                return explained(error, job_id, name, status)
        return None
