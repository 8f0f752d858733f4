"""Searches of several replicas for one job: who searches, who waits, and what the others have of it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest
from forgejo_shim.errors import NotThere, TooMany, job_not_found
from forgejo_shim.models import Location
from forgejo_shim.proxy.limits import Streams
from forgejo_shim.proxy.searches import LOOK, Searches
from forgejo_shim.store.facts import Facts
from forgejo_shim.store.seal import Seal
from forgejo_shim.store.shared import SharedStore
from forgejo_shim.store.shared_places import SharedPlaces
from redis_server import KEY
from test_shared_store import Commands, played

A, B = frozenset({b"a"}), frozenset({b"b"})  # callers


class Replica:
    """One proxy's searches; `searched` are the jobs that it really searched for, or would have."""

    def __init__(self, redis: Commands) -> None:
        self.store = SharedStore(redis, Seal([KEY]))
        places = SharedPlaces(self.store, "b")
        self.searches = Searches(self.store, places, "b")
        self.streams = Streams(2, places)
        self.facts = Facts(self.store, "b", "o/r")
        self.searched: list[int] = []

    async def find(self, job_id: int, ends: asyncio.Event, *, is_there: bool = True, who: frozenset[bytes] = A) -> str:
        """As a flow does: "kept" if somebody else has found it."""

        async def is_found() -> Location | None:
            return await self.facts.location(job_id)

        try:
            async with self.searches.one(who, "o/r", job_id, is_found):
                if await is_found():
                    return "kept"
                self.searched.append(job_id)
                await ends.wait()
                if not is_there:
                    raise job_not_found(job_id)
                await self.facts.put_jobs(3, [job_id])
                return "searched"
        except NotThere:
            return "not there"


def replicas() -> tuple[Commands, Replica, Replica, asyncio.Event]:
    redis = Commands()
    return redis, Replica(redis), Replica(redis), asyncio.Event()


@pytest.mark.clause("B7")
@pytest.mark.parametrize("is_there, said", [(True, ["searched", "kept"]), (False, ["not there", "not there"])])
def test_one_searches_and_the_others_have_its_result(is_there: bool, said: list[str]) -> None:
    async def main() -> None:
        redis, one, other, ends = replicas()
        first = asyncio.create_task(one.find(7, ends, is_there=is_there))
        await asyncio.sleep(0)
        second = asyncio.create_task(other.find(7, ends, is_there=is_there, who=B))
        await asyncio.sleep(2 * LOOK)
        assert not second.done()
        ends.set()
        assert [await first, await second] == said
        assert (one.searched, other.searched) == ([7], [])
        assert await other.find(7, ends) == said[1], "and later"
        assert not any(redis.places.values())

    asyncio.run(main())


@pytest.mark.clause("B7")
@played
async def test_a_search_that_ends_without_a_result_is_begun_again() -> None:
    _, one, other, ends = replicas()
    first = asyncio.create_task(one.find(7, ends))
    await asyncio.sleep(0)
    second = asyncio.create_task(other.find(7, ends))
    await asyncio.sleep(LOOK)
    first.cancel()  # the caller has gone
    ends.set()
    assert await second == "searched"


@pytest.mark.clause("B7", "B8")
@played
async def test_a_replica_that_died_holds_nobody_up() -> None:
    redis, _, other, ends = replicas()
    dead = SharedPlaces(SharedStore(redis, Seal([KEY])), "b")
    await dead.take({"search o/r 7": 1}, "dead")
    ends.set()
    second = asyncio.create_task(other.find(7, ends))
    await asyncio.sleep(2 * LOOK)
    assert not second.done()
    redis.places.clear()  # which has an end there
    assert await second == "searched"


@pytest.mark.clause("B7", "B9")
@played
async def test_without_the_store_each_searches_for_itself() -> None:
    redis, one, other, ends = replicas()
    first = asyncio.create_task(one.find(7, ends))
    await asyncio.sleep(0)
    second = asyncio.create_task(other.find(7, ends))
    await asyncio.sleep(LOOK)
    redis.fails = "unreachable"
    ends.set()
    assert [await first, await second] == ["searched", "searched"]


@pytest.mark.clause("B8", "X19")
@played
async def test_searches_of_a_caller_are_counted_over_all() -> None:
    _, one, other, ends = replicas()
    running = [asyncio.create_task(replica.find(job, ends)) for job, replica in ((1, one), (2, other))]
    await asyncio.sleep(0)
    for replica in (one, other):
        with pytest.raises(TooMany) as caught:
            await replica.find(3, ends)
        assert caught.value.cause == "too-many-searches"
    running.append(asyncio.create_task(other.find(3, ends, who=B)))
    await asyncio.sleep(0)
    ends.set()
    assert await asyncio.gather(*running) == ["searched"] * 3


@pytest.mark.clause("B8", "X18")
@played
async def test_streams_of_a_caller_are_counted_over_all() -> None:
    redis, one, other, _ = replicas()
    async with AsyncExitStack() as held:
        await held.enter_async_context(one.streams.slot(A))
        await held.enter_async_context(other.streams.slot(A))
        for replica in (one, other):
            with pytest.raises(TooMany) as caught:
                await held.enter_async_context(replica.streams.slot(A))
            assert caught.value.cause == "too-many-streams"
        await held.enter_async_context(one.streams.slot(B))
    await asyncio.sleep(0.01)  # nobody waits until the store is told
    async with one.streams.slot(A), one.streams.slot(A):
        pass
    await asyncio.sleep(0.01)
    assert not any(redis.places.values())
