"""Finding the run and the index of a job id: no version of Forgejo answers that, so runs are read until one lists it.

Rules: a location is only ever returned with the state that just listed the id there. Cost: one state where the place
is known; else halving over run numbers, at most 2·log2(runs) + 8 requests while ids rise with run numbers and no run
read on the way is empty, and at most `MAX_PROBES` more where rows were replaced or runs are empty. "No such job" is
said only when every run that can hold the id was read; at the limit it is SearchLimit, never 404.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..contract import runs_path
from ..errors import SearchLimit, job_not_found
from ..models import Location, RunEntry, RunState, WebJob
from ..search import Halving
from ..web import read_runs, run_entry
from .net import JSON_LIMIT, whole
from .pages import Reader
from .runjobs import absent

MAX_PROBES = 200  # requests beyond those of an undisturbed halving
SLACK = 2.0  # seconds; the API's times are whole seconds


@dataclass(frozen=True)
class Found:
    """Where a job is, and the state that listed it there."""

    at: Location
    state: RunState

    @property
    def job(self) -> WebJob:
        """The job's row."""
        return self.state.jobs[self.at.job_index]


async def locate(reader: Reader, job_id: int) -> Found:
    """The job's place now. Raises NotThere (404) or SearchLimit (504)."""
    if job_id < 1:
        raise job_not_found(job_id)
    kept = reader.kept.location(job_id)
    if kept and (found := await look(reader, job_id, kept)):
        return found

    def again() -> Location | None:
        at = reader.kept.location(job_id)
        return at if at != kept else None

    async with reader.net.searching(reader.repo.key, job_id, lambda: again() is not None) as known:
        if (at := again()) and (found := await look(reader, job_id, at)):
            return found
        latest = await reader.latest_number()
        if latest is None:
            raise job_not_found(job_id)
        return await _search(reader, job_id, latest, known)


async def look(reader: Reader, job_id: int, at: Location) -> Found | None:
    """The job in the run of `at`, wherever in it it is now; the state is that of the job's own index."""
    for _ in range(3):
        state = await reader.state(at)
        index = state.index_of(job_id) if state else None
        if state is None or index is None:
            return None
        if index == at.job_index:
            return Found(at, state)
        at = Location(at.run_number, index)
    return None


async def _search(reader: Reader, job_id: int, latest: int, known: dict[int, tuple[int, ...]]) -> Found:
    """Search, beginning with what other searches have read: that a run begins above the job's id stays true, that one
    begins below it is read again if it decides."""
    halving = Halving(job_id, latest)
    told = {run: ids for run, ids in known.items() if run <= latest and job_id not in ids}
    for run, ids in told.items():
        halving.learn(run, ids)
    budget = 2 * latest.bit_length() + MAX_PROBES
    read: list[int] = []
    while (number := halving.next() or (halving.below if halving.below in told else None)) is not None:
        if len(read) >= budget:
            raise _limit(reader, job_id, read)
        read.append(number)
        state = await reader.state(Location(number, 0))
        ids = tuple(job.id for job in state.jobs) if state else ()
        halving.learn(number, ids)
        if told.pop(number, None) and (not ids or min(ids) > job_id):
            return await _search(reader, job_id, latest, {})
        if ids:
            known[number] = ids
        if halving.found and (found := await look(reader, job_id, reader.kept.location(job_id) or Location(number, 0))):
            return found
    rows_move = not reader.server.dialect.needs_token  # replaced rows came with 14, CSRF tokens went with 14
    if halving.below and rows_move:
        async for number in _candidates(reader, job_id, halving.below, latest, read):
            read.append(number)
            if found := await look(reader, job_id, Location(number, 0)):
                return found
    raise job_not_found(job_id)


async def _candidates(reader: Reader, job_id: int, last: int, latest: int, read: list[int]) -> AsyncIterator[int]:
    """The runs before `last` that may hold a row created after `last` was: those not finished when it was created.

    From the API's list, nearest first. The list's order is formally undefined on 14 (routers/api/v1/repo/action.go,
    14.0.5), so every entry is taken for itself, and the search is complete only when each number was seen.
    """
    pages = _Pages(reader)
    entries: dict[int, RunEntry] = {}
    yielded = {last}
    probes = 0
    async for entry_page in pages.towards_older(last, latest):
        if probes >= MAX_PROBES:
            raise _limit(reader, job_id, read)
        probes += 1
        entries.update((entry.number, entry) for entry in entry_page)
        born = entries[last].created if last in entries else None
        for number in sorted(entries.keys() - yielded, reverse=True):
            if born is None or number > last:
                continue
            entry = entries[number]
            yielded.add(number)
            if not entry.stopped or entry.stopped >= born - SLACK:
                if probes >= MAX_PROBES:
                    raise _limit(reader, job_id, read)
                probes += 1
                yield number
    if any(number not in entries for number in range(1, last + 1)):
        raise _limit(reader, job_id, read)


class _Pages:
    """The pages of the API's run list, asked for as the caller (the question of the caller's rights came first)."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def towards_older(self, last: int, latest: int) -> AsyncIterator[list[RunEntry]]:
        """Pages from the one that should hold run `last` down to run 1's, then any that are left."""
        first = await self._page(1)
        yield first
        size = max(1, len(first))
        pages = -(-latest // size)
        falling = len(first) < 2 or first[0].number > first[-1].number
        start = (latest - last) // size + 1 if falling else -(-last // size)
        order = range(start, pages + 1) if falling else range(start, 0, -1)
        for page in order:
            if page != 1:
                yield await self._page(page)

    async def _page(self, page: int) -> list[RunEntry]:
        answer = await self._reader.api(runs_path(self._reader.repo, page=page, limit=50))
        if answer.status != 200:
            await absent(answer, f"the runs of {self._reader.repo}")
            return []
        runs, _ = read_runs(await whole(answer, JSON_LIMIT, "a page of the API's runs"))
        return [run_entry(run) for run in runs]


def _limit(reader: Reader, job_id: int, read: list[int]) -> SearchLimit:
    shown = ", ".join(str(number) for number in sorted(read)[:20]) + (", …" if len(read) > 20 else "")
    return SearchLimit(
        f"job {job_id} was not found in the {len(read)} runs of {reader.repo} that were read ({shown}), and more may"
        " hold it; ask for it by its run, whose jobs are then known"
    )
