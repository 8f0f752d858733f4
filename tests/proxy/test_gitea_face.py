"""Gitea's face: where it stands, what it hands on, and what it shares with no other face.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faced import GITEA as ROOT
from forgejo_shim.router import routed
from running import Running
from small import Small

clause = pytest.mark.clause
ON = frozenset({"gitea"})
HOST = "gitea.example"


@pytest.fixture
def proxy(small: Small) -> Iterator[Running]:
    with Running(small.url, small.web, faces=ON, gitea_host=HOST) as running:
        yield running


@clause("Q1")
def test_it_is_off_unless_it_is_asked_for() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        assert proxy.get(f"{ROOT}/version").status_code == 404
        assert small.double.requests[-1].path == f"{ROOT}/version"


@clause("Q2")
def test_what_has_no_route_is_handed_on_to_forgejos_api(small: Small, proxy: Running) -> None:
    for path in ("/version", "/user", "/repos/o/r", "/repos/o/r/actions/tasks?limit=1&page=1", "/nothing"):
        found = proxy.get(ROOT + path, small.token)
        told = small.double.requests[-1]
        assert told.path == "/api/v1" + path.partition("?")[0], path
        plain = proxy.get("/api/v1" + path, small.token)
        assert (found.status_code, found.content) == (plain.status_code, plain.content)


@clause("Q2")
@pytest.mark.parametrize(
    "path", ["/compat/gitea//api/v1/version", "//compat//gitea/api//v1/version/", f"{ROOT}/version?"]
)
def test_a_path_is_read_as_forgejos_router_reads_it(small: Small, proxy: Running, path: str) -> None:
    found = proxy.get(path, small.token)
    assert (found.status_code, routed(small.double.requests[-1].path)) == (200, "/api/v1/version")


@clause("Q3", "X49")
def test_a_query_that_means_nothing_is_refused_before_any_right_is_asked_for(small: Small, proxy: Running) -> None:
    before = len(small.double.requests)
    for token in (small.token, ""):
        found = proxy.get(f"{ROOT}/repos/o/r/actions/runs?status=bogus", token)
        told = found.json()
        assert (found.status_code, told["cause"]) == (400, "filter-not-understood")
        assert told["url"] == f"{proxy.base_url}/api/swagger"
    assert len(small.double.requests) == before


@clause("Q11")
def test_of_the_document_head_is_answered_too(small: Small, proxy: Running) -> None:
    path = "/compat/gitea/swagger.v1.json"
    head = proxy.session.head(proxy.base_url + path, timeout=10)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(proxy.get(path).content))


@clause("Q2")
def test_a_body_is_handed_on_as_it_comes(small: Small, proxy: Running) -> None:
    owner = small.model.user("o")
    assert owner
    headers = {"Authorization": f"token {small.model.add_token(owner, ('write:repository',)).sha1}"}
    found = proxy.session.patch(
        f"{proxy.base_url}{ROOT}/repos/o/r", json={"private": False}, headers=headers, timeout=5
    )
    assert (found.status_code, small.repo.private) == (200, False)


@clause("Q1")
def test_at_a_host_of_its_own_it_is_below_api_v1(small: Small, proxy: Running) -> None:
    small.add()
    path = "/api/v1/repos/o/r/actions/workflows"
    for host, status in ((HOST, 200), (f"{HOST.upper()}:8443", 200), ("other.example", 404), (f"x{HOST}", 404)):
        found = proxy.get(path, small.token, headers={"Host": host})
        assert found.status_code == status, host
    told = proxy.get("/api/v1/repos/o/r/actions/workflows/ci.yml", small.token, headers={"Host": HOST})
    if small.double.face.api_runs:
        assert told.json()["url"] == f"http://{HOST}/api/v1/repos/o/r/actions/workflows/ci.yml"


@clause("Q1")
def test_at_its_host_forgejo_proxys_routes_are_not_there() -> None:
    with Small("15") as small, Running(small.url, small.web, faces=ON | {"forgejo-proxy"}, gitea_host=HOST) as proxy:
        run = small.add()
        small.model.start_ids_at("run", 70)
        path = "/api/v1/repos/o/r/actions/runs"
        assert proxy.get(f"{path}/{run.number}/summary", small.token).status_code == 200
        at_host = {"Host": HOST}
        assert proxy.get(f"{path}/{run.number}/summary", small.token, headers=at_host).status_code == 404
        assert proxy.get(f"{path}/{run.id}/jobs", small.token, headers=at_host).json()["total_count"] == 1


@clause("Q5")
def test_an_address_is_good_at_the_host_that_it_names(small: Small, proxy: Running) -> None:
    small.model.artifacts.add(small.add(), "one", b"content")
    (one,) = proxy.get(f"{ROOT}/repos/o/r/actions/artifacts", small.token).json()["artifacts"]
    path = f"/api/v1/repos/o/r/actions/artifacts/{one['id']}/zip"
    found = proxy.get(path, small.token, headers={"Host": HOST})
    assert (found.status_code, found.headers["Location"].partition("?")[0]) == (302, f"http://{HOST}{path}")
    ticket = found.headers["Location"].partition("?")[2]
    assert proxy.get(f"{path}?{ticket}", headers={"Host": HOST}).content == b"content"
    assert proxy.get(f"{ROOT}{path.removeprefix('/api/v1')}?{ticket}").status_code == 403
    assert all(ticket not in str(line) for line in proxy.lines(4))


@clause("Q3")
@pytest.mark.parametrize("face", ["12", "14", "15", "16"])
def test_a_renamed_repository_is_where_the_api_says(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add()
        small.model.rename_repo(small.repo, "new")
        for path in ("runs?limit=1", f"runs/{run.id}", f"runs/{run.id}/jobs?order=desc", "workflows"):
            found = proxy.get(f"{ROOT}/repos/o/r/actions/{path}", small.token)
            assert found.status_code in (301, 307), path
            assert found.headers["Location"].endswith(f"{ROOT}/repos/o/new/actions/{path}")


@clause("Q2")
def test_odd_requests_break_nothing(small: Small, proxy: Running) -> None:
    small.add()
    known = small.double.face.api_runs
    runs = f"{ROOT}/repos/o/r/actions/runs"
    for path, status in (
        (f"{runs}?page={'9' * 30}", 200),
        (f"{runs}?limit=-1&page=-1", 200),
        (f"{runs}?branch=%ff&actor=%00", 200 if known else 501),
        (f"{runs}/{'9' * 18}", 404 if known else 501),
        (f"{runs}/{'9' * 40}", 404),
        (f"{ROOT}/repos/o/r/actions/workflows/a%26per_page=1%2F..", 404),
        (f"{ROOT}/repos/o/r/actions/workflows/%ff", 404),
        (f"{ROOT}/repos/%2e%2e/r/actions/runs", 404),
        (f"{ROOT}/repos/o%2Fr/r/actions/runs", 404),
        (f"{ROOT}/orgs/%2e%2e/actions/runs", 403),  # the token's scope
        (f"{ROOT}/orgs/o%2F..%2Fuser/actions/runs", 403),
        (f"{ROOT}/../../../o/r", 404),
    ):
        assert proxy.get(path, small.token).status_code == status, path
