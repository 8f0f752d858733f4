"""What one caller may take of the proxy: streams, searches, and the time for which a stream goes on unasked.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
import requests
from forgejo_shim.errors import NotThere, TooMany, job_not_found
from forgejo_shim.models import Headers
from forgejo_shim.proxy.headers import Peer
from forgejo_shim.proxy.limits import Streams, asked_again, callers_of
from forgejo_shim.proxy.searches import Searches
from forgejo_shim.store.memory import MemoryStore
from forgejo_shim.store.places import MemoryPlaces
from hand import wait
from running import Answering, Running, basic, log_path, raw, slowly
from small import LOG, Small

A, B = frozenset({b"a"}), frozenset({b"b"})  # callers

# --- limits


@pytest.mark.clause("X18")
def test_too_many_streams_of_one_caller() -> None:
    with Small("15") as small, Running(small.url, small.web, streams=1) as proxy:
        path = log_path(small)
        with slowly(small), proxy.get(path, small.token, stream=True) as first:
            assert first.status_code == 200
            for spelled in (f"token {small.token}", f"Bearer {small.token}", basic("any", small.token)):
                second = proxy.get(path, headers={"Authorization": spelled})
                assert (second.status_code, second.json()["cause"]) == (429, "too-many-streams")
                assert int(second.headers["Retry-After"]) > 0
            assert proxy.figures()['forgejo_shim_open_streams{kind="log"}'] == 1
            assert proxy.get("/api/v1/version", small.token).ok, "what passes through is not limited"
            assert proxy.get(path).status_code != 429, "nor is another caller"
        small.double.faults.clear()
        wait(lambda: proxy.get(path, small.token).content == LOG, "the place to be free again", 10)


def caller(authorization: str = "", query: str = "", address: str = "10.0.0.1", **headers: str) -> frozenset[bytes]:
    pairs = [*headers.items(), *([("Authorization", authorization)] if authorization else [])]
    listed = "forwarded" in headers
    pairs = [("X-Forwarded-For" if name == "forwarded" else name, value) for name, value in pairs]
    return callers_of(Headers(pairs), query, Peer(address, listed, "http", "h"))


@pytest.mark.clause("X18")
def test_who_is_the_same_caller() -> None:
    (token,) = caller("token t")
    for same in (
        caller("Token  t"), caller("bearer t"), caller(basic("t", "")), caller("", "token=t"),
        caller(basic("t", "x-oauth-basic")), caller(basic("me", "t")), caller("", "attempt=2&access_token=t"),
        caller("token t", address="10.0.0.2"), caller("token u", "token=t"), caller("", "token=t&token=u"),
        caller("token t", "token=u"),
    ):  # fmt: skip
        assert token in same
    others = [caller("token u"), caller(), caller(address="10.0.0.2"), caller(forwarded="a"), caller(forwarded="b")]
    assert len({token, *(name for other in others for name in other)}) == 6


@pytest.mark.clause("X18")
def test_who_writes_what_no_server_reads_is_no_new_caller() -> None:
    """Forgejo takes these for nobody: what is public is theirs all the same."""
    (nobody,) = caller()
    for authorization in ("token a b", "Token a", "token", "Basic", "token  a  b", "basic\ta"):
        assert nobody in caller(authorization), authorization
    assert nobody in caller("", "token=a") and nobody in caller("", "access_token=a")
    assert nobody not in caller("token a") and nobody not in caller(basic("a", "b"), "token=c")


@pytest.mark.clause("X18")
def test_nobody_has_more_streams_of_a_public_log_by_what_no_server_reads() -> None:
    with Small("15") as small, Running(small.url, small.web, streams=1) as proxy:
        small.repo.private = False
        path = log_path(small)
        with slowly(small), proxy.get(path, headers={"Authorization": "token a b"}, stream=True) as first:
            assert first.status_code == 200
            for authorization in ("token c d", "token", "Basic"):
                second = proxy.get(path, headers={"Authorization": authorization})
                assert (second.status_code, second.json()["cause"]) == (429, "too-many-streams"), authorization


def test_a_place_is_free_again_after_an_error() -> None:
    async def main() -> None:
        places = MemoryPlaces()
        streams = Streams(1, places)
        with suppress(KeyError):
            async with streams.slot(A):
                raise KeyError
        async with streams.slot(A), streams.slot(B):
            with pytest.raises(TooMany):
                async with streams.slot(A):
                    pass
        assert places.held == {}

    asyncio.run(main())


@pytest.mark.parametrize(
    "sent, status",
    [
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 200 + b"\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nS3cret\x00\r\n\r\n", b"400"),
        (b"nonsense with S3cret\r\n\r\n", b"400"),
    ],
)
def test_a_head_that_is_too_much(greeting: Answering, sent: bytes, status: bytes, capfd: Any) -> None:
    with Running(greeting.base_url) as proxy:
        answer = raw(proxy, sent)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.split()[1] == status and b"application/json" in head
        assert set(json.loads(body)) == {"message"} and b"S3cret" not in answer
    assert capfd.readouterr().err == ""


# --- searches


def new_searches() -> Searches:
    return Searches(MemoryStore(), MemoryPlaces(), "b")


async def not_yet() -> bool:
    return False


async def found_by_now() -> bool:
    return True


@pytest.mark.clause("X19")
def test_searches_of_one_caller_and_of_all() -> None:
    async def main() -> None:
        searches = new_searches()
        async with AsyncExitStack() as held:
            for number in range(8):
                who = frozenset({b"%d" % (number // 2), b"more of %d" % (number // 2)})
                await held.enter_async_context(searches.one(who, "o/r", number, not_yet))
                if number == 1:
                    with pytest.raises(TooMany):
                        await held.enter_async_context(searches.one(who, "o/r", 99, not_yet))
            with pytest.raises(TooMany) as all_taken:
                await held.enter_async_context(searches.one(B, "o/r", 99, not_yet))
            assert (all_taken.value.status, all_taken.value.cause) == (429, "too-many-searches")
            async with searches.one(B, "o/r", 98, found_by_now):
                pass  # somebody else has found it: no search, no place
        async with searches.one(B, "o/r", 99, not_yet):
            pass

    asyncio.run(main())


@pytest.mark.clause("X39")
def test_not_found_is_kept_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    async def search(searches: Searches, ran: list[int]) -> None:
        with suppress(NotThere):
            async with searches.one(A, "o/r", 7, not_yet):
                ran.append(7)
                raise job_not_found(7)

    async def main() -> list[int]:
        begin, ran = time.time(), list[int]()
        searches = new_searches()
        for at in (0.0, 59.0, 60.1, 61.0):
            with monkeypatch.context() as later:
                later.setattr("time.time", lambda: begin + at)  # noqa: B023
                await search(searches, ran)
        return ran

    assert asyncio.run(main()) == [7, 7]


def forgotten(proxy: Running) -> None:
    """Nothing is known of the server any more."""
    proxy.proxy.server.store = MemoryStore()
    proxy.proxy.state.searches = new_searches()


@pytest.mark.clause("X19")
def test_one_search_serves_all_who_ask_meanwhile() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        path = [log_path(small, logs={"build": b"2026-01-02T03:04:05.0000000Z x\n"}) for _ in range(40)][9]
        alone = states(small, lambda: proxy.get(path, small.token))
        forgotten(proxy)
        small.double.faults.slow(r"/jobs/0", piece=100_000, delay=0.05)
        found: list[int] = []
        with ThreadPoolExecutor(6) as pool:

            def together() -> None:
                found.extend(pool.map(lambda _: proxy.get(path, small.token).status_code, range(6)))

            assert states(small, together) <= alone + 5 * 3, "each proves the place for itself; one has searched"
        assert found == [200] * 6, "nor does one who waits count as one who searches"


@pytest.mark.clause("X19")
@pytest.mark.parametrize("face", ["11", "15"])
def test_the_artifacts_of_many_runs_are_read_for_one_at_a_time(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web) as proxy:
        for _ in range(10):
            small.model.artifacts.add(small.add(), "one", b"")
        path, at_once = "/api/v1/repos/o/r/actions/artifacts", [0, 0]

        def counted(_: Any) -> None:
            with lock:
                at_once[0] += 1
                at_once[1] = max(at_once)
            time.sleep(0.01)
            with lock:
                at_once[0] -= 1

        lock = threading.Lock()
        small.double.faults.hook(r"^/o/r/actions/runs/\d+/artifacts$", counted)
        before = len(small.double.requests)
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: proxy.get(path, small.token), range(6)))
        assert [len(answer.json()) for answer in answers] == [10] * 6
        assert at_once[1] == 1
        lists = [seen for seen in small.double.requests[before:] if re.search(r"/runs/\d+/artifacts$", seen.path)]
        assert len(lists) == (60 if face == "11" else 10), "11 does not tell which runs are over"


def states(small: Small, work: Callable[[], Any]) -> int:
    """How many states were read meanwhile."""
    before = len(small.double.requests)
    work()
    return len([seen for seen in small.double.requests[before:] if seen.method == "POST" and "/runs/" in seen.path])


@pytest.mark.clause("X39")
def test_searches_share_what_they_read_and_find_the_same() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        rows = [f"2026-01-02T03:04:05.0000000Z {number}\n".encode() for number in range(40)]
        paths = [log_path(small, logs={"build": row}) for row in rows]
        alone = states(small, lambda: proxy.get(paths[28], small.token))
        forgotten(proxy)
        proxy.get(paths[20], small.token)
        assert states(small, lambda: proxy.get(paths[28], small.token)) < alone
        assert [proxy.get(path, small.token).content for path in paths] == rows
        missing = paths[0].replace("/jobs/1/", "/jobs/99999/")
        assert proxy.get(missing, small.token).status_code == 404
        assert states(small, lambda: proxy.get(missing, small.token)) == 0
        assert proxy.get(missing, "0" * 40).status_code == 401, "behind each caller's own check"


def test_a_job_is_found_whatever_other_searches_read_before() -> None:
    """What was read is out of date: a run then listed other ids, or its rows were replaced since."""
    with Small("15") as small, Running(small.url, small.web) as proxy:
        rows = [f"2026-01-02T03:04:05.0000000Z {number}\n".encode() for number in range(12)]
        paths = [log_path(small, logs={"build": row}) for row in rows]
        ids = [int(path.split("/")[-2]) for path in paths]
        for wanted in range(12):
            for run_number in range(1, 13):
                forgotten(proxy)
                old = {run_number: (max(1, ids[run_number - 1] - 5),)}  # lower than now: rows only move up
                if old[run_number][0] != ids[wanted]:
                    proxy.proxy.state.searches._read["o/r"] = (time.monotonic(), old)
                assert proxy.get(paths[wanted], small.token).content == rows[wanted], (wanted, run_number)


# --- a stream that outlives the kept yes


@pytest.mark.clause("X20")
def test_a_stream_ends_at_the_first_no() -> None:
    with Small("15") as small, Running(small.url, small.web, keep=0) as proxy:
        path = log_path(small)
        with slowly(small), proxy.get(path, small.token, stream=True) as answer:
            chunks = answer.iter_content(1000)
            assert next(chunks) == LOG[:1000]
            small.double.faults.status(r"/actions/tasks", 404)
            with pytest.raises(requests.RequestException):
                got = b"".join(chunks)
                assert len(got) + 1000 == len(LOG), "it was cut, and looks whole"


@pytest.mark.clause("X20")
def test_a_stream_goes_on_with_a_yes() -> None:
    with Small("15") as small, Running(small.url, small.web, keep=0) as proxy:
        path = log_path(small)
        with slowly(small), proxy.get(path, small.token, stream=True) as answer:
            assert answer.content == LOG
        asked = [seen for seen in small.double.requests if "/actions/tasks" in seen.path]
        assert len(asked) >= 2, "asked once more, at least"


@pytest.mark.clause("X20")
def test_nothing_passes_while_the_question_is_open() -> None:
    async def main() -> tuple[list[bytes], list[bytes], list[str]]:
        asked, ended = asyncio.Event(), []
        verdict: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def may() -> bool:
            asked.set()
            return await verdict

        async def chunks() -> Any:
            yield b"1"
            await asked.wait()
            yield b"2"

        got: list[bytes] = []

        async def read(through: Any) -> None:
            async for chunk in through(chunks()):
                got.append(chunk)

        async def turns() -> None:
            """Let everything go on that can."""
            for _ in range(20):
                await asyncio.sleep(0)

        async with asked_again(0.01, may, lambda: ended.append("end")) as through:
            reading = asyncio.create_task(read(through))
            await asked.wait()
            await turns()
            before = list(got)
            verdict.set_result(False)
            await turns()
            reading.cancel()
        return before, got, ended

    assert asyncio.run(main()) == ([b"1"], [b"1"], ["end"])
