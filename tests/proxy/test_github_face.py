"""GitHub's face: what it answers without a server, its errors, and what it shares with no other face.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faced import GITHUB as GH
from running import Running
from small import Small

clause = pytest.mark.clause
ON = frozenset({"github"})


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Small, Running]]:
    with Small("15") as small, Running(small.url, small.web, faces=ON) as proxy:
        yield small, proxy


@clause("V1")
def test_it_is_off_unless_it_is_asked_for() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        proxy.get(f"{GH}/rate_limit")
        assert small.double.requests[-1].path == f"{GH}/rate_limit"
    with Small("15") as small, Running(small.url, small.web, faces=ON | {"forgejo-proxy"}) as proxy:
        assert proxy.get(f"{GH}/rate_limit").status_code == 200
        small.add()
        assert proxy.get("/api/v1/repos/o/r/actions/runs/1/summary", small.token).json()["run_number"] == 1


@clause("V2")
@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", f"{GH}/repos/o/r/issues"),
        ("GET", f"{GH}/repos/o/r/actions/nothing"),
        ("POST", f"{GH}/rate_limit"),
        ("POST", "/api/graphql"),
        ("GET", "/api/graphql"),
        ("GET", f"{GH}//repos/o/r/../../user"),
        ("DELETE", GH),
    ],
)
def test_what_it_does_not_know_is_404_and_never_passed_on(place: tuple[Small, Running], method: str, path: str) -> None:
    small, proxy = place
    before = len(small.double.requests)
    found = proxy.session.request(method, proxy.base_url + path, timeout=10)
    assert (found.status_code, found.headers["Content-Type"]) == (404, "application/json; charset=utf-8")
    assert found.json() == {
        "message": "Not Found",
        "documentation_url": "https://docs.github.com/rest",
        "status": "404",
    }
    assert len(small.double.requests) == before


@clause("V3")
def test_what_clients_ask_first_is_told_without_the_server(place: tuple[Small, Running]) -> None:
    small, proxy = place
    before = len(small.double.requests)
    limits = proxy.get(f"{GH}/rate_limit").json()
    assert limits["rate"] == limits["resources"]["core"] == limits["resources"]["search"] | {"resource": "core"}
    assert limits["rate"]["limit"] == limits["rate"]["remaining"] > limits["rate"]["used"] == 0
    assert "installed_version" in proxy.get(f"{GH}/meta").json()
    for path in (GH, f"{GH}/"):
        at = f"{proxy.base_url}{GH}"
        assert proxy.get(path).json() == {"rate_limit_url": f"{at}/rate_limit", "openapi_url": f"{at}/openapi.json"}
    assert len(small.double.requests) == before


@clause("V4")
def test_every_answer_has_githubs_headers(place: tuple[Small, Running]) -> None:
    _, proxy = place
    for path in (f"{GH}/meta", f"{GH}/nothing"):
        told = proxy.get(path).headers
        assert told["X-GitHub-Media-Type"] == "github.v3; format=json"
        assert told["X-GitHub-Request-Id"] == told["X-Request-Id"]
        assert told["X-RateLimit-Limit"] == told["X-RateLimit-Remaining"]
        assert (told["X-RateLimit-Used"], told["X-RateLimit-Resource"]) == ("0", "core")


@clause("V4")
def test_who_has_an_answer_already_is_told_so(place: tuple[Small, Running]) -> None:
    _, proxy = place
    first = proxy.get(f"{GH}/meta")
    tag = first.headers["ETag"]
    for known in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
        again = proxy.get(f"{GH}/meta", headers={"If-None-Match": known})
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag), known
        assert "X-RateLimit-Limit" in again.headers and "Content-Type" not in again.headers
    other = proxy.get(f"{GH}/meta", headers={"If-None-Match": 'W/"other"'})
    assert (other.status_code, other.content) == (200, first.content)


@clause("V4")
def test_head_is_get_without_a_body(place: tuple[Small, Running]) -> None:
    _, proxy = place
    got, head = proxy.get(f"{GH}/meta"), proxy.session.head(f"{proxy.base_url}{GH}/meta", timeout=10)
    assert (head.status_code, head.content) == (200, b"")
    assert [head.headers[name] for name in ("ETag", "Content-Length", "Content-Type")] == [
        got.headers[name] for name in ("ETag", "Content-Length", "Content-Type")
    ]


@clause("V2")
def test_it_is_logged_as_the_proxys_own() -> None:
    with Small("15") as small, Running(small.url, small.web, faces=ON) as proxy:
        proxy.get(f"{GH}/meta?token=secret")
        (line,) = proxy.lines(1)
        assert (line["path"], line["backend"]) == (f"{GH}/meta", "own")
        assert "secret" not in str(line)


@clause("V2")
def test_odd_requests_break_nothing(place: tuple[Small, Running]) -> None:
    small, proxy = place
    small.add()
    runs = f"{GH}/repos/o/r/actions/runs"
    for path, status in (
        (f"{runs}?page={'9' * 30}", 200),
        (f"{runs}?per_page=-1&page=-1", 200),
        (f"{runs}?branch=%ff&actor=%00", 200),
        (f"{runs}/{'9' * 18}", 404),
        (f"{runs}/{'9' * 40}", 404),
        (f"{runs}/1/jobs?page={'9' * 30}", 200),
        (f"{GH}/repos/o/r/actions/workflows/a%26per_page=1%2F..", 404),
        (f"{GH}/repos/o/r/actions/workflows/%ff", 404),
        (f"{GH}/repos/o/r/actions/workflows?page={'9' * 30}", 200),
        (f"{GH}/repos/%2e%2e/r/actions/runs", 404),
        (f"{GH}/repos/o%2Fr/r/actions/runs", 404),
        (f"{GH}/repos/o/r.git/actions/runs", 404),
    ):
        found = proxy.get(path, small.token)
        assert (found.status_code, found.headers["X-GitHub-Media-Type"]) == (status, "github.v3; format=json"), path
