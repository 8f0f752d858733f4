"""What the flows keep between requests, and by which names.

Rules: kept facts are hints: whatever is read by them is proved again (a location by the job's id, a download by its
file name). What a job's location is good for is its run; its index can change. Believed for an hour: a download's file
name, the capabilities and the dialect of a server. Where it is kept is state.py's to know.
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
        """Keep where a job is."""
        value = [at.run_number, at.job_index]
        if self._state.get(*self._where, f"job {job_id}") != value:
            self._state.put(*self._where, f"job {job_id}", value)

    def file(self, job_id: int, attempt: int, now: float) -> str | None:
        """The file name that the download of an attempt was proved to have, within the last hour."""
        value = self._state.get(*self._where, f"file {job_id} {attempt}")
        return value[0] if value and 0 <= now - value[1] < LIFE else None

    def put_file(self, job_id: int, attempt: int, name: str, now: float) -> None:
        """Keep the name of a log's file; `now` in seconds since 1970."""
        self._state.put(*self._where, f"file {job_id} {attempt}", [name, now])

    def latest(self, job_id: int) -> int | None:
        """The attempt that was the job's latest when it was last read."""
        value: int | None = self._state.get(*self._where, f"latest {job_id}")
        return value

    def put_latest(self, job_id: int, attempt: int) -> None:
        """Keep a job's latest attempt."""
        if self.latest(job_id) != attempt:
            self._state.put(*self._where, f"latest {job_id}", attempt)
