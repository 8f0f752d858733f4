"""What pages of the web UI tell, as values.

Rules: as in models.py. What a page does not tell is None, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WebJob:
    """One row of `state.run.jobs`: the job's database id, its name and its status now."""

    id: int
    name: str
    status: str


@dataclass(frozen=True)
class WebRun:
    """What the web UI's state POST says of a run and of the job asked for.

    `attempts` are the numbers in `allAttempts` with their statuses, newest first; None where the answer has none
    (up to 12 always; from 13 to 15.0.2 for a job that no runner has now). `counts_on_request` tells when the attempt
    counter is raised: True from 15 (when a rerun is asked for), False up to 14 (when a runner takes the job). `commit`
    are the first digits of it; `error` is what is wrong with the run's workflow, in the account's language, where that
    is told (from 13 on).
    """

    jobs: tuple[WebJob, ...]
    attempts: tuple[tuple[int, str], ...] | None
    has_attempts: bool
    counts_on_request: bool
    status: str = ""
    title: str = ""
    branch: str = ""
    commit: str = ""
    error: str = ""

    @property
    def newest(self) -> int | None:
        """The highest attempt number of the current job; None if the answer has none."""
        return max((number for number, _ in self.attempts), default=None) if self.attempts else None

    def index_of(self, job_id: int) -> int | None:
        """The job index of `job_id`, or None if the run does not list it."""
        return next((index for index, job in enumerate(self.jobs) if job.id == job_id), None)


@dataclass(frozen=True)
class WebStep:
    """One step of the attempt that a view shows: its name and status, and whole seconds from start to end or now."""

    name: str
    status: str
    duration: int | None


@dataclass(frozen=True)
class StepLines:
    """What a view gave of a step's lines: their number once all are counted, when the step began (seconds since the
    epoch, 0 if unset), and the lines asked for: seconds since the epoch (coarser than the log's), text."""

    count: int
    started: int
    lines: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class View:
    """A state with the steps of one attempt of the job shown.
    `lines` are by step, for those that were asked for and whose log is there; `started` tells when each attempt began,
    in RFC 3339, where the answer says it; `duration` is the job's in its current attempt, in whole seconds.
    """

    state: WebRun
    steps: tuple[WebStep, ...]
    lines: dict[int, StepLines]
    started: dict[int, str]
    duration: int | None


@dataclass(frozen=True)
class WebArtifact:
    """One row of the web UI's list of a run's artifacts; `size` is in bytes, and no proof of the download's."""

    name: str
    size: int
    is_expired: bool
