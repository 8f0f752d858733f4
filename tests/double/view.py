"""The state that the run's page asks for by POST: `{"state": …, "logs": …}` (routers/web/repo/actions/view.go).

Rules
-----
* Texts are English, as for an account without a language.
* Every task's steps are framed by "Set up job" and "Complete job" (modules/actions/task_state.go).
* A step that doesn't exist raises `IndexError`: Forgejo panics there.
"""

from __future__ import annotations

import html
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from .entities import FINAL, Job, Run, Step, Task
from .faces import Face
from .logs import rows

EXPIRED = "Logs have been purged because they were too old."
WORDS = {"cancelled": "Canceled"}


def go_duration(seconds: int) -> str:
    """Whole seconds as Go prints a duration: `0s`, `1m3s`, `-2h58m56s`."""
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    shown = f"{hours}h" * bool(hours) + f"{minutes}m" * bool(hours or minutes) + f"{rest}s"
    return sign + shown


def duration(started: int, stopped: int, status: str) -> int:
    """Seconds of a run, job or step; of one that isn't over, until now (models/actions/utils.go)."""
    if not started:
        return 0
    return stopped - started if status in FINAL else int(time.time()) - started


def framed_steps(task: Task) -> list[Step]:
    """The job's steps between the two that every log has."""
    length = task.log.length if task.log else 0
    if not task.steps:
        return _frame_alone(task, length)
    has_run = [step for step in task.steps if step.status in ("success", "failure")]
    first = next((step for step in task.steps if step.status in ("success", "failure", "running")), None)
    before = Step("Set up job", "running", 0, length, task.started)
    if first is None:
        before.stopped, before.status = task.stopped, task.status
    else:
        before.log_length, before.stopped, before.status = first.log_index, first.started, "success"
    last = has_run[-1] if has_run else before
    after = Step("Complete job")
    if last.status == "failure" or last is task.steps[-1]:
        after.log_index = before.log_length + sum(step.log_length for step in task.steps)
        after.log_length = length - after.log_index
        after.started, after.status = last.stopped, "running"
    if task.status in FINAL:
        after.status, after.stopped = task.status, task.stopped
    return [before, *task.steps, after]


def _frame_alone(task: Task, length: int) -> list[Step]:
    before = Step("Set up job", "running", 0, length, task.started, task.stopped)
    after = Step("Complete job", "waiting", length, 0, task.stopped, task.stopped)
    if task.status in FINAL:
        before.status = task.status
        after.status = "success" if task.status == "success" else "cancelled"
    return [before, after]


def _is_cursor(cursor: Any) -> bool:
    """Whether it fits the types; where one doesn't, Forgejo answers as if there were none."""
    return isinstance(cursor, dict) and all(isinstance(cursor.get(name, 0), int | None) for name in ("step", "cursor"))


def steps_log(task: Task, cursors: Sequence[Any]) -> list[dict[str, Any]]:
    """The rows of the expanded steps from their cursors on."""
    steps = framed_steps(task)
    answer = []
    for cursor in cursors if all(map(_is_cursor, cursors)) else []:
        if not cursor.get("expanded"):
            continue
        number, at = cursor.get("step") or 0, cursor.get("cursor") or 0
        if number < 0:
            raise IndexError(number)
        step = steps[number]
        if task.expired:
            if at == 0:
                lines = [{"index": 1, "message": EXPIRED, "timestamp": task.updated}]
                answer.append({"step": number, "cursor": 1, "lines": lines, "started": step.started})
            continue
        found = rows(task.log, step.log_index + at, step.log_length - at) if task.log and at >= 0 else []
        lines = [{"index": at + n + 1, "message": text, "timestamp": when} for n, (when, text) in enumerate(found)]
        answer.append({"step": number, "cursor": at + len(lines), "lines": lines, "started": step.started})
    return answer


def state(
    face: Face, sub_path: str, run: Run, job: Job, task: Task | None, writer: bool, owner: bool
) -> dict[str, Any]:
    """The `state` of a run, seen at one of its jobs and perhaps one of the job's tasks."""
    over = run.status in FINAL
    done = over and (not face.done_needs_all_jobs or all(row.done for row in run.jobs))
    link = f"{sub_path}/{run.repo.full_name}"
    shown: dict[str, Any] = {
        "link": f"{link}/actions/runs/{run.number}",
        "title": run.title,
        "titleHTML": html.escape(run.title),
        "status": run.status,
        "canCancel": writer and not (done if face.cancel_while_any else over),
        "canApprove": False,
        "canRerun": writer and over,
        "canDeleteArtifact": writer and over,
        "done": done,
        "jobs": [
            {
                "id": row.id,
                "name": row.name,
                "status": row.status,
                "canRerun": writer and row.done,
                "duration": go_duration(duration(row.started, row.stopped, row.status)),
            }
            for row in run.jobs
        ],
        "commit": _commit(face, sub_path, link, run),
    }
    if face.pre_execution_error:
        shown["preExecutionError"] = run.error
    if face.native_logs:
        shown["canDelete"] = owner and over
        shown["preExecutionWarnings"] = None
    if face.description:
        shown["description"] = _description(sub_path, link, run)
    return {"run": shown, "currentJob": _current_job(face, job, task)}


def _commit(face: Face, sub_path: str, link: str, run: Run) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "localeWorkflow": "Workflow",
        "shortSHA": run.sha[:10],
        "link": f"{link}/commit/{run.sha}",
        "pusher": {"displayName": run.user.name, "link": f"{sub_path}/{run.user.name}"},
        "branch": {"name": run.pretty_ref, "link": f"{link}/src/branch/{run.pretty_ref}", "isDeleted": False},
    }
    if face.description:
        shown["localeAllRuns"] = "all runs"
    else:
        shown |= {"localeCommit": "Commit", "localePushedBy": "pushed by"}
    return shown


def _description(sub_path: str, link: str, run: Run) -> str:
    commit = f'<a href="{link}/commit/{run.sha}">{run.sha[:10]}</a>'
    user = f'<a href="{sub_path}/{run.user.name}">{run.user.name}</a>'
    if run.event == "workflow_dispatch":
        return f"Run of commit {commit} triggered by {user}"
    return f"Commit {commit} pushed by {user}"


def _current_job(face: Face, job: Job, task: Task | None) -> dict[str, Any]:
    steps = framed_steps(task) if task else []
    shown: dict[str, Any] = {
        "title": job.name,
        "steps": [
            {
                "summary": step.name,
                "duration": go_duration(duration(step.started, step.stopped, step.status)),
                "status": step.status,
            }
            for step in steps
        ],
    }
    if face.details:
        shown["details"] = _diagnostics(job.status, job)
    else:
        shown["detail"] = WORDS.get(job.status, job.status.title())
    if face.attempt_in_view:
        shown["allAttempts"] = _all_attempts(face, job, task)
    return shown


def _diagnostics(status: str, job: Job) -> list[str]:
    if status != "waiting":
        return [WORDS.get(status, status.title())]
    labels = job.spec.runs_on
    return [f"Waiting for a runner with the following label{'s' * (len(labels) != 1)}: {', '.join(labels)}"]


def _all_attempts(face: Face, job: Job, task: Task | None) -> list[dict[str, Any]] | None:
    """Newest first; null up to 15.0.2 while no runner has the job."""
    if task is None and not face.all_attempts_always:
        return None
    told = [(other.attempt, _since(other.started), other.status) for other in reversed(job.tasks)]
    if face.all_attempts_always and job.task is None:
        told.insert(0, (job.attempt, "not started", job.status))
    shown = []
    for number, since, status in told:
        entry: dict[str, Any] = {"number": number, "time_since_started_html": since, "status": status}
        if face.details:
            entry["status_diagnostics"] = _diagnostics(status, job)
        shown.append(entry)
    return shown


def _since(moment: int) -> str:
    if not moment:
        return "-"
    at = datetime.fromtimestamp(moment, UTC)
    return (
        f'<relative-time prefix="" tense="past" datetime="{at:%Y-%m-%dT%H:%M:%SZ}" data-tooltip-content'
        f' data-tooltip-interactive="true">{at:%Y-%m-%d %H:%M:%S} +00:00</relative-time>'
    )
