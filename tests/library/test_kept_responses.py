"""Libraries that keep, replay or wrap a response work as they are, on a session that the shim is mounted on.

Rules: each library runs as its documentation has it; what it keeps are the job's bytes, and where a response that it
gives again came from is None, never an error.
"""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cachecontrol
import pytest
import requests
import requests_cache
import responses
import vcr
from cachecontrol.caches import FileCache
from cachecontrol.heuristics import ExpiresAfter
from forgejo_shim import backend_of, mount, task_of
from requests_toolbelt.utils import dump
from small import LOG, Small

clause = pytest.mark.clause
PART = LOG[: LOG.index(b"\n", 100_000) + 1]  # more than a piece
FACES = ("11", "15", "16")
KINDS = ("log", "range", "tail", "404", "job", "jobs", "zip")


@dataclass
class Place:
    """A server, the addresses of the kinds of answer, and what each is when it is simply read."""

    small: Small
    urls: dict[str, str]
    plainly: dict[str, tuple[int, bytes]]

    def mount(self, session: requests.Session) -> requests.Session:
        session.trust_env = False
        session.headers["Authorization"] = f"token {self.small.token}"
        mount(session, self.small.url, web=self.small.web)
        return session

    def get(self, session: requests.Session, kind: str, stream: bool) -> requests.Response:
        headers = {"Range": "bytes=100-70000"} if kind == "range" else {}
        return session.get(self.urls[kind], headers=headers, stream=stream)


@pytest.fixture(scope="module", params=FACES)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with Small(request.param) as small, pytest.MonkeyPatch.context() as patch:
        patch.setattr(zipfile, "time", SimpleNamespace(time=lambda: 0, localtime=lambda at: (2026, 1, 2, 3, 4, 5)))
        run = small.add({"build": PART})
        jobs = f"{small.url}/api/v1/repos/o/r/actions/jobs"
        log = f"{jobs}/{run.jobs[0].id}/logs"
        runs = f"{small.url}/api/v1/repos/o/r/actions/runs/{run.id}"
        urls = {"log": log, "range": log, "tail": f"{log}?tail=9", "404": f"{jobs}/999/logs", "zip": f"{runs}/logs"}
        found = Place(small, {**urls, "job": f"{jobs}/{run.jobs[0].id}", "jobs": f"{runs}/jobs"}, {})
        session = found.mount(requests.Session())
        answers = {kind: found.get(session, kind, stream=False) for kind in KINDS}
        found.plainly = {kind: (answer.status_code, answer.content) for kind, answer in answers.items()}
        assert found.plainly["log"] == (200, PART)
        yield found


CACHES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "memory": lambda path: {"backend": "memory"},
    "sqlite": lambda path: {"cache_name": str(path / "kept"), "backend": "sqlite"},
    "sqlite, json": lambda path: {"cache_name": str(path / "kept"), "backend": "sqlite", "serializer": "json"},
    "filesystem": lambda path: {
        "cache_name": str(path / "kept"), "backend": "filesystem", "decode_content": False,
    },
    "filesystem, json": lambda path: {
        "cache_name": str(path / "kept"), "backend": "filesystem", "serializer": "json", "decode_content": False,
    },
}  # fmt: skip


@clause("S39")
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("cache", CACHES)
def test_requests_cache(place: Place, tmp_path: Path, cache: str, stream: bool) -> None:
    codes = (200, 206, 404, 501)
    with requests_cache.CachedSession(allowable_codes=codes, match_headers=["Range"], **CACHES[cache](tmp_path)) as by:
        place.mount(by)
        for kind in ("log", "range", "404") if cache != "memory" else KINDS:
            expected = place.plainly[kind]
            answers = [place.get(by, kind, stream=stream) for _ in range(3)]
            assert [(answer.status_code, answer.content) for answer in answers] == [expected] * 3, kind
            assert [getattr(answer, "from_cache", False) for answer in answers] == [False, True, True]
            made_by_the_server = place.small.double.face.native_logs and kind not in ("tail", "job")
            assert backend_of(answers[0]) == ("native" if made_by_the_server else "web")
            assert (backend_of(answers[1]), task_of(answers[1])) == (None, None)
            again = place.get(by, kind, stream=True)
            assert b"".join(again.iter_content(1000)) == expected[1]


@clause("S39", "S49")
@pytest.mark.parametrize("heuristic", [None, ExpiresAfter(days=1)])
@pytest.mark.parametrize("order", ["below", "beside"])
def test_cachecontrol(place: Place, tmp_path: Path, order: str, heuristic: ExpiresAfter | None) -> None:
    """Mounted before the shim it is below it, and what the shim asks for itself is neither kept nor taken from it."""
    session = requests.Session()
    kept = tmp_path / "kept"
    if order == "beside":
        place.mount(session)
    cachecontrol.CacheControl(session, heuristic=heuristic, cache=FileCache(str(kept)))
    if order == "below":
        place.mount(session)
    for kind in KINDS:
        expected = place.plainly[kind]
        for _ in range(3):
            answer = place.get(session, kind, stream=True)
            assert (answer.status_code, b"".join(answer.iter_content(1000))) == expected, kind
            assert backend_of(answer) in ("web", "native")
    for path in kept.rglob("*"):
        assert path.is_dir() or not list(held(path)), path


def held(path: Path) -> Iterator[bytes]:
    """What of the shim's own requests is in a file."""
    data = path.read_bytes().lower()
    yield from (word for word in (b"i_like_gitea", b"csrf", b"actions/tasks") if word in data)


@clause("S39")
def test_vcr(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "cassette.yaml"

    def play(mode: str) -> list[tuple[int, bytes, str | None]]:
        session = requests.Session()
        place.mount(session)
        with vcr.use_cassette(str(path), record_mode=mode):
            answers = [place.get(session, kind, stream=True) for kind in KINDS]
            return [(a.status_code, b"".join(a.iter_content(1000)), backend_of(a)) for a in answers]

    recorded = play("once")
    seen = len(place.small.double.requests)
    assert play("none") == recorded
    assert len(place.small.double.requests) == seen, "all of it came from the cassette"
    assert [(status, body) for status, body, _ in recorded] == [place.plainly[kind] for kind in KINDS]


@clause("S39")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", [True, False])
def test_dumps_hooks_and_pickles(place: Place, kind: str, stream: bool) -> None:
    expected = place.plainly[kind]
    session = requests.Session()
    place.mount(session)
    read: list[bytes] = []
    session.hooks["response"].append(lambda answer, **_: read.append(answer.content))
    answer = place.get(session, kind, stream=stream)
    assert read == [expected[1]] == [answer.content]
    session.hooks["response"] = [lambda answer, **_: read.append(dump.dump_all(answer))]
    answer = place.get(session, kind, stream=stream)
    assert expected[1] in read[1] and b"> HTTP/1.1 %d " % expected[0] in read[1]
    assert answer.content == expected[1]
    session.hooks["response"] = []
    again = pickle.loads(pickle.dumps(place.get(session, kind, stream=stream)))
    assert (again.status_code, again.content) == expected
    assert (backend_of(again), task_of(again)) == (answer.backend, answer.task)  # type: ignore[attr-defined]
    assert again.backend == answer.backend  # type: ignore[attr-defined]


@clause("S39")
def test_responses_that_are_made_up() -> None:
    """The library `responses` takes the place of what is below the shim."""
    session = requests.Session()
    mount(session, "http://forge.example")
    with responses.RequestsMock() as made_up:
        url = "http://forge.example/api/v1/repos/o/r/actions/jobs/7/logs"
        made_up.get("http://forge.example/swagger.v1.json", json={"paths": {}})
        made_up.get(url, body=b"made up")
        answer = session.get(url)
    assert (answer.content, backend_of(answer)) == (b"made up", "native")


@clause("S39")
def test_what_did_not_come_through_the_shim() -> None:
    assert (backend_of(requests.Response()), task_of(requests.Response())) == (None, None)
    assert json.dumps([backend_of(requests.Response())]) == "[null]"
