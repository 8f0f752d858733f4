"""Opening the download of an artifact, with the proof that it is that one.

Rules: never another artifact. The download knows its run by the run's number up to 12 and by its id from 13 on, and
takes a name that is not there for an artifact's id (trap 24). So while it is open, a state tells which of the two it
was (a server may be upgraded in between), the name is still in the run's list, and the download carries the name. If
one of them is not so, all is asked anew. Costs: 5 requests, 6 where the dialect is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import NotNow, NotThere, PageChanged
from ..models import Location, Pairs
from ..operations import Call
from ..transport import Answer
from ..webui.asking import PageAnswer
from ..webui.grammar import Page, is_artifact_of, zip_disposition
from ..webui.reader import Reader
from .artifacts import Place, check_has_address, find_artifact
from .rights import Grants

TRIES = 3


@dataclass
class OpenArtifact:
    """A proven download, open, and its Content-Disposition as 16 gives it."""

    answer: Answer
    disposition: str


async def open_artifact(reader: Reader, call: Call, caller: Grants, ranges: Pairs = ()) -> OpenArtifact:
    """Open the zip of an artifact; `ranges` go to the download, which knows them where v4 uploaded it.

    Raises NotThere, NotNow, PageChanged, NotPossible, ServerRefusal.
    """
    for _ in range(TRIES):
        place = await find_artifact(reader, call, caller)
        if place.artifact.is_expired:
            raise _not_confirmed()
        check_has_address(place.artifact)
        if opened := await _open(reader, place, ranges):
            return opened
    raise NotNow(
        f"run {place.run.number} in {reader.repo} changes too fast to tell its artifact {place.artifact.name!a} for"
        " certain; try again",
        cause="rows-moving",
    )


async def _open(reader: Reader, place: Place, ranges: Pairs) -> OpenArtifact | None:
    """Open the download and prove it; None if it has to be looked for again."""
    by_id = reader.server.dialect.view_has_attempt
    if by_id is None:
        by_id = await _knows_ids(reader, place)
    run = place.run.id if by_id else place.run.number
    if run is None:
        return None
    page = await reader.artifact(run, place.artifact.name, ranges)
    try:
        if await _knows_ids(reader, place) is by_id and await _is_listed(reader, place):
            if opened := _proven(reader, place, page, by_id=bool(by_id)):
                return opened
    except BaseException:
        await page.answer.close()
        raise
    await page.answer.close()
    return None


def _proven(reader: Reader, place: Place, page: PageAnswer, *, by_id: bool) -> OpenArtifact | None:
    """The download of an artifact whose place was proved; None if its run is gone. Raises ShimError."""
    if page.kind is Page.NO_RUN:
        return None
    if page.kind is Page.NO_ARTIFACT:
        raise _not_confirmed()
    if not is_artifact_of(page.answer.headers, place.artifact.name, by_id=by_id):
        raise PageChanged(
            f"the download of artifact {place.artifact.name!a} of run {place.run.number} in {reader.repo} names another"
            " file; try again"
        )
    return OpenArtifact(page.answer, zip_disposition(page.answer.headers, by_id=by_id))


async def _knows_ids(reader: Reader, place: Place) -> bool | None:
    """Whether the web UI numbers attempts, as all do whose download knows a run by its id (13.0.0 and later; dialects
    in webui/grammar.py); None if the run is gone."""
    state = await reader.web_run(Location(place.run.number, 0))
    return state.has_attempts if state else None


async def _is_listed(reader: Reader, place: Place) -> bool:
    """Whether the run still has the artifact."""
    listed = await reader.artifacts(place.run.number) or ()
    return any(row.name == place.artifact.name for row in listed)


def _not_confirmed() -> NotThere:
    """What 16 says of an artifact that has expired or is not complete (recorded)."""
    return NotThere("artifact not confirmed")
