"""What Gitea's face changes: reruns, dispatches, workflows that are switched, behind each face of the double.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from running import Running
from small import Small, row

clause = pytest.mark.clause
R = "/compat/gitea/api/v1/repos/o/r"
ON = frozenset({"gitea"})
WRITES = ("write:repository", "read:user")
BY_HAND = b'{"name": "By hand", "on": {"workflow_dispatch": {}}, "jobs": {"build": {"runs-on": "box", "steps": []}}}'


class Place:
    """A small place in front of which a proxy may write; `token` is a writer's."""

    def __init__(self, face: str) -> None:
        self.small = Small(face)
        owner = self.small.model.user("o")
        assert owner
        self.token = self.small.model.add_token(owner, WRITES).sha1
        self.small.repo.files[".forgejo/workflows/ci.yml"] = BY_HAND

    def __enter__(self) -> Place:
        self.small.__enter__()
        self.proxy = Running(self.small.url, self.small.web, faces=ON, writes=True)
        return self

    def __exit__(self, *of_error: object) -> None:
        self.proxy.__exit__()
        self.small.double.stop()

    def send(self, method: str, path: str, token: str = "", **more: Any) -> requests.Response:
        headers = {"Authorization": f"token {token or self.token}"}
        return self.proxy.session.request(method, self.proxy.base_url + R + path, headers=headers, timeout=10, **more)


@pytest.fixture(params=["11", "12", "14", "15", "16"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    with Place(request.param) as found:
        yield found


@clause("Q9")
def test_a_run_and_a_job_are_run_again_and_told(place: Place) -> None:
    small = place.small
    run = small.add({"build": row("a"), "test": row("b")})
    other = small.add()
    at = f"/actions/runs/{run.id}"
    if not small.double.face.api_runs:
        for path in (f"{at}/rerun", f"{at}/jobs/{run.jobs[0].id}/rerun", f"{at}/rerun-failed-jobs"):
            assert place.send("POST", path).json()["cause"] == "no-run-ids", path
        assert run.status == "success"
        return
    found = place.send("POST", f"{at}/rerun")
    assert (found.status_code, found.json()["id"], found.json()["status"]) == (201, run.id, "queued")
    assert run.status == "waiting"
    again = place.send("POST", f"{at}/rerun")
    assert (again.status_code, again.json()["cause"]) == (409, "not-over")
    for job in run.jobs:
        small.model.play(job, row("again"))
    job = run.jobs[1]
    assert place.send("POST", f"/actions/runs/{other.id}/jobs/{job.id}/rerun").status_code == 404
    assert run.status == "success"
    found = place.send("POST", f"{at}/jobs/{job.id}/rerun")
    assert (found.status_code, found.json()["id"], found.json()["name"]) == (201, job.id, "test")
    assert (job.status, run.jobs[0].status) == ("waiting", "success")


@clause("Q9")
def test_what_failed_is_run_again_without_a_word(place: Place) -> None:
    run = place.small.add({"build": row("a")}, status="failure")
    if place.small.double.face.api_runs:
        found = place.send("POST", f"/actions/runs/{run.id}/rerun-failed-jobs")
        assert (found.status_code, found.content) == (201, b"")
        assert run.status == "waiting"


@clause("Q9")
def test_what_was_done_is_told_by_its_id_where_no_more_can_be(place: Place) -> None:
    small = place.small
    if not small.double.face.api_runs or small.double.face.native_logs:
        return
    run = small.add({"build": row("a")})
    small.double.faults.hook(
        r"/rerun$", lambda _: small.double.faults.status(f"/api/v1/.*/runs/{run.id}$", 500) and None
    )
    found = place.send("POST", f"/actions/runs/{run.id}/rerun")
    assert (found.status_code, found.json(), run.status) == (201, {"id": run.id}, "waiting")


@clause("Q9", "Q10")
def test_who_may_not_write_gets_nothing_done(place: Place) -> None:
    small = place.small
    run = small.add()
    for method, path in (
        ("POST", f"/actions/runs/{run.id}/rerun"),
        ("POST", f"/actions/runs/{run.id}/rerun-failed-jobs"),
        ("POST", f"/actions/runs/{run.id}/jobs/{run.jobs[0].id}/rerun"),
        ("PUT", "/actions/workflows/ci.yml/disable"),
    ):
        assert place.send(method, path, small.token).status_code in (403, 501), path
    with Running(small.url, small.web, faces=ON) as proxy:
        headers = {"Authorization": f"token {place.token}"}
        off = proxy.session.put(f"{proxy.base_url}{R}/actions/workflows/ci.yml/disable", headers=headers, timeout=5)
        assert (off.status_code, off.json()["cause"]) == (501, "writes-off")
    assert run.status == "success" and small.repo.switched_off == set()


@clause("Q10")
def test_a_workflow_is_dispatched(place: Place) -> None:
    small = place.small
    before = len(small.repo.runs)
    found = place.send("POST", "/actions/workflows/ci.yml/dispatches", json={"ref": "main"})
    assert (found.status_code, found.content, len(small.repo.runs)) == (204, b"", before + 1)
    path = "/actions/workflows/ci.yml/dispatches?return_run_details"
    wrong = place.send("POST", f"{path}=yes", json={"ref": "main"})
    assert (wrong.status_code, wrong.json()["cause"]) == (400, "filter-not-understood")
    found = place.send("POST", f"{path}=true", json={"ref": "main"})
    run, at = list(small.repo.runs.values())[-1], place.proxy.base_url
    page = f"{at}/o/r/actions/runs/{run.number}"
    details = {"workflow_run_id": run.id, "run_url": f"{at}{R}/actions/runs/{run.id}", "html_url": page}
    assert (found.status_code, found.json()) == (200, details)
    assert len(small.repo.runs) == before + 2
    assert place.send("POST", "/actions/workflows/no.yml/dispatches", json={"ref": "main"}).status_code == 404


@clause("Q6", "Q10")
def test_a_workflow_is_switched_off_and_on(place: Place) -> None:
    small, path = place.small, "/actions/workflows/ci.yml"
    for verb, off, state in (("disable", {"ci.yml"}, "disabled_manually"), ("enable", set(), "active")):
        assert place.send("PUT", f"{path}/{verb}").status_code == 204
        assert small.repo.switched_off == off
        assert place.send("GET", path).json()["state"] == state
    assert place.send("PUT", "/actions/workflows/no.yml/disable").status_code == 404
    writer = small.model.add_user("writer")
    small.repo.collaborators[writer.id] = 2
    token = small.model.add_token(writer, WRITES).sha1
    found = place.send("PUT", f"{path}/disable", token)
    assert (found.status_code, found.json()["cause"]) == (403, "not-administrator")
    assert small.repo.switched_off == set()
