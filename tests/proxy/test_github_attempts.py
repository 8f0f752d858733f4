"""Attempts of runs by GitHub's face, and what a native server tells where the web UI cannot be read.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

from typing import Any

import pytest
from running import Running
from small import Small, row

clause = pytest.mark.clause
R = "/api/v3/repos/o/r"
RUNS = f"{R}/actions/runs"
ON = frozenset({"github"})


@clause("V8")
@pytest.mark.parametrize("face", ["12", "13", "14", "15", "16"])
def test_attempts_of_a_run(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add({"build": row("a"), "test": row("b")}, status="failure")
        small.again(run.jobs[1], row("again"))

        def told(path: str) -> tuple[int, Any]:
            found = proxy.get(f"{RUNS}/{run.id}{path}", small.token)
            return found.status_code, found.json()

        status, second = told("")
        if not small.double.face.attempt_in_view:
            assert (status, second["run_attempt"], told("/attempts/1")[0]) == (200, None, 501)
            return
        assert (second["run_attempt"], second["previous_attempt_url"]) == (2, f"{second['url']}/attempts/1")
        own = {f"{what}_url": f"{second['url']}/attempts/2/{what}" for what in ("jobs", "logs")}
        assert told("/attempts/2")[1] == second | own
        status, first = told("/attempts/1")
        assert first["jobs_url"] == f"{second['url']}/attempts/1/jobs"
        assert told(first["jobs_url"].partition(f"/runs/{run.id}")[2]) == told("/attempts/1/jobs")
        assert first["updated_at"] <= second["updated_at"]
        assert (first["run_attempt"], first["conclusion"], first["previous_attempt_url"]) == (1, "failure", None)
        assert [told(f"/attempts/{number}{what}")[0] for number in (0, 3) for what in ("", "/jobs")] == [404] * 4
        for path, expected in (
            ("/jobs", [("build", 1, "failure"), ("test", 2, "success")]),
            ("/jobs?filter=all", [("build", 1, "failure"), ("test", 1, "failure"), ("test", 2, "success")]),
            ("/attempts/1/jobs", [("build", 1, "failure"), ("test", 1, "failure")]),
            ("/attempts/2/jobs", [("build", 1, "failure"), ("test", 2, "success")]),
        ):
            jobs = told(path)[1]["jobs"]
            assert [(job["name"], job["run_attempt"], job["conclusion"]) for job in jobs] == expected, path
        assert told("/jobs?filter=some")[0] == 422
        paged = told("/jobs?filter=all&per_page=1&page=2")[1]
        assert (paged["total_count"], [job["run_attempt"] for job in paged["jobs"]]) == (3, [1])


@clause("V8")
@pytest.mark.parametrize("face", ["13.0.3", "14", "15", "16"])
def test_a_run_that_waits_to_run_again(face: str) -> None:
    """Up to 14 the attempt is counted when a runner takes the job, so which one waits is not known."""
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add({"build": row("a")}, status="failure")
        first = proxy.get(f"{RUNS}/{run.id}/jobs", small.token).json()["jobs"]
        small.model.rerun(run)
        counts = small.double.face.attempt_counts_asked
        told = proxy.get(f"{RUNS}/{run.id}", small.token).json()
        assert (told["status"], told["conclusion"], told["run_attempt"]) == ("queued", None, 2 if counts else None)
        (job,) = proxy.get(f"{RUNS}/{run.id}/jobs", small.token).json()["jobs"]
        assert (job["status"], job["run_attempt"]) == ("queued", 2 if counts else None)
        assert (job["steps"], job["started_at"], job["completed_at"]) == ([], told["created_at"], None)
        alone = proxy.get(f"{R}/actions/jobs/{job['id']}", small.token).json()
        assert (alone["steps"], alone["started_at"]) == ([], told["created_at"])
        earlier = proxy.get(f"{RUNS}/{run.id}/attempts/1/jobs", small.token)
        assert earlier.status_code == (200 if counts else 501)
        if counts:
            assert [(one["conclusion"], one["steps"]) for one in earlier.json()["jobs"]] == [
                (one["conclusion"], one["steps"]) for one in first
            ]
            everything = proxy.get(f"{RUNS}/{run.id}/jobs?filter=all", small.token).json()["jobs"]
            assert [(one["run_attempt"], one["status"]) for one in everything] == [(1, "completed"), (2, "queued")]
        small.model.play(run.jobs[0], row("again"))
        assert proxy.get(f"{RUNS}/{run.id}", small.token).json()["run_attempt"] == 2


@clause("V7")
def test_without_a_web_account_a_native_server_tells_what_it_can() -> None:
    with Small("16") as small, Running(small.url, None, faces=ON) as proxy:
        run = small.add()
        (job,) = proxy.get(f"{RUNS}/{run.id}/jobs", small.token).json()["jobs"]
        assert (job["conclusion"], job["run_attempt"], job["started_at"]) == ("success", 1, None)
        assert "steps" not in job
        assert proxy.get(f"{RUNS}/{run.id}", small.token).json()["run_attempt"] == 1
        small.model.rerun(run)
        (job,) = proxy.get(f"{RUNS}/{run.id}/jobs", small.token).json()["jobs"]
        assert (job["status"], job["steps"], job["started_at"]) == ("queued", [], job["created_at"])
        for path in ("/attempts/1", "/attempts/1/jobs", "/jobs?filter=all"):  # nothing of the earlier attempt is known
            found = proxy.get(f"{RUNS}/{run.id}{path}", small.token)
            assert (found.status_code, found.json()["cause"]) == (501, "web-credentials-needed"), path
    with Small("15") as small, Running(small.url, None, faces=ON) as proxy:
        run = small.add()
        assert proxy.get(f"{RUNS}/{run.id}", small.token).json()["run_attempt"] is None
        assert proxy.get(f"{RUNS}/{run.id}/jobs", small.token).status_code == 501
