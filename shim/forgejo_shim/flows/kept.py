"""What the flows keep between requests, and by which names.

Rules: kept facts are hints: whatever is read by them is proved again (a location by the job's id, a download by its
task id). What holds for good: which run a job is in, the task of an attempt. What can change: a job's index; the
capabilities and the dialect of a server, both read anew after an hour. Where it is kept is state.py's to know.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..models import Location

SERVER = ""  # the subject of what is kept of the server itself
CURRENT = 0  # in place of an attempt: "the job's current one, its number perhaps unknown"
LIFE = 3600.0  # seconds for which capabilities and dialect are believed


class State(Protocol):
    """Keeps JSON values under (base URL, subject, key). `subject` is a repository's key, or "" for the server."""

    def get(self, base: str, subject: str, key: str) -> Any:
        """The kept value, or None."""
        ...

    def put(self, base: str, subject: str, key: str, value: Any) -> None:
        """Keep `value`; None forgets it."""
        ...


class Kept:
    """What is kept of one repository, under the names that the flows use."""

    def __init__(self, state: State, base: str, repo_key: str) -> None:
        self._state = state
        self._where = (base, repo_key)

    def location(self, job_id: int) -> Location | None:
        """Where the job was last seen; its run is certain, its index a hint."""
        value = self._state.get(*self._where, f"job {job_id}")
        return Location(*value) if value else None

    def put_location(self, job_id: int, at: Location) -> None:
        value = [at.run_number, at.job_index]
        if self._state.get(*self._where, f"job {job_id}") != value:
            self._state.put(*self._where, f"job {job_id}", value)

    def task(self, job_id: int, attempt: int) -> int | None:
        """The task of an attempt; attempt 0 stands for 'the job's, its attempt unknown' (dialects up to 13.0.3)."""
        value: int | None = self._state.get(*self._where, f"task {job_id} {attempt}")
        return value

    def put_task(self, job_id: int, attempt: int, task: int) -> None:
        self._state.put(*self._where, f"task {job_id} {attempt}", task)
