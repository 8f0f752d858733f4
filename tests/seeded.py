"""What was made on a server, and what every log of it must be: the oracle.

Rules
-----
* A `Stage` plays verbs (`start`, `take`, `say`, `finish`, `rerun`, …) through a hand and a runner and writes down what
  it did. The expected bytes come from the rows it sent, never from a log it read.
* Which job a runner took, which rows the server replaced, which job lost its task: read from the run's state, the
  web's list of job ids. Names find a job only in tests' own words; every claim is about a job id and an attempt.
* `Cause` names why there are no bytes: how things are on the server, not how a backend answers that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from hand import Hand, JobState, WebRun, wait
from runner import LONG_AGO, Row, Runner, Steps, Task, stored
from uploads import Files, upload

FINAL = ("success", "failure", "cancelled", "skipped")


class Cause(Enum):
    """Why an attempt of a job has no bytes."""

    NOT_EXECUTED = "the job has no task now: it waits, is blocked, or ended without a runner"
    NO_LOG = "there is a task, but it never said a row: just taken, skipped by the runner, or an outer job"
    EXPIRED = "the log was kept for its time and removed"
    NO_ATTEMPT = "the job has no such attempt"
    NO_JOB = "the job is not there any more: its row was replaced or its run deleted"


@dataclass
class Attempt:
    """One try of a job; `task` is None for an outer job, which no runner ever gets."""

    number: int
    task: Task | None
    complete: bool = False
    result: str | None = None
    expired: bool = False

    @property
    def rows(self) -> list[Row]:
        return self.task.sent if self.task else []

    @property
    def expected(self) -> bytes | Cause:
        if self.expired:
            return Cause.EXPIRED
        return stored(self.rows) if self.rows else Cause.NO_LOG


@dataclass
class Repo:
    """A repository by its present full name; `former` is the name that it had before it was renamed."""

    full: str
    former: str | None = None


@dataclass
class Job:
    """A job by its id; `index` and `status` are those of the last look, `current` is the attempt that has the task."""

    run: Run
    name: str
    id: int
    index: int
    status: str
    attempts: dict[int, Attempt] = field(default_factory=dict)
    current: int | None = None
    gone: bool = False

    @property
    def latest(self) -> Attempt:
        """The newest attempt that a runner took."""
        return self.attempts[max(self.attempts)]

    def expected(self, attempt: int | None = None) -> bytes | Cause:
        """What the log of an attempt must be now; without a number, that of the attempt that has the task."""
        if self.gone:
            return Cause.NO_JOB
        if attempt is None:
            return self.attempts[self.current].expected if self.current else Cause.NOT_EXECUTED
        return self.attempts[attempt].expected if attempt in self.attempts else Cause.NO_ATTEMPT


@dataclass
class Run:
    """A run with its jobs by name, in the order of the server's list; the second of two equal names is `name#2`."""

    key: str
    repo: Repo
    number: int
    id: int | None
    workflow: Mapping[str, Any]
    jobs: dict[str, Job] = field(default_factory=dict)
    replaced: list[Job] = field(default_factory=list)
    status: str = "waiting"
    deleted: bool = False
    artifacts: dict[str, bytes | Files] = field(default_factory=dict)
    """What was uploaded to its end: of v4 the stored bytes, of v3 the files."""

    def job(self, job_id: int) -> Job | None:
        return next((job for job in self.jobs.values() if job.id == job_id), None)

    def needed_by(self, name: str) -> list[Job]:
        """The jobs that must end before a job of this name can go on; an outer job needs its inner ones."""
        specs = self.workflow["jobs"]
        title = next((key for key, spec in specs.items() if is_called(spec.get("name", key), name)), None)
        if title is None:
            return []
        if "uses" in specs[title]:
            return [job for other, job in self.jobs.items() if not any(is_called(key, other) for key in specs)]
        return [job for key in specs[title].get("needs", []) for job in self.rows_of(key)]

    def rows_of(self, key: str) -> list[Job]:
        """The jobs that a key of the workflow stands for: one, or the members of its matrix."""
        title = self.workflow["jobs"][key].get("name", key)
        return [job for name, job in self.jobs.items() if is_called(title, name)]


def is_called(title: str, name: str) -> bool:
    """Whether a job's name comes from this title: itself, a member of its matrix, or an equal one's second."""
    return name == title or name.startswith((f"{title} (", f"{title}#"))


def named(listed: tuple[JobState, ...]) -> Iterator[tuple[str, int, JobState]]:
    """Name, index and state of each listed job, with `#2` and so on after a name that was there before."""
    seen: dict[str, int] = {}
    for index, job in enumerate(listed):
        seen[job.name] = seen.get(job.name, 0) + 1
        yield (job.name if seen[job.name] == 1 else f"{job.name}#{seen[job.name]}"), index, job


def steps_of(rows: int, result: str, steps: int = 2) -> Steps:
    """Rows shared out: one to the set-up, one to the end, the others over the steps; the last step has the result."""
    each, rest = divmod(max(rows - 2, 0), steps)
    lengths = [each] * (steps - 1) + [each + rest]
    return [(length, result if number == steps - 1 else "success") for number, length in enumerate(lengths)]


class Stage:
    """Plays a world on a server. `mark` is in every label and every row, so that worlds on one server never mix."""

    def __init__(self, hand: Hand, runner: Runner, mark: str) -> None:
        self.hand = hand
        self.runner = runner
        self.mark = mark
        self.runs: list[Run] = []

    # --- verbs

    def start(self, key: str, repo: Repo, workflow: Mapping[str, Any], file: str) -> Run:
        """Start a run of a pushed workflow file."""
        ref = self.hand.dispatch(repo.full, file)
        run = Run(key, repo, ref.number, ref.id, workflow)
        self.runs.append(run)
        return self.look(run)

    def take(self, run: Run, key: str) -> Job:
        """Have the runner take the next waiting job under the label of this key."""
        task = self.runner.fetch(f"{self.mark}-{key}")
        if task is None:
            raise LookupError(f"no job of {run.key} waits for the label of {key}")
        return self._taken(run, task)

    def take_any(self, repo: Repo, keys: Sequence[str]) -> Job | None:
        """Have the runner take whichever job of a repository waits for one of these keys' labels; None if none does."""
        task = self.runner.fetch(*(f"{self.mark}-{key}" for key in keys))
        if task is None:
            return None
        run = next(run for run in self.runs if run.repo is repo and run.number == task.run_number)
        return self._taken(run, task)

    def _taken(self, run: Run, task: Task) -> Job:
        before = {job.id for job in run.jobs.values() if job.status == "running"}
        self.look(run)
        started = [job for job in run.jobs.values() if job.status == "running" and job.id not in before]
        if len(started) != 1 or task.run_number != run.number:
            raise LookupError(f"task {task.id} of run {task.run_number}: {len(started)} jobs began in {run.key}")
        job = started[0]
        job.attempts[task.attempt] = Attempt(task.attempt, task)
        job.current = task.attempt
        return job

    def say(self, job: Job, rows: int | list[Row] = 5, *, more: bool = True) -> None:
        """Add rows to the job's newest attempt: given ones, or that many which no other attempt of any job has."""
        attempt = job.latest
        assert attempt.task
        given = list(self.fresh_rows(job, rows)) if isinstance(rows, int) else rows
        attempt.task.rows(given, more=more)
        attempt.complete = not more

    def fresh_rows(self, job: Job, count: int) -> Iterator[Row]:
        attempt = job.latest
        for number in range(len(attempt.rows), len(attempt.rows) + count):
            whose = f"{self.mark} {job.run.key}/{job.run.number} {job.name}/{job.id} attempt {attempt.number}"
            yield Row(f"{whose} row {number}", number * 10_000_000 + job.id * 7919 % 10_000_000)

    def finish(
        self,
        job: Job,
        result: str = "success",
        *,
        outputs: Mapping[str, str] | None = None,
        stopped_at: datetime | None = None,
    ) -> None:
        """End the job's newest attempt, then wait until the server drew its conclusions for the jobs that need it."""
        attempt = job.latest
        assert attempt.task
        steps = () if result == "skipped" else steps_of(len(attempt.rows), result)
        attempt.task.finish(result, steps=steps, outputs=outputs, stopped_at=stopped_at)
        attempt.result = result
        self.settle(job.run)

    def upload(self, job: Job, name: str, data: bytes | Files, *, finish: bool = True, **how: Any) -> None:
        """Upload an artifact from the job's newest attempt, which has to run; `how` is that of `uploads.upload`."""
        task = job.latest.task
        assert task
        kept = upload(task, name, data, finish=finish, **how)
        if finish:
            job.run.artifacts[name] = kept

    def play(self, run: Run, key: str, result: str = "success", rows: int | list[Row] = 5, **more: Any) -> Job:
        """Take a job, say its rows and finish it."""
        job = self.take(run, key)
        if rows:
            self.say(job, rows, more=False)
        self.finish(job, result, **more)
        return job

    def rerun(self, job: Job) -> None:
        self.look(job.run)
        self.hand.rerun_job(job.run.repo.full, job.run.number, job.index)
        self.look(job.run)

    def rerun_run(self, run: Run) -> None:
        self.hand.rerun_run(run.repo.full, run.number)
        self.look(run)

    def cancel(self, run: Run) -> None:
        self.hand.cancel(run.repo.full, run.number)
        self.look(run)

    def delete(self, run: Run) -> None:
        """Delete a run (16 and later)."""
        assert run.id is not None
        self.hand.delete_run(run.repo.full, run.id)
        run.deleted = True
        for job in run.jobs.values():
            job.gone = True

    def expire(self, job: Job) -> None:
        """Have the log removed of a job that was finished with `stopped_at=LONG_AGO`."""
        self.hand.expire_logs()
        where = (job.run.repo.full, job.run.number, job.index, job.latest.number)
        wait(lambda: self.hand.download(*where).status_code == 404, f"the log of {job.name} to expire")
        job.latest.expired = True

    def rename(self, run: Run) -> None:
        """Rename the repository of a run."""
        repo = run.repo
        repo.former, repo.full = repo.full, self.hand.rename(repo.full, f"{repo.full.split('/')[1]}-renamed")

    def switch_off(self, run: Run) -> None:
        """Take the Actions unit from the repository of a run."""
        self.hand.switch_actions(run.repo.full, on=False)

    # --- looking

    def look(self, run: Run) -> Run:
        """Read the run's state: job ids, indices, statuses; rows that vanished go to `replaced`."""
        self._note(run, self.hand.state(run.repo.full, run.number))
        return run

    def _note(self, run: Run, state: WebRun) -> None:
        known = {job.id: job for job in run.jobs.values()}
        run.status, run.jobs = state.status, {}
        for name, index, told in named(state.jobs):
            job = known.pop(told.id, None) or Job(run, name, told.id, index, told.status)
            job.name, job.index, job.status = name, index, told.status
            run.jobs[name] = job
            if told.status in ("waiting", "blocked"):
                job.current = None
            elif told.status in ("success", "failure") and job.current is None:  # an outer job: no runner took it
                job.current = len(job.attempts) + 1
                job.attempts[job.current] = Attempt(job.current, None, complete=True, result=told.status)
        for job in known.values():
            job.gone = True
            run.replaced.append(job)

    def settle(self, run: Run) -> Run:
        """Wait until no job is blocked by jobs that have all ended: the server unblocks in its own time."""

        def done() -> bool:
            self.look(run)
            return not any(self._overdue(run, job) for job in run.jobs.values())

        wait(done, f"run {run.key} to settle")
        return run

    def _overdue(self, run: Run, job: Job) -> bool:
        return job.status == "blocked" and all(needed.status in FINAL for needed in run.needed_by(job.name))


__all__ = ["FINAL", "LONG_AGO", "Attempt", "Cause", "Job", "Repo", "Run", "Stage", "named", "steps_of"]
