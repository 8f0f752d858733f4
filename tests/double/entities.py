"""The rows of the double's database, as plain objects that point at each other."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field

from .logs import Log
from .messages import Source
from .workflows import JobSpec

FINAL = frozenset({"success", "failure", "cancelled", "skipped"})
STATUSES = ("unknown", "success", "failure", "cancelled", "skipped", "waiting", "running", "blocked")
"""Forgejo's status words in the order of their numbers (models/actions/status.go)."""

READ, WRITE, ADMIN, OWNER = 1, 2, 3, 4
MODES = {"none": 0, "read": READ, "write": WRITE, "admin": ADMIN, "owner": OWNER}


@dataclass(slots=True, eq=False)
class User:
    """A user or, with `is_org`, an organisation."""

    id: int
    name: str
    password: str = ""
    email: str = ""
    admin: bool = False
    active: bool = True
    prohibit_login: bool = False
    must_change_password: bool = False
    totp_secret: str | None = None
    totp_used: str = ""
    is_org: bool = False
    created: int = 0
    language: str = ""
    """Set by the first sign-in on the web."""


@dataclass(slots=True, eq=False)
class Team:
    id: int
    org: User
    name: str
    mode: int = READ
    units: frozenset[str] = frozenset()
    all_repos: bool = False
    members: set[int] = field(default_factory=set)
    repos: set[int] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Token:
    id: int
    user: User
    name: str
    sha1: str
    scopes: tuple[str, ...]

    def allows(self, scope: str) -> bool:
        """Whether the token has a scope such as `read:repository`; writing includes reading."""
        level, _, category = scope.partition(":")
        return "all" in self.scopes or f"write:{category}" in self.scopes or scope in self.scopes


@dataclass(slots=True, eq=False)
class Repo:
    id: int
    owner: User
    name: str
    private: bool = True
    default_branch: str = "main"
    has_actions: bool = True
    switched_off: set[str] = field(default_factory=set)
    """Workflows that are switched off, by their files."""
    created: int = 0
    head: str = ""
    commits: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    collaborators: dict[int, int] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    """By run number, in the order of ids."""
    tasks: list[Task] = field(default_factory=list)
    next_number: int = 1

    @property
    def full_name(self) -> str:
        return f"{self.owner.name}/{self.name}"


@dataclass(slots=True, eq=False)
class Run:
    id: int
    number: int
    repo: Repo
    user: User
    title: str
    workflow: str
    event: str
    ref: str
    sha: str
    created: int
    updated: int
    status: str = "unknown"
    started: int = 0
    stopped: int = 0
    jobs: list[Job] = field(default_factory=list)
    error: str = ""
    """What is wrong with its workflow, as the web UI says it from 13 on."""
    artifacts: list[Artifact] = field(default_factory=list)
    """Rows in the order of ids."""

    @property
    def pretty_ref(self) -> str:
        """As a run shows it; that of a pull request is its number (models/actions/run.go, PrettyRef)."""
        if self.ref.startswith("refs/pull/"):
            return "#" + self.ref.removeprefix("refs/pull/").removesuffix("/head")
        return self.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


@dataclass(slots=True, eq=False)
class Job:
    """A row of a run, in the order of ids; `task` is the current attempt's, None before a runner takes it."""

    id: int
    run: Run
    spec: JobSpec
    name: str
    status: str
    attempt: int
    updated: int
    started: int = 0
    stopped: int = 0
    task: Task | None = None
    tasks: list[Task] = field(default_factory=list)
    _handle: str = ""

    @property
    def handle(self) -> str:
        if not self._handle:
            self._handle = str(uuid.uuid4())
        return self._handle

    def new_handle(self) -> None:
        self._handle = ""

    @property
    def done(self) -> bool:
        return self.status in FINAL


@dataclass(slots=True, eq=False)
class Step:
    name: str
    status: str = "waiting"
    log_index: int = 0
    log_length: int = 0
    started: int = 0
    stopped: int = 0


@dataclass(slots=True, eq=False)
class Task:
    """One attempt of one job; without a `log` there is no file (skipped, no row yet, placeholder)."""

    id: int
    job: Job
    attempt: int
    runner: Runner | None
    status: str
    filename: str
    started: int
    stopped: int
    created: int
    updated: int
    steps: list[Step] = field(default_factory=list)
    log: Log | None = None
    in_storage: bool = False
    expired: bool = False
    outputs: dict[str, str] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(20))
    """The job's own token, good while it runs; `runtime_token` is the one for artifacts, at Forgejo a JWT."""

    @property
    def runtime_token(self) -> str:
        return f"runtime.{self.token}"


@dataclass(slots=True, eq=False)
class Artifact:
    """A row: the one file of an artifact of v4, which is its zip, or one of the files of an artifact of v3."""

    id: int
    run: Run
    name: str
    path: str
    created: int
    updated: int
    expires: int
    status: str = "pending"
    """`pending`, `confirmed`, `expired`, `deleting` (deleted at the next clean-up), `deleted`."""
    encoding: str = ""
    size: int = 0
    content: Source | None = None
    blocks: dict[str, bytes] = field(default_factory=dict)
    """What was sent so far, by offset (v3) or block id (v4)."""
    announced: int = 0
    """The length of what v3's chunks belong to."""
    block_list: list[str] = field(default_factory=list)

    @property
    def is_zip(self) -> bool:
        """Whether v4 made it."""
        return self.encoding == ZIP and self.path == f"{self.name}.zip"


ZIP = "application/zip"


@dataclass(slots=True, eq=False)
class Runner:
    id: int
    uuid: str
    token: str
    name: str
    version: str
    labels: tuple[str, ...]
    owner: User | None = None
    repo: Repo | None = None
