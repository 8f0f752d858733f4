"""The model: users, repositories, runs, jobs, attempts, tasks and logs of one instance, without HTTP.

Rules
-----
* Ids of runs, jobs and tasks are counted for the whole instance, run numbers for each repository; none is used twice.
* Every public method takes the one lock; an HTTP request is answered under it too.
* Times are whole Unix seconds from `clock`; a runner's own times are kept as it gave them.
* A method that can't be done in the state it finds raises `ValueError`.
"""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from . import workflows
from .accounts import Accounts
from .artifacts import Artifacts
from .entities import FINAL, Job, Repo, Run, Runner, Step, Task, User
from .faces import Face
from .logs import GeneratedLog, Log, WrittenLog
from .workflows import JobSpec

P = ParamSpec("P")
R = TypeVar("R")
WORKFLOW_FOLDER = ".forgejo/workflows/"
RETENTION = 365 * 24 * 3600
Content = bytes | Log


def _locked(method: Callable[P, R]) -> Callable[P, R]:
    @wraps(method)
    def with_lock(*args: P.args, **kwargs: P.kwargs) -> R:
        with args[0].lock:  # type: ignore[attr-defined]
            return method(*args, **kwargs)

    return with_lock


class NotOver(ValueError):
    """A `job` or `workflow` can't be run again before it is over."""


class Model(Accounts):
    """One instance's data; accounts and repositories come from `Accounts`, runs are here."""

    def __init__(self, face: Face, clock: Callable[[], float] = time.time) -> None:
        self.lock = threading.RLock()
        self.face = face
        self.clock = clock
        self.ids: dict[str, Iterator[int]] = {}
        self.runs: dict[int, Run] = {}
        self.jobs: dict[int, Job] = {}
        self.tasks: dict[int, Task] = {}
        self.runners: dict[str, Runner] = {}
        self.waiting: dict[int, Job] = {}
        self.artifacts = Artifacts(self.lock, self.next_id, self.now)
        self.version = 1
        """Raised when a job starts to wait, so that runners look again."""
        super().__init__()

    def next_id(self, kind: str) -> int:
        return next(self.ids.setdefault(kind, itertools.count(1)))

    def start_ids_at(self, kind: str, first: int) -> None:
        """Let the next id of a kind (`run`, `job`, `task`, `user`, `repo`, `artifact`) be `first`."""
        self.ids[kind] = itertools.count(first)

    def now(self) -> int:
        return int(self.clock())

    # --- runs

    @_locked
    def push(self, repo: Repo, user: User, changes: Mapping[str, bytes | None], message: str) -> list[Run]:
        """A commit on the default branch (None deletes a file): one run for each workflow file with `on: push`."""
        for path, content in changes.items():
            if content is None:
                repo.files.pop(path, None)
            else:
                repo.files[path] = content
        repo.commits += 1
        repo.head = hashlib.sha1(f"{repo.id}/{repo.commits}/{message}".encode()).hexdigest()
        if not repo.has_actions:
            return []
        title = message.splitlines()[0] if message else ""
        found = ((path, workflows.parse(repo.files[path])) for path in sorted(repo.files) if _is_workflow(path))
        return [
            self._run_of(repo, path, workflow, title, "push", user)
            for path, workflow in found
            if workflow and "push" in workflows.triggers(workflow)
        ]

    @_locked
    def dispatch(self, repo: Repo, filename: str, user: User) -> Run | None:
        """Start a workflow by hand; None if there is no such file."""
        path = WORKFLOW_FOLDER + filename
        workflow = workflows.parse(repo.files.get(path, b""))
        if workflow is None:
            return None
        return self._run_of(repo, path, workflow, workflow.get("name") or path, "workflow_dispatch", user)

    def _run_of(self, repo: Repo, path: str, workflow: Mapping[str, Any], title: str, event: str, user: User) -> Run:
        specs = workflows.rows(workflow, self.face, repo.files)
        return self.add_run(repo, specs, workflow=path.rpartition("/")[2], title=title, event=event, user=user)

    @_locked
    def add_run(
        self,
        repo: Repo,
        jobs: Iterable[str | JobSpec] = ("build",),
        *,
        workflow: str = "ci.yml",
        title: str = "first",
        event: str = "push",
        user: User | None = None,
        ref: str | None = None,
    ) -> Run:
        """A run with these rows; a name alone stands for a job with one step that runs on `box`."""
        run_id, now = self.next_id("run"), self.now()
        ref = ref or f"refs/heads/{repo.default_branch}"
        sha = repo.head or f"{repo.id:040x}"
        run = Run(run_id, repo.next_number, repo, user or repo.owner, title, workflow, event, ref, sha, now, now)
        repo.next_number += 1
        repo.runs[run.number] = self.runs[run_id] = run
        self._add_rows(run, jobs)
        self._update(run)
        return run

    def _add_rows(self, run: Run, jobs: Iterable[str | JobSpec]) -> list[Job]:
        now, attempt = self.now(), int(self.face.attempt_counts_asked)
        added = []
        for given in jobs:
            spec = JobSpec(given) if isinstance(given, str) else given
            status = "blocked" if spec.needs or spec.incomplete else "waiting"
            job = Job(self.next_id("job"), run, spec, workflows.cut_name(spec.name), "unknown", attempt, now)
            run.jobs.append(job)
            self.jobs[job.id] = job
            self._set(job, status)
            added.append(job)
        return added

    def _set(self, job: Job, status: str) -> None:
        job.status, job.updated = status, self.now()
        if status == "waiting":
            self.waiting[job.id] = job
            self.version += 1
        else:
            self.waiting.pop(job.id, None)

    def _update(self, run: Run) -> None:
        """A run's status from its jobs' (models/actions/run_job.go, AggregateJobStatus; the same in 11 to 16)."""
        statuses = {job.status for job in run.jobs}
        order = ("cancelled", "failure", "running", "waiting", "blocked")
        if statuses and statuses <= {"success", "skipped"}:
            run.status = "success" if "success" in statuses else "skipped"
        else:
            run.status = next((status for status in order if status in statuses), "unknown")
        run.updated = self.now()
        if not run.started and run.status == "running":
            run.started = run.updated
        if not run.stopped and run.status in FINAL:
            run.stopped = run.updated

    # --- attempts

    @_locked
    def take(self, job: Job, runner: Runner | None = None) -> Task:
        """A runner takes a waiting job."""
        if job.status != "waiting":
            raise ValueError(f"job {job.id} is {job.status}")
        if not self.face.attempt_counts_asked:
            job.attempt += 1
        task = self._new_task(job, runner, "running")
        task.filename = f"{job.run.repo.full_name}/{task.id % 256:02x}/{task.id}.log.zst"
        task.steps = [Step(name) for name in job.spec.steps]
        job.started = task.started
        self._set(job, "running")
        self._update(job.run)
        return task

    def _new_task(self, job: Job, runner: Runner | None, status: str) -> Task:
        now = self.now()
        task = Task(self.next_id("task"), job, job.attempt, runner, status, "", now, 0, now, now)
        job.task = task
        job.tasks.append(task)
        job.run.repo.tasks.append(task)
        self.tasks[task.id] = task
        return task

    @_locked
    def log(self, task: Task, content: Content, *, more: bool = False) -> None:
        """Append bytes to a task's log, or give it a log made elsewhere; without `more` it goes to the storage."""
        if task.in_storage:
            raise ValueError(f"the log of task {task.id} has been archived")
        if not isinstance(content, bytes):
            task.log = content
        elif isinstance(task.log, WrittenLog):
            task.log.append(content)
        else:
            task.log = WrittenLog(content)
        task.in_storage = not more
        task.updated = self.now()

    @_locked
    def finish(
        self,
        task: Task,
        status: str = "success",
        *,
        outputs: Mapping[str, str] | None = None,
        stopped: int | None = None,
    ) -> None:
        """End a task and see which blocked jobs that sets free; `stopped` is the runner's time."""
        if status not in FINAL:
            raise ValueError(f"{status} is not final")
        task.outputs.update(outputs or {})
        if task.status in FINAL:
            return
        now = self.now()
        task.status, task.stopped, task.updated = status, now if stopped is None else stopped, now
        task.job.stopped = task.stopped
        self._set(task.job, status)
        self._settle(task.job.run)

    @_locked
    def add_finished_run(
        self, repo: Repo, logs: Mapping[str, Content], *, status: str = "success", **of_run: Any
    ) -> Run:
        """A run that is over: the job's name → its log."""
        run = self.add_run(repo, logs, **of_run)
        for job, content in zip(run.jobs, logs.values(), strict=True):
            self.play(job, content, status)
        return run

    @_locked
    def play(self, job: Job, content: Content, status: str = "success") -> None:
        """Take a waiting job, write its log and end it."""
        task = self.take(job)
        self.log(task, content)
        self.finish(task, status)

    @_locked
    def cancel(self, run: Run) -> None:
        """Cancel what isn't over; a task that is running stops."""
        for job in run.jobs:
            if not job.done:
                self._stop(job)
        self._update(run)

    def _stop(self, job: Job) -> None:
        job.stopped = self.now()
        if job.task:
            job.task.status, job.task.stopped, job.task.updated = "cancelled", job.stopped, job.stopped
            for step in job.task.steps:
                if step.status not in FINAL:
                    step.status, step.started, step.stopped = "cancelled", step.started or job.stopped, job.stopped
        self._set(job, "cancelled")

    @_locked
    def rerun(self, what: Run | Job) -> None:
        """Run all jobs of a run again, or one job and those that need it; its task is gone from the row until taken.

        Raises NotOver, and ValueError for what ends in a 500, about jobs that aren't over: see `Face.rerun`.
        """
        run, way = (what if isinstance(what, Run) else what.run), self.face.rerun
        jobs = run.jobs if isinstance(what, Run) else _with_dependents(what)
        if way != "skips" and isinstance(what, Run) and run.status not in FINAL:
            raise NotOver("workflow")
        if way == "cancels":
            self._prepare_rerun(what, jobs)
        if run.status in FINAL:
            run.started = run.stopped = 0
        for job in jobs:
            if job.done:
                self._again(job, bool(job.spec.needs) if isinstance(what, Run) else job.spec.id != what.spec.id)
            elif way != "skips":
                raise NotOver("job")
        self._update(run)

    def _prepare_rerun(self, what: Run | Job, jobs: Sequence[Job]) -> None:
        if isinstance(what, Job) and not what.done:
            raise NotOver("job")
        for job in jobs:
            if not job.done and isinstance(what, Run):
                raise ValueError(f"cannot prepare next attempt because job {job.id} is active: {job.status}")
            if not job.done:
                self._stop(job)

    def _again(self, job: Job, blocked: bool) -> None:
        job.attempt += int(self.face.attempt_counts_asked)
        job.task, job.started, job.stopped = None, 0, 0
        job.new_handle()
        self._set(job, "blocked" if blocked else "waiting")
        self._update(job.run)

    # --- rows that come and go

    def _settle(self, run: Run) -> None:
        """Free, skip, end or replace blocked jobs until nothing changes (services/actions/job_emitter.go)."""
        while any(self._resolve(run, job) for job in list(run.jobs) if job.status == "blocked"):
            pass
        self._update(run)

    def _resolve(self, run: Run, job: Job) -> bool:
        needed = [[other for other in run.jobs if other.spec.id == need] for need in job.spec.needs]
        statuses = {other.status for others in needed for other in others}
        if not all(needed) or not statuses <= FINAL:
            return False
        if job.spec.outer:
            self._set(job, "success" if statuses <= {"success", "skipped"} else "failure")
            placeholder = self._new_task(job, None, job.status)
            placeholder.stopped = placeholder.started
        elif statuses <= {"success"} or job.spec.has_if:
            if job.spec.incomplete:
                return self._replace_placeholder(job, [other for others in needed for other in others])
            self._set(job, "waiting")
        else:
            self._set(job, "skipped")
        return True

    def _replace_placeholder(self, job: Job, needed: Sequence[Job]) -> bool:
        outputs = {other.spec.id: other.task.outputs for other in needed if other.task}
        specs = workflows.expand_again(job.spec, self.face, outputs)
        if specs:
            self.replace_rows(job, specs)
        else:
            self._set(job, "failure")
        return True

    @_locked
    def replace_rows(self, job: Job, by: Iterable[str | JobSpec]) -> list[Job]:
        """Delete a row and add others at the run's end, with new ids."""
        job.run.jobs.remove(job)
        del self.jobs[job.id]
        self.waiting.pop(job.id, None)
        added = self._add_rows(job.run, by)
        self._update(job.run)
        return added

    @_locked
    def delete_run(self, run: Run) -> None:
        """Delete a run that is over, with its jobs and logs; its number stays unused (services/actions/run.go)."""
        if run.status not in FINAL:
            raise ValueError(f"cannot delete run {run.id} because it has not completed yet")
        self._forget(run)
        del run.repo.runs[run.number]
        gone = {task.id for job in run.jobs for task in job.tasks}
        run.repo.tasks = [task for task in run.repo.tasks if task.id not in gone]

    def _forget(self, run: Run) -> None:
        del self.runs[run.id]
        self.artifacts.forget(run)
        for job in run.jobs:
            self.jobs.pop(job.id, None)
            self.waiting.pop(job.id, None)
            for task in job.tasks:
                self.tasks.pop(task.id, None)

    @_locked
    def expire(self, task: Task) -> None:
        """Remove a log as the clean-up does."""
        task.log, task.expired, task.updated = None, True, self.now()

    @_locked
    def cleanup(self) -> None:
        """Expire artifacts, and the logs of tasks that stopped a year ago or earlier (services/actions/cleanup.go)."""
        self.artifacts.clean_up()
        for task in self.tasks.values():
            if 0 < task.stopped < self.now() - RETENTION and not task.expired:
                self.expire(task)

    def task_of_token(self, token: str) -> Task | None:
        """The task whose job has this token."""
        return next((task for task in self.tasks.values() if token in (task.token, task.runtime_token)), None)

    # --- runners

    @_locked
    def add_runner(self, name: str, version: str, labels: Sequence[str], scope: User | Repo | None) -> Runner:
        runner = Runner(self.next_id("runner"), str(uuid.uuid4()), uuid.uuid4().hex, name, version, tuple(labels))
        if isinstance(scope, Repo):
            runner.repo = scope
        else:
            runner.owner = scope
        self.runners[runner.uuid] = runner
        return runner

    @_locked
    def fetch(self, runner: Runner) -> Task | None:
        """Take the job that has waited longest on labels that the runner has."""
        fits = [job for job in self.waiting.values() if _may_run(runner, job)]
        return self.take(min(fits, key=lambda job: (job.updated, job.id)), runner) if fits else None


def _with_dependents(job: Job) -> list[Job]:
    """The job and those that need it, in one pass over the rows; of a matrix only the first row comes along
    (services/actions/rerun.go, GetAllRerunJobs)."""
    chosen, keys = [job], {job.spec.id}
    for other in job.run.jobs:
        if other.spec.id not in keys and keys & set(other.spec.needs):
            chosen.append(other)
            keys.add(other.spec.id)
    return chosen


def _may_run(runner: Runner, job: Job) -> bool:
    repo = job.run.repo
    if (runner.repo and runner.repo is not repo) or (runner.owner and runner.owner is not repo.owner):
        return False
    return bool(job.spec.runs_on) and set(job.spec.runs_on) <= set(runner.labels)


def _is_workflow(path: str) -> bool:
    name = path.removeprefix(WORKFLOW_FOLDER)
    return name != path and "/" not in name and name.endswith((".yml", ".yaml"))


__all__ = ["GeneratedLog", "JobSpec", "Model"]
