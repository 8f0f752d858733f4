"""What a zip of a run's logs says of a job that has none, in 16's words (services/actions/job_logs.go)."""

from __future__ import annotations

from ..errors import Expired, NoLog, NotExecuted, ShimError


def why_none(error: ShimError) -> str:
    """Why a job has no log. Raises the error if it says something else."""
    match error:
        case NotExecuted():
            return NotExecuted().message
        case Expired():
            return "logs have been cleaned up"
        case NoLog():
            return f"log open failed: {NoLog().message}"
    raise error
