"""A session that the shim is mounted on keeps what `requests` promises of sessions and adapters, and its secrets.

Rules: one place for all cases, with a job whose log is `LOG`; what is below the shim is the caller's own adapter.
"""

from __future__ import annotations

import copy
import io
import logging
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import requests
from double import Response
from forgejo_shim import Client, MemoryStore, SessionFile, ShimAdapter, backend_of, mount, task_of
from forgejo_shim.errors import ShimError
from requests.adapters import HTTPAdapter
from small import LOG, Small, row
from urllib3.util import Retry

clause = pytest.mark.clause
THREADS = 16
SECRETS = ("the owner's password", "i_like_gitea", "token ")


@pytest.fixture(scope="module")
def place() -> Iterator[Small]:
    with Small("15") as small:
        small.add()
        yield small


def log_url(small: Small, job_id: int = 1) -> str:
    return f"{small.url}/api/v1/repos/o/r/actions/jobs/{job_id}/logs"


def mounted(small: Small, session: requests.Session | None = None, **more: Any) -> requests.Session:
    session = session or requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"token {small.token}"
    mount(session, small.url, web=small.web, **more)
    return session


def adapter_of(small: Small, session: requests.Session) -> ShimAdapter:
    found = session.get_adapter(small.url + "/")
    assert isinstance(found, ShimAdapter)
    return found


# --- copies and pickles


@clause("S40")
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_copies_of_a_session_work(place: Small, copied: Callable[[Any], Any]) -> None:
    first = mounted(place)
    for used in (False, True):
        second = copied(first)
        for session in (first, second):
            answer = session.get(log_url(place))
            assert (answer.content, backend_of(answer)) == (LOG, "web"), used
            assert session.get(f"{place.url}/api/v1/version").json()["version"]
        second.close()
        assert first.get(log_url(place)).content == LOG


@clause("S40")
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_copies_of_an_adapter_and_a_client_work(place: Small, copied: Callable[[Any], Any]) -> None:
    session = mounted(place, writes=True)
    adapter = copied(adapter_of(place, session))
    assert (adapter.base_url, adapter.writes) == (place.url, True)
    assert adapter.server.session is not adapter_of(place, session).server.session, "it signs in for itself"
    session.mount(place.url + "/", adapter)
    assert session.get(log_url(place)).content == LOG
    client = copied(place.client())
    assert [run.number for run in client.runs("o/r")] == [1]
    assert client.log("o/r", 1).read() == LOG


@clause("S40")
def test_a_deep_copy_is_one_adapter(place: Small) -> None:
    client = copy.deepcopy(place.client())
    assert client.session.get_adapter(place.url + "/") is client.adapter


@clause("S40", "S35")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_refused_with_a_sentence(place: Small, protocol: int) -> None:
    session = mounted(place)
    session.get(log_url(place))
    for what in (session, adapter_of(place, session), place.client(), [session]):
        target = io.BytesIO()
        with pytest.raises(TypeError, match="mount one where it is to be used"):
            pickle.Pickler(target, protocol).dump(what)
        assert not any(secret.encode() in target.getvalue() for secret in SECRETS[:2])


@clause("S39", "S35")
def test_a_pickled_answer_holds_nothing_of_the_web_session(place: Small) -> None:
    answer = mounted(place).get(log_url(place), stream=True)
    kept = pickle.dumps(answer)
    assert not any(secret.encode() in kept for secret in SECRETS[:2])
    again = pickle.loads(kept)
    assert (again.content, backend_of(again), task_of(again)) == (LOG, "web", task_of(answer))
    assert task_of(answer)


@clause("S35")
def test_nothing_prints_a_secret(place: Small) -> None:
    session = mounted(place)
    session.get(log_url(place))
    adapter = adapter_of(place, session)
    for shown in (adapter, session, adapter.server, adapter.server.session, vars(adapter), session.adapters, place.web):
        assert not any(secret in f"{shown!r}{shown}" for secret in SECRETS[:2])


# --- what adapters can do


@clause("S9")
def test_what_else_an_adapter_has_is_that_of_the_callers_own(place: Small) -> None:
    session = requests.Session()
    own = HTTPAdapter(max_retries=Retry(2, allowed_methods=None), pool_maxsize=3)
    session.mount("http://", own)
    mounted(place, session)
    adapter: Any = adapter_of(place, session)
    assert adapter.max_retries is own.max_retries
    assert adapter.poolmanager is own.poolmanager
    adapter.max_retries = Retry(5)
    assert own.max_retries.total == 5
    adapter.init_poolmanager(2, 2, block=True)
    assert session.get(log_url(place)).content == LOG
    with pytest.raises(AttributeError):
        adapter.nothing_of_the_kind  # noqa: B018
    assert not hasattr(object.__new__(ShimAdapter), "inner")


@clause("S9")
@pytest.mark.parametrize("path", ["/user/login", "/logs$", "/swagger", "/tasks"])
def test_retries_of_the_callers_adapter_hold_for_every_request(place: Small, path: str) -> None:
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=Retry(3, status_forcelist=[503], allowed_methods=None)))
    fault = place.double.faults.status(path, 503, nth=1)
    try:
        assert mounted(place, session).get(log_url(place)).content == LOG
        assert fault.fired
    finally:
        place.double.faults.clear()


@clause("S50")
def test_mounting_again_takes_the_place_of_what_was_mounted(place: Small) -> None:
    session = mounted(place, writes=True)
    first = adapter_of(place, session)
    mounted(place, session)
    second = adapter_of(place, session)
    assert second.inner is first.inner
    assert session.get(log_url(place)).content == LOG
    refused = session.post(log_url(place).replace("/logs", "/rerun"))
    assert refused.status_code == 404, "the writes of the first mount are off"


@clause("S6", "S50")
def test_mounted_for_another_server_it_asks_that_server(place: Small) -> None:
    with Small("16") as other:
        other.add({"build": row("the other server's")})
        session = mounted(place)
        for prefix in ("http://", other.url + "/"):
            session.mount(prefix, adapter_of(place, session))
            answer = session.get(log_url(other), headers={"Authorization": f"token {other.token}"})
            assert answer.content == row("the other server's")
        assert not any(other.token in seen.headers.get("authorization", "") for seen in place.double.requests)


@clause("S50")
def test_closed_it_can_be_used_again(place: Small) -> None:
    session = mounted(place)
    with session:
        assert session.get(log_url(place)).content == LOG
    assert session.get(log_url(place)).content == LOG
    adapter_of(place, session).close()
    assert session.get(log_url(place)).content == LOG
    assert [prefix for prefix, found in session.adapters.items() if isinstance(found, ShimAdapter)] == [place.url + "/"]


# --- what sessions can do


class Own(requests.Session):
    """A session of the caller's that looks at everything."""

    seen: list[str]

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        self.seen.append(request.path_url)
        return super().send(request, **kwargs)


@clause("S9", "S38")
def test_ways_to_send(place: Small) -> None:
    own = Own()
    own.seen = []
    session = mounted(place, own)
    url = log_url(place)
    prepared = session.prepare_request(requests.Request("GET", url))
    how = session.merge_environment_settings(url, {}, None, None, None)
    hooked: list[int] = []
    ways = [
        session.send(prepared),
        session.send(prepared, timeout=(5, 5), **how),
        session.send(prepared.copy(), stream=True, timeout=5, verify=False, proxies={}, cert=None),
        session.request("get", url, hooks={"response": lambda answer, **_: hooked.append(len(answer.content))}),
        session.request("GET", url, allow_redirects=False, cookies={"a": "b"}, params={"attempt": ""}),
        session.get(url, verify=False, proxies={"https": "http://127.0.0.1:1"}, auth=None),
        adapter_of(place, session).send(prepared),
    ]
    for answer in ways:
        assert (answer.status_code, answer.content, answer.reason) == (200, LOG, "OK")
        assert answer.request.url and answer.request.url.startswith(url)
        assert (answer.url, answer.history, answer.encoding) == (answer.request.url, [], "utf-8")
        assert not answer.cookies and answer.elapsed is not None
    assert hooked == [len(LOG)]
    assert own.seen == [answer.request.path_url for answer in ways[:-1]], (
        "the shim's own requests are not the session's"
    )


@clause("S1")
def test_bodies_pass_through_as_they_stream(place: Small) -> None:
    seen: list[bytes] = []
    place.double.faults.hook("/markdown", lambda request: seen.append(request.body) or Response(200, [], b"done"))
    try:
        session = mounted(place)
        for body in (b"x" * 100_000, io.BytesIO(b"x" * 100_000)):
            assert session.post(f"{place.url}/api/v1/markdown/raw", data=body).content == b"done"
        assert seen == [b"x" * 100_000] * 2
    finally:
        place.double.faults.clear()


@clause("S3", "S38")
@pytest.mark.parametrize("text", [b"404 page not found, says the gate\n", b"x" * 100_000])
@pytest.mark.parametrize("packed", [False, True])
def test_a_native_answer_that_was_looked_at_is_whole(text: bytes, packed: bool) -> None:
    """Without a swagger document the operation is asked natively, and a 404 as plain text is looked at."""
    import gzip

    headers = [("Content-Type", "text/plain"), ("Set-Cookie", "gate=1")] + [("Content-Encoding", "gzip")] * packed
    body = gzip.compress(text) if packed else text
    with Small("15", swagger=False) as small:
        small.double.faults.hook("/logs$", lambda _: Response(404, list(headers), body))
        session = mounted(small)
        for read in (lambda answer: answer.content, lambda answer: answer.raw.read(decode_content=True)):
            answer = session.get(log_url(small), stream=True)
            assert (answer.status_code, read(answer), backend_of(answer)) == (404, text, "native")
            assert session.cookies["gate"] == "1"
            assert answer.raw.headers["Content-Type"] == "text/plain"


@clause("S3")
def test_a_packed_404_is_understood() -> None:
    import gzip

    with Small("15", swagger=False) as small:
        small.add()
        packed = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Encoding", "gzip")]
        absent = gzip.compress(b"404 page not found\n")
        small.double.faults.hook("/api/v1/.*/logs$", lambda _: Response(404, list(packed), absent))
        assert mounted(small).get(log_url(small)).content == LOG


# --- threads


@clause("S41")
@pytest.mark.parametrize("face", ["11", "15", "16"])
def test_many_threads_read_through_one_session(face: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "urllib3")
    with Small(face) as small:
        logs = {f"job {number}": row(f"of {number}") * (number + 1) for number in range(THREADS)}
        runs = [small.add({name: log}) for name, log in logs.items()]
        session, barrier = mounted(small), Barrier(THREADS)

        def read(number: int) -> None:
            job, run = runs[number].jobs[0], runs[number]
            expected = logs[job.name]
            barrier.wait(20)
            for _ in range(2):  # cold, then warm
                url = log_url(small, job.id)
                assert session.get(url).content == expected
                assert b"".join(session.get(url, stream=True).iter_content(7)) == expected
                assert session.get(url, headers={"Range": "bytes=5-9"}).content == expected[5:10]
                assert session.get(f"{url}?tail=1").content == row(f"of {number}")
                assert session.get(log_url(small, 9999)).status_code == 404
                assert session.get(f"{small.url}/api/v1/version").ok
                told = session.get(log_url(small, job.id).removesuffix("/logs")).json()
                assert (told["id"], told["run_number"]) == (job.id, run.number)
                jobs = session.get(f"{small.url}/api/v1/repos/o/r/actions/runs/{run.id}/jobs")
                assert jobs.status_code == 501 if face == "11" else [one["id"] for one in jobs.json()] == [job.id]

        with ThreadPoolExecutor(THREADS) as pool:
            for done in [pool.submit(read, number) for number in range(THREADS)]:
                done.result(60)
        sign_ins = [seen for seen in small.double.requests if (seen.method, seen.path) == ("POST", "/user/login")]
        assert len(sign_ins) <= 1


@clause("S41")
def test_many_threads_share_state_and_session_file(place: Small, tmp_path: Any) -> None:
    session = mounted(place, store=MemoryStore(), session_file=SessionFile(tmp_path / "session.json"))
    before = len(place.double.requests)
    with ThreadPoolExecutor(THREADS) as pool:
        assert set(pool.map(lambda _: session.get(log_url(place)).content == LOG, range(THREADS))) == {True}
    posts = [seen for seen in place.double.requests[before:] if seen.method == "POST" and seen.path == "/user/login"]
    assert len(posts) == 1


@clause("S41", "S21")
@pytest.mark.parametrize(
    "face, path", [("11", "/jobs/0$"), ("13", "/jobs/0/attempt/1$"), ("13", "/jobs/0$"), ("15", "/jobs/0$")]
)
def test_a_lost_session_that_another_thread_renews_meanwhile(face: str, path: str) -> None:
    """The answer to the old session comes when the new one is there already: it is asked again, and the cookies that it
    sets are not the new session's."""
    with Small(face) as small, ThreadPoolExecutor(1) as other:
        small.add()
        session, url = mounted(small), log_url(small)
        assert session.get(url).content == LOG
        small.double.drop_sessions()
        asked: list[Any] = []

        def late(request: Any) -> Response | None:
            asked.append(request)
            if len(asked) > 1:
                return None
            with small.model.lock:
                answer = small.double._face(request)
            assert other.submit(session.get, url).result(20).content == LOG
            answer.add("Set-Cookie", f"{small.double.session_cookie}=0123456789abcdef; Path=/")
            return answer

        small.double.faults.add(path, instead=late)
        assert session.get(url.removesuffix("/logs")).json()["name"] == "build"
        small.double.faults.clear()
        assert asked and session.get(url).content == LOG
        sign_ins = [seen for seen in small.double.requests if (seen.method, seen.path) == ("POST", "/user/login")]
        assert len(sign_ins) == 2


@clause("S35")
def test_a_client_is_not_pickled_either(place: Small) -> None:
    with pytest.raises((TypeError, ShimError)):
        pickle.dumps(Client(place.url, place.token, web=place.web))
