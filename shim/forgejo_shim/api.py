"""Answers of `/api/v1`: what each means, as a value or as an error, the same for both backends.

Rules: pure. An answer is Forgejo's own only if it carries a sign of it; what has none is an error that says so. What is
read fits its schema in spec/web (schema.py), or is PageChanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

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
    RunAgain,
    SearchLimit,
    ShimError,
    TooMany,
    Unreachable,
    WebAccount,
    WrongState,
)
from .models import RunFacts
from .operations import ARTIFACT_ZIP, CANCEL_RUN, JOB_LOG, RUN_ARTIFACTS, RUN_JOBS, RUN_LOGS
from .schema import parse_valid


def is_absent_route(status: int, content_type: str, body: bytes) -> bool:
    """Whether an answer of `/api/v1` says that the route does not exist (recorded on 11.0.15 to 16)."""
    return status == 404 and content_type.startswith("text/plain") and body.strip() == b"404 page not found"


_WAIT = "; ask again when a runner has taken it, unless its run's list of jobs says that it is skipped or cancelled"
_HIDDEN = "; check the name, and whether the caller may read it"
# What a message of the API stands for: status, pattern of the whole message, error, cause, what to do.
_MEANINGS: tuple[tuple[int, str, type[ShimError], str, str], ...] = (
    (404, "job has not been executed yet", NotExecuted, "not-executed", _WAIT),
    (404, "logs have expired", Expired, "logs-expired", ""),
    (404, "job has no log: .*", NoLog, "job-has-no-log", ""),
    (404, "run job with id .*", NotThere, "job-not-found", ""),
    (404, "task with job_id .*", NotThere, "attempt-not-found", ""),
    (404, "run with id .*", NotThere, "run-not-found", ""),
    (404, "artifact not confirmed", NotThere, "artifact-not-confirmed",
     "; it has expired, or is still being uploaded"),
    (404, r"The target couldn't be found\.", NotThere, "repository-hidden",
     _HIDDEN),
    (404, ".*", NotThere, "not-found", ""),
    (503, ".+", NotNow, "upstream-busy", ""),
)  # fmt: skip
# What it is that a contract operation calls a "resource" that "does not exist": one of another repository, or an
# artifact (recorded on 16).
_FOREIGN = {
    JOB_LOG.path: "job-not-found",
    ARTIFACT_ZIP.path: "artifact-not-found",
    **{row.path: "run-not-found" for row in (RUN_JOBS, RUN_LOGS, RUN_ARTIFACTS, CANCEL_RUN)},
}


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
    if status == 403 and not cause:
        return _forbidden(what, message or "")
    if status == 405:
        return BadRequest(f"{what}: this cannot be asked with that method", 405, cause="method-not-allowed")
    if status == 416:
        reason = body.decode("utf-8", "replace").strip()
        return BadRequest(f"{what}: {reason or 'invalid range'}", 416, cause="range-not-satisfiable")
    if cause:
        return _own(status, message or what, cause)
    if template == JOB_LOG.path and status == 500 and message is not None and _no_file(message):
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


# The errors that the shim itself answers with: by their cause, else by their status.
_BY_CAUSE: dict[str, type[ShimError]] = {
    "write-unknown": Unreachable,
    "filter-not-understood": BadRequest,
    "out-of-range": BadRequest,
    "dispatch-refused": BadRequest,
    "rerun-in-part": PageChanged,
    "matcher-not-understood": BadRequest,
    "not-administrator": Refused,
    **{
        kind.cause: kind for kind in (NothingMatched, SearchLimit, Loop, Unreachable, PageChanged, NotForgejo, RunAgain)
    },
}
_BY_STATUS: dict[int, type[ShimError]] = {
    400: Ambiguous, 404: NotThere, 409: WrongState, 429: TooMany, 501: NotPossible, 503: NotNow, 504: SearchLimit,
}  # fmt: skip


def _own(status: int, message: str, cause: str) -> ShimError:
    """An error that the shim itself answered with."""
    kind = WebAccount if cause.startswith("web-") else _BY_CAUSE.get(cause) or _BY_STATUS.get(status) or NotForgejo
    return kind(message, cause=cause)


def _no_file(message: str) -> bool:
    """Whether a 500 of the native operation says that the task has no log. Administrators see why, others an empty text
    (routers/api/v1/utils, 16)."""
    return not message or message.startswith("open logs for task ") and message.endswith("file does not exist")


def _message(body: bytes) -> tuple[str | None, str]:
    """`message` and `cause` of an error's JSON; None if it is no error of Forgejo's API."""
    try:
        answer = json.loads(body)
        message, cause = answer["message"], str(answer.get("cause") or "")
    except (ValueError, TypeError, KeyError, RecursionError):
        return None, ""
    return (message, cause) if isinstance(message, str) else (None, "")


def parse_run(body: bytes) -> RunFacts:
    """One run of the API. Raises PageChanged, naming the field."""
    return run_facts(parse_valid("run", body, "the API's run"))


def run_facts(run: Mapping[str, Any]) -> RunFacts:
    """A run of the API's, which was read by its schema."""
    repository = run.get("repository") or {}
    return RunFacts(
        number=run["index_in_repo"],
        id=run["id"],
        repo_id=repository.get("id"),
        owner_id=(repository.get("owner") or {}).get("id"),
        title=run.get("title"),
        status=run.get("status"),
        workflow=run.get("workflow_id"),
        started=run.get("started") or "",
        stopped=run.get("stopped") or "",
        given=run,
    )


def parse_runs(body: bytes, page: int = 1) -> tuple[list[RunFacts], int]:
    """A page of the API's runs (1-based) and the count of all. Raises PageChanged, naming the field, also if there are
    runs and none of them is on the first page; NotPossible for the list of a shim whose server's API has none (11)."""
    try:
        answer = parse_valid("runs", body, "the API's list of runs")
    except PageChanged:
        if _is_told_by_web(body):
            raise NotPossible("this server's API does not offer a list of runs", cause="operation-absent") from None
        raise
    runs, total = [run_facts(run) for run in answer["workflow_runs"]], answer["total_count"]
    if page == 1 and total and not runs:
        raise PageChanged(f"the API's list of runs was not understood: it counts {total} and shows none; ask again")
    return runs, total


def parse_listed(body: bytes, page: int = 1) -> tuple[list[RunFacts], int]:
    """A page of a list of runs, also of one that was made from a web UI (11). Raises PageChanged."""
    if not _is_told_by_web(body):
        return parse_runs(body, page)
    answer = json.loads(body)
    match answer["workflow_runs"], answer.get("total_count"):
        case [*told], int(total) if all(isinstance(run["index_in_repo"], int) for run in told):
            runs = [RunFacts(run["index_in_repo"], title=run.get("title"), status=run.get("status")) for run in told]
            return runs, total
    raise PageChanged("the list of runs was not understood: a number in it is none")


def _is_told_by_web(body: bytes) -> bool:
    """Whether a list of runs has of each its number and no more than a web UI tells."""
    try:
        runs = json.loads(body)["workflow_runs"]
        return bool(runs) and all({"index_in_repo"} <= set(run) <= {"index_in_repo", "title", "status"} for run in runs)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def parse_run_numbered(body: bytes, number: int) -> RunFacts | None:
    """The run of that number in the API's list for it; None if the list is empty. Raises PageChanged, also if the list
    is of other runs."""
    runs, _ = parse_runs(body)
    found = next((run for run in runs if run.number == number), None)
    if runs and not found and number > 0:  # 0 and less filter nothing, and no run has them
        raise PageChanged(f"the API was asked for run {number} and answered with others; report this server's version")
    return found


def parse_jobs(body: bytes) -> list[dict[str, Any]]:
    """The jobs of a run as the API gives them. Raises PageChanged, naming the field."""
    jobs: list[dict[str, Any]] = parse_valid("jobs", body, "the API's list of a run's jobs")
    return jobs


def parse_tasks(body: bytes) -> tuple[list[dict[str, Any]], int]:
    """A page of the API's tasks, newest first, and the count of all. Raises PageChanged, naming the field."""
    answer = parse_valid("tasks", body, "the API's list of tasks")
    return answer["workflow_runs"], answer["total_count"]
