"""A job in full as the verbs show it: its steps, its attempts, how long each took."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from ..models import FINAL, Attempt, JobDetails, Step, Times
from ..times import moment


def steps_of(details: JobDetails) -> tuple[Step, ...]:
    """The steps of the current attempt; none where no runner has it."""
    attempts = details.attempts or ()
    newest = attempts[-1] if attempts else None
    is_current = newest and (newest.number is None or newest.number == details.job.attempt or not details.job.attempt)
    return newest.steps if newest and is_current else ()


def elapsed(times: Times, status: str) -> float | None:
    """Seconds that something took, or has taken so far; None if not known."""
    if status in FINAL or not times.started:
        return times.duration
    return time.time() - times.started


def times_json(times: Times) -> dict[str, Any]:
    """Times as a run has them, "" for what is not known, and whole seconds."""
    both = {"started": times.started, "stopped": times.stopped}
    return {name: moment(at) if at > 0 else "" for name, at in both.items()} | {"duration": times.duration}


def step_json(step: Step) -> dict[str, Any]:
    """A step as JSON, without its place in the log."""
    return {"number": step.number, "name": step.name, "status": step.status} | times_json(step.times)


def attempt_json(attempt: Attempt) -> dict[str, Any]:
    """An attempt as JSON."""
    steps = [step_json(step) | {"log_index": step.log_index, "log_length": step.log_length} for step in attempt.steps]
    told = asdict(attempt) | times_json(attempt.times) | {"steps": steps}
    del told["times"]
    return told
