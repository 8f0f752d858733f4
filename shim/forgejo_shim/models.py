"""The nouns of the shim: values without behaviour worth a test of its own.

Rules: frozen; no I/O; no import of another module of this package. Names follow the glossary of spec/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# In the order of their numbers (models/actions/status.go, 11.0.15 to 16).
STATUSES = ("unknown", "success", "failure", "cancelled", "skipped", "waiting", "running", "blocked")
FAILED = ("failure", "cancelled")  # the worse first; a server's word for a time-out is either
FINAL = frozenset({"success", "failure", "cancelled", "skipped"})
# Our own, of an attempt of which nothing tells any more how it ended: it is over, since there is a later one.
PAST = "past"
OVER = FINAL | {PAST}


# Names and values of headers, or of the parameters of a query, in order.
Pairs = Sequence[tuple[str, str]]


class Headers(tuple[tuple[str, str], ...]):
    """HTTP headers as they came: names without regard to case, several values for one name kept apart."""

    __slots__ = ()

    def get(self, name: str, default: str = "") -> str:
        """The first value of `name`, or `default`."""
        wanted = name.lower()
        for key, value in self:
            if key.lower() == wanted:
                return value
        return default

    def only(self, *names: str) -> list[tuple[str, str]]:
        """The pairs whose name is one of `names`."""
        wanted = {name.lower() for name in names}
        return [(key, value) for key, value in self if key.lower() in wanted]

    def without(self, *names: str) -> list[tuple[str, str]]:
        """The pairs whose name is none of `names`."""
        unwanted = {name.lower() for name in names}
        return [(key, value) for key, value in self if key.lower() not in unwanted]

    def __repr__(self) -> str:  # values can be credentials
        return f"Headers of {[key for key, _ in self]}"


@dataclass(frozen=True)
class Repo:
    """A repository by the names the caller used. Forgejo compares them without regard to case."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def key(self) -> str:
        """What state is kept under: the same for every spelling of the case."""
        return str(self).lower()


@dataclass(frozen=True)
class Location:
    """Where the web UI shows a job: run number (1-based) and job index (0-based position in the run)."""

    run_number: int
    job_index: int


@dataclass(frozen=True)
class TokenRights:
    """What a token may do: `account` is the name of whose it is (None: it may not tell), `writes` whether its scope is
    write:repository (None: the server did not tell) and not read:repository alone."""

    account: str | None
    writes: bool | None


@dataclass(frozen=True)
class WebLogin:
    """The shim's web account. `totp_secret` is the base32 text shown when two-factor sign-in was set up."""

    user: str
    password: str = field(repr=False)
    totp_secret: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Raise TypeError for what is no text: a variable that is not set, above all, which is not to be tried."""
        if not all(isinstance(text, str) for text in (self.user, self.password, self.totp_secret or "")):
            raise TypeError("user, password and totp_secret of a WebLogin must be texts; is a variable not set?")


@dataclass(frozen=True)
class WebCookie:
    """A web session that a person signed in to: the browser's Cookie header, `name=value; name=value`."""

    cookie: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raise TypeError for what is no text."""
        if not isinstance(self.cookie, str):
            raise TypeError("cookie of a WebCookie must be a text; is a variable not set?")


WebCredentials = WebLogin | WebCookie


@dataclass(frozen=True)
class Run:
    """A run as `Client` gives it. On Forgejo 11, whose API knows no runs, `id` is None, and only `number`, `title`,
    `status` and `url` are known.

    `event` is the one that triggers workflows (`push`, `workflow_dispatch`), `workflow` the name of its file, `branch`
    that of a branch or a tag, or `#7` for a pull request, `actor` who or what triggered it. Times are RFC 3339 in UTC,
    "" if unset or not known; `duration` is in whole seconds, None until it is over or if not known.
    """

    number: int
    id: int | None
    title: str
    status: str
    event: str
    workflow: str
    url: str
    branch: str = ""
    commit: str = ""
    actor: str = ""
    created: str = ""
    started: str = ""
    stopped: str = ""
    duration: int | None = None


@dataclass(frozen=True)
class Job:
    """A job as `Client` gives it. `attempt` is None where the server does not tell; `task_id` 0 if it has none. `index`
    is None where the job was asked for by its id alone."""

    id: int
    index: int | None
    name: str
    status: str
    attempt: int | None
    task_id: int
    run_id: int | None
    run_number: int | None


@dataclass(frozen=True)
class Overview:
    """A run and its jobs by their index, as they are now, told at little cost: the jobs may lack `attempt` and
    `task_id`."""

    run: Run
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class RunFacts:
    """A run as a flow gives it. `given` is the API's own object, {} where the web UI told; then `id`, `repo_id` and
    `owner_id` are None. Times are RFC 3339, "" if unset. The web UI tells the first digits of `commit`, and
    `error`, what is wrong with the run's workflow; None where it was not asked. `attempt` is the highest of its jobs',
    None where it is not known or was not asked."""

    number: int
    id: int | None = None
    repo_id: int | None = None
    owner_id: int | None = None
    title: str | None = None
    status: str | None = None
    workflow: str | None = None
    started: str = ""
    stopped: str = ""
    branch: str = ""
    commit: str = ""
    error: str | None = None
    attempt: int | None = None
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunJobs:
    """A run and its jobs by their index; for a summary without their attempts and tasks."""

    run: RunFacts
    jobs: tuple[Job, ...]


@dataclass(frozen=True)
class Times:
    """When something began and ended, in seconds since the epoch; 0 if unset or not known."""

    started: int = 0
    stopped: int = 0

    @property
    def duration(self) -> int | None:
        """Whole seconds from one to the other; None if one is not known."""
        return max(0, self.stopped - self.started) if self.started and self.stopped else None


@dataclass(frozen=True)
class Step:
    """One step of an attempt (0-based `number`); `log_index` and `log_length` count lines, None if not known."""

    number: int
    name: str
    status: str
    times: Times
    log_index: int | None = None
    log_length: int | None = None


@dataclass(frozen=True)
class Attempt:
    """One attempt that a runner has taken; what is None is not known. `log_length` are lines."""

    number: int | None
    status: str
    times: Times
    task_id: int | None
    log_expired: bool | None
    log_length: int | None
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class JobPlan:
    """A job as the server's own operation gives it in full: its current attempt (its task 0 if no runner has it), its
    status and name, and by number the attempts that were taken. A shim behind may not know the number (None)."""

    attempt: int | None
    task_id: int
    status: str
    attempts: dict[int | None, Attempt]
    name: str = ""


@dataclass(frozen=True)
class JobDetails:
    """A job in full. `attempts` is None where it is not known whether there were any."""

    run: RunFacts
    job: Job
    times: Times
    attempts: tuple[Attempt, ...] | None


@dataclass(frozen=True)
class Workflow:
    """A workflow by the name of its `file`, and the `name` that the file gives it. `path` is its place in the
    repository and `page` its address on the web; all three are "" where they are not known. `is_on` is False if it is
    switched off, None where that is not known."""

    file: str
    name: str = ""
    path: str = ""
    page: str = ""
    is_on: bool | None = None


@dataclass(frozen=True)
class Artifact:
    """An artifact of a run. `id` is the server's own or made from its place (artifact_ids.py), `run_id` None on 11.
    `size` is in bytes, as the server tells it; times are RFC 3339, "" where they are not told."""

    id: int
    name: str
    size: int
    is_expired: bool
    run_id: int | None
    created: str = ""
    expires: str = ""


@dataclass(frozen=True)
class Done:
    """A rerun, a cancel or a deletion that the server took."""
