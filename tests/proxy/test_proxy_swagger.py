"""The swagger document that the proxy gives: the server's, and what the proxy really adds to it.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from aiohttp import web
from forgejo_shim.capabilities import Capability, parse_swagger
from forgejo_shim.operations import JOB, JOB_LOG, LATEST_JOBS, LATEST_LOGS, LATEST_RUN, OPERATIONS, RUN_JOBS, RUN_LOGS
from forgejo_shim.proxy.swagger import MARK, extended, own_documents
from running import Answering, Running, log_path
from small import LOG, Small

# --- swagger


@pytest.mark.clause("X21")
@pytest.mark.parametrize("face", ["11", "12", "13", "14", "15", "16"])
def test_the_swagger_document_tells_what_is_offered(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web) as proxy:
        found = proxy.get("/swagger.v1.json")
        assert found.headers["Content-Length"] == str(len(found.content))
        behind = requests.get(small.url + "/swagger.v1.json", timeout=5)
        offered, there = parse_swagger(found.content), parse_swagger(behind.content)
        assert offered.of("GET", JOB_LOG.path) is Capability.PRESENT
        by_run = Capability.ABSENT if face == "11" else Capability.PRESENT
        assert {offered.of("GET", row.path) for row in (RUN_JOBS, RUN_LOGS, LATEST_JOBS, LATEST_LOGS)} == {by_run}
        assert offered.of("GET", JOB.path) is offered.of("GET", LATEST_RUN.path) is Capability.PRESENT
        logs = found.json()["paths"][JOB_LOG.path]["get"]["parameters"]
        assert {"step", "tail", "follow"} == {parameter["name"] for parameter in logs if parameter.get(MARK)}
        assert there.operations is not None and offered.operations is not None
        assert there.operations <= offered.operations
        assert all(operation.startswith("GET ") for operation in offered.operations - there.operations)
        assert found.json()["basePath"] == behind.json()["basePath"]
        added = {name for name in offered.operations - there.operations if "?" not in name}
        marked = {
            f"{method.upper()} {path}"
            for path, methods in found.json()["paths"].items()
            for method, operation in methods.items()
            if operation.get(MARK)
        }
        assert marked == added


@pytest.mark.parametrize("account, offered", [(True, True), (False, False)])
def test_writes_are_told_of_where_they_can_be_done(account: bool, offered: bool) -> None:
    with Small("15") as small, Running(small.url, small.web if account else None, writes=True) as proxy:
        found = parse_swagger(proxy.get("/swagger.v1.json").content)
        assert {found.of(row.method, row.path) is Capability.PRESENT for row in OPERATIONS if row.writes} == {offered}


def test_the_document_is_valid_and_keeps_what_was_there() -> None:
    theirs = json.loads(document())
    made = json.loads(extended(document(), own_documents(), writes=True))
    text = json.dumps(made)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "')[1:]}:
        _, kind, name = reference.split("/")
        assert name in made[kind], reference
    assert made["definitions"]["ActionRunJob"] == theirs["definitions"]["ActionRunJob"]
    assert MARK in made["definitions"]["ShimActionRunJob"]
    for path, methods in theirs["paths"].items():
        assert made["paths"][path] == methods


def document(**more: Any) -> bytes:
    """A server's document, with a definition and an answer of the names that ours use."""
    run_path = "/repos/{owner}/{repo}/actions/runs/{run_id}"
    of_theirs = {"type": "object", "description": "another one"}
    value = {
        "swagger": "2.0",
        "basePath": "/sub/api/v1",
        "paths": {run_path: {"get": {"responses": {"200": {"$ref": "#/responses/error"}}}}},
        "definitions": {"ActionRunJob": of_theirs},
        "responses": {"error": {"description": "another one"}},
        **more,
    }
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    "strange",
    [b"", b"[]", b"{}", b"<html>", document(swagger="3.0"), document(paths={"/other": {}}), b"[" * 100_000,
     document(definitions={"ActionRunJob": {}, "ShimActionRunJob": {}}), document(paths=[])],
)  # fmt: skip
def test_what_is_no_document_stays_as_it_is(strange: bytes) -> None:
    assert extended(strange, own_documents(), writes=True) == strange


@pytest.mark.clause("X40")
def test_a_second_proxy_adds_nothing() -> None:
    once = extended(document(), own_documents(), writes=True)
    assert extended(once, own_documents(), writes=True) == once


@pytest.mark.clause("X40")
def test_a_shim_behind_a_proxy_takes_it_for_native() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy, Running(proxy.base_url) as second:
        path = log_path(small)
        found = second.get(path, small.token)
        assert found.content == LOG
        assert found.headers["X-Forgejo-Shim"] == "web, native"


def test_the_documents_tag_and_head() -> None:
    with Small("15") as small, Running(small.url) as proxy:
        whole = proxy.get("/swagger.v1.json", headers={"Accept-Encoding": "gzip", "Range": "bytes=0-9"})
        tag = whole.headers["ETag"]
        assert whole.status_code == 200 and "Content-Encoding" not in whole.headers
        again = proxy.get("/swagger.v1.json", headers={"If-None-Match": f'"other", W/{tag}'})
        assert (again.status_code, again.content) == (304, b"")
        head = proxy.session.head(proxy.base_url + "/swagger.v1.json", timeout=5)
        assert (head.headers["Content-Length"], head.content) == (str(len(whole.content)), b"")


def test_a_server_without_a_document_is_passed_on() -> None:
    async def no(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=303, headers={"Location": "/user/login"})

    with Answering(no) as behind, Running(behind.base_url) as proxy:
        found = proxy.get("/swagger.v1.json")
        assert (found.status_code, found.headers["Location"]) == (303, "/user/login")
