"""Every error of the shim. Each knows the HTTP status that stands for it and the exit code of the command.

ShimError
├── NotThere            404  5  what was named does not exist for this caller: a repository, run, job, step, …
│   └── NoLog           404  5  the job has no log: skipped, or its runner has sent nothing yet
├── NotExecuted         404  6  no runner has taken the job (or its rerun) yet
├── Expired             404  7  the log was there and has been cleaned up
├── Refused             401/403  4  the caller's own credentials do not suffice
├── BadRequest          405/416  1  the request itself cannot be answered: its method, or a range beyond the end
│   ├── WrongState      409  1  what is asked for does not fit what the run is now: over, or not
│   └── WrongArguments  400  2  what is asked for cannot be: words to be corrected before anything is asked
├── Ambiguous           400  1  several things fit what was asked for
├── WebAccount          501  4  the shim's web account cannot do it; `cause` says why
├── NotPossible         501  1  this server cannot do it; `cause` says why
├── PageChanged         502  8  an answer was not understood; names what was missing
├── NotNow              503  1  ask again after `retry_after` seconds
│   ├── TooMany         429  1  this caller, or all of them, have too much under way
│   ├── RunAgain        503  1  the job was run again while its log was read
│   └── StillRunning     -   1  a log was followed as long as was asked for, and its job is not over
├── SearchLimit         504  1  the job was searched in vain within the limit
├── BadArchive           -   1  an artifact's zip is not extracted: it is damaged, unsafe or too large
├── DiskFull             -   1  a file cannot be written, since the disk takes no more
├── ServerRefusal        -   1  the server's own refusal, which the caller gets as it is
├── NotForgejo           -   8  the address answers, but not as a Forgejo
├── Unreachable          -   8  no answer, or it broke off
│   └── Loop            508  8  a proxy's own address was given to it as that of the server behind
├── Unreadable           -   8  a source of a spec check could not be loaded, or is no Swagger 2.0
└── NothingMatched       -   3  nothing fits: nothing failed, no line, or no run where none was named

Messages are one sentence: what happened, to which object, what to do next. They never hold a credential.
The statuses, messages and exit codes are those of the table in spec/README.md (data: spec/causes.json). Where the
contract has a word of its own for an error, an answer's JSON has no `cause`; `api.error_of` gives it one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class ShimError(Exception):
    """An error of the shim; `status` is HTTP's, `exit_code` the command's, `cause` a stable kebab-case id.

    `retry_after` are the seconds to wait before asking again, if that helps. `choices` are what could be asked for
    instead, one a line. `is_relayed`: whether the server said so, as a shim in front of a Forgejo does; its web account
    is not ours then.
    """

    status = 500
    exit_code = 1
    cause = ""
    text = ""  # the message where none is given
    retry_after: int | None = None
    choices: Sequence[str] = ()
    is_relayed = False

    def __init__(
        self, message: str = "", status: int | None = None, *, cause: str = "", retry_after: int | None = None
    ) -> None:
        self.message = message or self.text
        super().__init__(self.message)
        self.status = status or self.status
        self.cause = cause or self.cause
        self.retry_after = retry_after or self.retry_after


class NotThere(ShimError):
    """What was named does not exist for this caller: a repository, run, job, attempt, step or artifact."""

    status, exit_code = 404, 5


class NoLog(NotThere):
    """The job has no log: it was skipped, or its runner has sent nothing yet."""

    text = "job has no log: it was skipped, or its runner has sent nothing yet"


class NotExecuted(ShimError):
    """No runner has taken the job, or its rerun, yet. None ever will if it is over: `job-skipped`, `job-cancelled`."""

    status, exit_code = 404, 6
    text = "job has not been executed yet"


class Expired(ShimError):
    """The log was there and has been cleaned up."""

    status, exit_code = 404, 7
    text = "logs have expired"


class Refused(ShimError):
    """The caller's own credentials do not suffice."""

    status, exit_code = 403, 4


class BadRequest(ShimError):
    """The request itself cannot be answered: its method, or a range beyond the end."""

    status = 400


class WrongState(BadRequest):
    """What is asked for does not fit what the run is now: over, or not."""

    status = 409


class WrongArguments(BadRequest):
    """What is asked for cannot be: words to be corrected before anything is asked."""

    exit_code, cause = 2, "usage"


class Ambiguous(ShimError):
    """Several things fit what was asked for."""

    status = 400


class WebAccount(ShimError):
    """The shim's web account cannot do it; `cause` says why."""

    status, exit_code = 501, 4


class NotPossible(ShimError):
    """This server cannot do it; `cause` says why."""

    status = 501


class PageChanged(ShimError):
    """An answer was not understood; the message names what was missing."""

    status, exit_code, cause = 502, 8, "page-changed"


class NotNow(ShimError):
    """Ask again after `retry_after` seconds."""

    status, retry_after = 503, 5


class TooMany(NotNow):
    """This caller, or all of them, have too much under way."""

    status = 429


class RunAgain(NotNow):
    """The job was run again while its log was read: what was read so far is the attempt before."""

    cause = "run-again"


class StillRunning(NotNow):
    """A log was followed as long as was asked for, and its job is not over."""

    cause = "still-running"


class SearchLimit(ShimError):
    """The job was searched for in vain within the limit."""

    status, cause = 504, "search-limit"


class BadArchive(ShimError):
    """An artifact's zip is not extracted: it is damaged, unsafe or too large; `cause` says which."""


class DiskFull(ShimError):
    """A file cannot be written, since the disk takes no more."""


class ServerRefusal(ShimError):
    """The server's own refusal, or one in its form: the caller gets `status`, `headers` and `body` as they are."""

    def __init__(self, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        super().__init__(f"the server answered {status}", status)
        self.headers = list(headers)
        self.body = body


class NotForgejo(ShimError):
    """The address answers, but not as a Forgejo."""

    status, exit_code, cause = 502, 8, "not-a-forgejo"


class Unreachable(ShimError):
    """No answer, or it broke off. `was_sent`: whether the request may have reached the server."""

    status, exit_code, cause = 502, 8, "unreachable"
    was_sent = True


class Loop(Unreachable):
    """A proxy's own address was given to it as that of the server behind."""

    status, cause = 508, "proxy-loop"


class Unreadable(ShimError):
    """A source of a spec check could not be loaded, or is no Swagger 2.0."""

    exit_code, cause = 8, "spec-unreadable"


class NothingMatched(ShimError):
    """Nothing fits what was asked for: nothing failed, no line, or no run where none was named."""

    status, exit_code, cause = 404, 3, "nothing-matched"


def loop() -> Loop:
    """What a proxy says of a request that it has sent itself."""
    return Loop("the server behind this proxy is the proxy itself; give it the address of a Forgejo")


def job_not_found(job_id: int) -> NotThere:
    """The message of Forgejo 16 for an unknown job (recorded on the 16 branch)."""
    return NotThere(f"run job with id {job_id}: resource does not exist")


def job_over(job_id: int, name: str, status: str) -> NotExecuted:
    """What is said of a job that no runner will ever take, where its status is known: skipped, or another final one."""
    if status == "skipped":
        return NotExecuted(f"job {job_id} ({name}) was skipped: there is nothing to read", cause="job-skipped")
    ended = {"cancelled": "was cancelled", "failure": "failed"}.get(status, "ended")
    return NotExecuted(
        f"job {job_id} ({name}) {ended} before a runner took it: there is nothing to read", cause="job-cancelled"
    )


def run_again(job_id: int) -> RunAgain:
    """What is said of a log that is another attempt's than when its reading began."""
    return RunAgain(f"job {job_id} was run again while its log was read; ask again for the new attempt's")


def not_over(what: str, job_id: int, status: str) -> NotNow:
    """What is said of a rerun while a job of the run is not over."""
    return NotNow(
        f"{what} cannot be rerun while job {job_id} of the run is {status}; ask again when all are over",
        cause="not-over",
        retry_after=10,
    )


def run_not_over(run_id: int, status: str) -> WrongState:
    """What is said of the deletion of a run that is not over."""
    return WrongState(f"run {run_id} cannot be deleted while a job is {status}; cancel it first", cause="run-not-over")


def run_over(run_id: object) -> WrongState:
    """What is said of a cancel of a run that is over, where that is no yes."""
    return WrongState(f"run {run_id} is over, so nothing of it can be cancelled", cause="run-over")


def attempt_not_found(job_id: int, attempt: int) -> NotThere:
    """The message of Forgejo 16 for an unknown attempt (recorded on the 16 branch)."""
    return NotThere(f"task with job_id {job_id} and attempt {attempt}: resource does not exist")
