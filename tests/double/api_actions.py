"""The API's Actions operations of a repository (routers/api/v1/repo/action.go)."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

from . import ranges
from .accounts import Access
from .api import MISSING, NOT_FOUND, Caller, Refused
from .api_artifacts import ArtifactsApi
from .artifacts import NO_DATE
from .entities import ADMIN, STATUSES, WRITE, Job, Repo, Task
from .messages import PLAIN, Response, Route, json_answer, whole

if TYPE_CHECKING:
    from .api import Api

RUN_OF_TOKEN = "/actions/run"
BASE = "/repos/{owner}/{repo}/actions"


class ActionsApi:
    """Tasks, runs, pending jobs, dispatch; from 16 jobs, logs, cancel and delete."""

    def __init__(self, api: Api) -> None:
        self.api, self.model, self.face, self.objects = api, api.model, api.face, api.objects

    def routes(self) -> list[Route]:
        table: list[Route] = [
            ("GET", BASE + "/tasks", self.tasks),
            ("GET", BASE + "/runners/jobs", self.pending),
            ("GET", BASE + "/runners/registration-token", self.registration_token),
            ("POST", BASE + "/workflows/{file}/dispatches", self.dispatch),
        ]
        if self.face.api_runs:
            table += [("GET", BASE + "/runs", self.runs), ("GET", BASE + "/runs/{run}", self.run)]
        if self.face.native_logs:
            table += [
                *ArtifactsApi(self.api).routes(),
                ("GET", RUN_OF_TOKEN, self.run_of_token),
                ("DELETE", BASE + "/runs/{run}", self.delete),
                ("POST", BASE + "/runs/{run}/cancel", self.cancel),
                ("GET", BASE + "/runs/{run}/jobs", self.jobs),
                ("GET", BASE + "/runs/{run}/logs", self.archive),
                ("GET", BASE + "/jobs/{job}/logs", self.log),
            ]
        return table

    # --- every version

    def tasks(self, caller: Caller, repo: Repo, access: Access) -> Response:
        self.api.need_actions(repo, access)
        wanted = _statuses(caller) if self.face.runs_newest_first else []
        tasks = [task for task in repo.tasks if task.status in wanted] if wanted else repo.tasks
        shown = [
            self.objects.task(task, self.api.double.sub_path) for task in self.api.one_page(caller.request, tasks[::-1])
        ]
        return json_answer(200, {"workflow_runs": shown, "total_count": len(tasks)})

    def runs(self, caller: Caller, repo: Repo, access: Access) -> Response:
        self.api.need_actions(repo, access)
        query, statuses = caller.request.query, _statuses(caller)
        runs = list(repo.runs.values())
        if self.face.runs_newest_first:
            runs.reverse()
        number = whole(caller.request.one("run_number"))
        if number > 0:
            runs = [run for run in runs if run.number == number]
        wanted = {"event": query.get("event", []), "sha": query.get("head_sha", []), "status": statuses}
        if self.face.runs_newest_first:
            wanted |= {"ref": query.get("ref", []), "workflow": query.get("workflow_id", [])}
        for name, values in wanted.items():
            if any(values):
                runs = [run for run in runs if getattr(run, name) in values]
        shown = [self.objects.run(run, access) for run in self.api.one_page(caller.request, runs)]
        return json_answer(200, {"workflow_runs": shown, "total_count": len(runs)})

    def run(self, caller: Caller, repo: Repo, access: Access, run: str) -> Response:
        self.api.need_actions(repo, access)
        return json_answer(200, self.objects.run(self.api.run(repo, run), access))

    def pending(self, caller: Caller, repo: Repo, access: Access) -> Response:
        """Waiting and running jobs, newest first; null if there are none."""
        caller.need()
        if not repo.has_actions and self.face.disabled_unit_is_404:
            raise Refused(*NOT_FOUND)
        self.api.need_owner(caller, access)
        rows = [job for run in repo.runs.values() for job in run.jobs if job.status in ("waiting", "running")]
        rows.sort(key=lambda job: -job.id)
        given = caller.request.query.get("labels")
        if given is None:
            rows = rows if self.face.pending_without_labels else []
        else:
            labels = set(given[0].strip().split(","))
            rows = [job for job in rows if _runs_on(job, labels)]
        return json_answer(200, [self.objects.job(job) for job in rows] or None)

    def registration_token(self, caller: Caller, repo: Repo, access: Access) -> Response:
        self.api.need_owner(caller, access, ADMIN)
        return json_answer(200, {"token": self.api.double.registration_token(repo)})

    def dispatch(self, caller: Caller, repo: Repo, access: Access, file: str) -> Response:
        user = caller.need()
        self.api.need_actions(repo, access, WRITE)
        asked = caller.request.json
        if not asked.get("ref"):
            raise Refused(400, "ref is empty")
        if asked["ref"] not in (repo.default_branch, f"refs/heads/{repo.default_branch}", repo.head):
            raise Refused(500, f"could not expand reference '{asked['ref']}'")
        run = self.model.dispatch(repo, file, user)
        if not run:
            raise Refused(500, "workflow not found")
        if not asked.get("return_run_info"):
            return Response(204)
        keys = list(dict.fromkeys(job.spec.id.partition(".")[0] for job in run.jobs))
        return json_answer(201, {"id": run.id, "run_number": run.number, "jobs": keys})

    # --- from 16

    def run_of_token(self, caller: Caller) -> Response:
        """The run of the job whose own token asks."""
        if not caller.task:
            raise Refused(403, "must use an automatic actions token")
        run = caller.task.job.run
        return json_answer(200, self.objects.run(run, self.api.access(caller, run.repo)))

    def delete(self, caller: Caller, repo: Repo, access: Access, run: str) -> Response:
        caller.need()
        if access.mode < ADMIN:
            raise Refused(403, "user should be an owner or a collaborator with admin write of a repository")
        try:
            self.model.delete_run(self.api.run(repo, run))
        except ValueError as error:
            raise Refused(500, str(error)) from None
        return Response(204)

    def cancel(self, caller: Caller, repo: Repo, access: Access, run: str) -> Response:
        caller.need()
        self.api.need_actions(repo, access, WRITE)
        self.model.cancel(self.api.run(repo, run))
        return Response(204)

    def jobs(self, caller: Caller, repo: Repo, access: Access, run: str) -> Response:
        self.api.need_actions(repo, access)
        return json_answer(200, [self.objects.job(job) for job in self.api.run(repo, run).jobs])

    def log(self, caller: Caller, repo: Repo, access: Access, job: str) -> Response:
        self.api.need_actions(repo, access)
        row = self.model.jobs.get(whole(job))
        if not row:
            raise Refused(404, f"run job with id {whole(job)}: {MISSING}")
        if row.run.repo is not repo:
            raise Refused(404, MISSING)
        task = self._task(row, caller.request.one("attempt"))
        if task.expired:
            raise Refused(404, "logs have expired")
        if task.log is None:
            raise Refused(500, f"open logs for task {task.id}: {_no_file(task)}")
        headers = [("Accept-Ranges", "bytes"), ("Content-Type", PLAIN), ("Cache-Control", self.face.cache_control)]
        return ranges.serve(caller.request, task.log, headers, modified=task.stopped or task.updated)

    def _task(self, job: Job, attempt: str) -> Task:
        if not attempt:
            if not job.task:
                raise Refused(404, "job has not been executed yet")
            return job.task
        number = whole(attempt)
        for task in job.tasks:
            if task.attempt == number:
                return task
        raise Refused(404, f"task with job_id {job.id} and attempt {number}: {MISSING}")

    def archive(self, caller: Caller, repo: Repo, access: Access, run: str) -> Response:
        """The zip of a run's logs, an entry a job (services/actions/job_logs.go)."""
        self.api.need_actions(repo, access)
        the_run = self.api.run(repo, run)
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
            for job in the_run.jobs:
                name, content = _entry(job)
                archive.writestr(zipfile.ZipInfo(name, NO_DATE), content, zipfile.ZIP_DEFLATED)
        disposition = f'attachment; filename="run-{the_run.id}-logs.zip"'
        headers = [("Content-Type", "application/zip"), ("Content-Disposition", disposition)]
        return Response(200, headers, data.getvalue())


def _statuses(caller: Caller) -> list[Any]:
    given = caller.request.query.get("status", [])
    for status in given:
        if status not in STATUSES:
            raise Refused(400, f"unknown status: {status}")
    return given


def _runs_on(job: Job, labels: set[str]) -> bool:
    if not job.spec.runs_on:
        return labels == {""}
    return set(job.spec.runs_on) <= labels


def _no_file(task: Task) -> str:
    return f'dbfs open "actions_log/{task.filename}": file does not exist'


def _entry(job: Job) -> tuple[str, bytes]:
    """Name and content of a job's entry; a job without a log has a `.MISSING` one."""
    name = re.sub(r"[\x00-\x1f\x7f/\\]", "", job.name).strip() or "job"
    base = f"{name}-{job.id}-attempt-{job.attempt}"
    task = job.task
    if task is None:
        return f"{base}.MISSING", b"job has not been executed yet\n"
    if task.expired:
        return f"{base}.MISSING", b"logs have been cleaned up\n"
    if task.log is None:
        return f"{base}.MISSING", f"log open failed: {_no_file(task)}\n".encode()
    return f"{base}.log", b"".join(bytes(piece) for piece in task.log.read(0, task.log.size))
