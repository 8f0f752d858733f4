"""Runs as the API lists them, read as the caller: the one of a number, or page by page; and which page is asked for.

Rules: whatever the API answers but a 200 is raised: NotPossible (`operation-absent`) where it has no such list (11),
for a call the API's own refusal, else the error that it stands for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from ..api import error_of, is_absent_route, parse_run_numbered, parse_runs
from ..errors import NotPossible
from ..models import RunFacts
from ..newest import Page
from ..operations import Call, number
from ..paths import runs_path
from ..router import parameters
from ..transport import JSON_LIMIT, read_all, read_head
from ..webui.reader import Reader

T = TypeVar("T")

PAGE = 50  # runs a page, Forgejo's maximum
LIMIT, MOST = 30, 50  # entries of a page that a caller asks for (modules/setting/api.go, 16)
MOST_AS_VALUE = 100  # of GitHub's API, and of those like it
FARTHEST = 2**31  # page that any list can have


async def read_api(reader: Reader, path: str, what: str, call: Call | None = None) -> bytes:
    """The API's 200 to `path`, asked as the caller; `what` names it in errors. Raises as above."""
    answer = await reader.api(path)
    if answer.status == 200:
        return await read_all(answer, JSON_LIMIT, what)
    body, kind = await read_head(answer), answer.headers.get("Content-Type")
    if call and not is_absent_route(answer.status, kind, body):
        raise call.refusal(answer.status, answer.headers, body)
    raise error_of(answer.status, kind, body, what)


async def run_numbered(reader: Reader, run_number: int, call: Call | None = None) -> RunFacts | None:
    """The run of that number; None if there is none."""
    path = runs_path(reader.repo, run_number=run_number, page=1, limit=1)
    return parse_run_numbered(await read_api(reader, path, f"run {run_number} of {reader.repo}", call), run_number)


async def page_of_runs(reader: Reader, page: int, call: Call | None = None, **filters: object) -> Page:
    """A page (1-based, of `PAGE` runs unless `limit` is given) of the API's list, and the count of all runs."""
    path = runs_path(reader.repo, **{"page": page, "limit": PAGE, **filters})
    body = await read_api(reader, path, f"page {page} of the runs of {reader.repo}", call)
    return parse_runs(body, page)


async def pages_towards_older(reader: Reader, last: int, latest: int) -> AsyncIterator[list[RunFacts]]:
    """Pages from the one that should hold run `last` down to run 1's, then any that are left; none where the API has
    no list of runs."""
    try:
        first, _ = await page_of_runs(reader, 1)
    except NotPossible:
        return
    yield first
    size = max(1, len(first))
    pages = -(-latest // size)
    falling = len(first) < 2 or first[0].number > first[-1].number
    start = (latest - last) // size + 1 if falling else -(-last // size)
    for page in range(start, pages + 1) if falling else range(start, 0, -1):
        if page != 1:
            yield (await page_of_runs(reader, page))[0]


def paging(call: Call) -> tuple[int, int]:
    """Page (1-based) and limit that a call asks for, with Forgejo's own defaults for what is none
    (utils.GetListOptions, 16)."""
    asked = dict(reversed(parameters(call.query)))
    page, limit = max(1, number(asked.get("page", ""))), number(asked.get("limit", ""))
    most = MOST_AS_VALUE if call.as_value else MOST
    return page, min(limit, most) if limit > 0 else LIMIT


async def window(
    page: int, limit: int, read: Callable[[int, int], Awaitable[tuple[list[T], int]]]
) -> tuple[list[T], int]:
    """A page (1-based) of `limit` entries, and the count of all, of a list whose own pages `read` gives by their number
    and size. They are smaller than is asked for where the server says so (MAX_RESPONSE_ITEMS)."""
    page = min(page, FARTHEST)
    start, end = (page - 1) * limit, page * limit
    size = min(limit, PAGE)
    found: dict[int, T] = {}
    at = start // size + 1
    while True:
        entries, total = await read(at, size)
        first = (at - 1) * size
        last = first + len(entries)
        if 0 < len(entries) < size and last < total:
            size, found = len(entries), {}
            at = start // size + 1
            continue
        found.update(enumerate(entries, first))
        if not entries or last >= min(end, total):
            return [found[place] for place in range(start, end) if place in found], total
        at += 1
