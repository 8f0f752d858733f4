"""The operations of the shim, one row each, and a call of one: which operation, for whose repository, with what.

Rules: pure; the only place that knows the operations' paths (paths.py fills them in). No version numbers: what a server
has, its swagger says. Numbers are read as Forgejo reads them (a text that is no number is 0, Go's `strconv.ParseInt`
with its error dropped), because 16's answers depend on it. A path is read as Forgejo's router reads it (router.py); an
operation's own path is the plain one, however it was spelled. How a client asks for an operation is a face's to know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote

from .errors import ServerRefusal, WrongArguments
from .models import Headers, Repo
from .router import first_values, parameters, routed

API = "/api/v1"
REPO = "/repos/{owner}/{repo}"
RUN = REPO + "/actions/runs/{run_id}"  # a run by its id (12 and later)
LIST_RUNS = REPO + "/actions/runs"


@dataclass(frozen=True)
class Operation:
    """One row: how it is asked for, and what of it is the shim's own.

    `path` is that of the swagger document, below `/api/v1`. `is_added`: no Forgejo has it. `writes`: the shim changes
    something for it. `parts` are parameters of its query that the shim adds; `by_run_id`: the API must know run ids.
    `native_only`: the web UI has nothing like it, and other methods of its path are the server's own.
    """

    method: str
    path: str
    is_added: bool = True
    writes: bool = False
    by_run_id: bool = False
    native_only: bool = False
    parts: tuple[str, ...] = ()


JOB_LOG = Operation("GET", REPO + "/actions/jobs/{job_id}/logs", is_added=False, parts=("step", "tail", "follow"))
RUN_JOBS = Operation("GET", RUN + "/jobs", is_added=False, by_run_id=True)
RUN_LOGS = Operation("GET", RUN + "/logs", is_added=False, by_run_id=True)
RUN_ARTIFACTS = Operation("GET", RUN + "/artifacts", is_added=False, by_run_id=True)
ARTIFACTS = Operation("GET", REPO + "/actions/artifacts", is_added=False)
ARTIFACT = Operation("GET", ARTIFACTS.path + "/{artifact_id}", is_added=False)
DELETE_ARTIFACT = Operation("DELETE", ARTIFACT.path, is_added=False, writes=True)
ARTIFACT_ZIP = Operation("GET", ARTIFACT.path + "/zip", is_added=False)
CANCEL_RUN = Operation("POST", RUN + "/cancel", is_added=False, writes=True, by_run_id=True)
DELETE_RUN = Operation("DELETE", RUN, is_added=False, native_only=True)
RUN_OF_TOKEN = Operation("GET", "/actions/run", is_added=False, native_only=True)
LATEST_RUN = Operation("GET", REPO + "/actions/runs/latest")
LATEST_JOBS = Operation("GET", LATEST_RUN.path + "/jobs", by_run_id=True)
LATEST_LOGS = Operation("GET", LATEST_RUN.path + "/logs", by_run_id=True)
LATEST_WHY = Operation("GET", LATEST_RUN.path + "/why")
WHY = Operation("GET", RUN + "/why", by_run_id=True)
JOB = Operation("GET", REPO + "/actions/jobs/{job_id}")
RERUN_JOB = Operation("POST", JOB.path + "/rerun", writes=True)
RERUN_RUN = Operation("POST", RUN + "/rerun", writes=True, by_run_id=True)
# Asked for by faces only; of what is behind a run's or a job's path here, no server knows.
RUN_SUMMARY = Operation("GET", RUN)
RUN_LIST = Operation("GET", LIST_RUNS)
ONE_RUN = Operation("GET", RUN + "/attempt", by_run_id=True)
RUN_DETAILS = Operation("GET", RUN + "/details", by_run_id=True)
RUN_STEP_LOGS = Operation("GET", RUN + "/step-logs", by_run_id=True)
WORKFLOWS = Operation("GET", REPO + "/actions/workflows")
WORKFLOW = Operation("GET", REPO + "/actions/workflows/{workflow}")
RERUN_FAILED = Operation("POST", RUN + "/rerun-failed-jobs", writes=True, by_run_id=True)
ENABLE_WORKFLOW = Operation("PUT", WORKFLOW.path + "/enable", writes=True)
DISABLE_WORKFLOW = Operation("PUT", WORKFLOW.path + "/disable", writes=True)
DISPATCH = Operation("POST", WORKFLOW.path + "/dispatches", writes=True)
COMMIT_RUNS = Operation("GET", REPO + "/commits/{commit}/runs")
COMMIT_JOBS = Operation("GET", REPO + "/commits/{commit}/jobs")
COMMIT_STATUS = Operation("GET", REPO + "/commits/{commit}/status")
FINDINGS = Operation("GET", JOB.path + "/findings")
REPOSITORY = Operation("GET", REPO)
USER = Operation("GET", "/user")
OF_FACES = (
    RUN_SUMMARY, RUN_LIST, ONE_RUN, RUN_DETAILS, RUN_STEP_LOGS, WORKFLOWS, WORKFLOW, RERUN_FAILED, DISPATCH,
    ENABLE_WORKFLOW, DISABLE_WORKFLOW, COMMIT_RUNS, COMMIT_JOBS, COMMIT_STATUS, FINDINGS, REPOSITORY, USER,
)  # fmt: skip

OF_LATEST = (LATEST_RUN, LATEST_JOBS, LATEST_LOGS, LATEST_WHY)
# In the order in which a path is held against them: `runs/latest/jobs` looks like the jobs of run 0.
OPERATIONS = (
    *OF_LATEST, WHY, JOB, RERUN_JOB, RERUN_RUN, JOB_LOG, RUN_JOBS, RUN_LOGS, RUN_ARTIFACTS, ARTIFACTS, ARTIFACT,
    DELETE_ARTIFACT, ARTIFACT_ZIP, CANCEL_RUN, DELETE_RUN, RUN_OF_TOKEN,
)  # fmt: skip
CONTRACT = tuple(row for row in OPERATIONS if not row.is_added)

_IDS = ("job_id", "run_id", "artifact_id")
_NAME = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._-]+\Z")
_INT = re.compile(r"[+-]?[0-9]+\Z")
_FALSE = ("0", "f", "F", "false", "False", "FALSE")  # Go's strconv.ParseBool

RunName = int | Literal["latest"]


@dataclass(frozen=True)
class Call:
    """A call of an operation.

    `method` and the names of the repository are as sent ("" in a path without them), `id` is that of the job, the run
    or the artifact, `tail` what stands behind the repository in the path. Where a client names a run by its number or
    as the latest one, `run` says so, and `job` is a job's name or index in it ("": the first); `by_number` finds their
    ids. `route` is what it is called in logs and figures, `root` what stands in front of `/api/v1`.

    `as_value`: the client speaks another API than Forgejo's, so that a native answer is read into a value, too. Then
    `root` stands in the place of `/api/v1`, `sent` is what the client asked for behind the repository's name, its own
    query with it, and `query` what that means in Forgejo's words. `by_address`: the answer is an address that gives
    what is asked for, without a credential. `then` tells the client of what was done; `of_run` is the run that a job
    has to be of.
    """

    operation: Operation
    method: str
    owner_segment: str
    repo_segment: str
    id: int
    attempt: int | None
    query: str
    tail: str
    route: str = ""
    root: str = ""
    run: RunName | None = None
    job: str = ""
    as_value: bool = False
    by_address: bool = False
    sent: str = ""
    then: Operation | None = None
    of_run: int | None = None

    @property
    def is_by_method(self) -> bool:
        """Whether it is asked for with the operation's own method."""
        return self.method == self.operation.method

    @property
    def repo(self) -> Repo | None:
        """The repository, decoded once; None if no repository of Forgejo can have such a name."""
        owner, name = unquote(self.owner_segment), unquote(self.repo_segment)
        return Repo(owner, name) if is_repository(owner, name) else None

    @property
    def parts(self) -> dict[str, str]:
        """Which part of a log is asked for: `step`, `tail` and `follow` as sent; {} for the whole log, once."""
        asked = first_values(self.query) if self.operation.parts and self.run is None else {}
        found = {name: asked[name] for name in self.operation.parts if name in asked}
        return {name: value for name, value in found.items() if name != "follow" or is_true(value)}

    @property
    def is_always_ours(self) -> bool:
        """Whether no Forgejo has this, even if it answers: a part of a log with all of it, the latest run with 404."""
        return self.operation in OF_LATEST or bool(self.parts)

    @property
    def read_check(self) -> str:
        """Path and query of the question whether the caller may read Actions here.

        `tasks` has the same permission middleware as `runs` in every version from 8 on, and page 999999 of it is an
        answer of 37 bytes (recorded on 11.0.15 to 16).
        """
        return f"{self._repo_path}/actions/tasks?limit=1&page=999999"

    @property
    def write_check(self) -> str:
        """Path of the question whether the caller may write to Actions here: a dispatch without a ref.

        Who may write is told `ref is empty` (400) before any workflow is looked for, so nothing is ever started; with a
        ref, who is no administrator is told an empty text for every failure (seen on 11.0.15, 15.0.2 and 16).
        """
        return f"{self._repo_path}/actions/workflows/none.yml/dispatches"

    @property
    def path(self) -> str:
        """The operation's own path."""
        return self._repo_path + self.tail

    @property
    def target(self) -> str:
        """Its path with its query."""
        return self.path + (f"?{self.query}" if self.query else "")

    def of(self, operation: Operation, number: int) -> Call:
        """A call of another operation, on a job or a run of the same repository by its id, for the same caller."""
        tail = re.sub(r"\{\w+\}", str(number), operation.path.removeprefix(REPO))
        return replace(self, operation=operation, id=number, attempt=None, tail=tail, root="", run=None, job="")

    def moved(self, location: str) -> str | None:
        """This call below the repository that a redirect of the question points to, or None if it does not."""
        found = re.search(f"({API}/repos/[^/?#]+/[^/?#]+)(?:[/?]|$)", location)
        if not found:
            return None
        if self.as_value:
            return location[: found.start()] + self.root + found[1].removeprefix(API) + self.sent
        return location[: found.start()] + self.root + found[1] + self.tail + (f"?{self.query}" if self.query else "")

    def refusal(self, status: int, headers: Headers, body: bytes) -> ServerRefusal:
        """The API's own answer to a question as that to this call: the redirect of a renamed repository is turned into
        one to the operation."""
        kept = headers.without("Set-Cookie", "Content-Length", "Connection", "Transfer-Encoding", "Location")
        if location := headers.get("Location"):
            kept.append(("Location", self.moved(location) or location))
        return ServerRefusal(status, kept, body)

    @property
    def _repo_path(self) -> str:
        return f"{API}/repos/{self.repo or f'{self.owner_segment}/{self.repo_segment}'}"


def matcher(path: str) -> re.Pattern[str]:
    """A pattern for the paths that a path of the swagger document stands for."""
    return re.compile(re.escape(API) + re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/?#]+)", re.escape(path)) + r"\Z")


Rows = tuple[tuple[Operation, re.Pattern[str]], ...]
ROWS: Rows = tuple((row, matcher(row.path)) for row in OPERATIONS)


def recognise(method: str, path: str, query: str) -> Call | None:
    """The operation that `method path?query` asks for, or None. `path` is below the base URL.

    A path that is asked with another method than its operations have is a call of the first of them.
    """
    path, method = routed(path), method.upper()
    for row, pattern in ROWS:
        if found := pattern.match(path):
            same = (other for other in OPERATIONS if other.path == row.path and other.method == method)
            operation = next(same, row)
            is_ours = operation.method == method or not operation.native_only
            return called(operation, method, found, query) if is_ours else None
    return None


def called(operation: Operation, method: str, found: re.Match[str], query: str) -> Call:
    """The call that a matched path is."""
    parts = found.groupdict()
    return Call(
        operation=operation,
        method=method,
        owner_segment=parts.get("owner", ""),
        repo_segment=parts.get("repo", ""),
        id=number(unquote(next((parts[name] for name in _IDS if name in parts), ""))),
        attempt=_attempt(query),
        query=query,
        tail=found.string[found.end("repo") if "repo" in parts else len(API) :],
        route=operation.path,
    )


def number(text: str) -> int:
    """A number as Forgejo reads it from a path or a query: 0 if it is none, kept within 64 bits."""
    if not _INT.match(text):
        return 0
    if len(text.lstrip("+-0")) > 19:  # beyond 64 bits, however long
        return -(2**63) if text.startswith("-") else 2**63 - 1
    return max(-(2**63), min(2**63 - 1, int(text)))


def is_true(text: str) -> bool:
    """Whether a parameter switches something on: anything but a word for false, and nothing."""
    return text not in ("", *_FALSE)


def _attempt(query: str) -> int | None:
    values = [value for key, value in parameters(query) if key == "attempt"]
    return number(values[0]) if values and values[0] else None


def is_repository(owner: str, name: str) -> bool:
    """Whether a repository of Forgejo can be called so."""
    return bool(_NAME.match(owner) and _NAME.match(name)) and not name.lower().endswith(".git")


def parse_repo(text: str) -> Repo:
    """`OWNER/REPO` as a repository. Raises ShimError if no repository of Forgejo can have such a name."""
    owner, _, name = text.partition("/")
    if not is_repository(owner, name):
        shown = "that" if "@" in text else ascii(text)  # it may be an address with a password
        raise WrongArguments(f"{shown} is no name of a repository; give OWNER/REPO")
    return Repo(owner, name)
