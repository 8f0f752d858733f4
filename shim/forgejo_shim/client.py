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

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.auth import AuthBase

from . import arguments, download
from .arguments import Timeout, run_or_number
from .capabilities import Capability
from .contract import (
    API,
    JOB,
    JOB_LOGS,
    LIST_RUNS,
    RUN_JOBS,
    error_of,
    job_logs_path,
    job_path,
    run_jobs_path,
    runs_path,
)
from .download import Progress, Saved
from .environment import Session
from .errors import (
    BadRequest,
    Expired,
    NoLog,
    NotExecuted,
    NotForgejo,
    NothingMatched,
    NotPossible,
    NotThere,
    PageChanged,
    ShimError,
    job_skipped,
)
from .flows.kept import State
from .flows.net import JSON_LIMIT
from .models import Job, Repo, Run, WebCookie, WebCredentials, WebLogin
from .network import reaching
from .requests_adapter import Backend, backend_of, base_url_of, mount, task_of
from .state import SessionFile
from .web import actions, read_first_runs, read_run_numbered, read_runs

CHUNK = 64 * 1024  # bytes given out at once
ERROR_LIMIT = 64 * 1024  # bytes of an error that are read
PAGE = 50  # runs a page, Forgejo's maximum
REDIRECTS = 5


class Client:
    """One Forgejo as one caller sees it; see the module's docstring.

    `token` is the caller's access token (None: anonymous), `web` the account that reads the web UI where the server
    lacks an operation, `state` and `session_file` as for `mount`, `timeout` seconds to connect and between two packets.
    `ca_file` names the certificates that are trusted, a file or a folder; None: environment.py says which.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        web: WebCredentials | None = None,
        state: State | None = None,
        session_file: SessionFile | None = None,
        timeout: Timeout = (10.0, 60.0),
        ca_file: str | PathLike[str] | None = None,
    ) -> None:
        arguments.methods(state, "state", "get", "put")
        web, session_file = arguments.web_account(web), arguments.session_file(session_file)
        token = None if token is None else arguments.text(token, "token")
        _refuse_unsendable(token, web)
        self.timeout = arguments.timeout(timeout)
        base_url = arguments.text(base_url, "base_url")
        self.session = Session(base_url_of(base_url), str(ca_file) if ca_file else None)
        self.session.auth = _Token(token)
        self.adapter = mount(self.session, base_url, web=web, state=state, session_file=session_file)
        self.base_url = self.adapter.base_url

    def runs(self, repo: str | Repo, limit: int = 20) -> list[Run]:
        """The newest `limit` runs, newest first. Raises ShimError."""
        repo, limit = arguments.repository(repo), max(0, arguments.number(limit, "limit"))
        with reaching(self.base_url):
            try:
                return self._runs(repo, limit)
            except NotPossible as error:
                if error.cause != "operation-absent":
                    raise
                return self._runs_of_web(repo, limit)

    def run(self, repo: str | Repo, number: int | Literal["latest"]) -> Run:
        """The run of that number, or the newest. Raises NothingMatched if there is none, and ShimError."""
        repo, number = arguments.repository(repo), arguments.run_number(number)
        if number == "latest":
            found = self.runs(repo, 1)
        else:
            with reaching(self.base_url):
                found = self._run_numbered(repo, number)
        if not found:
            raise NothingMatched(f"{repo} has no run{'' if number == 'latest' else f' {number}'}; list its runs")
        return found[0]

    def jobs(self, repo: str | Repo, run: Run | int | Literal["latest"]) -> list[Job]:
        """The jobs of a run (or of the run of that number) in the order of their ids. Raises ShimError."""
        repo, run = arguments.repository(repo), run_or_number(run)
        run = run if isinstance(run, Run) else self.run(repo, run)
        with reaching(self.base_url):
            if run.id is None:
                return self.adapter.jobs_by_number(self.session, self.timeout, repo, run.number)
            what = f"the jobs of run {run.number} of {repo}"
            answer = self._json(run_jobs_path(repo, run.id), what, RUN_JOBS)
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
        return download.save(lambda headers: self._log(repo, job_id, attempt, headers), Path(path), subject, progress)

    def save_run_logs(
        self,
        repo: str | Repo,
        run: Run | int | Literal["latest"],
        folder: str | PathLike[str],
        progress: Progress | None = None,
    ) -> list[tuple[Job, Saved | ShimError]]:
        """Save the current log of each job of a run in `folder`, as `{job name}-{job id}.log`.

        A job without a log comes with the error that says why; any other error is raised.
        """
        arguments.callback(progress, "progress")
        folder = Path(folder)
        jobs = self.jobs(repo, run)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ShimError(f"the folder {folder} cannot be made ({error.strerror}); name another") from None
        return [(job, self._saved_in(repo, job, folder, progress)) for job in jobs]

    def get_json(self, path: str, what: str) -> object:
        """The JSON that the API answers to `path`, below the base URL; `what` names it in errors. Raises ShimError."""
        path, what = arguments.text(path, "path"), arguments.text(what, "what")
        with reaching(self.base_url):
            return self._json(path, what)

    def try_web(self, repo: str | Repo | None = None) -> None:
        """Sign in with the web account, if there is one, and look at the Actions of `repo`, if one is given.

        Raises ShimError if either fails.
        """
        with reaching(self.base_url):
            self.adapter.try_web(self.session, self.timeout, None if repo is None else arguments.repository(repo))

    def close(self) -> None:
        """Close the connections."""
        self.session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # --- runs

    def _runs(self, repo: Repo, limit: int) -> list[Run]:
        """From the API. Its order is the newest first from 15 on, and none in particular from 12 to 14 (FindAndCount
        without an order, routers/api/v1/repo/action.go, 14.0.5), where run numbers have no gaps. A server can give
        fewer a page than are asked for (MAX_RESPONSE_ITEMS)."""
        asked = min(PAGE, max(1, limit))
        first, total = self._page(repo, 1, asked)
        numbers = [run.number for run in first]
        found = {run.number: run for run in first}
        if numbers == sorted(numbers, reverse=True) and (not numbers or numbers[0] >= total):
            pages: Iterable[int] = count(2)
            wanted = None
        else:
            pages = range(-(-total // max(1, len(first))), 1, -1)
            wanted = range(total, max(0, total - limit), -1)
        for page in pages:
            enough = all(number in found for number in wanted) if wanted else len(found) >= min(limit, total)
            if enough:
                break
            more, now = self._page(repo, page, asked)
            total = min(total, now)
            if not _adds(found, more):
                break
        if len(found) < min(limit, total):
            raise PageChanged(f"the list of the runs of {repo} is not complete: {len(found)} of {total}; ask again")
        return [found[number] for number in sorted(found, reverse=True)[:limit]]

    def _page(self, repo: Repo, page: int, size: int) -> tuple[list[Run], int]:
        body = self._body(runs_path(repo, page=page, limit=size), f"the runs of {repo}", LIST_RUNS)
        runs, total = read_first_runs(body) if page == 1 else read_runs(body)
        return [_run(run) for run in runs], total

    def _run_numbered(self, repo: Repo, number: int) -> list[Run]:
        try:
            body = self._body(runs_path(repo, run_number=number), f"run {number} of {repo}", LIST_RUNS)
            run = read_run_numbered(body, number)
        except NotPossible as error:
            if error.cause != "operation-absent":
                raise
            return self._run_of_web(repo, number)
        return [_run(run)] if run else []

    def _runs_of_web(self, repo: Repo, limit: int) -> list[Run]:
        found: dict[int, Run] = {}
        page = 1
        while len(found) < limit:
            titles = self.adapter.run_numbers(self.session, self.timeout, repo, page)
            if not titles:
                break
            if not _adds(found, [self._run_without_id(repo, number, title) for number, title in titles]):
                raise PageChanged(f"page {page} of the runs of {repo} shows those of the pages before; ask again")
            page += 1
        return [found[number] for number in sorted(found, reverse=True)[:limit]]

    def _run_of_web(self, repo: Repo, number: int) -> list[Run]:
        latest = self.adapter.latest_number(self.session, self.timeout, repo) or 0
        if not 1 <= number <= latest:
            return []
        page = (latest - number) // PAGE + 1
        titles = dict(self.adapter.run_numbers(self.session, self.timeout, repo, page))
        return [self._run_without_id(repo, number, titles.get(number, ""))]

    def _run_without_id(self, repo: Repo, number: int, title: str) -> Run:
        url = f"{self.base_url}{actions(repo)}/runs/{number}"
        return Run(number=number, id=None, title=title, status="unknown", event="", workflow="", url=url)

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
        with reaching(self.base_url):
            sent = {"Accept-Encoding": "identity", **headers}
            path = job_logs_path(repo, job_id, attempt, step=step, tail=tail)
            try:
                response = self._ask(path, what, JOB_LOGS, sent)
            except (NotExecuted, NoLog) as error:
                skipped = self._skipped(error, repo, job_id) if attempt is None else None
                raise skipped or error from None
        kind = response.headers.get("Content-Type", "")
        if not kind.startswith(("text/plain", "multipart/byteranges")):
            response.close()
            raise NotForgejo(f"{what}: the answer is {kind or 'of no type'} and no log; check the address")
        return Log(response, self.base_url)

    def _skipped(self, error: ShimError, repo: Repo, job_id: int) -> ShimError | None:
        """The error that says so, if the job was skipped and the server's own answers or a page just read tell that."""
        known = self.adapter.capabilities(self.session, self.timeout)
        if error.is_relayed and known.of("GET", JOB) is not Capability.PRESENT:
            return None
        try:
            job = self._json(job_path(repo, job_id), f"job {job_id} of {repo}", JOB)
        except (ShimError, requests.RequestException):
            return None
        match job:
            case {"status": "skipped", "name": str(name)}:
                return job_skipped(job_id, name)
        return None

    def _saved_in(self, repo: str | Repo, job: Job, folder: Path, progress: Progress | None) -> Saved | ShimError:
        path = folder / file_name(job)
        if path.exists() and not path.is_file():
            raise ShimError(f"{path} is no regular file; remove it, or name another folder")
        try:
            with saying_skipped(job):
                return self.save_log(repo, job.id, path, progress=progress)
        except (NotThere, NotExecuted, Expired) as error:
            return error

    # --- asking

    def _json(self, path: str, what: str, template: str = "") -> object:
        try:
            return json.loads(self._body(path, what, template))
        except (ValueError, RecursionError):
            raise PageChanged(f"{what}: the answer is no JSON") from None

    def _body(self, path: str, what: str, template: str = "") -> bytes:
        response = self._ask(path, what, template, {"Accept": "application/json"})
        with response:
            if not response.headers.get("Content-Type", "").startswith("application/json"):
                raise NotForgejo(f"{what}: the answer is no JSON, so {self.base_url} is no Forgejo; check the address")
            body = bytearray()
            for chunk in response.iter_content(CHUNK):
                body += chunk
                if len(body) > JSON_LIMIT:
                    raise PageChanged(f"{what}: the answer is longer than {JSON_LIMIT} bytes")
            return bytes(body)

    def _ask(self, path: str, what: str, template: str, headers: Mapping[str, str]) -> requests.Response:
        """The open 200 or 206. Raises ShimError for every other answer, and what `requests` raises."""
        for _ in range(REDIRECTS):
            try:
                response = self.session.get(
                    self.base_url + path,
                    headers=dict(headers),
                    stream=True,
                    timeout=self.timeout,
                    allow_redirects=False,
                )
            except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError):
                raise
            except ValueError:  # `requests` looks at a redirect before it gives it out
                raise self._no_address() from None
            if response.status_code in (200, 206):
                return response
            with response:
                if not response.is_redirect:
                    kind = response.headers.get("Content-Type", "")
                    body = response.raw.read(ERROR_LIMIT, decode_content=True)
                    error = error_of(response.status_code, kind, body, what, template)
                    error.is_relayed = getattr(response, "backend", "") == "native"
                    raise error
                path = self._redirected(path, response.headers["Location"])
        raise NotForgejo(f"{what}: {self.base_url} redirects in a circle; check the address")

    def _no_address(self) -> NotForgejo:
        return NotForgejo(f"{self.base_url} redirects to what is no address; check the address of the server")

    def _redirected(self, path: str, location: str) -> str:
        """The path that a redirect leads to below the base URL, whatever origin it names (Forgejo's own are paths)."""
        try:
            target = urlsplit(urljoin(self.base_url + path, location))
            port = target.port
        except ValueError:
            raise self._no_address() from None
        _, found, rest = target.path.partition(API)
        moved = API + rest + (f"?{target.query}" if target.query else "")
        if not found or moved == path:
            where = f"{target.scheme}://{target.hostname}" + (f":{port}" if port else "")
            raise NotForgejo(f"{self.base_url} redirects to {where}{target.path.partition(API)[0]}; give that address",
                             ) from None  # fmt: skip
        return moved


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
        with reaching(self._base_url, "broke off in the middle of the log"):
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


@dataclass(frozen=True, repr=False)
class _Token(AuthBase):
    """The caller's token as a header. Set without one too, so that `requests` takes nothing from a .netrc file."""

    token: str | None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers["Authorization"] = f"token {self.token}"
        return request


@contextmanager
def saying_skipped(job: Job | None) -> Iterator[None]:
    """Says of a job whose list told that it was skipped, and of no other, that it was."""
    try:
        yield
    except (NotExecuted, NoLog):
        if job is None or job.status != "skipped":
            raise
        skipped = job_skipped(job.id, job.name)
    else:
        return
    raise skipped


def file_name(job: Job) -> str:
    """A file name for a job's log that is safe on any system and unique by the job's id."""
    name = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in job.name)
    name = re.sub(r"\.\.+", "_", name).lstrip(". ")
    return f"{name.encode()[:150].decode(errors='ignore').strip() or 'job'}-{job.id}.log"


def _adds(found: dict[int, Run], page: Iterable[Run]) -> bool:
    """Put a page's runs into `found`; False if none of them is new, so that no further page is."""
    before = len(found)
    found.update((run.number, run) for run in page)
    return len(found) > before


def _run(run: Mapping[str, object]) -> Run:
    """A run of the API's list, which was read by its schema."""
    number, run_id = run["index_in_repo"], run["id"]
    assert isinstance(number, int) and isinstance(run_id, int)
    title, status, event, workflow, url = (
        str(run.get(key) or "") for key in ("title", "status", "event", "workflow_id", "html_url")
    )
    event = event or str(run.get("trigger_event") or "")  # a dispatched run has no other (seen on 15.0.2)
    return Run(number=number, id=run_id, title=title, status=status, event=event, workflow=workflow, url=url)


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


def _refuse_unsendable(token: str | None, web: WebCredentials | None) -> None:
    """Raise ShimError for what no header can carry, before anything repeats it in a message of its own."""
    for what, secret in (("token", token), ("web cookie", web.cookie if isinstance(web, WebCookie) else None)):
        if secret is not None and not re.fullmatch(r"[\x20-\x7e]*", secret):
            raise ShimError(f"the {what} holds a line break or a character that none has; check how it was copied")
    if isinstance(web, WebLogin):
        try:
            f"{web.user}{web.password}".encode()
        except UnicodeEncodeError:
            raise ShimError("the web account's name or password is no UTF-8 text; check it") from None
