"""The list of runs in the face of forgejo-proxy, through a mounted session, behind each face of the double.

Rules: what must come is told by the double's model; what a list costs is counted at the double.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import requests
from double import Response, Run
from forgejo_shim import Client, NotPossible, PageChanged, backend_of, mount
from forgejo_shim.api import parse_runs
from forgejo_shim.faces.forgejo_proxy import ROOT as FACE
from forgejo_shim.flows import run_list
from running import Running
from small import Small, row

clause = pytest.mark.clause
R = "/api/v1/repos/o/r/actions/runs"
Ask = Callable[[str], requests.Response]


def asker(small: Small, root: str = FACE, token: str | None = None, **of_mount: object) -> Ask:
    """Asks for the list by its query, as the reader."""
    session = requests.Session()
    mount(session, small.url, web=small.web, **of_mount)  # type: ignore[arg-type]
    headers = {"Authorization": f"token {token or small.token}"}
    return lambda query: session.get(f"{small.url}{root}{R}?{query}", headers=headers, timeout=20)


def numbers(answer: requests.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [run["index_in_repo"] for run in answer.json()["workflow_runs"]]


def seven(small: Small) -> list[Run]:
    """Seven runs: the even ones of `rare.yml`, the third and the sixth failed, the fifth on another branch."""
    for number in range(1, 8):
        small.add(
            {"build": row(f"of {number}")},
            title=f"title {number}",
            workflow="rare.yml" if number % 2 == 0 else "ci.yml",
            status="success" if number % 3 else "failure",
            ref="refs/heads/dev" if number == 5 else None,
            event="schedule" if number == 2 else "push",
        )
    return list(small.repo.runs.values())


# H10: the list


@clause("H10")
def test_newest_first_page_by_page(small: Small) -> None:
    ask = asker(small)
    assert ask("").json() == {"workflow_runs": [], "total_count": 0}
    runs = seven(small)
    for query, wanted in (
        ("", [7, 6, 5, 4, 3, 2, 1]),
        ("limit=3", [7, 6, 5]),
        ("limit=3&page=3", [1]),
        ("limit=3&page=4", []),
        ("limit=-1&page=0", [7, 6, 5, 4, 3, 2, 1]),
        ("limit=x&page=x", [7, 6, 5, 4, 3, 2, 1]),
        ("unknown=1&job=2&attempt=3&limit=1", [7]),
    ):
        answer = ask(query)
        assert (numbers(answer), answer.json()["total_count"]) == (wanted, 7), query
    (told,) = ask("limit=1").json()["workflow_runs"]
    assert (told["title"], told["status"]) == ("title 7", "success")
    assert told.get("id") == (runs[6].id if small.double.face.api_runs else None)


@clause("H10")
def test_a_page_has_thirty_and_at_most_fifty(small: Small) -> None:
    for _ in range(60):
        small.model.add_run(small.repo)
    ask = asker(small)
    for query, size in (("", 30), ("limit=99", 50), ("limit=50&page=2", 10)):
        assert len(numbers(ask(query))) == size, query
    assert numbers(ask("limit=25&page=2")) == list(range(35, 10, -1))


@clause("H10")
def test_a_run_without_jobs_is_listed(small: Small) -> None:
    small.model.add_run(small.repo, [])
    assert numbers(asker(small)("")) == [1]


# H11: filters


@clause("H11")
def test_filters(small: Small) -> None:
    seven(small)
    ask = asker(small)
    for query, wanted in (
        ("workflow_id=rare.yml", [6, 4, 2]),
        ("workflow_id=rare.yml&limit=1&page=2", [4]),
        ("status=failure", [6, 3]),
        ("status=failure&workflow_id=rare.yml", [6]),
        ("status=failure&status=success&workflow_id=ci.yml", [7, 5, 3, 1]),
        ("status=success&status=success&limit=2", [7, 5]),
        ("status=running", []),
        ("status=unknown", []),
        ("workflow_id=none.yml", []),
        ("workflow_id=ci.yml&workflow_id=rare.yml", [7, 5, 3, 1]),
        ("run_number=3", [3]),
        ("run_number=3&status=failure&workflow_id=ci.yml", [3]),
        ("run_number=3&status=success", []),
        ("run_number=8", []),
        ("workflow_id=&status=&event=&branch=&ref=&run_number=&head_sha=", [7, 6, 5, 4, 3, 2, 1]),
    ):
        assert numbers(ask(query)) == wanted, query
    assert ask("status=failure&limit=1").json()["total_count"] == 2
    wrong = ask("status=failure&status=green")
    assert (wrong.status_code, wrong.json()["message"]) == (400, "unknown status: green")
    for query in ("run_number=0", "run_number=-1", "run_number=x", "branch=dev&ref=refs/heads/dev"):
        wrong = ask(query)
        assert (wrong.status_code, wrong.json()["cause"]) == (400, "filter-not-understood"), query


@clause("H11")
def test_filters_that_not_every_server_has(small: Small) -> None:
    runs = seven(small)
    ask, face = asker(small), small.double.face
    sha = runs[0].sha
    for query, wanted in (
        ("branch=dev", [5]),
        ("ref=refs%2Fheads%2Fdev", [5]),
        ("branch=dev&status=failure", []),
        ("branch=main&workflow_id=rare.yml&limit=2", [6, 4]),
        ("event=schedule", [2]),
        ("event=schedule&event=push&status=failure", [6, 3]),
        (f"head_sha={sha}&limit=2", [7, 6]),
        ("head_sha=0000", []),
        ("ref=refs/tags/dev", []),
    ):
        answer = ask(query)
        if not face.api_runs or (query == "ref=refs/tags/dev" and not face.runs_newest_first):
            assert (answer.status_code, answer.json()["cause"]) == (501, "filter-not-possible"), query
        else:
            assert numbers(answer) == wanted, query


@clause("H11")
@pytest.mark.parametrize("query", ["workflow_id=rare.yml", "status=failure", "run_number=2", "head_sha=0000"])
def test_a_list_of_other_runs_is_no_answer(query: str) -> None:
    """Something in between drops what is behind the question mark."""
    with Small("15") as small:
        seven(small)
        everything = asker(small)("").content
        small.double.faults.hook(
            r"actions/runs\?", lambda _: Response(200, [("Content-Type", "application/json")], everything)
        )
        assert asker(small)(query).json()["cause"] == "page-changed"


@clause("H11", "H7")
def test_a_wrong_filter_tells_a_stranger_nothing(small: Small) -> None:
    seven(small)
    stranger = small.model.add_token(small.model.add_user("stranger")).sha1
    ask = asker(small, token=stranger)
    for query in ("", "run_number=0", "branch=a&ref=b", "status=green", "ref=refs/tags/v1", "workflow_id=ci.yml"):
        assert ask(query).status_code == 404, query


# H12: what it costs


def asked(small: Small, ask: Ask, query: str) -> list[str]:
    """What the server is asked to give a list for the second time."""
    ask(query)
    before = len(small.double.requests)
    assert ask(query).status_code == 200
    return [f"{seen.method} {seen.path.rpartition('/actions')[2]}" for seen in small.double.requests[before:]]


@clause("H12")
def test_what_a_list_costs(small: Small) -> None:
    for _ in range(120):
        small.model.add_run(small.repo)
    ask, face = asker(small), small.double.face
    plain, filtered = asked(small, ask, "limit=5"), asked(small, ask, "limit=5&status=waiting")
    if face.runs_newest_first:
        assert plain == filtered == ["GET /runs"]
    elif face.api_runs:
        assert (plain, filtered) == (["GET /runs"] * 2, ["GET /runs"] * 3)
    else:  # that the API has no list, it says each time
        states = [f"POST /runs/{number}/jobs/0" for number in range(120, 115, -1)]
        assert plain == ["GET /runs", "GET /runs/latest", *states]
        assert filtered == ["GET /runs", *["GET "] * 3, *states]


@clause("H12")
def test_too_much_is_an_error_and_no_part_of_the_list(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(120):
        small.model.add_run(small.repo)
    monkeypatch.setattr(run_list, "MAX_PAGES", 2)
    ask = asker(small)
    assert numbers(ask("limit=2&page=3")) == [116, 115]
    answer, deep = ask("workflow_id=ci.yml"), ask("limit=50&page=3")
    if small.double.face.runs_newest_first:
        assert len(numbers(answer)) == 30
    else:
        assert (answer.status_code, answer.json()["cause"]) == (504, "search-limit")
    if small.double.face.api_runs and not small.double.face.runs_newest_first:
        assert (deep.status_code, deep.json()["cause"]) == (504, "search-limit")
    else:
        assert len(numbers(deep)) == 20


# H9: at /api/v1


@clause("H9", "H10")
def test_at_the_root_only_with_the_face(small: Small) -> None:
    seven(small)
    assert numbers(asker(small, "", face="forgejo-proxy")("workflow_id=rare.yml")) == [6, 4, 2]
    passed = asker(small, "")("limit=1")
    assert (backend_of(passed), passed.status_code) == ("native", 200 if small.double.face.api_runs else 404)


@clause("H10", "H9")
def test_in_front_of_a_proxy_with_the_face(small: Small) -> None:
    """Its list is handed on; one without run ids is to a shim and to the client as if there were none."""
    runs = seven(small)
    with Running(small.url, small.web, faces=frozenset({"forgejo-proxy"})) as behind:
        session = requests.Session()
        mount(session, behind.base_url, web=small.web)
        headers = {"Authorization": f"token {small.token}"}
        for path in (f"{FACE}{R}?workflow_id=rare.yml", f"{R}?workflow_id=rare.yml"):
            assert numbers(session.get(behind.base_url + path, headers=headers, timeout=20)) == [6, 4, 2]
        listed = Client(behind.base_url, small.token, web=small.web).runs("o/r", limit=2)
        assert [(run.number, run.id) for run in listed] == [
            (run.number, run.id if small.double.face.api_runs else None) for run in (runs[6], runs[5])
        ]
        log = session.get(f"{behind.base_url}/api/v1/repos/o/r/actions/jobs/{runs[1].jobs[0].id}/logs", headers=headers)
        assert log.content == row("of 2")


@clause("H10")
def test_a_list_without_ids_is_of_a_shim_and_anything_else_is_not_understood() -> None:
    told = {"workflow_runs": [{"index_in_repo": 2, "title": "x", "status": "success"}], "total_count": 1}
    with pytest.raises(NotPossible) as caught:
        parse_runs(json.dumps(told).encode())
    assert caught.value.cause == "operation-absent"
    for run in ({}, {"title": "x"}, {"index_in_repo": 2, "created": ""}):
        with pytest.raises(PageChanged):
            parse_runs(json.dumps(told | {"workflow_runs": [run]}).encode())
