"""Artifacts as the web UI tells them: of a run, of a repository, and one by its id.

Rules: the web UI's list of a run has names and sizes, so ids are made of the run and the name (artifact_ids.py), and
times are not known. An id is looked for in the list of its run, always anew; of two names with one id it is neither.
The API is asked as the caller for the run, which is also the question of its rights; 11, whose API knows no runs, for
that alone. Order: runs newest first, as 16 has them, and within a run by name, since the web does not tell which came
first. A repository's list is that of all its runs (16 tells how many artifacts there are), so of at most `MAX_RUNS`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ..api import parse_run
from ..artifact_ids import ArtifactRun
from ..artifact_ids import run_of as run_of_id
from ..errors import NotPossible, NotThere, SearchLimit, ServerRefusal
from ..models import FINAL, Artifact, Repo, RunFacts
from ..newest import Page, newest
from ..operations import Call
from ..paths import run_path
from ..router import parameters
from ..webui.reader import Reader
from ..webui.values import WebArtifact
from .listed import ArtifactPage, page_of
from .rights import Grants, check_may_read, run_of
from .runs import page_of_runs, read_api

MAX_RUNS = 1000  # whose lists are read for one answer
LISTS = 0  # what a search is for that reads them, in place of a job's id


@dataclass(frozen=True)
class Place:
    """An artifact in the list of its run."""

    run: RunFacts
    artifact: Artifact


async def artifacts_of_run(reader: Reader, call: Call, caller: Grants) -> ArtifactPage:
    """A page of a run's artifacts. Raises ShimError."""
    run = await run_of(reader, call, caller)
    rows = await _listed(reader, run)
    if rows is None:
        raise NotThere(f"run with id {call.id}: resource does not exist")
    return page_named(artifacts_in(reader.repo, run, rows), call)


async def artifacts_of_number(reader: Reader, number: int) -> list[Artifact]:
    """The artifacts of a run by its number, where the API knows no ids of runs (11). Raises ShimError."""
    rows = await reader.artifacts(number)
    if rows is None:
        raise NotThere(f"there is no run {number} in {reader.repo}", cause="run-number-not-found")
    return artifacts_in(reader.repo, RunFacts(number), rows)


async def artifacts_of_repository(reader: Reader, call: Call, caller: Grants) -> ArtifactPage:
    """A page of a repository's artifacts. Raises ShimError, SearchLimit if there are too many runs."""
    runs = await _runs(reader, call, caller)

    async def all_are_kept() -> bool:
        return len(await _kept(reader, runs)) == len(runs)

    found: list[Artifact] = []
    async with reader.net.searching(reader.repo.key, LISTS, all_are_kept):
        kept = await _kept(reader, runs)
        for run in runs:
            rows = kept.get(run.number)
            listed = await _listed(reader, run) if rows is None else [WebArtifact(*row) for row in rows]
            found += artifacts_in(reader.repo, run, listed or ())
    return page_named(found, call)


async def find_artifact(reader: Reader, call: Call, caller: Grants) -> Place:
    """The artifact whose id the call names, in its run. Raises NotThere, NotPossible, ServerRefusal."""
    run = await _run_of_artifact(reader, call, caller)
    listed = artifacts_in(reader.repo, run, await _listed(reader, run) or ())
    found = [artifact for artifact in listed if artifact.id == call.id]
    if not found:
        raise _not_there()
    if len(found) > 1:
        names = " and ".join(ascii(artifact.name) for artifact in found)
        raise NotPossible(
            f"artifact {call.id} can be {names} of run {run.number}, and this server tells artifacts by their name"
            " alone; take them from its web UI",
            cause="artifact-ambiguous",
        )
    return Place(run, found[0])


def check_has_address(artifact: Artifact) -> None:
    """Raise NotPossible for an artifact whose page in the web UI has no address that every server in between leaves as
    it is: a path ends before such a name, or goes up by it."""
    if artifact.name in ("", ".", ".."):
        raise NotPossible(
            f"artifact {artifact.id} is called {artifact.name!a}, which no address of the web UI can end with; give it"
            " another name in its workflow",
            cause="artifact-not-reachable",
        )


def page_named(found: Sequence[Artifact], call: Call) -> ArtifactPage:
    """The page that a call asks for, perhaps of artifacts of one name."""
    if name := dict(reversed(parameters(call.query))).get("name"):
        found = [artifact for artifact in found if artifact.name == name]
    return ArtifactPage(*page_of(found, call))


def artifacts_in(repo: Repo, run: RunFacts, rows: Iterable[WebArtifact]) -> list[Artifact]:
    """A run's artifacts in the order of their names. Raises NotPossible if ids have no room for the run."""
    origin = ArtifactRun(run.number, repo.key) if run.id is None else ArtifactRun(run.id)
    if not origin.fits:
        raise NotPossible(
            f"the artifacts of run {run.number} cannot have ids, since {origin.run} is too large for them; take them"
            " from the web UI",
            cause="run-too-large",
        )
    ordered = sorted(rows, key=lambda row: row.name)
    return [Artifact(origin.artifact_id(row.name), row.name, row.size, row.is_expired, run.id) for row in ordered]


async def _listed(reader: Reader, run: RunFacts) -> Sequence[WebArtifact] | None:
    """The list of a run as it is now, None if the run is gone. Of a run that is over it is kept for a while."""
    listed = await reader.artifacts(run.number)
    if listed is not None and run.status in FINAL:
        await reader.facts.put_artifacts(run.number, [(row.name, row.size, row.is_expired) for row in listed])
    return listed


async def _kept(reader: Reader, runs: Sequence[RunFacts]) -> dict[int, list[list[Any]]]:
    """The lists that are kept of those runs that are over, by number."""
    return await reader.facts.artifacts([run.number for run in runs if run.status in FINAL])


async def _runs(reader: Reader, call: Call, caller: Grants) -> list[RunFacts]:
    """All runs, newest first; from 12 on with their ids."""

    async def read(page: int) -> Page:
        runs, total = await page_of_runs(reader, page, call)
        _check_count(reader, total)
        return [RunFacts(run.number, run.id, status=run.status) for run in runs], total  # what the API gave is large

    try:
        found = await newest(MAX_RUNS, read)
    except NotPossible:  # 11
        await check_may_read(reader.net, call, caller)
        latest = await reader.latest_number() or 0
        _check_count(reader, latest)
        return [RunFacts(number) for number in range(latest, 0, -1)]
    if not found.is_certain:
        raise SearchLimit(f"the list of the runs of {reader.repo} is not complete; ask again")
    return found.runs


def _check_count(reader: Reader, runs: int) -> None:
    if runs > MAX_RUNS:
        raise SearchLimit(
            f"the artifacts of {reader.repo} are in {runs} runs, and those of at most {MAX_RUNS} are read for one list;"
            " ask for the artifacts of one run"
        )


async def _run_of_artifact(reader: Reader, call: Call, caller: Grants) -> RunFacts:
    """The run that an artifact's id names. Raises NotThere if none can have made it."""
    if by_id := run_of_id(call.id):
        try:
            return parse_run(await read_api(reader, run_path(reader.repo, by_id.run), "the API's run", call))
        except ServerRefusal as refused:
            raise (_not_there() if _says_no_run(refused) else refused) from None
        except NotPossible:  # 11, which has no such ids
            pass
    by_number = run_of_id(call.id, reader.repo.key)
    if by_number:
        try:
            await page_of_runs(reader, 1, call, limit=1)
            by_number = None  # an id of before an upgrade from 11
        except NotPossible:
            pass
    await check_may_read(reader.net, call, caller)
    if by_number is None:
        raise _not_there()
    return RunFacts(by_number.run)


def _says_no_run(refused: ServerRefusal) -> bool:
    """Whether the API's answer is that there is no such run, or that it is another repository's (12.0.4 to 16)."""
    try:
        return str(json.loads(refused.body)["message"]).endswith("resource does not exist")
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _not_there() -> NotThere:
    """What 16 says of an artifact that there is not (recorded)."""
    return NotThere("resource does not exist")
