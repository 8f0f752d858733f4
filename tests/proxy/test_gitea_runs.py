"""Runs, jobs and artifacts by Gitea's face, behind each face of the double. What must come is told by its model.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

import io
import zipfile

import pytest
from double import JobSpec
from faced import GITEA, three_runs
from running import Running
from small import LOG, Small, row

clause = pytest.mark.clause
R = f"{GITEA}/repos/o/r"
RUNS = f"{R}/actions/runs"
ON = frozenset({"gitea"})


def writer(small: Small) -> str:
    """A token of the owner's that may write."""
    owner = small.model.user("o")
    assert owner
    return small.model.add_token(owner, ("write:repository",)).sha1


@clause("Q3")
def test_runs_newest_first_in_giteas_shape(small: Small, proxy: Running) -> None:
    runs = three_runs(small)
    found = proxy.get(RUNS, small.token)
    told = found.json()
    assert (told["total_count"], found.headers["X-Total-Count"]) == (3, "3")
    waits, red, done = told["workflow_runs"]
    assert [run["run_number"] for run in (waits, red, done)] == [3, 2, 1]
    assert [(run["status"], run["conclusion"]) for run in (waits, red, done)] == [
        ("queued", None),
        ("completed", "failure"),
        ("completed", "success"),
    ]
    assert [run["display_title"] for run in (waits, red, done)] == ["third", "second", "first"]
    if not small.double.face.api_runs:  # which run ids there are, no API tells
        assert {run[key] for run in told["workflow_runs"] for key in ("id", "url")} == {None}
        return
    assert [run["id"] for run in (done, red, waits)] == [run.id for run in runs]
    assert (red["head_branch"], red["head_sha"], red["path"]) == ("dev", runs[1].sha, "other.yml@refs/heads/dev")
    assert waits["actor"]["login"] == waits["trigger_actor"]["login"] == "other"
    assert done["repository"]["full_name"] == "o/r"
    assert done["repository_id"] == done["repository"]["id"]
    assert done["url"] == f"{proxy.base_url}{RUNS}/{runs[0].id}"
    assert done["completed_at"].endswith("Z") and done["started_at"].endswith("Z")
    assert waits["started_at"] is waits["completed_at"] is None


@clause("Q3")
@pytest.mark.parametrize(
    "query, numbers",
    [
        ("branch=dev", [2]),
        ("event=workflow_dispatch", [3]),
        ("status=completed", [2, 1]),
        ("status=failure", [2]),
        ("status=queued", [3]),
        ("status=pending", []),
        ("status=in_progress", []),
        ("actor=OTHER", [3]),
        ("head_sha=" + "0" * 40, []),
        ("limit=0&page=1", [3, 2, 1]),
        ("limit=2&page=2", [1]),
        ("exclude_pull_requests=true&scoped_workflow_source_repo_id=0", [3, 2, 1]),
    ],
)
@pytest.mark.parametrize("face", ["12", "14", "15", "16"])
def test_each_filter_filters(face: str, query: str, numbers: list[int]) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        three_runs(small)
        told = proxy.get(f"{RUNS}?{query}", small.token).json()
        assert [run["run_number"] for run in told["workflow_runs"]] == numbers
        told = proxy.get(f"{R}/actions/workflows/other.yml/runs?{query}", small.token).json()
        assert {run["run_number"] for run in told["workflow_runs"]} <= {2}


@clause("Q3")
def test_a_filter_that_means_nothing_is_refused(small: Small, proxy: Running) -> None:
    (run, *_) = three_runs(small)
    for path in (
        f"{RUNS}?status=green",
        f"{RUNS}?scoped_workflow_source_repo_id=7",
        f"{RUNS}/{run.id}/jobs?sort=name",
        f"{RUNS}/{run.id}/jobs?order=up",
        f"{RUNS}/{run.id}/jobs?status=green",
    ):
        found = proxy.get(path, small.token)
        assert (found.status_code, found.json()["cause"]) == (400, "filter-not-understood"), path


@clause("Q4")
@pytest.mark.parametrize("face", ["12", "14", "15", "16"])
def test_a_run_and_its_jobs(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        (done, *_) = three_runs(small)
        small.again(done.jobs[1], row("again"))
        run = proxy.get(f"{RUNS}/{done.id}", small.token).json()
        assert (run["id"], run["display_title"], run["status"]) == (done.id, "first", "completed")
        told = proxy.get(f"{RUNS}/{done.id}/jobs", small.token).json()
        assert told["total_count"] == 2
        assert [job["name"] for job in told["jobs"]] == ["build", "test"]
        job = told["jobs"][0]
        assert (job["id"], job["run_id"], job["status"]) == (done.jobs[0].id, done.id, "completed")
        assert [(step["number"], step["name"]) for step in job["steps"]] == [(0, "echo one")]
        assert job["url"] == f"{proxy.base_url}{R}/actions/jobs/{job['id']}"
        alone = proxy.get(f"{R}/actions/jobs/{job['id']}", small.token).json()
        assert (alone["id"], alone["name"], alone["run_id"]) == (job["id"], "build", done.id)
        if face == "12":
            assert run["run_attempt"] is None
            return
        assert (run["run_attempt"], run["previous_attempt_url"]) == (2, f"{run['url']}/attempts/1")
        first = proxy.get(f"{RUNS}/{done.id}/attempts/1", small.token).json()
        assert (first["run_attempt"], first["previous_attempt_url"]) == (1, None)
        jobs = proxy.get(f"{RUNS}/{done.id}/attempts/1/jobs", small.token).json()["jobs"]
        assert [job["run_attempt"] for job in jobs] == [1, 1]
        assert proxy.get(f"{RUNS}/{done.id}/attempts/9", small.token).status_code == 404


@clause("Q4")
@pytest.mark.parametrize("face", ["12", "15", "16"])
def test_jobs_by_status_and_in_the_other_order(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.model.add_run(small.repo, ["a", JobSpec("b", needs=("a",)), "c"])
        jobs = f"{RUNS}/{run.id}/jobs"

        def names(query: str) -> list[str]:
            return [job["name"] for job in proxy.get(f"{jobs}?{query}", small.token).json()["jobs"]]

        assert names("order=desc") == ["c", "b", "a"]
        assert names("order=desc&limit=2") == ["c", "b"]
        assert names("status=pending") == ["b"]
        assert names("status=queued") == ["a", "c"]
        assert names("status=queued&limit=1&page=2") == ["c"]
        assert names("status=success") == []
        blocked = proxy.get(f"{jobs}?status=pending", small.token).json()
        assert (blocked["total_count"], blocked["jobs"][0]["status"]) == (1, "pending")


@clause("Q5")
def test_a_jobs_log_comes_at_once(small: Small, proxy: Running) -> None:
    (job,) = small.add().jobs
    found = proxy.get(f"{R}/actions/jobs/{job.id}/logs", small.token)
    assert (found.status_code, found.content) == (200, LOG)
    assert proxy.get(f"{R}/actions/jobs/{job.id}/logs").status_code == 404


@clause("Q5")
def test_artifacts_are_listed_taken_by_an_address_and_deleted(small: Small) -> None:
    run = small.add()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "hello")
    small.model.artifacts.add(run, "one", packed.getvalue())
    small.model.artifacts.add(run, "two", packed.getvalue())
    with Running(small.url, small.web, faces=ON, writes=True) as proxy:
        at = f"{R}/actions/artifacts"
        told = proxy.get(at, small.token).json()
        assert told["total_count"] == 2
        (one,) = proxy.get(f"{at}?name=one", small.token).json()["artifacts"]
        assert one == proxy.get(f"{at}/{one['id']}", small.token).json()
        if small.double.face.api_runs:
            of_run = proxy.get(f"{RUNS}/{run.id}/artifacts?limit=1&page=1", small.token)
            assert (of_run.json()["total_count"], len(of_run.json()["artifacts"])) == (2, 1)
            assert one["workflow_run"]["id"] == run.id
        found = proxy.get(f"{at}/{one['id']}/zip", small.token)
        assert found.status_code == 302
        address = found.headers["Location"]
        assert address.startswith(f"{proxy.base_url}{at}/{one['id']}/zip?ticket=")
        assert proxy.session.get(address, timeout=5).content == packed.getvalue()
        headers = {"Authorization": f"token {writer(small)}"}
        gone = proxy.session.delete(f"{proxy.base_url}{at}/{one['id']}", headers=headers, timeout=5)
        assert (gone.status_code, gone.content) == (204, b"")
        assert proxy.get(f"{at}/{one['id']}/zip", small.token).status_code == 404


@clause("Q6")
def test_workflows_are_named_by_their_files(small: Small, proxy: Running) -> None:
    small.add()
    path = ".forgejo/workflows/ci.yml"
    small.repo.files |= {path: b"name: The build\non: push\n"}
    told = proxy.get(f"{R}/actions/workflows", small.token).json()
    assert [(one["id"], one["name"], one["path"]) for one in told["workflows"]] == [("ci.yml", "The build", path)]
    alone = proxy.get(f"{R}/actions/workflows/ci.yml", small.token).json()
    assert alone == told["workflows"][0]
    assert proxy.get(f"{R}/actions/workflows/none.yml", small.token).status_code == 404


@clause("Q4")
def test_a_run_is_deleted_where_the_server_can(small: Small) -> None:
    run = small.add()
    headers = {"Authorization": f"token {writer(small)}"}
    with Running(small.url, small.web, faces=ON, writes=True) as proxy:
        found = proxy.session.delete(f"{proxy.base_url}{RUNS}/{run.id}", headers=headers, timeout=5)
        assert found.status_code == (204 if small.double.face.native_logs else 501)
