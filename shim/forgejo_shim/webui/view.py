"""What the web UI's state POST says of a run and its jobs, and of a job's steps and their lines.

Rules: pure. An answer is used only if it fits spec/web/state.schema.json and tells of the run that was asked for.
"""

from __future__ import annotations

import re
from typing import Any

from ..errors import PageChanged
from ..models import Location, Repo
from ..schema import parse_valid
from ..times import duration
from .grammar import actions
from .values import StepLines, View, WebArtifact, WebJob, WebRun, WebStep


def parse_web_run(body: bytes, repo: Repo, at: Location) -> WebRun:
    """The answer of the state POST.

    Raises PageChanged, naming the field, if it does not fit spec/web/state.schema.json or tells of another run.
    """
    return _state(parse_valid("state", body, f"the state of run {at.run_number} in {repo}"), repo, at)


def parse_view(body: bytes, repo: Repo, at: Location) -> View:
    """The answer of the state POST with the steps shown and the lines asked for.

    Raises PageChanged as `parse_web_run` does.
    """
    answer = parse_valid("state", body, f"the view of run {at.run_number} in {repo}")
    state, current = _state(answer, repo, at), answer["state"]["currentJob"]
    row = answer["state"]["run"]["jobs"][at.job_index : at.job_index + 1]
    return View(
        state,
        steps=tuple(
            WebStep(step["summary"], step["status"], duration(step.get("duration", ""))) for step in current["steps"]
        ),
        lines={
            step["step"]: StepLines(
                step["cursor"], step["started"], tuple((line["timestamp"], line["message"]) for line in step["lines"])
            )
            for step in answer["logs"]["stepsLog"]
        },
        started={a["number"]: told for a in current.get("allAttempts") or () if (told := _started(a))},
        duration=duration(row[0].get("duration", "")) if row else None,
    )


def parse_artifacts(body: bytes, what: str) -> tuple[WebArtifact, ...]:
    """The list of a run's artifacts, in no certain order. Raises PageChanged, naming the field."""
    listed = parse_valid("artifacts", body, what)["artifacts"]
    return tuple(WebArtifact(row["name"], row["size"], row["status"] == "expired") for row in listed)


def _state(answer: Any, repo: Repo, at: Location) -> WebRun:
    run, current = answer["state"]["run"], answer["state"]["currentJob"]
    if not run["link"].lower().endswith(f"{actions(repo)}/runs/{at.run_number}".lower()):
        raise PageChanged(f"the web UI answered with another run than {at.run_number} of {repo}: {run['link']!a}")
    attempts = current.get("allAttempts")
    return WebRun(
        jobs=tuple(WebJob(job["id"], job["name"], job["status"]) for job in run["jobs"]),
        attempts=None if attempts is None else tuple((a["number"], a["status"]) for a in attempts),
        has_attempts="allAttempts" in current,
        counts_on_request="description" in run,  # in the answer from 15 on (ViewResponse, 15.0.2: view.go)
        status=run["status"],
        title=run.get("title", ""),
        branch=run.get("commit", {}).get("branch", {}).get("name", ""),
        commit=run.get("commit", {}).get("shortSHA", ""),
        error=run.get("preExecutionError", ""),
    )


def _started(attempt: dict[str, Any]) -> str:
    """When an attempt began: the time in its `<relative-time>` element, "" if it has none."""
    found = re.search(r' datetime="([0-9T:+Z-]+)"', attempt.get("time_since_started_html", ""))
    return found[1] if found else ""
