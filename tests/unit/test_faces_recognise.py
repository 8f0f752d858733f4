"""What the faces of GitHub and Gitea take a request for, whatever it is."""

from __future__ import annotations

import pytest
from forgejo_shim.faces.face import Reply
from forgejo_shim.faces.gitea import Gitea, handed_back, handed_on
from forgejo_shim.faces.github import GitHub
from forgejo_shim.operations import Call
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.strategies import SearchStrategy

clause = pytest.mark.clause
GH, ROOT = "/api/v3", "/compat/gitea/api/v1"
Queries = SearchStrategy[list[tuple[str, str]]]


def parts(*known: str) -> SearchStrategy[list[str]]:
    """The parts of a path behind the root of a face."""
    return some.lists(some.one_of(some.sampled_from(known), some.text(max_size=8)), max_size=9)


def queries(names: tuple[str, ...], values: tuple[str, ...]) -> Queries:
    value = some.one_of(some.sampled_from(values), some.text(max_size=9))
    return some.lists(some.tuples(some.sampled_from(names), value))


PARTS = ("repos", "o", "r", "actions", "runs", "7", "jobs", "attempts", "workflows", "ci.yml", "user")
VALUES = ("1", "-1", "9" * 30, "completed", "\udcff", "%")
PARTS_OF_GITHUB = parts(*PARTS, "1", "artifacts", "rerun", "cancel")
QUERIES_OF_GITHUB = queries(
    ("page", "per_page", "status", "created", "actor", "filter", "name", "token", "workflow", "event"),
    (*VALUES, "2026-01-02..*", ">=9999-12-31", "<0001-01-01", "*..*", "all"),
)
PARTS_OF_GITEA = parts(*PARTS, "orgs", "runners")
QUERIES_OF_GITEA = queries(
    ("page", "limit", "status", "sort", "order", "actor", "name", "token", "disabled", "return_run_details"),
    (*VALUES, "0", "id", "asc", "true"),
)


@clause("V2")
@pytest.mark.parametrize("path", ["/api/v3x", "/api/v30/rate_limit", "/api/v1/version", "/api/graphqls", "/o/r"])
def test_what_is_beside_it_passes(path: str) -> None:
    assert GitHub().recognise("GET", path, "") is None


@clause("V3")
def test_the_limit_starts_anew_each_hour() -> None:
    for now, reset in ((0.0, 3600), (7199.9, 7200), (7200.0, 10800)):
        told = dict(GitHub(lambda now=now: now).headers("a-1"))
        assert told["X-RateLimit-Reset"] == str(reset)


@clause("V2")
@given(PARTS_OF_GITHUB, QUERIES_OF_GITHUB, some.sampled_from(["GET", "HEAD", "POST", "DELETE", "x"]))
def test_whatever_is_asked_is_a_call_or_an_answer(parts: list[str], asked: list[tuple[str, str]], method: str) -> None:
    text = "&".join(f"{name}={value}" for name, value in asked)
    found = GitHub().recognise(method, "/".join([GH, *parts]), text)
    if isinstance(found, Call):
        assert found.as_value and found.method == ("GET" if method == "HEAD" else method) and found.route.startswith(GH)
        assert "\n" not in found.target.partition("?")[2]
    else:
        assert found is None or (isinstance(found, Reply) and found.status in (200, 404, 422))


@clause("Q2")
@given(PARTS_OF_GITEA, QUERIES_OF_GITEA, some.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "x"]))
def test_whatever_is_asked_is_a_call_or_handed_on(parts: list[str], asked: list[tuple[str, str]], method: str) -> None:
    text = "&".join(f"{name}={value}" for name, value in asked)
    path = "/".join([ROOT, *parts])
    found = Gitea().recognise(method, path, text)
    if isinstance(found, Call):
        assert found.method == ("GET" if method == "HEAD" else method)
        assert found.as_value and found.route.startswith(ROOT)
        assert "\n" not in found.target.partition("?")[2]
    else:
        assert found is None or (isinstance(found, Reply) and found.status == 400)
        assert handed_on(path) == (path.removeprefix("/compat/gitea") if parts else path)


@clause("Q2")
@pytest.mark.parametrize(
    "location, back",
    [
        ("/api/v1/repos/o/new?x=/api/v1/", "/compat/gitea/api/v1/repos/o/new?x=/api/v1/"),
        ("/forge/api/v1/repos/o/new", "/forge/compat/gitea/api/v1/repos/o/new"),
        ("/api/v1/repos/api/v1/hooks", "/compat/gitea/api/v1/repos/api/v1/hooks"),
        ("//elsewhere.example/api/v1/x", "//elsewhere.example/api/v1/x"),
        ("https://elsewhere.example/api/v1/x", "https://elsewhere.example/api/v1/x"),
        ("/o/r?at=/api/v1/x", "/o/r?at=/api/v1/x"),
        ("", ""),
    ],
)
def test_where_a_request_that_was_handed_on_is_redirected_to(location: str, back: str) -> None:
    assert handed_back(location) == back
