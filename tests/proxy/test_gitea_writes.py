"""What Gitea's face changes: reruns, dispatches, workflows that are switched, behind each face of the double.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faced import GITEA, Writing
from gitea_document import ROWS, example
from running import Running
from small import Small, row

clause = pytest.mark.clause
R = f"{GITEA}/repos/o/r"
ON = frozenset({"gitea"})


@pytest.fixture(params=["11", "12", "14", "15", "16"])
def place(request: pytest.FixtureRequest) -> Iterator[Writing]:
    with Writing(request.param, ON) as found:
        yield found


@clause("Q9")
def test_a_run_and_a_job_are_run_again_and_told(place: Writing) -> None:
    small = place.small
    run = small.add({"build": row("a"), "test": row("b")})
    other = small.add()
    at = f"{R}/actions/runs/{run.id}"
    if not small.double.face.api_runs:
        for path in (f"{at}/rerun", f"{at}/jobs/{run.jobs[0].id}/rerun", f"{at}/rerun-failed-jobs"):
            assert place.ask("POST", path).json()["cause"] == "no-run-ids", path
        assert run.status == "success"
        return
    found = place.ask("POST", f"{at}/rerun")
    assert (found.status_code, found.json()["id"], found.json()["status"]) == (201, run.id, "queued")
    assert run.status == "waiting"
    again = place.ask("POST", f"{at}/rerun")
    assert (again.status_code, again.json()["cause"]) == (409, "not-over")
    for job in run.jobs:
        small.model.play(job, row("again"))
    job = run.jobs[1]
    assert place.ask("POST", f"{R}/actions/runs/{other.id}/jobs/{job.id}/rerun").status_code == 404
    assert run.status == "success"
    found = place.ask("POST", f"{at}/jobs/{job.id}/rerun")
    assert (found.status_code, found.json()["id"], found.json()["name"]) == (201, job.id, "test")
    assert (job.status, run.jobs[0].status) == ("waiting", "success")


@clause("Q9")
def test_what_failed_is_run_again_without_a_word(place: Writing) -> None:
    run = place.small.add({"build": row("a")}, status="failure")
    if place.small.double.face.api_runs:
        found = place.ask("POST", f"{R}/actions/runs/{run.id}/rerun-failed-jobs")
        assert (found.status_code, found.content) == (201, b"")
        assert run.status == "waiting"


@clause("Q9")
def test_what_was_done_is_told_by_its_id_where_no_more_can_be(place: Writing) -> None:
    small = place.small
    if not small.double.face.api_runs or small.double.face.native_logs:
        return
    run = small.add({"build": row("a")})
    small.double.faults.hook(
        r"/rerun$", lambda _: small.double.faults.status(f"/api/v1/.*/runs/{run.id}$", 500) and None
    )
    found = place.ask("POST", f"{R}/actions/runs/{run.id}/rerun")
    assert (found.status_code, found.json(), run.status) == (201, {"id": run.id}, "waiting")


@clause("Q9", "Q10")
def test_who_may_not_write_gets_nothing_done(place: Writing) -> None:
    small = place.small
    run = small.add()
    for method, path in (
        ("POST", f"{R}/actions/runs/{run.id}/rerun"),
        ("POST", f"{R}/actions/runs/{run.id}/rerun-failed-jobs"),
        ("POST", f"{R}/actions/runs/{run.id}/jobs/{run.jobs[0].id}/rerun"),
        ("PUT", f"{R}/actions/workflows/ci.yml/disable"),
    ):
        assert place.ask(method, path, small.token).status_code in (403, 501), path
    with Running(small.url, small.web, faces=ON) as proxy:
        headers = {"Authorization": f"token {place.writer}"}
        off = proxy.session.put(f"{proxy.base_url}{R}/actions/workflows/ci.yml/disable", headers=headers, timeout=5)
        assert (off.status_code, off.json()["cause"]) == (501, "writes-off")
    assert run.status == "success" and small.repo.switched_off == set()


@clause("Q10")
def test_a_workflow_is_dispatched(place: Writing) -> None:
    small = place.small
    before = len(small.repo.runs)
    found = place.ask("POST", f"{R}/actions/workflows/ci.yml/dispatches", json={"ref": "main"})
    assert (found.status_code, found.content, len(small.repo.runs)) == (204, b"", before + 1)
    path = f"{R}/actions/workflows/ci.yml/dispatches?return_run_details"
    wrong = place.ask("POST", f"{path}=yes", json={"ref": "main"})
    assert (wrong.status_code, wrong.json()["cause"]) == (400, "filter-not-understood")
    found = place.ask("POST", f"{path}=true", json={"ref": "main"})
    run, at = list(small.repo.runs.values())[-1], place.proxy.base_url
    page = f"{at}/o/r/actions/runs/{run.number}"
    details = {"workflow_run_id": run.id, "run_url": f"{at}{R}/actions/runs/{run.id}", "html_url": page}
    assert (found.status_code, found.json()) == (200, details)
    assert len(small.repo.runs) == before + 2
    assert place.ask("POST", f"{R}/actions/workflows/no.yml/dispatches", json={"ref": "main"}).status_code == 404


@clause("Q6", "Q10")
def test_a_workflow_is_switched_off_and_on(place: Writing) -> None:
    small, path = place.small, f"{R}/actions/workflows/ci.yml"
    for verb, off, state in (("disable", {"ci.yml"}, "disabled_manually"), ("enable", set(), "active")):
        assert place.ask("PUT", f"{path}/{verb}").status_code == 204
        assert small.repo.switched_off == off
        assert place.ask("GET", path).json()["state"] == state
    assert place.ask("PUT", f"{R}/actions/workflows/no.yml/disable").status_code == 404
    writer = small.model.add_user("writer")
    small.repo.collaborators[writer.id] = 2
    token = small.model.add_token(writer).sha1
    found = place.ask("PUT", f"{path}/disable", token)
    assert (found.status_code, found.json()["cause"]) == (403, "not-administrator")
    assert small.repo.switched_off == set()


@clause("Q12")
def test_without_allow_writes_only_what_forgejo_does_itself_is_changed() -> None:
    with Small("15") as small, Running(small.url, small.web, faces=ON) as proxy:
        for kind in ("run", "job"):
            small.model.start_ids_at(kind, 7)
        small.add()
        headers = {"Authorization": f"token {small.token}"}
        of_repo = [one for one in ROWS if one[0] != "GET" and one[1].startswith("/repos/")]
        for method, path, how in of_repo:
            target = example(path).replace("/owner/repo/", "/o/r/")
            before = len(small.double.requests)
            found = proxy.session.request(method, f"{proxy.base_url}{GITEA}{target}", headers=headers, timeout=5)
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
