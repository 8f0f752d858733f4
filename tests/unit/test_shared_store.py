"""A store that processes share, and what each does while it cannot be used: by commands that a script answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

import pytest
from forgejo_shim.flows.rights import Rights
from forgejo_shim.models import Headers
from forgejo_shim.store.protocol import Gone
from forgejo_shim.store.seal import Seal
from forgejo_shim.store.shared import AT_ONCE, LEASE, MISSED, SharedStore
from forgejo_shim.store.shared_places import SharedPlaces
from forgejo_shim.store.verdicts import StoredVerdicts
from redis_server import KEY


class Commands:
    """A Redis that is no more than a dict; while `fails` is a word, each command fails with it."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.most = 0  # values that were written at once
        self.ends: list[float] = []  # the seconds that were given with what was written
        self.places: dict[str, set[str]] = {}
        self.fails = ""
        self.asked: list[str] = []
        self.before: Callable[[str], Coroutine[Any, Any, None]] | None = None

    async def _ask(self, name: str, ttl: float = 1.0) -> None:
        self.asked.append(name)
        if self.before:
            await self.before(name)
        if self.fails:
            raise Gone(self.fails)
        self.ends.append(ttl)

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        await self._ask("get")
        return [self.kept.get(name) for name in names]

    async def put(self, values: Mapping[str, bytes | None], ttl: float) -> None:
        await self._ask("put", ttl)
        self.most = max(self.most, len(values))
        for name, value in values.items():
            self.kept.pop(name, None)
            if value is not None:
                self.kept[name] = value

    async def fill(self, values: Mapping[str, tuple[bytes, float]]) -> None:
        for name, (value, ttl) in values.items():
            await self._ask("fill", ttl)
            self.kept.setdefault(name, value)

    async def agree(self, name: str, value: bytes, ttl: float) -> bytes | None:
        await self._ask("agree", ttl)
        return self.kept.setdefault(name, value)

    async def replace(self, name: str, seen: bytes, value: bytes, ttl: float) -> bool:
        await self._ask("replace", ttl)
        if self.kept.get(name, b"") != seen:
            return False
        self.kept[name] = value
        return True

    async def take(self, places: Mapping[str, int], holder: str, ttl: float) -> str | None:
        await self._ask("take", ttl)
        full = next((name for name, most in places.items() if len(self.places.get(name, ())) >= most), None)
        for name in places if full is None else ():
            self.places.setdefault(name, set()).add(holder)
        return full

    async def hold(self, held: Mapping[str, Collection[str]], ttl: float) -> None:
        await self._ask("hold", ttl)
        for name, holders in held.items():
            self.places.setdefault(name, set()).update(holders)

    async def leave(self, names: Collection[str], holder: str) -> None:
        await self._ask("leave")
        for name in names:
            self.places.get(name, set()).discard(holder)

    async def renew(self) -> None:
        self.asked.append("renew")

    async def close(self) -> None:
        self.asked.append("close")


def replicas(count: int) -> tuple[Commands, list[SharedStore]]:
    redis = Commands()
    return redis, [SharedStore(redis, Seal([KEY])) for _ in range(count)]


def played(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test that is a coroutine, with its marks."""

    def main() -> None:
        asyncio.run(test())

    main.__name__ = main.__qualname__ = test.__name__
    main.__dict__.update(test.__dict__)
    return main


@pytest.mark.clause("B1", "B3")
@played
async def test_what_one_keeps_the_others_have() -> None:
    redis, (one, other) = replicas(2)
    await one.put("b", "o/r", {"a": [1, 2], "c": "x"})
    assert await other.get("b", "o/r", ["a", "none", "c"]) == [[1, 2], None, "x"]
    assert await other.get("b", "o/s", ["a"]) == await other.get("e", "o/r", ["a"]) == [None]
    await other.put("b", "o/r", {"a": None}, 60.0)
    assert await one.get("b", "o/r", ["a", "c"]) == [None, "x"]
    assert await one.agree("b", "", "k", 1, 60.0) == await other.agree("b", "", "k", 2, 60.0) == 1
    assert all(0 < seconds <= 7 * 86400 for seconds in redis.ends), "each has an end"
    assert not any(b"x" in value[:3] or b'"a"' in value for value in redis.kept.values())


@pytest.mark.clause("B3")
@played
async def test_what_others_wrote_there_is_not_believed() -> None:
    redis, (one,) = replicas(1)
    stranger = SharedStore(redis, Seal(["c3RyYW5nZXIncyBrZXksIDMyIGJ5dGVzIGxvbmcgISE="]))
    await one.put("b", "", {"mine": 1})
    await stranger.put("b", "", {"theirs": 2})
    (mine, theirs) = redis.kept
    assert await one.get("b", "", ["mine", "theirs"]) == [1, None]
    redis.kept = {mine: b"1", theirs: redis.kept[mine]}
    assert await one.get("b", "", ["mine", "theirs"]) == [None, None], "nor what was moved to another name"


@pytest.mark.clause("B9")
@pytest.mark.parametrize("word", ["too-slow", "unreachable", "full", "read-only", "wrong-password", "not-understood"])
def test_it_goes_on_with_its_own_memory_and_comes_back(word: str) -> None:
    async def main() -> None:
        redis, (one, other) = replicas(2)
        said: list[str] = []
        one.told = said.append
        await one.beat()
        await one.put("b", "", {"both": 1})
        await other.put("b", "", {"theirs": 2})
        redis.fails = word
        assert await one.get("b", "", ["both", "theirs"]) == [1, None]
        asked = len(redis.asked)
        await one.put("b", "", {"new": 3, "both": 4})
        assert await one.get("b", "", ["new", "both"]) == [3, 4]
        assert len(redis.asked) == asked, "once a failure is known, no request waits for it"
        await one.beat()
        assert one.trouble == word and said == [word], "told once"
        redis.fails = ""
        assert one.trouble == word, "nobody has looked yet"
        await one.beat()
        assert one.trouble == "" and said == [word, ""]
        assert await one.get("b", "", ["theirs"]) == [2]
        assert await other.get("b", "", ["both"]) == [None], "what changed meanwhile is not what it was"

    asyncio.run(main())


@pytest.mark.clause("B10")
@played
async def test_what_could_not_be_removed_does_not_come_back() -> None:
    redis, (one, other) = replicas(2)
    await one.put("b", "", {"list": [1]}, 60.0)
    redis.fails = "too-slow"
    await one.put("b", "", {"list": None}, 60.0)
    redis.fails = ""
    assert await other.get("b", "", ["list"]) == [[1]]
    await one.beat()
    assert await one.get("b", "", ["list"]) == await other.get("b", "", ["list"]) == [None]


@pytest.mark.clause("B10")
@played
async def test_what_changes_while_it_comes_back_is_removed_too() -> None:
    redis, (one, _) = replicas(2)
    await one.beat()
    await one.put("b", "", {"first": 1, "second": 1})
    redis.fails = "full"
    await one.put("b", "", {"first": 2})
    redis.fails = ""

    async def first(command: str) -> None:  # its look whether the Redis can be written to
        redis.before = then

    async def then(command: str) -> None:  # it removes what it knows of
        redis.before = None
        await one.put("b", "", {"second": 2})

    redis.before = first
    await one.beat()
    assert one.trouble == "" and await one.get("b", "", ["first", "second"]) == [None, None]


@pytest.mark.clause("B10")
@played
async def test_what_changed_for_somebody_who_has_gone_is_not_what_it_was() -> None:
    redis, (one, other) = replicas(2)
    await one.put("b", "", {"list": [1]})

    async def for_ever(command: str) -> None:
        await asyncio.sleep(60)

    redis.before = for_ever
    changing = asyncio.create_task(one.put("b", "", {"list": None}))
    await asyncio.sleep(0)
    changing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await changing
    redis.before = None
    await one.beat()
    assert await other.get("b", "", ["list"]) == [None]


@pytest.mark.clause("B9")
@played
async def test_a_long_failure_takes_no_more_memory() -> None:
    redis, (one, _) = replicas(2)
    redis.fails = "full"
    for number in range(MISSED + 5):
        await one.put("b", "", {f"{number}": 1})
    assert len(one._missed) == MISSED
    redis.fails = ""
    await one.beat()
    assert not one.trouble and not one._missed and redis.most <= AT_ONCE, "no command is too long to end in time"


@pytest.mark.clause("B10")
@played
async def test_what_changes_at_the_last_moment_is_not_what_it_was() -> None:
    redis, (one, other) = replicas(2)
    one.held.append(lambda: {"place": {"holder"}})
    await one.put("b", "", {"list": [1]})
    redis.fails = "full"
    await one.put("b", "", {"another": 1})
    redis.fails = ""

    async def change(command: str) -> None:  # while all else is told already
        if command == "hold":
            redis.before = None
            await one.put("b", "", {"list": None})

    redis.before = change
    await one.beat()
    assert not one.trouble and await one.get("b", "", ["list"]) == await other.get("b", "", ["list"]) == [None]


@pytest.mark.clause("B10", "X45")
@played
async def test_a_key_is_agreed_on_again_after_it_was_lost() -> None:
    redis, (one, other) = replicas(2)
    key = await one.agree("b", "", "key", "mine", 60.0)
    redis.kept.clear()  # flushed, or started again
    assert await one.agree("b", "", "key", "new", 60.0) == key == await other.agree("b", "", "key", "theirs", 60.0)
    redis.fails = "unreachable"
    assert await one.agree("b", "", "key", "x", 60.0) == key == await other.agree("b", "", "key", "y", 60.0)


@pytest.mark.clause("B10")
@played
async def test_what_it_lost_is_filled_again_from_all_memories() -> None:
    redis, (one, other, new) = replicas(3)
    await one.put("b", "o/r", {"put": 1, "gone": 1}, 60.0)
    await one.put("b", "", {"kept": 2})
    assert await one.replace("b", "session", b"", "cookies", 60.0)
    assert (await other.look("b", "session"))[0] == "cookies"
    assert await other.get("b", "o/r", ["put", "gone"]) == [1, 1]
    for store in (one, other):
        await store.beat()
    redis.kept, redis.fails = {}, "unreachable"
    await one.put("b", "o/r", {"gone": None, "meanwhile": 3}, 60.0)
    assert await other.get("b", "o/r", ["put"]) == [1], "what it had from others"
    redis.fails = ""
    await one.beat()
    assert await new.get("b", "o/r", ["put", "gone", "meanwhile"]) == [1, None, 3]
    assert await new.get("b", "", ["kept"]) == [2] and (await new.look("b", "session"))[0] == "cookies"
    filled = redis.asked.count("fill")
    await one.beat()
    assert redis.asked.count("fill") == filled, "once"
    redis.kept = {}
    await other.beat()
    assert await new.get("b", "o/r", ["put"]) == [1] and (await new.look("b", "session"))[0] == "cookies"
    assert all(0 < seconds <= 7 * 86400 for seconds in redis.ends)


@pytest.mark.clause("B10")
@played
async def test_what_changes_while_it_is_filled_is_what_it_became() -> None:
    redis, (one, other) = replicas(2)
    await one.put("b", "", {"first": 1, "second": 1})
    await one.beat()
    redis.kept = {}

    async def change(command: str) -> None:
        if command == "fill":
            redis.before = None
            redis.fails = "full"
            await one.put("b", "", {"second": 2})

    redis.before = change
    await one.beat()
    redis.fails = ""
    await one.beat()
    assert await other.get("b", "", ["first", "second"]) in ([1, 2], [1, None])


# --- places


@pytest.mark.clause("B8")
@played
async def test_places_are_counted_over_all() -> None:
    redis, stores = replicas(3)
    one, other, elsewhere = SharedPlaces(stores[0], "b"), SharedPlaces(stores[1], "b"), SharedPlaces(stores[2], "c")
    assert await one.take({"s": 2}, "1") is None and await other.take({"s": 2, "t": 1}, "2") is None
    assert await one.take({"s": 2}, "3") == "s" and await other.take({"t": 1}, "4") == "t"
    assert await elsewhere.take({"s": 2, "t": 1}, "5") is None, "another server's"
    await one.leave(["s"], "1")
    await stores[0].close()
    assert await other.take({"t": 1, "s": 2}, "6") == "t"
    assert await other.take({"s": 2}, "6") is None, "what was refused took nothing elsewhere"
    assert [seconds for seconds in redis.ends if seconds == LEASE]


@pytest.mark.clause("B8", "B9")
@played
async def test_places_without_the_store_and_when_it_is_back() -> None:
    redis, stores = replicas(2)
    one, other = SharedPlaces(stores[0], "b"), SharedPlaces(stores[1], "b")
    assert await one.take({"s": 2}, "1") is None
    redis.fails = "unreachable"
    assert await one.take({"s": 2}, "2") is None, "its own count"
    assert await one.take({"s": 2}, "3") == "s"
    redis.fails, redis.places = "", {}
    await stores[0].beat()
    assert await other.take({"s": 2}, "4") == "s", "those that are held are told again"
    await one.leave(["s"], "1")
    await stores[0].close()
    assert await other.take({"s": 2}, "4") is None


@pytest.mark.clause("B8")
@played
async def test_who_goes_away_while_it_asks_has_no_place() -> None:
    redis, (store, _) = replicas(2)
    places = SharedPlaces(store, "b")

    async def for_ever(command: str) -> None:
        if command == "take":
            redis.places = {store.seal.name("place", "b", "s"): {"1"}}  # it was given
            await asyncio.sleep(60)

    redis.before = for_ever
    asking = asyncio.create_task(places.take({"s": 1}, "1"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    redis.before = None
    assert await places.take({"s": 1}, "2") is None


@pytest.mark.clause("B8")
@played
async def test_a_place_that_is_only_asked_for_is_not_held() -> None:
    redis, stores = replicas(2)
    one, other = (SharedPlaces(store, "b") for store in stores)
    assert await one.take({"lock": 1}, "1") is None

    async def meanwhile(command: str) -> None:
        redis.before = None
        await stores[1].beat()

    redis.before = meanwhile
    assert await other.take({"lock": 1}, "2") == "lock"
    await one.leave(["lock"], "1")
    assert await one.take({"lock": 1}, "3") is None, "at once, not when the other one's would end"


# --- yes's


def rights_at(store: SharedStore, clock: list[float], keep: float = 30.0) -> Rights:
    """Those of one replica; the clock is its wall's and its own."""
    verdicts = StoredVerdicts(store, "b", store.seal.digest, lambda: clock[0])
    return Rights(keep, lambda: clock[0], store.seal.digest, verdicts)


ME = Headers([("Authorization", "token t0ken-of-the-caller")])


@pytest.mark.clause("B4", "X14")
@played
async def test_a_yes_is_its_callers_alone() -> None:
    redis, stores = replicas(2)
    clock = [time.time()]
    one, other = (rights_at(store, clock) for store in stores)
    await one.of(ME, "").add("o/r")
    assert await other.of(ME, "attempt=2").has("o/r")
    for headers, query in (
        (Headers([]), ""), (Headers([("Authorization", "token other")]), ""), (ME, "sudo=o"), (ME, "token=x"),
        (Headers([*ME, ("Sudo", "o")]), ""), (Headers([*ME, ("X-WebAuth-User", "o")]), ""),
    ):  # fmt: skip
        assert not await other.of(headers, query).has("o/r")
    assert not await other.of(ME, "").has("o/s")
    for name, value in redis.kept.items():
        assert "o/r" not in name and "t0ken" not in name and b"t0ken" not in value
    assert not redis.fails and all(seconds <= 30 for seconds in redis.ends)


@pytest.mark.clause("B4", "X15")
@played
async def test_a_yes_lasts_no_longer_elsewhere() -> None:
    _, stores = replicas(3)
    clock = [time.time()]
    one, other, short = (rights_at(store, clock, keep) for store, keep in zip(stores, (30.0, 30.0, 5.0), strict=True))
    await one.of(ME, "").add("o/r")
    clock[0] += 4.9
    assert await short.of(ME, "").has("o/r")
    clock[0] += 0.1
    assert not await short.of(ME, "").has("o/r"), "each believes it as long as it would its own"
    clock[0] += 24.9
    assert await other.of(ME, "").has("o/r")
    clock[0] += 0.1
    assert not await other.of(ME, "").has("o/r"), "used or not"
    never = rights_at(stores[1], clock, 0.0)
    await never.of(ME, "").add("o/r")
    assert not await never.of(ME, "").has("o/r") and not await other.of(ME, "").has("o/r")


@pytest.mark.clause("B4")
@played
async def test_a_clock_that_is_behind_believes_nothing() -> None:
    _, stores = replicas(2)
    now = time.time()
    one, other = rights_at(stores[0], [now]), rights_at(stores[1], [now - 1.0])
    await one.of(ME, "").add("o/r")
    assert not await other.of(ME, "").has("o/r")


@pytest.mark.clause("B4", "B9")
@played
async def test_nobody_has_a_right_from_a_store_that_is_gone() -> None:
    redis, stores = replicas(2)
    clock = [time.time()]
    one, other = (rights_at(store, clock) for store in stores)
    await one.of(ME, "").add("o/r")
    redis.fails = "unreachable"
    assert await one.of(ME, "").has("o/r") and not await other.of(ME, "").has("o/r")
    redis.fails, redis.kept = "", {}
    await stores[1].beat()
    assert not await other.of(ME, "").has("o/r"), "flushed"
