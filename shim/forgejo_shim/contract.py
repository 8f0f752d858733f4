"""The grammar of the contract's operations and of the shim's additions: recognise a request, build one, write an error
as Forgejo 16 does.

Rules: pure; the only place that knows the paths under `/api/v1`; numbers are read as Forgejo reads them (a text that is
no number is 0, Go's `strconv.ParseInt` with its error dropped), because 16's answers depend on it; a path is read as
its router reads it (router.py), and an operation's own path is the plain one, however it was spelled. `recognise`
knows the contract's operations alone, `recognise_addition` the others; a driver that offers both asks the latter first,
since `runs/latest/jobs` looks like the jobs of run 0, and `recognise_face` (forgejo-proxy's) before both.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote, urlencode

from .errors import (
    Ambiguous,
    BadRequest,
    Expired,
    Loop,
    NoLog,
    NotExecuted,
    NotForgejo,
    NothingMatched,
    NotNow,
    NotPossible,
    NotThere,
    PageChanged,
    Refused,
    SearchLimit,
    ShimError,
    TooMany,
    Unreachable,
    WebAccount,
)
from .models import Headers, Repo
from .router import first_values, parameters, routed

API = "/api/v1"

JOB_LOGS = "/repos/{owner}/{repo}/actions/jobs/{job_id}/logs"
RUN_JOBS = "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs"
RUN_LOGS = "/repos/{owner}/{repo}/actions/runs/{run_id}/logs"
LIST_RUNS = "/repos/{owner}/{repo}/actions/runs"

JOB = "/repos/{owner}/{repo}/actions/jobs/{job_id}"
LATEST = "/repos/{owner}/{repo}/actions/runs/latest"
LATEST_JOBS = LATEST + "/jobs"
LATEST_LOGS = LATEST + "/logs"
RERUN_JOB = JOB + "/rerun"
RERUN_RUN = "/repos/{owner}/{repo}/actions/runs/{run_id}/rerun"
CANCEL_RUN = "/repos/{owner}/{repo}/actions/runs/{run_id}/cancel"  # 16 has it
RERUN_NUMBER = "/repos/{owner}/{repo}/actions/runs/{run_number}/rerun"  # what the face's rerun of a run means
OF_LATEST = (LATEST, LATEST_JOBS, LATEST_LOGS)
WRITES = (RERUN_JOB, RERUN_RUN, CANCEL_RUN)

FACE = "/compat/forgejo-proxy"  # in front of API: forgejo-proxy's routes, whose runs are named by number, or `latest`
OF_FACE = "/repos/{owner}/{repo}/actions/runs/{run_number}/"
FACE_LOGS, FACE_JOBS, FACE_SUMMARY, FACE_RERUN = (
    FACE + API + OF_FACE + what for what in ("logs", "jobs", "summary", "rerun")
)
FACE_LATEST = FACE + API + LATEST


def _patterns(*templates: str) -> list[tuple[str, re.Pattern[str]]]:
    named = ((template, re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/?#]+)", re.escape(template))) for template in templates)
    return [(template, re.compile(re.escape(API) + pattern + r"\Z")) for template, pattern in named]


_CONTRACT = _patterns(JOB_LOGS, RUN_JOBS, RUN_LOGS)
_ADDITIONS = _patterns(*OF_LATEST, JOB, *WRITES)
_FACE = _patterns(*(OF_FACE + what for what in ("logs", "jobs", "summary", "rerun")), LATEST)
_NAME = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]+\Z")
_INT = re.compile(r"[+-]?[0-9]+\Z")
_FALSE = ("0", "f", "F", "false", "False", "FALSE")  # Go's strconv.ParseBool

# Query parameters that decide who the caller is (Forgejo 11-16: services/auth, routers/api/shared).
_IDENTITY_QUERY = ("token", "access_token", "sudo")
# Headers of the caller that belong to the log request itself, not to the question whether it may be asked.
_NOT_FOR_THE_QUESTION = (
    "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
    "content-length", "content-type", "content-encoding", "transfer-encoding", "accept-encoding", "expect",
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "upgrade", "host",
    "cookie",
)  # fmt: skip


@dataclass(frozen=True)
class Operation:
    """A request of the contract: its path template, the repository's names as sent, the id and the attempt."""

    method: str
    template: str
    owner_segment: str
    repo_segment: str
    id: int
    attempt: int | None
    query: str
    tail: str
    root: str = ""  # what stands in front of API

    @property
    def repo(self) -> Repo | None:
        """The repository, decoded once; None if no repository of Forgejo can have such a name."""
        owner, name = unquote(self.owner_segment), unquote(self.repo_segment)
        ok = _NAME.match(owner) and _NAME.match(name) and not name.lower().endswith(".git")
        return Repo(owner, name) if ok else None

    @property
    def verb(self) -> str:
        """The method that the operation is asked with."""
        return "POST" if self.template.endswith(("/rerun", "/cancel")) else "GET"

    @property
    def parts(self) -> dict[str, str]:
        """Which part of a log is asked for: `step`, `tail` and `follow` as sent; {} for the whole log, once."""
        asked = first_values(self.query) if self.template == JOB_LOGS else {}
        found = {name: asked[name] for name in ("step", "tail", "follow") if name in asked}
        return {name: value for name, value in found.items() if name != "follow" or value not in _FALSE}

    @property
    def always_ours(self) -> bool:
        """Whether no Forgejo has this, even if it answers: a part of a log with all of it, the latest run with 404."""
        return self.template in (*OF_LATEST, RERUN_NUMBER) or bool(self.parts)

    @property
    def question(self) -> str:
        """Path and query of the question whether the caller may read Actions here.

        `tasks` has the same permission middleware as `runs` in every version from 8 on, and page 999999 of it is an
        answer of 37 bytes (recorded on 11.0.15 to 16).
        """
        return f"{self._repo_path}/actions/tasks?limit=1&page=999999"

    @property
    def run(self) -> str:
        """Path of the API's single run (Forgejo 12 and later)."""
        return f"{self._repo_path}/actions/runs/{self.id}"

    @property
    def write_question(self) -> str:
        """Path of the question whether the caller may rerun and cancel here: a dispatch without a ref.

        Who may write is told `ref is empty` (400) before any workflow is looked for, so nothing is ever started; with a
        ref, who is no administrator is told an empty text for every failure (seen on 11.0.15, 15.0.2 and 16).
        """
        return f"{self._repo_path}/actions/workflows/none.yml/dispatches"

    def log_path(self, attempt: int | None) -> str:
        """Path of the native log of this operation's job, of one attempt (None: the current one)."""
        return self._path(JOB_LOGS, self.id) + ("" if attempt is None else f"?attempt={attempt}")

    def job_path(self) -> str:
        """Path of the native job in full."""
        return self._path(JOB, self.id)

    @property
    def is_of_face(self) -> bool:
        """Whether it is one of forgejo-proxy's."""
        return self.template.startswith(FACE)

    def by_run(self, template: str, run_id: int) -> Operation:
        """The operation `template` on a run, or a job, of the same repository, for the same caller."""
        path = self._path(template, run_id).removeprefix(self._repo_path)
        return replace(self, template=template, id=run_id, attempt=None, tail=path)

    @property
    def path(self) -> str:
        """The operation's own path."""
        return self._repo_path + self.tail

    @property
    def target(self) -> str:
        """Its path with its query."""
        return self.path + (f"?{self.query}" if self.query else "")

    def _path(self, template: str, number: int) -> str:
        tail = template.removeprefix("/repos/{owner}/{repo}")
        return self._repo_path + re.sub(r"\{\w+\}", str(number), tail)

    @property
    def _repo_path(self) -> str:
        return f"{API}/repos/{self.repo or f'{self.owner_segment}/{self.repo_segment}'}"

    def moved(self, location: str) -> str | None:
        """This operation below the repository that a redirect of the question points to, or None if it does not."""
        found = re.search(f"({API}/repos/[^/?#]+/[^/?#]+)/actions/", location)
        if not found:
            return None
        return location[: found.start()] + self.root + found[1] + self.tail + (f"?{self.query}" if self.query else "")


def recognise(method: str, path: str, query: str) -> Operation | None:
    """The contract's operation that `method path?query` asks for, or None. `path` is below the base URL."""
    return _recognise(_CONTRACT, method, path, query)


def recognise_addition(method: str, path: str, query: str) -> Operation | None:
    """The shim's own operation that `method path?query` asks for, or None. The parts of a log are `Operation.parts`."""
    return _recognise(_ADDITIONS, method, path, query)


def recognise_face(method: str, path: str, query: str, *, everywhere: bool) -> Operation | None:
    """The operation of forgejo-proxy's that `method path?query` asks for, or None: below FACE, with `everywhere` below
    the base URL itself too. Its template begins with FACE in both cases; `id` is 0 for the latest run."""
    path = routed(path)
    root = FACE if path.startswith(FACE + "/") else ""
    if not root and not everywhere:
        return None
    found = _recognise(_FACE, method, path.removeprefix(root), query)
    return found and replace(found, template=FACE + API + found.template, root=root)


def _recognise(patterns: list[tuple[str, re.Pattern[str]]], method: str, path: str, query: str) -> Operation | None:
    path = routed(path)
    for template, pattern in patterns:
        found = pattern.match(path)
        if found:
            parts = found.groupdict()
            return Operation(
                method=method.upper(),
                template=template,
                owner_segment=parts["owner"],
                repo_segment=parts["repo"],
                id=number(unquote(parts.get("job_id") or parts.get("run_id") or parts.get("run_number") or "")),
                attempt=_attempt(query),
                query=query,
                tail=path[found.end("repo") :],
            )
    return None


def number(text: str) -> int:
    """A number as Forgejo reads it from a path or a query: 0 if it is none, kept within 64 bits."""
    if not _INT.match(text):
        return 0
    if len(text.lstrip("+-0")) > 19:  # beyond 64 bits, however long
        return -(2**63) if text.startswith("-") else 2**63 - 1
    return max(-(2**63), min(2**63 - 1, int(text)))


def _attempt(query: str) -> int | None:
    values = [value for key, value in parameters(query) if key == "attempt"]
    return number(values[0]) if values and values[0] else None


def as_caller(path: str, query: str) -> str:
    """`path` with those parameters of the caller's query that decide who the caller is."""
    identity = urlencode([(key, value) for key, value in parameters(query) if key in _IDENTITY_QUERY])
    return path + ("&" if "?" in path else "?") * bool(identity) + identity


def question_headers(headers: Headers) -> list[tuple[str, str]]:
    """The caller's headers as they go with the question: who asks, not what for. Never to a web route."""
    return headers.without(*_NOT_FOR_THE_QUESTION)


def parse_repo(text: str) -> Repo:
    """`OWNER/REPO` as a repository. Raises ShimError if no repository of Forgejo can have such a name."""
    owner, _, name = text.partition("/")
    if not _NAME.match(owner) or not _NAME.match(name) or name.lower().endswith(".git"):
        shown = "that" if "@" in text else ascii(text)  # it may be an address with a password
        raise ShimError(f"{shown} is no name of a repository; give OWNER/REPO", cause="usage")
    return Repo(owner, name)


def job_logs_path(
    repo: Repo, job_id: int, attempt: int | None = None, *, step: int | None = None, tail: int | None = None
) -> str:
    """Path and query of a job's log, or of its lines of one step, or of its last lines."""
    given = {"attempt": attempt, "step": step, "tail": tail}
    query = "&".join(f"{name}={value}" for name, value in given.items() if value is not None)
    return f"{API}/repos/{_repo(repo)}/actions/jobs/{job_id}/logs" + (f"?{query}" if query else "")


def job_path(repo: Repo, job_id: int) -> str:
    """Path of one job in full, an addition of the shim."""
    return f"{API}/repos/{_repo(repo)}/actions/jobs/{job_id}"


def run_jobs_path(repo: Repo, run_id: int) -> str:
    """Path of a run's jobs."""
    return f"{API}/repos/{_repo(repo)}/actions/runs/{run_id}/jobs"


def runs_path(repo: Repo, **query: object) -> str:
    """Path and query of the API's list of runs (Forgejo 12 and later)."""
    text = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in query.items())
    return f"{API}/repos/{_repo(repo)}/actions/runs" + (f"?{text}" if text else "")


def tasks_path(repo: Repo, page: int) -> str:
    """Path and query of a page of the API's tasks, newest first (Forgejo 8 and later)."""
    return f"{API}/repos/{_repo(repo)}/actions/tasks?limit=50&page={page}"


def _repo(repo: Repo) -> str:
    return f"{quote(repo.owner, safe='')}/{quote(repo.name, safe='')}"


def error_body(error: ShimError, base_url: str) -> bytes:
    """The JSON of an error: Forgejo's `message` and `url`, and `cause` where the contract has no word for it."""
    body = {"message": error.message, "url": f"{base_url}/api/swagger"}
    if error.cause:
        body["cause"] = error.cause
    return json.dumps(body, ensure_ascii=False).encode()


def is_absent_route(status: int, content_type: str, body: bytes) -> bool:
    """Whether an answer of `/api/v1` says that the route does not exist (recorded on 11.0.15 to 16)."""
    return status == 404 and content_type.startswith("text/plain") and body.strip() == b"404 page not found"


_WAIT = "; ask again when a runner has taken it, unless its run's list of jobs says that it is skipped"
_HIDDEN = "; check the name, and whether the caller may read it"
# What a message of the API stands for: status, pattern of the whole message, error, cause, what to do.
_MEANINGS: tuple[tuple[int, str, type[ShimError], str, str], ...] = (
    (404, "job has not been executed yet", NotExecuted, "not-executed", _WAIT),
    (404, "logs have expired", Expired, "logs-expired", ""),
    (404, "job has no log: .*", NoLog, "job-has-no-log", ""),
    (404, "run job with id .*", NotThere, "job-not-found", ""),
    (404, "task with job_id .*", NotThere, "attempt-not-found", ""),
    (404, "run with id .*", NotThere, "run-not-found", ""),
    (404, r"The target couldn't be found\.", NotThere, "repository-hidden",
     _HIDDEN),
    (404, ".*", NotThere, "not-found", ""),
    (503, ".+", NotNow, "upstream-busy", ""),
)  # fmt: skip
# Which contract operation says only "resource does not exist" for a job or run of another repository (recorded on 16).
_FOREIGN = {JOB_LOGS: "job-not-found", RUN_JOBS: "run-not-found", RUN_LOGS: "run-not-found"}


# What servers say of plain HTTP on a port of TLS: Go's net/http (Forgejo itself), nginx and Apache.
_WANTS_TLS = re.compile(rb"HTTP request to an HTTPS server|sent to HTTPS port|to an SSL-enabled server port")


def error_of(status: int, content_type: str, body: bytes, what: str, template: str = "") -> ShimError:
    """The error that an answer of the API stands for, the same for both backends.

    `what` names the object asked for, `template` is the operation's path. The message of a 401 is never taken over:
    Forgejo's repeats the token or the password (recorded on 15.0.2 and 16).
    """
    message, cause = _message(body)
    if is_absent_route(status, content_type, body):
        return NotPossible(f"this server does not offer {what}", cause="operation-absent")
    if not is_forgejos(status, content_type, body):
        return _foreign(status, what, body)
    if status == 401:
        return Refused(
            f"{what}: the server does not accept these credentials; check them", 401, cause="credentials-wrong"
        )
    if status == 403:
        return _forbidden(what, message or "")
    if status == 405:
        return BadRequest(f"{what}: this cannot be asked with that method", 405, cause="method-not-allowed")
    if status == 416:
        reason = body.decode("utf-8", "replace").strip()
        return BadRequest(f"{what}: {reason or 'invalid range'}", 416, cause="range-not-satisfiable")
    if cause:
        return _own(status, message or what, cause)
    if template == JOB_LOGS and status == 500 and message is not None and _no_file(message):
        return NoLog(f"{what}: {NoLog().message}", cause="job-has-no-log")
    if message is not None:
        for meant, pattern, error, named, advice in _MEANINGS:
            if meant == status and re.fullmatch(pattern, message, re.DOTALL):
                foreign = _FOREIGN.get(template) if message == "resource does not exist" else None
                if named == "not-found" and (template not in _FOREIGN or re.fullmatch(r"\w*", message)):
                    # of a list, or the name of a function in Forgejo's code, as GetUserByName for an unknown owner
                    return NotThere(f"{what}: not found{_HIDDEN}", cause="repository-hidden")
                text = message.rstrip(".") or "not found"
                return error(f"{what}: {text}{advice}", cause=foreign or named)
    return _foreign(status, what, body)


def is_forgejos(status: int, content_type: str, body: bytes) -> bool:
    """Whether a 401, 403, 404, 405 or 416 is a "no" of Forgejo's API or of a shim, not of something in front of it: the
    first three are JSON with `message` and `url` (one of them without), the others no page (recorded on 11.0.15 to 16).
    """
    if status in (405, 416):
        return not content_type.startswith("text/html")
    if status not in (401, 403, 404):
        return True
    message, _ = _message(body)
    if message is None:
        return False
    url = json.loads(body).get("url")
    return message.startswith("Only signed in user") or (isinstance(url, str) and url.endswith("/api/swagger"))


def _foreign(status: int, what: str, body: bytes) -> ShimError:
    """The error for an answer that is none of Forgejo's."""
    if status == 429 or status == 503:
        return NotNow(f"the server is busy ({status}); try again later", cause="upstream-busy")
    if status >= 500:
        return Unreachable(f"{what}: the server failed ({status}); try again later", cause="server-failed")
    if status == 400 and _WANTS_TLS.search(body):
        return NotForgejo(f"{what}: the server speaks TLS there; give its address with https://")
    return NotForgejo(f"{what}: the answer ({status}) is not a Forgejo's; check the address")


def _forbidden(what: str, message: str) -> ShimError:
    if message.startswith("token does not have"):
        return Refused(f"{what}: {message}; give a token that has it", 403, cause="scope-missing")
    if message.startswith("Only signed in user"):
        return Refused(f"{what}: {message.rstrip('.')}; give a token", 403, cause="sign-in-required")
    return Refused(f"{what}: the server refuses this to the caller; {message or 'check the credentials'}", 403)


def _own(status: int, message: str, cause: str) -> ShimError:
    """An error that the shim itself answered with."""
    if status == 400:
        return Ambiguous(message, cause=cause)
    if status == 404:
        return NothingMatched(message) if cause == "nothing-matched" else NotThere(message, cause=cause)
    if status == 501:
        return (WebAccount if cause.startswith("web-") else NotPossible)(message, cause=cause)
    if status in (429, 503):
        return (TooMany if status == 429 else NotNow)(message, cause=cause)
    if status == 504:
        return SearchLimit(message)
    if cause == "proxy-loop":
        return Loop(message)
    if cause in {"write-unknown", "unreachable"}:
        return Unreachable(message, cause=cause)
    return PageChanged(message) if cause == "page-changed" else NotForgejo(message, cause=cause)


def _no_file(message: str) -> bool:
    """Whether a 500 of the native operation says that the task has no log. Administrators see why, others an empty text
    (routers/api/v1/utils, 16)."""
    return not message or message.startswith("open logs for task ") and message.endswith("file does not exist")


def _message(body: bytes) -> tuple[str | None, str]:
    """`message` and `cause` of an error's JSON; None if it is no error of Forgejo's API."""
    try:
        answer = json.loads(body)
    except ValueError:
        return None, ""
    if not isinstance(answer, dict) or not isinstance(answer.get("message"), str):
        return None, ""
    return answer["message"], str(answer.get("cause") or "")
