"""What a report says: the run, its failed jobs, in each the failing step, what was found there, and its last lines.

Rules: frozen; no I/O. All text of a log is untrusted, and is here as the log has it but for its times, escape sequences
and progress that was written over: whoever shows it makes it safe for where it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..models import FAILED, Step, Times


@dataclass(frozen=True)
class Finding:
    """An error that a matcher found. `owner` names the matcher; `file`, `code` are "" and `line`, `column` None (both
    1-based) where it tells none. `at` is the number (1-based) of its first line in the text that was searched, where
    each 64 KiB of a longer line count as one; `lines` are the lines of the log that it was found in."""

    owner: str
    message: str
    severity: str = "error"
    file: str = ""
    line: int | None = None
    column: int | None = None
    code: str = ""
    at: int = 0
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a text gave: findings, the one that explains most first, its last lines, up to where the step ended if that
    is known, and how many bytes of it were searched. Where no finding is certain, `likely` has what looks
    like one: it may be of a success. `given_up` are the owners of matchers that took too long, and then were not tried.
    """

    findings: tuple[Finding, ...]
    last: tuple[str, ...]
    size: int
    likely: tuple[Finding, ...] = ()
    given_up: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobReport:
    """A job that did not succeed. `step` is the one that failed, None where it is not known; `url` its page.

    `log_size` is in bytes, None where there is no log, and `read` how many of them were searched. `missing` says why
    there is no log, or "". `left_out` counts findings and lines that the limit of the report took away. `likely` is of
    a log alone, which may be a success's, and is instead of findings: what looks like one.
    """

    id: int
    index: int
    name: str
    status: str
    attempt: int | None
    times: Times
    url: str
    step: Step | None
    findings: tuple[Finding, ...]
    last: tuple[str, ...]
    log_size: int | None = None
    read: int = 0
    missing: str = ""
    left_out: int = 0
    likely: tuple[Finding, ...] = ()

    @property
    def told(self) -> tuple[Finding, ...]:
        """The findings, or what looks like one."""
        return self.findings or self.likely


@dataclass(frozen=True)
class RunHead:
    """The run of a report. What the server does not tell is None or ""; times are RFC 3339. `error` is what is wrong
    with the run's workflow, so that jobs of it could not begin."""

    repo: str
    number: int
    id: int | None
    title: str
    status: str
    event: str
    workflow: str
    branch: str
    commit: str
    started: str
    stopped: str
    url: str
    error: str = ""


@dataclass(frozen=True)
class Report:
    """Why a run is red. `jobs` are those that failed, were cancelled or timed out, those that failed first;
    `by_status` counts all jobs of the run; `left_out` are jobs beyond the limit, by name; `given_up` are the owners of
    matchers that took too long in one of the logs, so that what they look for may be missing."""

    run: RunHead
    jobs: tuple[JobReport, ...]
    by_status: dict[str, int]
    left_out: tuple[str, ...] = ()
    given_up: tuple[str, ...] = ()

    @property
    def failed(self) -> int:
        """How many jobs failed or were cancelled, whether they are told or not."""
        return sum(self.by_status.get(status, 0) for status in FAILED)
