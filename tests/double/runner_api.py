"""The runners' protocol (Connect) as plain JSON over POST (routers/api/actions/runner/runner.go).

Rules
-----
* 64-bit numbers are texts in answers, fields that are 0 or empty are left out, as protobuf's JSON does.
* Errors are `{"code": …, "message": …}`: `unauthenticated` with 401, `already_exists` with 409, `internal` with 500.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .entities import Repo, Runner, Task
from .logs import format_line
from .messages import Request, Response, json_answer

if TYPE_CHECKING:
    from . import Double

PREFIX = "/api/actions/runner.v1.RunnerService/"
RESULTS = ("RESULT_UNSPECIFIED", "RESULT_SUCCESS", "RESULT_FAILURE", "RESULT_CANCELLED", "RESULT_SKIPPED")
CODES = {"unauthenticated": 401, "already_exists": 409, "internal": 500, "unimplemented": 501}


class ConnectError(Exception):
    """An error of the protocol."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class RunnerApi:
    """Answers runners."""

    def __init__(self, double: Double) -> None:
        self.double, self.model = double, double.model
        self._methods = {
            "Declare": self.declare,
            "FetchTask": self.fetch_task,
            "UpdateLog": self.update_log,
            "UpdateTask": self.update_task,
        }

    def answer(self, request: Request) -> Response:
        method = request.path.removeprefix(PREFIX)
        try:
            if method == "Register":
                body = self.register(request.json)
            elif method in self._methods:
                body = self._methods[method](self._runner(request), request.json)
            else:
                raise ConnectError("unimplemented", "unknown method")
        except ConnectError as error:
            return self._json(CODES[error.code], {"code": error.code, "message": str(error)})
        return self._json(200, body)

    def _json(self, status: int, body: dict[str, Any]) -> Response:
        response = json_answer(status, body)
        response.set("Content-Type", "application/json")
        return response

    def _runner(self, request: Request) -> Runner:
        runner = self.model.runners.get(request.headers.get("x-runner-uuid", ""))
        if not runner or runner.token != request.headers.get("x-runner-token"):
            raise ConnectError("unauthenticated", "unregistered runner")
        return runner

    def _runner_json(self, runner: Runner) -> dict[str, Any]:
        told = {"uuid": runner.uuid, "token": runner.token, "name": runner.name, "version": runner.version}
        return {"id": str(runner.id), **told, "labels": list(runner.labels)}

    def register(self, asked: dict[str, Any]) -> dict[str, Any]:
        token = asked.get("token", "")
        if token not in self.double.registration_tokens:
            raise ConnectError("internal", "runner registration token not found")
        scope = self.double.registration_tokens[token]
        runner = self.model.add_runner(asked.get("name", ""), asked.get("version", ""), asked.get("labels", []), scope)
        return {"runner": self._runner_json(runner)}

    def declare(self, runner: Runner, asked: dict[str, Any]) -> dict[str, Any]:
        runner.labels, runner.version = tuple(asked.get("labels", [])), asked.get("version", "")
        return {"runner": self._runner_json(runner)}

    def fetch_task(self, runner: Runner, asked: dict[str, Any]) -> dict[str, Any]:
        version = self.model.version
        answer: dict[str, Any] = {"tasksVersion": str(version)}
        if int(asked.get("tasksVersion", 0)) != version and (task := self.model.fetch(runner)):
            answer["task"] = self._task_json(task)
        return answer

    def _task_json(self, task: Task) -> dict[str, Any]:
        job, run = task.job, task.job.run
        definition = {
            **(job.spec.definition or {"steps": [{"run": step} for step in job.spec.steps]}),
            "name": job.name,
        }
        payload = json.dumps({"on": run.event, "jobs": {job.spec.id: definition}}, ensure_ascii=False)
        context = {
            "job": job.spec.id,
            "run_id": str(run.id),
            "run_number": str(run.number),
            "run_attempt": str(job.attempt),
            "repository": run.repo.full_name,
            "repository_owner": run.repo.owner.name,
            "event_name": run.event,
            "ref": run.ref,
            "sha": run.sha,
            "actor": run.user.name,
            "workflow": run.workflow,
            "server_url": self.double.root_url,
            "token": task.token,
            "gitea_runtime_token": task.runtime_token,
        }
        answer = {
            "id": str(task.id),
            "workflowPayload": base64.b64encode(payload.encode()).decode(),
            "context": context,
        }
        if needs := self._needs(task):
            answer["needs"] = needs
        return answer

    def _needs(self, task: Task) -> dict[str, Any]:
        rows = [job for job in task.job.run.jobs if job.spec.id in task.job.spec.needs]
        return {
            job.spec.id: {"outputs": job.task.outputs if job.task else {}, "result": f"RESULT_{job.status.upper()}"}
            for job in rows
        }

    def _own_task(self, runner: Runner, task_id: Any) -> Task:
        task = self.model.tasks.get(int(task_id or 0))
        if not task:
            raise ConnectError("internal", f"get task: task with id {task_id}: resource does not exist")
        if task.runner is not runner:
            raise ConnectError("internal", "invalid runner for task")
        return task

    def update_log(self, runner: Runner, asked: dict[str, Any]) -> dict[str, Any]:
        """Rows that are new are appended; the answer says how many there are now."""
        task = self._own_task(runner, asked.get("taskId"))
        there = task.log.length if task.log else 0
        index, rows = int(asked.get("index", 0)), asked.get("rows", [])
        if rows and index <= there < index + len(rows):
            if task.in_storage:
                raise ConnectError("already_exists", "log file has been archived")
            new = rows[there - index :]
            data = b"".join(format_line(row.get("time", "1970-01-01T00:00:00Z"), row.get("content", "")) for row in new)
            self.model.log(task, data, more=not asked.get("noMore"))
            there += len(new)
        return {"ackIndex": str(there)} if there else {}

    def update_task(self, runner: Runner, asked: dict[str, Any]) -> dict[str, Any]:
        state = asked.get("state", {})
        task = self._own_task(runner, state.get("id"))
        over = task.status != "running"
        outputs = {**asked.get("outputs", {}), **task.outputs}
        if not over:
            self._update_steps(task, state.get("steps", []))
            task.updated = self.model.now()
            if result := _result(state.get("result")):
                self.model.finish(task, result, outputs=outputs, stopped=_seconds(state.get("stoppedAt")))
        task.outputs.update(outputs)
        answer: dict[str, Any] = {"state": {"id": str(task.id)}}
        if task.status != "running":
            answer["state"]["result"] = f"RESULT_{task.status.upper()}"
        if task.outputs:
            answer["sentOutputs"] = sorted(task.outputs)
        return answer

    def _update_steps(self, task: Task, told: list[dict[str, Any]]) -> None:
        for step in told:
            number = int(step.get("id", 0))
            if number >= len(task.steps):
                continue
            kept = task.steps[number]
            kept.log_index, kept.log_length = int(step.get("logIndex", 0)), int(step.get("logLength", 0))
            kept.started, kept.stopped = _seconds(step.get("startedAt")), _seconds(step.get("stoppedAt"))
            kept.status = _result(step.get("result")) or ("running" if kept.started else kept.status)


def _result(told: Any) -> str:
    """A status from a result's name or number; empty if unspecified."""
    name = RESULTS[told] if isinstance(told, int) else told or RESULTS[0]
    return "" if name == RESULTS[0] else name.removeprefix("RESULT_").lower()


def _seconds(told: str | None) -> int:
    """Whole Unix seconds of a time; 0 without one."""
    if not told:
        return 0
    return int(datetime.fromisoformat(told.partition(".")[0].removesuffix("Z") + "+00:00").timestamp())


__all__ = ["PREFIX", "Repo", "RunnerApi"]
