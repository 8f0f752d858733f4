"""The doors of shim/deploy/ as they are shipped: what goes to a shim, what straight to Forgejo, and what to nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from doors import DOORS, PROGRAMS, asked, who
from forgejo_shim.faces import forgejo_proxy, gitea, gitea_routes, github, github_routes
from forgejo_shim.faces.all import GITEA, GITHUB, all_faces
from forgejo_shim.faces.face import recognise
from forgejo_shim.operations import API, OPERATIONS, Call
from forgejo_shim.router import routed
from routes import TABLE, filled
from running import Answering, Running
from small import Small

clause = pytest.mark.clause
R = "/api/v1/repos/o/r/actions"
TO_A_SHIM = [
    f"{R}/jobs/7/logs", f"{R}/jobs/7/logs?follow=true&tail=5", f"{R}/runs/7/logs/", f"/{R}/runs", f"{R}//runs///7//",
    "//api//v1//repos//o//r//actions//jobs//7//logs", f"{R}/jobs/%37/logs", "/api/v1/repos/a.b/c-d_e/actions/artifacts",
    f"{R}/secrets", "/api/v1/actions/run", "/api/v1/user/actions/runs", "/api/v1/orgs/x/actions/runners/1",
    "/api/v1/admin/actions/jobs", "/swagger.v1.json", "//swagger.v1.json/", "/api/v3", "/api/v3/", "/api/v3/user",
    "/api/graphql", "/compat/gitea/api/v1/version", "/compat/gitea/api/v1/repos/o/r/releases/1/assets?name=x",
    "/compat/gitea/swagger.v1.json", "/compat/forgejo-proxy/api/v1/repos/o/r/actions/runs",
    "/compat/forgejo-proxy/swagger.v1.json",
]  # fmt: skip
TO_FORGEJO = [
    "/", "/o", "/o/r", "/o/r/actions/runs/1/jobs/0/attempt/1", "/o/r/actions/runs/1/artifacts/x", "/user/events",
    "/o/r.git/info/refs?service=git-upload-pack", "/o/r.git/git-receive-pack", "/o/r.git/info/lfs/objects/batch",
    "/o/r/releases/download/v1/a.zip", "/attachments/1", "/api/v1/version", "/api/v1/repos/o/r", R,
    "/api/v1/repos/o/r/contents/actions/x", "/api/v1/repos/actions/r/actions", "/api/v1/repos/o/r/issues/1/assets",
    "/api/actions/runner.v1.RunnerService/FetchTask", "/api/actions_pipeline/_apis/pipelines/workflows/1/artifacts",
    "/twirp/github.actions.results.api.v1.ArtifactService/CreateArtifact", "/api/packages/o/generic/p/1/f", "/v2/",
    "/api/swagger", "/api/v30", "/api/forgejo/v1/version", "/swagger.v1.jsonx", "/swaggerxv1.json", "/-/admin",
    "/-/shimmer", "/API/v1/repos/o/r/actions/runs", "/api/v1/repos/o/r/ACTIONS/runs", "/api/v1/users/x/actions/runs",
    "/compat", "/compat/gitea", "/compat/gitea.git/info/refs", "/compat/gitea/info/refs", "/compat/x/api/v1/version",
]  # fmt: skip
TO_NOBODY = [
    "/-/shim", "/-/shim/", "/-/shim?x", "/-/shim/healthz", "//-//shim//metrics", "/-/shim/readyz/", "/%2D/shim/metrics",
    "/-/%73him/metrics", "/x/../-/shim/metrics", "/-/./shim/metrics", "/-/shim/../shim/metrics", "/-%2Fshim%2Fmetrics",
]  # fmt: skip
AROUND = [
    f"/-/shim/../..{R}/runs", f"/-/shim/metrics/../../..{R}/runs", f"/-/shim/..%2f..%2f{R[1:]}/runs",
    f"//-/shim//%2e%2e/%2e%2e{R}/runs", f"/-/shim/metrics#{R}/runs", f"{R}/../../../../../../-/shim/metrics",
]  # fmt: skip


@pytest.fixture(scope="module", params=list(DOORS))
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A door in front of servers that say who they are."""
    if not PROGRAMS[request.param]:
        pytest.skip(f"not run: there is no {request.param} here")
    with (
        Answering(who("forgejo")) as forgejo,
        Answering(who("shim")) as one,
        Answering(who("shim")) as two,
        DOORS[request.param](
            tmp_path_factory.mktemp(request.param), forgejo.base_url, [one.base_url, two.base_url]
        ) as base_url,
    ):
        yield base_url


@clause("X51")
@pytest.mark.parametrize(("targets", "name"), [(TO_A_SHIM, "shim"), (TO_FORGEJO, "forgejo")], ids=["shim", "forgejo"])
def test_each_path_goes_where_it_belongs_as_it_came(door: str, targets: list[str], name: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        found = {told["path"]: told["who"] for _, told in asked(door, *targets, method=method)}
        assert found == dict.fromkeys(targets, name)


@clause("X51")
def test_every_route_of_the_shim_goes_to_a_shim(door: str) -> None:
    """From the tables, so that a route that is added and forgotten here is found."""
    paths = [API + row.path for row in OPERATIONS]
    paths += [root + API + path for path in forgejo_proxy.ROUTES for root in ("", forgejo_proxy.ROOT)]
    paths += [root + API + row.path for row in gitea_routes.ROUTES for root in ("", gitea.ROOT)]
    paths += [github_routes.ROOT + row.path for row in github_routes.ROUTES]
    paths += [gitea.SWAGGER, github.GRAPHQL, github.ROOT, f"{github.ROOT}/openapi.json"]
    paths = list(dict.fromkeys(re.sub(r"\{\w+\}", "7", path) for path in paths if "registration-token" not in path))
    assert len(paths) > 100
    wrong = [told["path"] for _, told in asked(door, *paths) if told["who"] != "shim"]
    assert wrong == []


@clause("X51")
def test_no_spelling_of_what_a_face_knows_goes_past_the_shims(door: str) -> None:
    """Every spelling that servers were asked for; a call whose repository nobody can have may be refused by anyone."""
    faces = all_faces({GITHUB, GITEA}, gitea_here=True)
    values = {"owner": "o", "repo": "r", "job": "7", "run": "8"}
    known = 0
    for line in TABLE.read_text().splitlines():
        method, _, target = filled(json.loads(line)["spelled"], values).partition(" ")
        path, _, query = target.partition("?")
        if not re.fullmatch("[!-~]+", target):
            continue
        _, call = recognise(faces, method, routed(path), query) or (None, None)
        if routed(path) == "/swagger.v1.json" or isinstance(call, Call) and call.repo and call.id:
            known += 1
            ((_, told),) = asked(door, target, method=method)
            assert (told["who"], routed(told["path"].partition("?")[0])) == ("shim", routed(path)), target
    assert known > 120


@clause("X52")
def test_the_shims_own_pages_are_nobodys_business(door: str) -> None:
    for method in ("GET", "POST"):
        assert {status for status, _ in asked(door, *TO_NOBODY, method=method)} == {404}


@clause("X52")
@pytest.mark.parametrize("name", list(DOORS))
def test_no_way_round_leads_to_them(tmp_path: Path, name: str) -> None:
    """What the door takes for another path goes to a shim as it came, and so may be its own there."""
    if not PROGRAMS[name]:
        pytest.skip(f"not run: there is no {name} here")
    with (
        Small("15") as small,
        Running(small.url, small.web) as shim,
        DOORS[name](tmp_path, small.url, [shim.base_url]) as base_url,
    ):
        for target in (*TO_NOBODY, *AROUND):
            ((status, told),) = asked(base_url, target)
            assert status in (400, 401, 404) and "cause" not in told, target
        assert shim.get("/-/shim/metrics").ok


@clause("X53")
def test_nobody_says_who_they_are(door: str) -> None:
    """What a client says of its address or its name does not get through, to the shims or to Forgejo."""
    names = ("X-Forwarded-For", "X-Real-IP", "X-Forwarded-Host", "Forwarded")
    said = dict.fromkeys(names, "10.9.8.7")
    said |= {f"X-WEBAUTH-{what}": "root1" for what in ("USER", "EMAIL", "FULLNAME")} | {"X-Forwarded-Proto": "https"}
    for _, told in asked(door, f"{R}/runs", "/o/r", **said):
        got = dict(told["headers"])
        assert got["x-real-ip"] == got["x-forwarded-for"] == "127.0.0.1"
        assert got["host"] == got["x-forwarded-host"] == door.removeprefix("http://")
        assert got["x-forwarded-proto"] == "http"
        assert not [name for name in got if name.startswith("x-webauth") or name == "forwarded"]


@clause("X53")
def test_connections_are_kept(door: str) -> None:
    for target, most in ((f"{R}/runs", 2), ("/o/r", 1)):
        assert len({told["peer"] for _, told in asked(door, *[target] * 20)}) <= most
