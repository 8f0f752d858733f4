"""What the flows keep between requests, and by which names.

Rules: kept facts are hints: whatever is read by them is proved again (a location by the job's id, a download by its
file name). What a job's location is good for is its run; its index can change. Believed for an hour: a download's file
name, the capabilities and the dialect of a server; for a minute: which artifacts a run has that is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..models import Attempt, Location, Step, Times
from .protocol import Store

SERVER = ""  # the subject of what is kept of the server itself
LATEST_ATTEMPT = 0  # in place of an attempt: "the job's current one, its number perhaps unknown"
LIST_SECONDS = 60.0  # seconds for which a run's list of artifacts is believed, where runs are listed
CACHE_SECONDS = 3600.0  # seconds for which capabilities, dialect and file names are believed


class Facts:
    """What is kept of one repository, under the names that the flows use."""

    def __init__(self, store: Store, base: str, repo_key: str) -> None:
        self._store = store
        self._where = (base, repo_key)

    async def location(self, job_id: int) -> Location | None:
        """Where the job was last seen; its run is certain, its index a hint."""
        (value,) = await self._store.get(*self._where, [f"job {job_id}"])
        return Location(*value) if value else None

    async def last_read(self, job_id: int) -> tuple[Location | None, int | None]:
        """Where the job was last seen, and its latest attempt when it was last read: both in one question."""
        place, latest = await self._store.get(*self._where, [f"job {job_id}", f"latest {job_id}"])
        return Location(*place) if place else None, None if latest is None else int(latest)

    async def put_jobs(self, run_number: int, job_ids: Sequence[int]) -> None:
        """Note where the jobs of a run are, in the order of their indexes."""
        places = {f"job {job_id}": [run_number, index] for index, job_id in enumerate(job_ids)}
        known = await self._store.get(*self._where, list(places))
        new = {key: at for (key, at), kept in zip(places.items(), known, strict=True) if kept != at}
        if new:
            await self._store.put(*self._where, new)

    async def file(self, job_id: int, attempt: int | None, now: float) -> str | None:
        """The file name that an attempt's download (None: the latest one read) was proved to have in the last hour."""
        (value,) = await self._store.get(*self._where, [f"file {job_id} {attempt or LATEST_ATTEMPT}"])
        return value[0] if value and 0 <= now - value[1] < CACHE_SECONDS else None

    async def put_file(self, job_id: int, attempt: int | None, name: str, now: float, *, is_latest: bool) -> None:
        """Note the file name of an attempt (None: its number is not known), now that its place was proved."""
        keys = {f"file {job_id} {number}" for number in (LATEST_ATTEMPT, attempt or LATEST_ATTEMPT)}
        await self._store.put(*self._where, dict.fromkeys(keys, [name, now]), CACHE_SECONDS)
        if is_latest and attempt and await self.latest(job_id) != attempt:
            await self._store.put(*self._where, {f"latest {job_id}": attempt})

    async def artifacts(self, run_numbers: Sequence[int]) -> dict[int, list[list[Any]]]:
        """The lists of artifacts (name, size, expired) that are kept, by the number of their run."""
        kept = await self._store.get(*self._where, [f"artifacts {number}" for number in run_numbers])
        return {number: rows for number, rows in zip(run_numbers, kept, strict=True) if rows is not None}

    async def put_artifacts(self, run_number: int, rows: Sequence[tuple[str, int, bool]] | None) -> None:
        """Keep the list of a run that is over for a minute; None forgets it."""
        kept = None if rows is None else [list(row) for row in rows]
        await self._store.put(*self._where, {f"artifacts {run_number}": kept}, LIST_SECONDS)

    async def latest(self, job_id: int) -> int | None:
        """The attempt that was the job's latest when it was last read."""
        (value,) = await self._store.get(*self._where, [f"latest {job_id}"])
        return None if value is None else int(value)

    async def attempt(self, job_id: int, number: int) -> Attempt | None:
        """An attempt of a job that is over."""
        (value,) = await self._store.get(*self._where, [f"attempt {job_id} {number}"])
        if not value:
            return None
        status, times, steps = value
        told = tuple(Step(n, name, ended, Times(*ran)) for n, (name, ended, ran) in enumerate(steps))
        return Attempt(number, status, Times(*times), None, None, None, told)

    async def put_attempt(self, job_id: int, attempt: Attempt) -> None:
        """Keep an attempt that is over for an hour: its status, its times and its steps."""
        steps = [[step.name, step.status, [step.times.started, step.times.stopped]] for step in attempt.steps]
        value = [attempt.status, [attempt.times.started, attempt.times.stopped], steps]
        await self._store.put(*self._where, {f"attempt {job_id} {attempt.number}": value}, CACHE_SECONDS)

    async def run_attempt(self, run_number: int) -> list[Any] | None:
        """The attempt that a run had when it was over, and what tells whether it has changed since."""
        (value,) = await self._store.get(*self._where, [f"run attempt {run_number}"])
        return None if value is None else list(value)

    async def put_run_attempt(self, run_number: int, value: list[Any]) -> None:
        """Keep that for an hour."""
        await self._store.put(*self._where, {f"run attempt {run_number}": value}, CACHE_SECONDS)

    async def workflow_name(self, sha: str) -> str | None:
        """The name that a file with this hash gives its workflow ("": none)."""
        (value,) = await self._store.get(*self._where, [f"workflow {sha}"])
        return value if isinstance(value, str) else None

    async def put_workflow_name(self, sha: str, name: str) -> None:
        """Keep it: the hash is that of the bytes."""
        await self._store.put(*self._where, {f"workflow {sha}": name})
