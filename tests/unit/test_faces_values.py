"""How GitHub's face writes what it is given: names and ids of workflows, one state for all, a fork's pull request."""

from __future__ import annotations

import base64
import json

import pytest
from forgejo_shim.faces.github import GitHub
from forgejo_shim.faces.github_checks import combined
from forgejo_shim.flows.workflows import name_in
from forgejo_shim.models import RunFacts
from forgejo_shim.operations import Call
from forgejo_shim.workflow_ids import workflow_id
from hypothesis import given
from hypothesis import strategies as some

clause = pytest.mark.clause


@clause("V19")
@pytest.mark.parametrize(
    "states, state",
    [
        ((), "pending"),
        (("success", "success"), "success"),
        (("success", "pending"), "pending"),
        (("pending", "error"), "failure"),
        (("warning", "success"), "failure"),
        (("skipped", "success"), "success"),
        (("", "success"), "pending"),
    ],
)
def test_one_state_for_all(states: tuple[str, ...], state: str) -> None:
    assert combined(states) == state


@clause("V10")
@pytest.mark.parametrize(
    "text, name",
    [
        ("name: CI\n", "CI"),
        ("on: push\nname:  'a: b # c'  # d\n", "a: b # c"),
        ('name: "x"\r\n', "x"),
        ("name: C# and #1 # note\n", "C# and"),
        ("jobs:\n  name: inner\n", ""),
        ("name: |\n  block\n", ""),
        ("name: &a b\n", ""),
        ("name:\n", ""),
        ("", ""),
    ],
)
def test_the_name_in_a_file(text: str, name: str) -> None:
    assert name_in({"content": base64.b64encode(text.encode()).decode()}) == name


@pytest.mark.parametrize("answer", [None, [], {}, {"content": None}, {"content": "%"}, {"content": 7}])
def test_what_is_no_file_has_no_name(answer: object) -> None:
    assert name_in(answer) == ""


@given(some.text())
def test_ids_of_workflows_are_numbers_for_javascript(file: str) -> None:
    assert 0 < workflow_id(file) < 2**53


@clause("V21")
def test_a_forks_pull_request() -> None:
    fork = {"id": 9, "name": "r", "full_name": "you/r", "owner": {"id": 7, "login": "you"}}
    sides = {"head": {"ref": "fix", "sha": "1" * 40, "repo": fork}, "base": {"ref": "main", "sha": "2" * 40}}
    event = json.dumps({"pull_request": {"id": 3, "number": 4, **sides}})
    face = GitHub()
    call = face.recognise("GET", "/api/v3/repos/o/r/actions/runs/7", "")
    assert isinstance(call, Call)
    for payload, login in ((event, "you"), ("{}", None), ("no JSON", None)):
        given = {"is_fork_pull_request": True, "event_payload": payload, "repository": {"id": 1, "full_name": "o/r"}}
        one = json.loads(face.render(RunFacts(1, 7, given=given), call, "http://here").body)
        head = one["head_repository"]
        assert (head and head["owner"]["login"]) == login
        assert len(one["pull_requests"]) == (payload == event)
        for pull in one["pull_requests"]:
            assert pull["head"]["repo"] == {"id": 9, "name": "r", "url": "http://here/api/v3/repos/you/r"}
            assert pull["base"] == sides["base"]
