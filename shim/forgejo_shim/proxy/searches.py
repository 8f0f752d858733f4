"""Searches in progress: which are let begin, and what they leave to others.

Rules: one at a time for a job, in all the proxies that share a store, and at most `EACH` a caller and `ALL` together;
who waits for another one's search has its result, or searches when that has ended without one. A complete "not found"
serves the next one for `KEPT` seconds, and so does, within a process, what a search read of a repository. (A flow
searches only after its own caller's check.)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from ..errors import NotThere, TooMany, job_not_found
from ..store.places import new_holder
from ..store.protocol import Places, Store
from .limits import name_of

Read = dict[int, tuple[int, ...]]  # the job ids of runs, by the run's number
LOOK = 0.1  # seconds between two looks whether another proxy's search has ended


class Searches:
    """The searches at the server `base`; `store` is what is known of it."""

    EACH, ALL, KEPT = 2, 8, 60.0

    def __init__(self, store: Store, places: Places, base: str, now: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._places = places
        self._base = base
        self._now = now
        self._alone: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()
        self._read: dict[str, tuple[float, Read]] = {}

    @asynccontextmanager
    async def one(
        self, callers: frozenset[bytes], repo: str, job_id: int, is_found: Callable[[], Awaitable[object]]
    ) -> AsyncIterator[Read]:
        """Held during a search; gives what was read of the repository. Raises TooMany, NotThere."""
        async with self._alone.setdefault((repo, job_id), asyncio.Lock()):  # within this process nobody has to look
            alone = f"search {repo} {job_id}"
            places = {alone: 1, "searches": self.ALL} | {f"searches {name_of(one)}": self.EACH for one in callers}
            holder = new_holder()
            full: str | None = alone
            while full:
                if await is_found():
                    yield {}
                    return
                await self._check_missing(repo, job_id)
                if full := await self._places.take(places, holder):
                    if full != alone:
                        raise TooMany("too many searches are under way just now; ask again", cause="too-many-searches")
                    await asyncio.sleep(LOOK)
            try:
                yield self._fresh().setdefault(repo, (self._now(), {}))[1]
            except NotThere:
                await self._store.put(self._base, repo, {_missing(job_id): True}, self.KEPT)
                raise
            finally:
                await self._places.leave(places, holder)

    async def _check_missing(self, repo: str, job_id: int) -> None:
        if await self._store.get(self._base, repo, [_missing(job_id)]) == [True]:
            raise job_not_found(job_id)

    def _fresh(self) -> dict[str, tuple[float, Read]]:
        """What was read, without what is too old; the oldest stand first."""
        kept = self._read
        while kept and self._now() - next(iter(kept.values()))[0] >= self.KEPT:
            del kept[next(iter(kept))]
        return kept


def _missing(job_id: int) -> str:
    return f"missing {job_id}"
