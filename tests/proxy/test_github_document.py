"""GitHub's face against its own OpenAPI document, and against GitHub's description of its API.

Rules: every answer in the tests of this face is held against the document (github_document.py). GitHub's description is
that from which githubkit's models are made. What they require and we do not tell is listed with its reason, and nothing
is listed that fits.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import githubkit_schemas.v2026_03_10.models as models
import pytest
import requests
from double import JobSpec
from faced import GITHUB as GH
from forgejo_shim.faces.github_routes import ROUTES
from github_document import DOCUMENT, OWN, answers_of, hold
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter, ValidationError
from running import Running
from small import Small, row

clause = pytest.mark.clause
R = f"{GH}/repos/o/r"
ON = frozenset({"github"})

COUNT = "how many findings a failed job has is in its log"
NOT_TOLD = "Forgejo's API tells nothing of that"
TREE = "no event of Forgejo's tells a commit's tree"
APPS = "no app makes these checks, and how many jobs a run has is a request for each"
# By the model and the field of GitHub's, why it is not there or null.
MISSING = {
    ("CheckRun", "output.annotations_count"): COUNT,
    ("ReposOwnerRepoCommitsRefCheckRunsGetResponse200", "check_runs.output.annotations_count"): COUNT,
    ("ReposOwnerRepoCommitsRefCheckSuitesGetResponse200", "check_suites.latest_check_runs_count"): APPS,
    ("ReposOwnerRepoCommitsRefCheckSuitesGetResponse200", "check_suites.head_commit"): TREE,
    **{
        ("FullRepository", name): NOT_TOLD
        for name in (
            "git_url", "network_count", "pushed_at", "svn_url",
        )
    },
    **{
        (model, name): NOT_TOLD
        for model in ("PublicUser",)
        for name in ("public_gists", "public_repos", "updated_at")
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=["12", "15", "16"])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[Small, Running]]:
    with Small(request.param) as small, Running(small.url, small.web, faces=ON) as proxy:
        small.repo.head = "a" * 40
        small.repo.files[".forgejo/workflows/ci.yml"] = b"name: CI"
        red = small.model.add_run(
            small.repo, [JobSpec("build", steps=("one", "two")), JobSpec("test"), JobSpec("after", needs=("build",))]
        )
        small.model.play(red.jobs[0], row("error: no"), "failure")
        small.model.play(red.jobs[1], row("well"))
        small.model.artifacts.add(red, "one", b"content")
        going = small.model.add_run(small.repo, ["one", "two"])
        small.model.take(going.jobs[0])
        yield small, proxy


def paths(small: Small) -> dict[str, str]:
    """A path for each model of GitHub's that it is an answer of."""
    red, going = small.model.runs.values()
    return {
        f"{R}/actions/runs": "ReposOwnerRepoActionsRunsGetResponse200",
        f"{R}/actions/workflows/ci.yml/runs": "ReposOwnerRepoActionsRunsGetResponse200",
        f"{R}/actions/runs/{red.id}": "WorkflowRun",
        f"{R}/actions/runs/{red.id}/jobs": "ReposOwnerRepoActionsRunsRunIdJobsGetResponse200",
        f"{R}/actions/runs/{going.id}/jobs": "ReposOwnerRepoActionsRunsRunIdJobsGetResponse200",
        f"{R}/actions/jobs/{red.jobs[0].id}": "Job",
        f"{R}/actions/jobs/{going.jobs[1].id}": "Job",
        f"{R}/actions/runs/{red.id}/timing": "WorkflowRunUsage",
        f"{R}/actions/artifacts": "ReposOwnerRepoActionsArtifactsGetResponse200",
        f"{R}/actions/workflows": "ReposOwnerRepoActionsWorkflowsGetResponse200",
        f"{R}/actions/workflows/ci.yml": "Workflow",
        f"{R}/check-runs/{red.jobs[0].id}": "CheckRun",
        f"{R}/check-runs/{red.jobs[1].id}": "CheckRun",
        f"{R}/check-runs/{going.jobs[1].id}": "CheckRun",
        f"{R}/check-runs/{red.jobs[0].id}/annotations": "list[CheckAnnotation]",
        f"{R}/commits/main/check-runs": "ReposOwnerRepoCommitsRefCheckRunsGetResponse200",
        f"{R}/commits/main/check-suites": "ReposOwnerRepoCommitsRefCheckSuitesGetResponse200",
        f"{R}/commits/main/status": "CombinedCommitStatus",
        f"{GH}/rate_limit": "RateLimitOverview",
        f"{GH}/meta": "ApiOverview",
        R: "FullRepository",
        f"{GH}/user": "PublicUser",
    }


def faults(model: str, told: Any) -> set[str]:
    """The fields of an answer that do not fit a model of GitHub's."""
    name = model.removeprefix("list[").removesuffix("]")
    kind = getattr(models, name)
    try:
        TypeAdapter(list[kind] if model != name else kind).validate_python(told)
    except ValidationError as error:
        return {".".join(part for part in fault["loc"] if isinstance(part, str)) for fault in error.errors()}
    return set()


@clause("V21")
def test_answers_have_what_githubs_description_requires(place: tuple[Small, Running]) -> None:
    small, proxy = place
    found: set[tuple[str, str]] = set()
    for path, model in paths(small).items():
        answer = proxy.get(path, small.token)
        assert answer.status_code == 200, (path, answer.text)
        found |= {(model, fault) for fault in faults(model, answer.json())}
    assert sorted(found - MISSING.keys()) == []
    assert sorted(MISSING.keys() - found) == [], "listed, and yet it fits"


@clause("V21")
def test_a_field_that_githubs_description_requires_is_missed(place: tuple[Small, Running]) -> None:
    small, proxy = place
    told = proxy.get(next(iter(paths(small))), small.token).json()
    del told["workflow_runs"][0]["head_sha"]
    told["workflow_runs"][1]["id"] = "x"
    assert faults("ReposOwnerRepoActionsRunsGetResponse200", told) == {"workflow_runs.head_sha", "workflow_runs.id"}


@clause("V20")
def test_the_document_is_valid_and_is_offered(place: tuple[Small, Running]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []
    assert place[1].get(f"{GH}/openapi.json").json() == DOCUMENT


@clause("V20")
def test_an_answer_that_is_not_as_declared_is_found(place: tuple[Small, Running]) -> None:
    small, proxy = place
    path = f"{R}/actions/runs"
    good = proxy.get(path, small.token)
    for change in (
        lambda told: told.pop("total_count"),
        lambda told: told.update(more=1),
        lambda told: told["workflow_runs"][0].update(status="green"),
        lambda told: told["workflow_runs"][0].pop("node_id"),
        lambda told: told["workflow_runs"][0]["repository"].update(id=None),
    ):
        bad, told = copy.copy(good), good.json()
        change(told)
        bad._content = json.dumps(told).encode()
        with pytest.raises(AssertionError):
            hold(bad)
    bad = copy.copy(good)
    bad.status_code = 201
    with pytest.raises(AssertionError, match="not declared"):
        hold(bad)
    bad.request = requests.Request("GET", f"{proxy.base_url}{GH}/nothing").prepare()
    with pytest.raises(AssertionError, match="in no document"):
        hold(bad)
    assert answers_of("POST", path) is None


@clause("V4")
def test_head_is_get_without_a_body_on_every_route(place: tuple[Small, Running]) -> None:
    small, proxy = place
    red = next(iter(small.model.runs.values()))
    (artifact,) = proxy.get(f"{R}/actions/artifacts", small.token).json()["artifacts"]
    filled = {
        "{owner}/{repo}": "o/r", "{run_id}": str(red.id), "{job_id}": str(red.jobs[1].id), "{attempt}": "1",
        "{artifact_id}": str(artifact["id"]), "{workflow}": "ci.yml", "{commit}": "main",
    }  # fmt: skip
    headers = {"Authorization": f"token {small.token}"}
    asked = [GH + route.path for route in ROUTES if route.method == "GET"] + [GH + path for path in OWN]
    for path in asked:
        for name, value in filled.items():
            path = path.replace(name, value)
        got = proxy.get(path, small.token)
        head = proxy.session.head(proxy.base_url + path, headers=headers, timeout=20, allow_redirects=False)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert got.status_code in (200, 302) or not small.double.face.attempt_in_view, (path, got.text)
        for name in ("ETag", "Content-Type"):
            assert head.headers.get(name) == got.headers.get(name) or "/timing" in path, (path, name)
