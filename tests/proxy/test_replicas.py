"""Several proxies in front of one server, with one Redis: what they have in common, and how they go on without it.

Rules: the proxies run in threads of this process (`running.py`), each with a loop, a memory and connections of its own.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from forgejo_shim import WebLogin
from forgejo_shim.proxy.tickets import NAME
from forgejo_shim.store.redis import RedisCommands
from hand import wait
from redis_server import KEY, RedisServer, redis_server
from running import Running, log_path, slowly
from small import LOG, Small, row

REPLICAS = 3
HEALED = 10.0  # seconds until a proxy uses the Redis again, on a machine that is busy


class Together:
    """A double with proxies in front of it that share a Redis."""

    def __init__(self, small: Small, redis: RedisServer, proxies: list[Running]) -> None:
        self.small = small
        self.redis = redis
        self.proxies = proxies

    def asked(self, method: str, part: str) -> int:
        """How many requests the server has had of that method, whose path has this part."""
        return len([seen for seen in self.small.double.requests if seen.method == method and part in seen.path])

    def sign_ins(self) -> int:
        return self.asked("POST", "/user/login")

    def at_once(self, path: str, token: str, **more: Any) -> list[Any]:
        """The answers of all of them to a request that comes at the same time."""
        start = threading.Barrier(len(self.proxies))

        def ask(proxy: Running) -> Any:
            start.wait()
            return proxy.get(path, token, **more)

        with ThreadPoolExecutor(len(self.proxies)) as pool:
            return list(pool.map(ask, self.proxies))

    def up(self) -> list[float]:
        return [proxy.figures()["forgejo_shim_redis_up"] for proxy in self.proxies]


@contextmanager
def together(
    face: str = "15", web: WebLogin | None = None, count: int = REPLICAS, **options: Any
) -> Iterator[Together]:
    with ExitStack() as stack:
        redis, small = stack.enter_context(redis_server()), stack.enter_context(Small(face))
        account = web or small.web
        proxies = [
            stack.enter_context(Running(small.url, account, store=redis.store(), say=lambda line: None, **options))
            for _ in range(count)
        ]
        yield Together(small, redis, proxies)


@pytest.fixture
def three() -> Iterator[Together]:
    with together() as three:
        yield three


@pytest.mark.clause("B5")
@pytest.mark.parametrize("face", ["11", "13", "15"])
def test_three_that_start_at_once_sign_in_once(face: str) -> None:
    with together(face) as three:
        path = log_path(three.small)
        three.small.double.faults.slow("/user/login", piece=100, delay=0.05)
        answers = three.at_once(path, three.small.token)
        assert [answer.content == LOG for answer in answers] == [True] * REPLICAS
        assert three.sign_ins() == 1
        assert sum(proxy.figures()["forgejo_shim_sign_ins_total"] for proxy in three.proxies) == 1
        three.small.double.faults.clear()
        three.small.double.drop_sessions()
        assert all(answer.content == LOG for answer in three.at_once(path, three.small.token)), "lost, and renewed"
        assert three.sign_ins() == 2


@pytest.mark.clause("B6")
def test_three_with_a_wrong_password_try_once() -> None:
    with together(web=WebLogin("o", "wrong")) as three:
        path = log_path(three.small)
        for _ in range(2):
            for answer in three.at_once(path, three.small.token):
                assert (answer.status_code, answer.json()["cause"]) == (501, "web-sign-in-refused")
                assert 0 < int(answer.headers["Retry-After"]) <= 300
        assert three.sign_ins() == 1
        for proxy in three.proxies:
            assert proxy.get("/-/shim/readyz").json()["web_session"]["says"] == "web-sign-in-refused"


@pytest.mark.clause("B1", "B7")
def test_what_one_found_the_others_know(three: Together) -> None:
    small = three.small
    paths = [log_path(small, logs={"build": row(f"{number}")}) for number in range(30)]
    assert three.proxies[0].get(paths[9], small.token).content == row("9")
    first = three.asked("POST", "/runs/")
    assert three.proxies[1].get(paths[9], small.token).content == row("9")
    assert three.asked("POST", "/runs/") - first <= 2, "no search"
    assert three.asked("GET", "/swagger.v1.json") == 1 == three.sign_ins()
    missing = paths[0].replace("/jobs/1/", "/jobs/99999/")
    assert three.proxies[0].get(missing, small.token).status_code == 404
    read = three.asked("POST", "/runs/")
    assert three.proxies[1].get(missing, small.token).status_code == 404 and three.asked("POST", "/runs/") == read
    assert three.proxies[2].get(missing, "0" * 40).status_code == 401, "behind each caller's own check"


@pytest.mark.clause("B7")
def test_three_that_are_asked_at_once_search_once() -> None:
    with together() as three:
        small = three.small
        paths = [log_path(small, logs={"build": row(f"{number}")}) for number in range(40)]
        assert three.proxies[0].get(paths[30], small.token).ok  # the server is known, and signed in to
        before = three.asked("POST", "/runs/")
        assert three.proxies[0].get(paths[7], small.token).ok
        alone = three.asked("POST", "/runs/") - before
        small.double.faults.slow(r"/jobs/0", piece=100_000, delay=0.05)
        before = three.asked("POST", "/runs/")
        assert [answer.content for answer in three.at_once(paths[12], small.token)] == [row("12")] * REPLICAS
        assert three.asked("POST", "/runs/") - before <= alone + 2 + (REPLICAS - 1) * 3, "one has searched"


@pytest.mark.clause("B4", "X14", "X15")
def test_a_yes_is_shared_with_its_caller_alone_and_ends_for_all() -> None:
    with together(keep=2.0) as three:
        small = three.small
        path = log_path(small)
        friend = small.model.add_user("friend", "p")
        token = small.model.add_token(friend, ("read:repository",)).sha1
        small.repo.collaborators[friend.id] = 1
        host = {"Host": "forge.example"}  # whatever address a request came to is part of what the server is told
        assert three.proxies[0].get(path, small.token, headers=host).ok
        assert three.asked("GET", "/actions/tasks") == 1
        assert three.proxies[1].get(path, small.token, headers=host).ok
        assert three.asked("GET", "/actions/tasks") == 1, "the same caller"
        assert three.proxies[1].get(path, token).ok and three.asked("GET", "/actions/tasks") == 2, "another one"
        assert three.proxies[2].get(path).status_code == 404, "nobody"
        del small.repo.collaborators[friend.id]
        wait(lambda: all(proxy.get(path, token).status_code == 404 for proxy in three.proxies), "the end of a right", 5)
        assert three.proxies[0].get(path, small.token).ok


@pytest.mark.clause("B8")
def test_streams_are_counted_over_all() -> None:
    with together(streams=1, count=2) as two:
        small, (one, other) = two.small, two.proxies
        path = log_path(small)
        assert one.get(path, small.token).ok and other.get(path, small.token).ok
        with slowly(small), one.get(path, small.token, stream=True) as first:
            assert first.status_code == 200
            second = other.get(path, small.token)
            assert (second.status_code, second.json()["cause"]) == (429, "too-many-streams")
        wait(lambda: other.get(path, small.token).content == LOG, "the place to be free again", 10)


@pytest.mark.clause("B8", "X23")
def test_who_goes_with_the_last_byte_had_the_whole_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    leave = RedisCommands.leave

    async def slowly_left(*words: Any) -> None:
        await asyncio.sleep(0.2)
        await leave(*words)

    monkeypatch.setattr(RedisCommands, "leave", slowly_left)
    with together(count=1) as alone:
        path, (proxy,) = log_path(alone.small), alone.proxies
        assert proxy.get(path, alone.small.token, headers={"Connection": "close"}).content == LOG
        proxy.session.close()
        assert [(line["status"], line["backend"]) for line in proxy.lines(1)] == [(200, "web")]


@pytest.mark.clause("B1", "X45", "X46")
def test_any_of_them_opens_a_ticket() -> None:
    with together(faces=frozenset({"github"})) as three:
        path = log_path(three.small).replace("/api/v1/", "/api/v3/")
        for giver in three.proxies:
            moved = giver.get(path, three.small.token)
            assert moved.status_code == 302
            address = moved.headers["Location"].removeprefix(giver.base_url)
            assert f"{NAME}=" in address
            assert [proxy.get(address).content == LOG for proxy in three.proxies] == [True] * REPLICAS


def broken(redis: RedisServer, how: str) -> None:
    """Break a Redis in one of the ways that it can break."""
    match how:
        case "unreachable":
            redis.kill()
        case "too-slow":
            redis.signal(signal.SIGSTOP)
        case "full":
            redis.cli.config_set("maxmemory", "1")
        case "read-only":
            redis.cli.replicaof("127.0.0.1", "1")
        case "wrong-password":
            redis.cli.config_set("requirepass", "new")
            redis.cli.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def mended(redis: RedisServer, how: str) -> None:
    match how:
        case "unreachable":
            redis.start()
        case "too-slow":
            redis.signal(signal.SIGCONT)
        case "full":
            redis.cli.config_set("maxmemory", "0")
        case "read-only":
            redis.cli.replicaof("NO", "ONE")
        case "wrong-password":
            redis.cli.execute_command("AUTH", "new")
            redis.cli.config_set("requirepass", "")


@pytest.mark.clause("B9", "B10")
@pytest.mark.parametrize("how", ["unreachable", "too-slow", "full", "read-only", "wrong-password"])
def test_they_go_on_without_it_and_come_back(how: str) -> None:
    with ExitStack() as stack:
        redis, small = stack.enter_context(redis_server()), stack.enter_context(Small("15"))
        said: list[str] = []
        patience = 0.25 if how == "too-slow" else 10.0
        one, other = (
            stack.enter_context(
                Running(small.url, small.web, store=redis.store(patience=patience), say=said.append, keep=0.0)
            )
            for _ in range(2)
        )
        both = Together(small, redis, [one, other])
        path, new = log_path(small, logs={"build": row("old")}), log_path(small, logs={"build": row("new")})
        assert one.get(path, small.token).content == other.get(path, small.token).content == row("old")
        broken(redis, how)
        wait(lambda: both.up() == [0.0, 0.0], "both to see it", HEALED + 2)
        for proxy in both.proxies:
            assert proxy.get(path, small.token).content == row("old")
            assert proxy.get(new, small.token).content == row("new"), "what is not known yet"
            assert proxy.get(path, "0" * 40).status_code == 401 and proxy.get(path).status_code == 404
            ready = proxy.get("/-/shim/readyz")
            assert ready.status_code == 200 and ready.json()["ready"] is True
        wait(lambda: {_state(proxy) for proxy in both.proxies} == {(False, how)}, "readyz to say so", 10)
        assert any("the shared state cannot be used" in line for line in said)
        mended(redis, how)
        wait(lambda: both.up() == [1.0, 1.0], "both to use it again", HEALED)
        assert both.sign_ins() <= 2
        assert one.get(new, small.token).content == other.get(new, small.token).content == row("new")
        wait(lambda: {_state(proxy) for proxy in both.proxies} == {(True, "shared")}, "readyz to say so", 10)


def _state(proxy: Running) -> tuple[bool, str]:
    told = proxy.get("/-/shim/readyz").json()["shared_state"]
    return told["ok"], told["says"]


@pytest.mark.clause("B9", "B10")
def test_a_flushed_one_is_filled_again(three: Together) -> None:
    small = three.small
    path = log_path(small)
    assert all(answer.content == LOG for answer in three.at_once(path, small.token))
    three.redis.cli.flushall()
    assert all(answer.content == LOG for answer in three.at_once(path, small.token))
    assert three.proxies[0].get(path, "0" * 40).status_code == 401
    assert three.sign_ins() == 1, "each has its session still"
    assert [name for name in three.redis.names() if ":kept:" in name]


@pytest.mark.clause("B3", "S35", "X16")
def test_nothing_secret_stands_there_and_all_of_it_ends(three: Together) -> None:
    small = three.small
    path = log_path(small)
    for proxy in three.proxies:
        assert proxy.get(path, small.token).ok and proxy.get(f"{path}?token={small.token}").ok
        assert proxy.get("/api/v1/repos/o/r/actions/artifacts", small.token).ok
    with slowly(small), three.proxies[0].get(path, small.token, stream=True):
        names, dump = three.redis.names(), three.redis.dump()
        assert all(0 < three.redis.cli.ttl(name) <= 7 * 86400 for name in names)
    kinds = {name.split(":")[2] for name in names}
    assert kinds == {"kept", "place", "beat"} and all(name.startswith("forgejo-shim:1:") for name in names)
    assert any(" web session " in name for name in names) and any("  yes " in name for name in names)
    cookies = [value for proxy in three.proxies for value in proxy.proxy.session.cookies.values() if len(value) > 5]
    assert cookies
    for secret in (small.token, small.web.password, KEY, *cookies):
        assert secret.encode() not in dump
    assert LOG[:50] not in dump


@pytest.mark.clause("B8", "B10")
def test_a_proxy_that_ends_leaves_no_place() -> None:
    with together(count=2, streams=1) as two:
        small, (one, other) = two.small, two.proxies
        path = log_path(small)
        with slowly(small), one.get(path, small.token, stream=True):
            assert any(":place:" in name for name in two.redis.names())
        wait(lambda: not any(":place:" in name for name in two.redis.names()), "the places to be free", 20)
        assert other.get(path, small.token).content == LOG
