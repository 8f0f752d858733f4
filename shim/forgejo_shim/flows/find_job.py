"""Finding the run and the index of a job id: no version of Forgejo answers that, so runs are read until one lists it.

Rules: a place is only ever returned with the state that just listed the id there. Cost: one state where the place is
known; else halving over run numbers, at most 2·log2(runs) + 8 requests while ids rise with run numbers and no run read
on the way is empty, and at most `MAX_PROBES` more where rows were replaced or runs are empty. "No such job" is said
only when every run that can hold the id was read; at the limit it is SearchLimit, never 404.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from ..errors import SearchLimit, job_not_found
from ..models import Location, RunFacts
from ..search import RunSearch
from ..times import seconds
from ..webui.reader import Reader
from ..webui.values import WebJob, WebRun
from .runs import pages_towards_older

MAX_PROBES = 200  # requests beyond those of an undisturbed halving
SLACK = 2.0  # seconds; the API's times are whole seconds


@dataclass(frozen=True)
class Place:
    """Where a job is, and the state that listed it there."""

    at: Location
    state: WebRun

    @property
    def job(self) -> WebJob:
        """The job's row."""
        return self.state.jobs[self.at.job_index]


class Runs(Protocol):
    """Where runs and their jobs are read: the web UI, or the API where it lists them."""

    async def latest_number(self) -> int | None:
        """The number of the newest run; None if there is none."""
        ...

    async def web_run(self, at: Location) -> WebRun | None:
        """The run of `at` with the job there as the current one; None if there is no run or no row."""
        ...


async def find_job(reader: Reader, job_id: int, runs: Runs | None = None) -> Place:
    """The job's place now, by reading `runs` (the web UI). Raises NotThere (404) or SearchLimit (504)."""
    runs = runs or reader
    if job_id < 1:
        raise job_not_found(job_id)
    kept = await reader.facts.location(job_id)
    if kept and (place := await look(runs, job_id, kept)):
        return place

    async def found_meanwhile() -> Location | None:
        at = await reader.facts.location(job_id)
        return at if at != kept else None

    async with reader.net.searching(reader.repo.key, job_id, found_meanwhile) as known:
        if (at := await found_meanwhile()) and (place := await look(runs, job_id, at)):
            return place
        latest = await runs.latest_number()
        if latest is None:
            raise job_not_found(job_id)
        return await _search(reader, runs, job_id, latest, known)


async def look(runs: Runs, job_id: int, at: Location) -> Place | None:
    """The job in the run of `at`, wherever in it it is now; the state is that of the job's own index."""
    for _ in range(3):
        state = await runs.web_run(at)
        index = state.index_of(job_id) if state else None
        if state is None or index is None:
            return None
        if index == at.job_index:
            return Place(at, state)
        at = Location(at.run_number, index)
    return None


async def _search(reader: Reader, runs: Runs, job_id: int, latest: int, known: dict[int, tuple[int, ...]]) -> Place:
    """Search, beginning with what other searches have read: that a run begins above the job's id stays true, that one
    begins below it is read again if it decides."""
    halving = RunSearch(job_id, latest)
    told = {run: ids for run, ids in known.items() if run <= latest and job_id not in ids}
    for run, ids in told.items():
        halving.learn(run, ids)
    budget = 2 * latest.bit_length() + MAX_PROBES
    read: list[int] = []
    while (number := halving.next() or (halving.below if halving.below in told else None)) is not None:
        if len(read) >= budget:
            raise _limit(reader, job_id, read)
        read.append(number)
        at = Location(number, 0)
        state = await runs.web_run(at)
        ids = tuple(job.id for job in state.jobs) if state else ()
        halving.learn(number, ids)
        if told.pop(number, None) and (not ids or min(ids) > job_id):
            return await _search(reader, runs, job_id, latest, {})
        if ids:
            known[number] = ids
        if state and ids and ids[0] == job_id:
            return Place(at, state)
        if halving.found and (place := await look(runs, job_id, await reader.facts.location(job_id) or at)):
            return place
    rows_move = not reader.server.dialect.needs_token  # replaced rows came with 14, CSRF tokens went with 14
    if halving.below and rows_move:
        async for number in _candidates(reader, job_id, halving.below, latest, read):
            read.append(number)
            if place := await look(runs, job_id, Location(number, 0)):
                return place
    raise job_not_found(job_id)


async def _candidates(reader: Reader, job_id: int, last: int, latest: int, read: list[int]) -> AsyncIterator[int]:
    """The runs before `last` that may hold a row created after `last` was: those not finished when it was created.

    From the API's list, nearest first. The list's order is formally undefined on 14 (routers/api/v1/repo/action.go,
    14.0.5), so every entry is taken for itself, and the search is complete only when each number was seen.
    """
    seen: dict[int, RunFacts] = {}
    yielded = {last}
    probes = 0
    async for page in pages_towards_older(reader, last, latest):
        if probes >= MAX_PROBES:
            raise _limit(reader, job_id, read)
        probes += 1
        seen.update((run.number, run) for run in page)
        born = seconds(seen[last].given["created"]) if last in seen else None
        for number in sorted(seen.keys() - yielded, reverse=True):
            if born is None or number > last:
                continue
            yielded.add(number)
            stopped = seconds(seen[number].stopped)
            if not stopped or stopped >= born - SLACK:
                if probes >= MAX_PROBES:
                    raise _limit(reader, job_id, read)
                probes += 1
                yield number
    if any(number not in seen for number in range(1, last + 1)):
        raise _limit(reader, job_id, read)


def _limit(reader: Reader, job_id: int, read: list[int]) -> SearchLimit:
    shown = ", ".join(str(number) for number in sorted(read)[:20]) + (", …" if len(read) > 20 else "")
    return SearchLimit(
        f"job {job_id} was not found in the {len(read)} runs of {reader.repo} that were read ({shown}), and more may"
        " hold it; ask for it by its run, whose jobs are then known"
    )
