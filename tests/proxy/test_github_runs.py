"""Runs and their jobs by GitHub's face, behind each face of the double. What must come is told by the double's model.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

import pytest
from double import JobSpec
from faced import GITHUB, three_runs
from running import Running
from small import Small, row

clause = pytest.mark.clause
R = f"{GITHUB}/repos/o/r"
RUNS = f"{R}/actions/runs"
ON = frozenset({"github"})


def listed(proxy: Running, small: Small, query: str = "") -> list[int]:
    found = proxy.get(f"{RUNS}?{query}", small.token)
    assert found.status_code == 200, found.text
    told = found.json()
    assert told["total_count"] >= len(told["workflow_runs"])
    return [run["run_number"] for run in told["workflow_runs"]]


@clause("V5")
def test_runs_newest_first_in_githubs_shape(small: Small, proxy: Running) -> None:
    runs = three_runs(small)
    told = proxy.get(RUNS, small.token).json()
    assert told["total_count"] == 3
    assert [run["run_number"] for run in told["workflow_runs"]] == [3, 2, 1]
    waits, red, done = told["workflow_runs"]
    assert [(run["status"], run["conclusion"]) for run in (waits, red, done)] == [
        ("queued", None),
        ("completed", "failure"),
        ("completed", "success"),
    ]
    assert [run["display_title"] for run in (waits, red, done)] == ["third", "second", "first"]
    if not small.double.face.api_runs:  # which run ids there are, no API tells
        assert {run[key] for run in told["workflow_runs"] for key in ("id", "url", "jobs_url")} == {None}
        assert done["html_url"] == f"{proxy.base_url}/o/r/actions/runs/1"
        return
    assert [run["id"] for run in (done, red, waits)] == [run.id for run in runs]
    assert (red["head_branch"], red["head_sha"], red["event"]) == ("dev", runs[1].sha, "push")
    assert (waits["event"], waits["actor"]["login"]) == ("workflow_dispatch", "other")
    assert done["workflow_id"] == waits["workflow_id"] != red["workflow_id"]
    assert 0 < done["workflow_id"] < 2**53
    assert done["head_commit"] is None  # of which the event does not tell the tree
    assert done["repository"]["full_name"] == "o/r"
    base = f"{proxy.base_url}{RUNS}/{runs[0].id}"
    assert (done["url"], done["jobs_url"], done["logs_url"]) == (base, f"{base}/jobs", f"{base}/logs")
    assert done["created_at"].endswith("Z") and done["run_started_at"].endswith("Z")
    assert waits["run_started_at"] is None


@clause("V5")
@pytest.mark.parametrize(
    "query, numbers",
    [
        ("branch=dev", [2]),
        ("event=workflow_dispatch", [3]),
        ("status=completed", [2, 1]),
        ("status=failure", [2]),
        ("status=queued", [3]),
        ("status=in_progress", []),
        ("status=action_required", []),
        ("actor=OTHER", [3]),
        ("actor=nobody", []),
        ("created=%3E%3D2020-01-01", [3, 2, 1]),
        ("created=%3C2020-01-01", []),
        ("created=2020-01-01..*&actor=o", [2, 1]),
        ("created=*..2020-01-01T00:00:00Z", []),
        ("head_sha=" + "0" * 40, []),
        ("created=%3C1970-01-01T00:00:01Z", []),
        ("created=%3C%3D1970-01-01", []),
        ("created=%3C0001-01-02", []),
        ("created=0001-01-01..9999-12-31&per_page=2", [3, 2]),
        ("created=%3E%3D1970-01-01", [3, 2, 1]),
        ("created=%3E9999-12-31", []),
        ("check_suite_id={0}", [1]),
        ("check_suite_id={1}&branch=dev&event=push&status=failure&actor=o&created=%3E2020-01-01", [2]),
        *((f"check_suite_id={{1}}&{other}", []) for other in ("branch=main", "event=workflow_dispatch", "actor=other")),
        *((f"check_suite_id={{1}}&{other}", []) for other in ("status=success", "created=%3C2020-01-01", "page=2")),
        ("check_suite_id=123456789", []),
        ("exclude_pull_requests=true&unknown=1", [3, 2, 1]),
    ],
)
@pytest.mark.parametrize("face", ["12", "14", "15", "16"])
def test_each_filter_filters(face: str, query: str, numbers: list[int]) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        asked = query.format(*(run.id for run in three_runs(small)))
        assert listed(proxy, small, asked) == numbers


@clause("V5")
def test_a_filter_that_means_nothing_is_refused(small: Small, proxy: Running) -> None:
    three_runs(small)
    for query in ("status=green", "created=yesterday", "created=>", "created=2020-13-01", "check_suite_id=x"):
        found = proxy.get(f"{RUNS}?{query}", small.token)
        assert (found.status_code, found.json()["status"]) == (422, "422"), query
    if not small.double.face.api_runs:
        for query in ("actor=o", "branch=dev", "created=2026-01-01", "created=%3C%3D1970-01-01", "check_suite_id=1"):
            found = proxy.get(f"{RUNS}?{query}", small.token)
            cause = "no-run-ids" if "suite" in query else "filter-not-possible"
            assert (found.status_code, found.json()["cause"]) == (501, cause), query


@clause("V6")
@pytest.mark.parametrize("face", ["14", "15", "16"])
def test_pages_of_up_to_a_hundred(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        for _ in range(130):
            small.model.add_run(small.repo, ["build"])
        for limit, page, numbers in (
            (100, 1, list(range(130, 30, -1))),
            (100, 2, list(range(30, 0, -1))),
            (97, 2, list(range(33, 0, -1))),
            (1000, 1, list(range(130, 30, -1))),
            (7, 3, list(range(116, 109, -1))),
            (100, 3, []),
        ):
            assert listed(proxy, small, f"per_page={limit}&page={page}") == numbers, (limit, page)
        assert len(listed(proxy, small)) == 30
        found = proxy.get(f"{RUNS}?per_page=50&page=2&event=push", small.token)
        address = f"{proxy.base_url}{RUNS}?per_page=50&event=push&page="
        assert found.headers["Link"] == ", ".join(
            f'<{address}{page}>; rel="{name}"' for name, page in (("prev", 1), ("next", 3), ("last", 3), ("first", 1))
        )
        assert found.links["next"]["url"].endswith("page=3")


@clause("V7")
def test_one_run_and_its_jobs_with_their_steps(small: Small, proxy: Running) -> None:
    run = small.model.add_run(small.repo, [JobSpec("build", steps=("one", "two")), "test"])
    task = small.model.take(run.jobs[0])
    task.steps[0].status, task.steps[0].started, task.steps[0].stopped = "success", task.started, task.started + 3
    task.steps[1].status, task.steps[1].started = "running", task.started + 3
    one = proxy.get(f"{RUNS}/{run.id}", small.token)
    jobs = proxy.get(f"{RUNS}/{run.id}/jobs", small.token)
    if not small.double.face.api_runs:
        for found in (one, jobs):
            assert (found.status_code, found.json()["cause"]) == (501, "no-run-ids")
        return
    assert (one.json()["id"], one.json()["status"], one.json()["conclusion"]) == (run.id, "in_progress", None)
    assert jobs.json()["total_count"] == 2
    build, test = jobs.json()["jobs"]
    assert (build["id"], build["status"], build["run_id"]) == (run.jobs[0].id, "in_progress", run.id)
    shown = [step for step in build["steps"] if step["name"] in ("one", "two")]
    assert [(step["status"], step["conclusion"]) for step in shown] == [("completed", "success"), ("in_progress", None)]
    assert [step["number"] for step in build["steps"]] == list(range(1, len(build["steps"]) + 1))
    assert build["started_at"].endswith("Z") and build["completed_at"] is None
    assert (test["status"], test["steps"], test["started_at"]) == ("queued", [], test["created_at"])
    assert test["created_at"] == one.json()["created_at"] == build["created_at"]
    assert build["url"] == f"{proxy.base_url}{R}/actions/jobs/{build['id']}"
    assert build["check_run_url"] == f"{proxy.base_url}{R}/check-runs/{build['id']}"
    assert build["run_url"] == f"{proxy.base_url}{RUNS}/{run.id}"
    alone = proxy.get(f"{R}/actions/jobs/{build['id']}", small.token).json()
    assert {key: alone[key] for key in ("id", "run_id", "name", "status", "head_sha")} == {
        key: build[key] for key in ("id", "run_id", "name", "status", "head_sha")
    }
    assert [step["name"] for step in alone["steps"]] == [step["name"] for step in build["steps"]]


@clause("V7")
def test_a_job_that_was_skipped_or_cancelled(small: Small, proxy: Running) -> None:
    specs = [JobSpec("build"), JobSpec("after", needs=("build",)), JobSpec("other")]
    run = small.model.add_run(small.repo, specs)
    small.model.play(run.jobs[0], row("a"), "failure")
    small.model.cancel(run)
    if not small.double.face.api_runs:
        return
    jobs = proxy.get(f"{RUNS}/{run.id}/jobs", small.token).json()["jobs"]
    assert [(job["status"], job["conclusion"]) for job in jobs] == [
        ("completed", "failure"),
        ("completed", "skipped"),
        ("completed", "cancelled"),
    ]
    assert [(job["steps"], job["started_at"]) for job in jobs[1:]] == [([], jobs[0]["created_at"])] * 2
    small.model.expire(run.jobs[0].tasks[0])
    with Running(small.url, small.web, faces=ON) as fresh:
        (first, *_) = fresh.get(f"{RUNS}/{run.id}/jobs", small.token).json()["jobs"]
        assert (first["conclusion"], len(first["steps"])) == ("failure", len(jobs[0]["steps"]))


@clause("V9")
@pytest.mark.parametrize("face", ["14", "15", "16"])
def test_what_it_costs(face: str) -> None:
    """Cold at most 2 + 2 requests a job, warm 1 + jobs for those that are over."""
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add({f"job {number}": row("x") for number in range(20)})
        other = small.add({"build": row("x")})
        proxy.get(f"{RUNS}/{other.id}/jobs", small.token)  # signs in, and learns what the server can do

        def cost(path: str) -> int:
            before = len(small.double.requests)
            assert proxy.get(f"{RUNS}{path}", small.token).status_code == 200
            return len(small.double.requests) - before

        costs = [cost(f"/{run.id}/jobs?per_page=100") for _ in range(2)]
        native = small.double.face.native_logs
        assert costs[0] <= 2 + 2 * 20
        assert costs[1] == (2 if native else 1 + 20)
        assert cost(f"/{run.id}") <= 1 + 20
        assert cost(f"/{run.id}") == 1
        assert cost("") == 1 if small.double.face.runs_newest_first else cost("") <= 2


@clause("V2")
def test_refusals_are_the_servers_own_in_githubs_form(small: Small, proxy: Running) -> None:
    run = small.add()
    outsider = small.model.add_token(small.model.add_user("outsider")).sha1
    no_scope = small.model.add_token(small.repo.owner, ("read:user",)).sha1
    paths = [RUNS, f"{R}/actions/artifacts", f"{R}/actions/jobs/{run.jobs[0].id}", R]
    if small.double.face.api_runs:
        paths += [f"{RUNS}/{run.id}{what}" for what in ("", "/jobs", "/artifacts", "/attempts/1", "/timing")]
    for path in paths:
        for token, status in ((outsider, 404), ("", 404), ("0" * 40, 401), (no_scope, 403)):
            found = proxy.get(path, token)
            assert found.status_code == status, (path, found.text)
            assert set(found.json()) == {"message", "documentation_url", "status"}
            assert "0" * 40 not in found.text
            assert "outsider" not in found.text
    assert proxy.get(RUNS, "0" * 40).json()["message"] == "Bad credentials"


@clause("V2")
def test_a_renamed_repository_redirects_to_the_same_route(small: Small, proxy: Running) -> None:
    small.add()
    small.model.rename_repo(small.repo, "new")
    for behind in ("/actions/runs?per_page=5&status=completed", "/actions/artifacts", ""):
        moved = proxy.get(R + behind, small.token)
        assert 301 <= moved.status_code <= 308, behind
        path = moved.headers["Location"].removeprefix(small.url)
        assert path == R.replace("/o/r", "/o/new") + behind
        assert proxy.get(path, small.token).status_code == 200


@clause("V5")
def test_the_account_and_the_repository(small: Small, proxy: Running) -> None:
    user = proxy.get("/api/v3/user", small.token).json()
    assert (user["login"], user["type"]) == ("o", "User")
    found = proxy.get(R, small.token)
    told = found.json()
    assert (told["full_name"], told["private"], told["default_branch"]) == ("o/r", True, "main")
    assert told["owner"]["login"] == "o" and told["url"] == proxy.base_url + R
    again = proxy.get(R, small.token, headers={"If-None-Match": found.headers["ETag"]})
    assert again.status_code == 304


@clause("V7")
@pytest.mark.parametrize("face", ["12", "15", "16"])
def test_timing_and_what_forgejo_has_not(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add()
        assert proxy.get(f"{RUNS}/{run.id}/timing", small.token).json()["billable"] == {}
        for what in ("pending_deployments", "approvals"):
            assert proxy.get(f"{RUNS}/{run.id}/{what}", small.token).json() == []
            assert proxy.get(f"{RUNS}/{run.id + 9}/{what}", small.token).status_code == 404
