"""The web session that replicas share: who signs in, who waits, and what each takes from the others."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest
from double import pages
from forgejo_shim import WebLogin
from forgejo_shim.errors import NotNow, ShimError, WebAccount
from forgejo_shim.proxy.changes import Changes
from forgejo_shim.proxy.session_of_replicas import SessionOfReplicas
from forgejo_shim.store.seal import Seal
from forgejo_shim.store.shared import SharedStore
from forgejo_shim.store.shared_places import SharedPlaces
from redis_server import KEY
from scripted import BASE, REFUSED, SETTINGS_PAGE, Said, Scripted, page, text, to
from test_shared_store import Commands, played

LOGIN = WebLogin("log-reader", "s3cret-word")
SIGN_IN, WHO = "POST /user/login", "GET /user/settings"


class Web:
    """The server: who signs in gets a session of its own number; `good` are those that it knows."""

    def __init__(self) -> None:
        self.sign_ins = 0
        self.good: set[str] = set()
        self.answer: Callable[[], Said] | None = None  # to a sign-in, in place of a yes
        self.holds: asyncio.Event | None = None  # what a sign-in waits for

    def net(self) -> Net:
        return Net(self)


class Net(Scripted):
    """One replica's way to it."""

    def __init__(self, web: Web) -> None:
        super().__init__({}, waits=True, at=time.time())
        self.web_ = web
        self.lock = asyncio.Lock()

    @property
    def signing_in(self) -> Any:
        return self.lock

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)

    async def _answer(self, asked: str, headers: list[tuple[str, str]], body: bytes) -> Any:
        web, cookie = self.web_, dict(headers).get("Cookie", "")
        known = any(f"s={one}" in cookie for one in web.good)
        if asked == SIGN_IN:
            web.sign_ins += 1
            number = str(web.sign_ins)
            if web.holds:
                await web.holds.wait()
            if web.answer:
                self.lines[asked] = web.answer()
            else:
                web.good.add(number)
                cookies = (f"s={number}", "lang=en", "_csrf=t")
                self.lines[asked] = to("/", 303, *(("Set-Cookie", cookie) for cookie in cookies))
        self.lines[WHO] = SETTINGS_PAGE if known else to("/user/login")
        return await super()._answer(asked, headers, body)


class Replica:
    """One proxy's session; it counts as signed in what it has signed in itself."""

    def __init__(self, web: Web, redis: Commands, login: WebLogin = LOGIN) -> None:
        self.store = SharedStore(redis, Seal([KEY]))
        self.net = web.net()
        self.told: list[dict[str, str]] = []
        self.session = SessionOfReplicas(login, self.told.append, self.store, SharedPlaces(self.store, BASE), BASE)
        self.session.changes = Changes("", lambda line: None)

    async def sign_in(self) -> dict[str, str]:
        await self.session.sign_in(self.net, self.session.generation)
        return self.session.cookies


def replicas(count: int) -> tuple[Web, Commands, list[Replica]]:
    web, redis = Web(), Commands()
    return web, redis, [Replica(web, redis) for _ in range(count)]


@pytest.mark.clause("B5")
@played
async def test_replicas_that_start_at_once_sign_in_once() -> None:
    web, redis, all_ = replicas(3)
    web.holds = asyncio.Event()
    asking = [asyncio.create_task(one.sign_in()) for one in all_]
    for _ in range(200):
        await asyncio.sleep(0)
    assert web.sign_ins == 1 and not any(task.done() for task in asking)
    web.holds.set()
    found = await asyncio.gather(*asking)
    assert web.sign_ins == 1 and sum(len(one.told) for one in all_) == 1
    assert {cookies["s"] for cookies in found} == {"1"}
    assert [cookies.get("_csrf") for cookies in found].count("t") == 1, "a token is of the one who was given it"
    assert not any(redis.places.values()), "the place is free again"


@pytest.mark.clause("B5", "S21")
@played
async def test_a_lost_session_is_renewed_by_one() -> None:
    web, _, (one, other) = replicas(2)
    await one.sign_in(), await other.sign_in()
    web.good.clear()
    assert (await one.sign_in())["s"] == (await other.sign_in())["s"] == "2"
    assert web.sign_ins == 2


@pytest.mark.clause("B5", "S21")
@played
async def test_one_that_is_of_no_use_is_renewed_though_the_server_knows_it() -> None:
    web, _, (one, other) = replicas(2)
    assert (await one.sign_in())["s"] == (await other.sign_in())["s"] == "1"
    assert (await one.sign_in())["s"] == (await other.sign_in())["s"] == "2", "as by a token that is refused twice"
    assert web.sign_ins == 2


@pytest.mark.clause("B5")
@played
async def test_a_kept_session_that_the_server_forgot_is_not_taken() -> None:
    web, _, (one, other) = replicas(2)
    await one.sign_in()
    web.good.clear()
    assert (await other.sign_in())["s"] == "2" and web.sign_ins == 2
    assert (await one.sign_in())["s"] == "2" and web.sign_ins == 2, "and the first takes the new one"


@pytest.mark.clause("B5")
@played
async def test_one_whose_turn_ran_out_does_not_overwrite_a_newer_session() -> None:
    web, redis, (late, other, third) = replicas(3)
    web.holds = asyncio.Event()
    asking = asyncio.create_task(late.sign_in())
    while not web.sign_ins:
        await asyncio.sleep(0)
    redis.places.clear()  # its turn ran out
    holds, web.holds = web.holds, None
    assert (await other.sign_in())["s"] == "2"
    holds.set()
    assert (await asking)["s"] == "2", "it takes the newer one, though its own went well"
    assert (await third.sign_in())["s"] == "2" and web.sign_ins == 2


@pytest.mark.clause("B5", "B6")
@played
async def test_a_late_refusal_does_not_overwrite_a_newer_session() -> None:
    web, redis, (late, other, third) = replicas(3)
    web.holds, web.answer = asyncio.Event(), lambda: REFUSED
    asking = asyncio.create_task(late.sign_in())
    while not web.sign_ins:
        await asyncio.sleep(0)
    redis.places.clear()
    holds, web.holds, refused, web.answer = web.holds, None, web.answer, None
    await other.sign_in()
    web.answer = refused
    holds.set()
    assert (await asking)["s"] == "2" and late.session.refusals == 0
    assert (await third.sign_in())["s"] == "2"


async def refusal_of(one: Replica) -> ShimError:
    with pytest.raises(ShimError) as caught:
        await one.sign_in()
    return caught.value


@pytest.mark.clause("B6", "X41")
@pytest.mark.parametrize(
    "said, kind, waits",
    [(REFUSED, WebAccount, 300), (page(pages.suspended()), WebAccount, 300), (text(429, ""), NotNow, 5)],
)
def test_a_refusal_is_one_try_in_all(said: Said, kind: type[ShimError], waits: int) -> None:
    async def main() -> None:
        web, redis, all_ = replicas(3)
        web.answer = lambda: said
        errors = await asyncio.gather(*map(refusal_of, all_))
        assert web.sign_ins == 1
        assert {(type(error), error.cause, error.message) for error in errors} == {
            (kind, errors[0].cause, errors[0].message)
        }
        assert all(0 < (error.retry_after or 0) <= waits for error in errors)
        again = Replica(web, redis)
        assert (await refusal_of(again)).cause == errors[0].cause and web.sign_ins == 1, "a restart, too"
        for one in (*all_, again):
            one.net.at += waits + 1
        errors = await asyncio.gather(*map(refusal_of, [*all_[1:], again]))
        assert web.sign_ins == 2 and all(error.retry_after and error.retry_after > waits for error in errors), "longer"
        web.answer = None
        for one in (*all_, again):
            one.net.at += 4 * waits
        assert {cookies["s"] for cookies in await asyncio.gather(*(one.sign_in() for one in (*all_, again)))} == {"3"}

    asyncio.run(main())


@pytest.mark.clause("B6")
@played
async def test_other_credentials_are_tried_at_once() -> None:
    web, redis, (one, other) = replicas(2)
    web.answer = lambda: REFUSED
    await refusal_of(one)
    web.answer = None
    corrected = Replica(web, redis, WebLogin(LOGIN.user, "another"))
    assert (await corrected.sign_in())["s"] == "2"
    assert (await Replica(web, redis, WebLogin(LOGIN.user, "another")).sign_in())["s"] == "2"
    assert (await other.sign_in())["s"] == "3", "nor does who has the old ones take a session of the new ones"


@pytest.mark.clause("B5", "B9")
@played
async def test_without_the_store_each_signs_in_for_itself() -> None:
    web, redis, (one, other) = replicas(2)
    redis.fails = "unreachable"
    assert (await one.sign_in())["s"] == "1" and (await other.sign_in())["s"] == "2"
    redis.fails = ""
    await one.store.beat(), await other.store.beat()
    web.good.clear()
    assert (await one.sign_in())["s"] == (await other.sign_in())["s"] == "3", "and together again when it is back"


@pytest.mark.clause("B5", "B10")
@played
async def test_a_store_that_lost_it_has_the_newest_session_whoever_fills_it_first() -> None:
    web, redis, (one, other) = replicas(2)
    await one.sign_in()
    for replica in (one, other):
        await replica.store.beat()
    web.good.clear()
    other.net.at += 1.0
    assert (await other.sign_in())["s"] == "2", "which the first has not heard of"
    for order in ((one, other), (other, one)):
        redis.kept.clear()
        for replica in order:
            await replica.store.beat()
        assert (await Replica(web, redis).sign_in())["s"] == "2" and web.sign_ins == 2


@pytest.mark.clause("B5", "B9")
@played
async def test_a_store_that_goes_during_a_sign_in() -> None:
    web, redis, (one, _) = replicas(2)
    web.holds = asyncio.Event()
    asking = asyncio.create_task(one.sign_in())
    while not web.sign_ins:
        await asyncio.sleep(0)
    redis.fails = "too-slow"
    web.holds.set()
    assert (await asking)["s"] == "1"


@pytest.mark.clause("B3", "S35")
@played
async def test_nothing_of_the_session_stands_there_in_clear() -> None:
    web, redis, (one, _) = replicas(2)
    secret = secrets.token_hex(8)
    web.answer = lambda: to("/", 303, ("Set-Cookie", f"s={secret}"), ("Set-Cookie", "lang=en"))
    assert (await one.sign_in())["s"] == secret
    (name,) = redis.kept
    assert LOGIN.user in name and LOGIN.password not in name
    assert not any(word.encode() in redis.kept[name] for word in (secret, LOGIN.password, LOGIN.user))


KEPT: dict[str, object] = {"id": "x", "cookies": {"s": "1"}}


@pytest.mark.clause("B3")
@pytest.mark.parametrize(
    "kept",
    [
        None, 1, [], {}, {"cookies": {}}, {**KEPT, "cookies": []}, {**KEPT, "cookies": {"s": 1}},
        {**KEPT, "cookies": {"s": "a\r\nX: y"}},
        {"kind": "ServerRefusal", "until": 9e12, "refusals": 1, "message": "", "cause": ""},
        {"kind": "WebAccount", "until": "x", "refusals": 1, "message": "", "cause": ""},
        {"kind": "WebAccount", "until": 9e12, "refusals": True, "message": "", "cause": ""},
        {"kind": "WebAccount", "until": 9e12, "refusals": 1, "message": 1, "cause": ""},
    ],
)  # fmt: skip
def test_what_is_no_session_is_none(kept: Any) -> None:
    async def main() -> None:
        web, _, (one, _) = replicas(2)
        web.good.add("1")
        value = {**kept, "whose": one.session._whose} if isinstance(kept, dict) else kept
        await one.store.put(BASE, "", {one.session._key: value or 0})
        web.sign_ins = 1
        assert (await one.sign_in())["s"] == "2"

    asyncio.run(main())
