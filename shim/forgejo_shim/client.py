"""A typed client: runs, jobs and logs of any Forgejo, over a session that `mount` made transparent.

    with Client("https://forge.example", token="…", web=WebLogin("log-reader", "…")) as client:
        run = client.run("o/r", "latest")
        for job in client.jobs("o/r", run):
            client.save_log("o/r", job.id, f"{job.id}.log")

Rules: every operation of the contract is asked as Forgejo 16 has it, so nothing here knows which backend answers; only
the lists that Forgejo 11's API lacks come from the web. Whatever goes wrong is a ShimError. A redirect is followed to a
renamed repository only, and never to another origin. No credential is taken from anywhere but the arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from . import arguments, download
from .address import base_url_of
from .arguments import Timeout
from .capabilities import Capabilities, Capability
from .client_log import Log, explained, saying_over
from .client_runs import ClientRuns
from .client_session import ClientSession, Token, refuse_unsendable
from .download import Progress, Saved
from .environment import Session
from .errors import (
    BadRequest,
    Expired,
    NoLog,
    NotExecuted,
    NotForgejo,
    NothingMatched,
    NotThere,
    PageChanged,
    ShimError,
)
from .faces.forgejo_proxy import ROOT
from .flows.try_account import try_account
from .models import Job, Repo, Run, WebCredentials
from .operations import JOB, JOB_LOG, RUN_JOBS
from .paths import job_log_path, job_path, run_jobs_path
from .requests_adapter import mount
from .store.protocol import Store
from .store.session_file import SessionFile


class Client:
    """One Forgejo as one caller sees it; see the module's docstring.

    `token` is the caller's access token (None: anonymous), `web` the account that reads the web UI where the server
    lacks an operation, `store` and `session_file` as for `mount`, `timeout` seconds to connect and between two packets.
    `ca_file` names the certificates that are trusted, a file or a folder; None: environment.py says which.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        web: WebCredentials | None = None,
        store: Store | None = None,
        session_file: SessionFile | None = None,
        timeout: Timeout = (10.0, 60.0),
        ca_file: str | PathLike[str] | None = None,
    ) -> None:
        token = None if token is None else arguments.text(token, "token")
        refuse_unsendable(token, web)
        self.timeout = arguments.timeout(timeout)
        base_url = arguments.text(base_url, "base_url")
        self.session = Session(base_url_of(base_url), str(ca_file) if ca_file else None)
        self.session.auth = Token(token)
        self.adapter = mount(self.session, base_url, web=web, store=store, session_file=session_file)
        self.base_url = self.adapter.base_url
        self._asking = ClientSession(self.session, self.adapter, self.timeout)
        self._runs = ClientRuns(self._asking)

    def runs(self, repo: str | Repo, limit: int = 20) -> list[Run]:
        """The newest `limit` runs, newest first. Raises ShimError."""
        repo, limit = arguments.repository(repo), max(0, arguments.number(limit, "limit"))
        return self._runs.newest(repo, limit)

    def run(self, repo: str | Repo, number: int | Literal["latest"]) -> Run:
        """The run of that number, or the newest. Raises NothingMatched if there is none, and ShimError."""
        repo, number = arguments.repository(repo), arguments.run_number(number)
        if number == "latest":
            found = next(iter(self._runs.newest(repo, 1)), None)
        else:
            found = self._runs.numbered(repo, number)
        if not found:
            raise NothingMatched(f"{repo} has no run{'' if number == 'latest' else f' {number}'}; list its runs")
        return found

    def jobs(self, repo: str | Repo, run: Run | int | Literal["latest"]) -> list[Job]:
        """The jobs of a run (or of the run of that number) in the order of their ids. Raises ShimError."""
        repo = arguments.repository(repo)
        run = run if isinstance(run, Run) else self.run(repo, run)
        what = f"the jobs of run {run.number} of {repo}"
        path = ROOT + run_jobs_path(repo, run.number) if run.id is None else run_jobs_path(repo, run.id)
        answer = self._asking.json(path, what, RUN_JOBS.path)
        return [_job(job, index, run, what) for index, job in enumerate(answer if isinstance(answer, list) else [None])]

    def log(
        self,
        repo: str | Repo,
        job_id: int,
        attempt: int | None = None,
        *,
        part: str | None = None,
        step: int | None = None,
        tail: int | None = None,
    ) -> Log:
        """Open a job's log, of its current attempt unless one is given. Use it in a `with` block, and read it there.

        `part` is a range of bytes as in HTTP: `0-99`, `100-` or `-20`; `step` gives the lines of one step (0-based),
        `tail` that many last lines. Raises ShimError.
        """
        job_id, attempt = arguments.number(job_id, "job_id"), arguments.optional(attempt, "attempt")
        step, tail = arguments.optional(step, "step"), arguments.optional(tail, "tail")
        if part is not None and not re.fullmatch("[\\x20-\\x7e]*", arguments.text(part, "part")):
            raise BadRequest("invalid range; give it as 0-99, 100- or -20", 416, cause="range-not-satisfiable")
        headers = {} if part is None else {"Range": f"bytes={part}"}
        return self._log(arguments.repository(repo), job_id, attempt, headers, step, tail)

    def save_log(
        self,
        repo: str | Repo,
        job_id: int,
        path: str | PathLike[str],
        attempt: int | None = None,
        progress: Progress | None = None,
    ) -> Saved:
        """Save a job's log at `path`: whole or not at all. A broken download is gone on with, by this call or the next.

        `progress` gets the bytes so far and in all (None: not told). Raises ShimError.
        """
        arguments.callback(progress, "progress")
        repo, job_id = arguments.repository(repo), arguments.number(job_id, "job_id")
        attempt = arguments.optional(attempt, "attempt")
        subject = f"{self.base_url} {repo.key} job {job_id} attempt {attempt}"
        return download.save(
            lambda headers: self._log(repo, job_id, attempt, headers), arguments.file(path), subject, progress
        )

    def save_run_logs(
        self,
        repo: str | Repo,
        run: Run | int | Literal["latest"],
        folder: str | PathLike[str],
        progress: Progress | None = None,
    ) -> list[tuple[Job, Saved | ShimError]]:
        """Save the current log of each job of a run in `folder`, as `{job name}-{job id}.log`.

        A job without a log, or one that the server fails at, comes with the error that says why; any other error is
        raised.
        """
        arguments.callback(progress, "progress")
        folder = Path(folder)
        jobs = self.jobs(repo, run)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ShimError(f"the folder {folder} cannot be created ({error.strerror}); choose another") from None
        return [(job, self._saved_in(repo, job, folder, progress)) for job in jobs]

    def get_json(self, path: str, what: str) -> object:
        """The JSON that the API answers to `path`, below the base URL; `what` names it in errors. Raises ShimError."""
        return self._asking.json(arguments.text(path, "path"), arguments.text(what, "what"))

    def try_web(self, repo: str | Repo | None = None) -> None:
        """Sign in with the web account, if there is one, and look at the Actions of `repo`, if one is given.

        Raises ShimError if either fails.
        """
        named = None if repo is None else arguments.repository(repo)
        self._asking.run(lambda net, caller: try_account(net, self.adapter.server, named))

    def capabilities(self) -> Capabilities:
        """What the server offers, as it is kept or read now. Raises ShimError."""
        return self._asking.run(lambda net, caller: self.adapter.server.capabilities(net))

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # --- logs

    def _log(
        self,
        repo: Repo,
        job_id: int,
        attempt: int | None,
        headers: Mapping[str, str],
        step: int | None = None,
        tail: int | None = None,
    ) -> Log:
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
        return Log(response, self.base_url)

    def _over(self, error: ShimError, repo: Repo, job_id: int) -> ShimError | None:
        """The error that says why there will be no log, if the server's own answers or a page just read tell that."""
        known = self.capabilities()
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

    def _saved_in(self, repo: str | Repo, job: Job, folder: Path, progress: Progress | None) -> Saved | ShimError:
        path = folder / file_name(job)
        if path.exists() and not path.is_file():
            raise ShimError(f"{path} is not a regular file; remove it, or choose another folder")
        try:
            with saying_over(job):
                return self.save_log(repo, job.id, path, progress=progress)
        except (NotThere, NotExecuted, Expired, PageChanged) as error:
            return error


def file_name(job: Job) -> str:
    """A file name for a job's log that is safe on any system and unique by the job's id."""
    name = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in job.name)
    name = re.sub(r"\.\.+", "_", name).lstrip(". ")
    return f"{name.encode()[:150].decode(errors='ignore').strip() or 'job'}-{job.id}.log"


def _job(job: object, index: int, run: Run, what: str) -> Job:
    match job:
        case {"id": int(job_id), "name": str(name), "status": str(status), **more}:
            attempt, task = more.get("attempt"), more.get("task_id")
            return Job(
                id=job_id,
                index=index,
                name=name,
                status=status,
                attempt=attempt if isinstance(attempt, int) else None,
                task_id=task if isinstance(task, int) else 0,
                run_id=run.id,
                run_number=run.number,
            )
    raise PageChanged(f"{what} were not understood: a job without id, name or status; report this server's version")
