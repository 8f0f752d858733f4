"""Gitea's face: where it stands, what it hands on, and what it shares with no other face.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from running import Running
from small import Small

clause = pytest.mark.clause
ROOT = "/compat/gitea/api/v1"
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
