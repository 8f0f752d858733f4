"""What GitHub's face changes: reruns, cancels, deletions and dispatches, behind faces of the double.

Rules: what must come is told by the double's model; each refusal is in GitHub's form.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from double import JobSpec, Run
from double.entities import READ
from faced import GITHUB, Writing
from running import Running
from small import row

clause = pytest.mark.clause
R = f"{GITHUB}/repos/o/r"
RUNS = f"{R}/actions/runs"
ON = frozenset({"github"})
FACES = ["12", "14", "15", "16"]


def failed(place: Writing) -> Run:
    """A run whose jobs are over: one succeeded, two failed, and one that needs a failed one was skipped."""
    specs = [JobSpec("good"), JobSpec("bad"), JobSpec("worse"), JobSpec("after", needs=("bad", "worse"))]
    run = place.model.add_run(place.small.repo, specs)
    for job, status in zip(run.jobs, ("success", "failure", "failure"), strict=False):
        place.model.play(job, row(job.name), status)
    assert [job.status for job in run.jobs] == ["success", "failure", "failure", "skipped"]
    return run


@pytest.fixture(params=FACES)
def place(request: pytest.FixtureRequest) -> Iterator[Writing]:
    with Writing(request.param, ON) as made:
        yield made


def statuses(run: Run) -> list[str]:
    return [job.status for job in run.jobs]


@clause("V12")
def test_a_run_and_a_job_are_rerun(place: Writing) -> None:
    run = failed(place)
    found = place.ask("POST", f"{R}/actions/jobs/{run.jobs[1].id}/rerun", json={"enable_debug_logging": True})
    assert (found.status_code, found.json()) == (201, {}), found.text
    assert statuses(run) == ["success", "waiting", "failure", "blocked"]
    other = failed(place)
    assert place.ask("POST", f"{RUNS}/{other.id}/rerun").status_code == 201
    assert statuses(other) == ["waiting", "waiting", "waiting", "blocked"]


@clause("V14")
def test_failed_jobs_are_rerun_with_those_that_need_them(place: Writing) -> None:
    run = failed(place)
    found = place.ask("POST", f"{RUNS}/{run.id}/rerun-failed-jobs")
    assert (found.status_code, found.json()) == (201, {}), found.text
    assert statuses(run) == ["success", "waiting", "waiting", "blocked"]
    for job in run.jobs[1:]:
        early = place.ask("POST", f"{RUNS}/{run.id}/rerun-failed-jobs")
        assert (early.status_code, early.json()["cause"]) == (403, "not-over")
        place.model.play(job, row("well"))
    assert statuses(run) == ["success"] * 4
    none = place.ask("POST", f"{RUNS}/{run.id}/rerun-failed-jobs")
    assert (none.status_code, none.json()["cause"]) == (403, "nothing-failed")


@clause("V14")
def test_a_later_job_that_cannot_be_rerun_is_said(place: Writing) -> None:
    run = failed(place)
    place.small.double.faults.status(r"/jobs/2/rerun$", 500)
    found = place.ask("POST", f"{RUNS}/{run.id}/rerun-failed-jobs")
    assert (found.status_code, found.json()["cause"]) == (502, "rerun-in-part"), found.text
    assert f"1 of 2 failed jobs of run {run.id} were rerun" in found.json()["message"]
    assert statuses(run)[1:3] == ["waiting", "failure"]


@clause("V13")
def test_what_is_over_or_not(place: Writing) -> None:
    run = failed(place)
    over = place.ask("POST", f"{RUNS}/{run.id}/cancel")
    assert (over.status_code, over.json()["cause"], over.json()["status"]) == (409, "run-over", "409")
    half = place.model.add_run(place.small.repo, ["red", "waits"])
    place.model.play(half.jobs[0], row("no"), "failure")
    assert place.ask("POST", f"{RUNS}/{half.id}/cancel").status_code == 202
    assert statuses(half) == ["failure", "cancelled"]
    going = place.model.add_run(place.small.repo, ["one", "two"])
    for path in (f"{RUNS}/{going.id}/rerun", f"{R}/actions/jobs/{going.jobs[0].id}/rerun"):
        found = place.ask("POST", path)
        assert (found.status_code, found.json()["cause"]) == (403, "not-over"), found.text
    if place.small.double.face.native_logs:
        found = place.ask("DELETE", f"{RUNS}/{going.id}")
        assert (found.status_code, found.json()["cause"]) == (409, "run-not-over")
        half = place.model.add_run(place.small.repo, ["red", "waits"])
        place.model.play(half.jobs[0], row("no"), "failure")
        assert place.ask("DELETE", f"{RUNS}/{half.id}").status_code == 409
    assert statuses(going) == ["waiting", "waiting"]


@clause("V12")
def test_a_run_is_cancelled_and_deleted(place: Writing) -> None:
    for verb in ("cancel", "force-cancel"):
        going = place.model.add_run(place.small.repo, ["one", "two"])
        found = place.ask("POST", f"{RUNS}/{going.id}/{verb}")
        assert (found.status_code, found.json()) == (202, {}), found.text
        assert statuses(going) == ["cancelled", "cancelled"]
    found = place.ask("DELETE", f"{RUNS}/{going.id}")
    if place.small.double.face.native_logs:
        assert (found.status_code, found.content) == (204, b"")
        assert going.id not in place.model.runs
    else:
        assert (found.status_code, found.json()["cause"]) == (501, "native-only")
        assert going.id in place.model.runs


@clause("V12")
def test_an_artifact_is_deleted(place: Writing) -> None:
    run = failed(place)
    place.model.artifacts.add(run, "one", b"content")
    (one,) = place.ask("GET", f"{R}/actions/artifacts").json()["artifacts"]
    found = place.ask("DELETE", f"{R}/actions/artifacts/{one['id']}")
    assert (found.status_code, found.content) == (204, b"")
    assert place.ask("GET", f"{R}/actions/artifacts").json()["total_count"] == 0
    assert place.ask("DELETE", f"{R}/actions/artifacts/{one['id'] + 7}").status_code == 404


@clause("V15")
@pytest.mark.parametrize("face", ["11", *FACES])
def test_a_workflow_is_started(face: str) -> None:
    with Writing(face, ON) as place:
        number = place.ask("GET", f"{R}/actions/workflows/ci.yml").json()["id"]
        for name in (number, "ci.yml"):
            found = place.ask("POST", f"{R}/actions/workflows/{name}/dispatches", json={"ref": "main", "inputs": {}})
            assert (found.status_code, found.content) == (204, b""), found.text
        assert [run.event for run in place.small.repo.runs.values()] == ["workflow_dispatch"] * 2
        for name, body, status in (
            ("ci.yml", {"ref": "no"}, 422),
            ("ci.yml", {}, 422),
            ("no.yml", {"ref": "main"}, 404),
            (number + 1, {"ref": "main"}, 404),
        ):
            found = place.ask("POST", f"{R}/actions/workflows/{name}/dispatches", json=body)
            assert (found.status_code, found.json()["status"]) == (status, str(status)), found.text
        assert len(place.small.repo.runs) == 2


@clause("V15")
@pytest.mark.parametrize("face", ["11", *FACES])
def test_the_run_that_was_started_is_told(face: str) -> None:
    with Writing(face, ON) as place:
        place.model.add_run(place.model.add_repo(place.small.repo.owner, "other"))  # so that ids are no numbers
        path, asked = f"{R}/actions/workflows/ci.yml/dispatches", {"ref": "main", "inputs": {"a": "b"}}
        found = place.ask("POST", path, json={**asked, "return_run_details": True})
        (run,), at = place.small.repo.runs.values(), place.proxy.base_url
        page = f"{at}/o/r/actions/runs/{run.number}"
        details = {"workflow_run_id": run.id, "run_url": f"{at}{RUNS}/{run.id}", "html_url": page}
        assert (found.status_code, found.json(), run.id != run.number) == (200, details, True)
        (sent,) = [seen for seen in place.small.double.requests if seen.path.endswith("ci.yml/dispatches")]
        assert json.loads(sent.body) == {**asked, "return_run_info": True}
        assert place.ask("POST", path, json={**asked, "return_run_details": False}).status_code == 204


@clause("V15")
def test_a_server_that_does_not_tell_of_the_run_has_started_it(place: Writing) -> None:
    place.small.double.faults.foreign(r"ci.yml/dispatches$", "200 other JSON")
    path = f"{R}/actions/workflows/ci.yml/dispatches"
    assert place.ask("POST", path, json={"ref": "main", "return_run_details": True}).status_code == 204


@clause("V15")
@pytest.mark.parametrize("body, status", [(b"[]", 422), (b"{", 422), (b"", 422), (b" " * 1024 * 1024 + b"{}", 413)])
def test_a_body_that_says_nothing_starts_nothing(place: Writing, body: bytes, status: int) -> None:
    found = place.ask("POST", f"{R}/actions/workflows/ci.yml/dispatches", data=body)
    assert (found.status_code, found.json()["status"]) == (status, str(status)), found.text
    assert not place.small.repo.runs


@clause("V22")
@pytest.mark.parametrize("face", ["11", *FACES])
def test_a_workflow_is_switched_off_and_on(face: str) -> None:
    with Writing(face, ON) as place:
        at = f"{R}/actions/workflows"
        number = place.ask("GET", f"{at}/ci.yml").json()["id"]
        for name, verb, state in (("ci.yml", "disable", "disabled_manually"), (number, "enable", "active")):
            found = place.ask("PUT", f"{at}/{name}/{verb}")
            assert (found.status_code, found.content) == (204, b""), found.text
            assert place.ask("GET", f"{at}/{number}").json()["state"] == state
        assert place.ask("PUT", f"{at}/no.yml/disable").status_code == 404


def changes(run: Run, number: int = 1) -> list[tuple[str, str]]:
    return [
        ("POST", f"{RUNS}/{run.id}/rerun"),
        ("POST", f"{RUNS}/{run.id}/rerun-failed-jobs"),
        ("POST", f"{RUNS}/{run.id}/cancel"),
        ("DELETE", f"{RUNS}/{run.id}"),
        ("POST", f"{R}/actions/jobs/{run.jobs[0].id}/rerun"),
        ("DELETE", f"{R}/actions/artifacts/{number}"),
        ("POST", f"{R}/actions/workflows/ci.yml/dispatches"),
        ("PUT", f"{R}/actions/workflows/ci.yml/disable"),
    ]


@clause("V12")
def test_who_may_not_write_changes_nothing(place: Writing) -> None:
    run = failed(place)
    place.model.artifacts.add(run, "one", b"content")
    (one,) = place.ask("GET", f"{R}/actions/artifacts").json()["artifacts"]
    reader = place.model.add_user("reader")
    place.small.repo.collaborators[reader.id] = READ
    tokens = {
        place.model.add_token(reader).sha1: {403},
        place.small.token: {403},
        place.model.add_token(place.model.add_user("outsider")).sha1: {404},
        "0" * 40: {401},
    }
    for token, expected in tokens.items():
        for method, path in changes(run, one["id"]):
            found = place.ask(method, path, token, json={"ref": "main"})
            native = method == "DELETE" and path.startswith(RUNS) and not place.small.double.face.native_logs
            assert found.status_code in expected | ({501} if native else set()), (method, path, found.text)
            assert found.json()["status"] == str(found.status_code)
            assert "0" * 40 not in found.text
    assert statuses(run) == ["success", "failure", "failure", "skipped"]
    assert (len(place.small.repo.runs), place.small.repo.switched_off) == (1, set())


@clause("V12")
@pytest.mark.parametrize("face", ["11", *FACES])
def test_without_allow_writes_nothing_is_changed(face: str) -> None:
    with Writing(face, ON) as place, Running(place.small.url, place.small.web, faces=ON) as reading:
        run = failed(place)
        before = len(place.small.double.requests)
        for method, path in changes(run):
            headers = {"Authorization": f"token {place.writer}"}
            found = reading.session.request(method, reading.base_url + path, headers=headers, timeout=20)
            assert (found.status_code, found.json()["cause"]) == (501, "writes-off"), (method, path)
        assert {seen.method for seen in place.small.double.requests[before:]} == {"GET"}


@clause("V12")
def test_up_to_11_what_is_by_run_id_is_not_possible() -> None:
    with Writing("11", ON) as place:
        run = failed(place)
        for what in ("rerun", "rerun-failed-jobs", "cancel"):
            found = place.ask("POST", f"{RUNS}/{run.id}/{what}")
            assert (found.status_code, found.json()["cause"]) == (501, "no-run-ids"), what
        assert place.ask("POST", f"{R}/actions/jobs/{run.jobs[1].id}/rerun").status_code == 201
