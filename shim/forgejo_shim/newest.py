"""Which pages of the API's list of runs to read, until the newest runs that fit are certain.

Rules: no I/O of its own; `read` gives what a page (1-based) holds.

From 15 on the list is in order, the newest first. From 12 to 14 it is in no promised order (FindAndCount without an
order, routers/api/v1/repo/action.go, 14.0.5), but there run numbers have no gaps: so the newest are certain once every
number above them was seen. Gaps came with the deletion of runs (16), whose list is in order. A server can give fewer a
page than are asked for (MAX_RESPONSE_ITEMS).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import count

from .models import RunFacts

Page = tuple[list[RunFacts], int]
"""The runs of a page, and the count of all runs."""


@dataclass(frozen=True)
class Newest:
    """The newest runs that fit, newest first; `seen` runs of `total` were read. `is_certain`: no newer one fits."""

    runs: list[RunFacts]
    seen: int
    total: int
    is_certain: bool


async def newest(
    limit: int, read: Callable[[int], Awaitable[Page]], fits: Callable[[RunFacts], bool] = lambda run: True
) -> Newest:
    """Read pages until the `limit` newest runs that fit are certain, or no page has anything new."""
    runs, total = await read(1)
    numbers = [run.number for run in runs]
    in_order = numbers == sorted(numbers, reverse=True)
    found = {run.number: run for run in runs}
    later: Iterable[int] = count(2)
    if numbers and not (in_order and numbers[0] >= total):
        later = range(-(-total // len(numbers)), 1, -1)
    for page in later:
        if _are_certain(found, fits, limit, total, in_order):
            break
        more, now = await read(page)
        total = min(total, now)
        lowest, known = min(found, default=0), len(found)
        in_order = in_order and all(run.number <= lowest for run in more)
        found.update((run.number, run) for run in more)
        if len(found) == known:
            break
    best = sorted((run for run in found.values() if fits(run)), key=lambda run: -run.number)[:limit]
    return Newest(best, len(found), total, _are_certain(found, fits, limit, total, in_order))


def _are_certain(
    found: dict[int, RunFacts], fits: Callable[[RunFacts], bool], limit: int, total: int, in_order: bool
) -> bool:
    """Whether no run that was not read can be among the `limit` newest that fit."""
    best = sorted((number for number, run in found.items() if fits(run)), reverse=True)[:limit]
    if len(found) >= total or not limit:
        return True
    if len(best) < limit:
        return False
    if max(found) > total:
        return in_order
    return sum(number > best[-1] for number in found) >= total - best[-1]
