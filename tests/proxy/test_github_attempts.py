"""Attempts of runs by GitHub's face, and what a native server tells where the web UI cannot be read.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
import requests
from faced import GITHUB
from running import Running
from small import Small, row

clause = pytest.mark.clause
R = f"{GITHUB}/repos/o/r"
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
        begun = None if counts else told["created_at"]  # nothing tells when the rerun was asked for
        assert (job["steps"], job["started_at"], job["completed_at"]) == ([], begun, None)
        alone = proxy.get(f"{R}/actions/jobs/{job['id']}", small.token).json()
        assert (alone["steps"], alone["started_at"]) == ([], begun)
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
        assert (job["status"], job["steps"], job["started_at"]) == ("queued", [], None)
        for path in ("/attempts/1", "/attempts/1/jobs", "/jobs?filter=all"):  # nothing of the earlier attempt is known
            found = proxy.get(f"{RUNS}/{run.id}{path}", small.token)
            assert (found.status_code, found.json()["cause"]) == (501, "web-credentials-needed"), path
    with Small("15") as small, Running(small.url, None, faces=ON) as proxy:
        run = small.add()
        assert proxy.get(f"{RUNS}/{run.id}", small.token).json()["run_attempt"] is None
        assert proxy.get(f"{RUNS}/{run.id}/jobs", small.token).status_code == 501


@clause("V7", "V8", "X46", "X47")
@pytest.mark.parametrize("face", ["15", "16"])
def test_an_attempt_that_is_hidden_while_its_rerun_waits(face: str) -> None:
    """It is told as far as it is known, which is not kept; its log is had natively, or refused at once."""
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add({"build": row("a")}, status="failure")
        small.model.rerun(run)
        at = f"{RUNS}/{run.id}/attempts/1"
        (job,) = proxy.get(f"{at}/jobs", small.token).json()["jobs"]
        known = ("completed", "failure") if face == "16" else ("completed", None)
        assert (job["status"], job["conclusion"], job["run_attempt"]) == (*known, 1) and "steps" not in job
        told = proxy.get(at, small.token).json()
        assert (told["status"], told["conclusion"], told["run_attempt"]) == (*known, 1)
        for status in ("completed", "queued"):  # what is over fits, however it ended
            checks = proxy.get(f"{R}/check-suites/{run.id}/check-runs?filter=all&status={status}", small.token).json()
            assert [one["status"] for one in checks["check_runs"]] == [status]
        zipped = proxy.get(f"{at}/logs", small.token)
        if face == "16":
            assert files(proxy, zipped) == {"0_build.txt": row("a")}
        else:
            assert (zipped.status_code, zipped.json()["cause"]) == (503, "rerun-waits")
        small.model.play(run.jobs[0], row("again"))
        (job,) = proxy.get(f"{at}/jobs", small.token).json()["jobs"]
        assert (job["conclusion"], len(job["steps"])) == ("failure", 3)


@clause("V7", "V8", "X47")
@pytest.mark.parametrize("face", ["15", "16"])
def test_an_attempt_that_no_runner_took(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add({"build": row("a")}, status="failure")
        small.model.rerun(run)
        small.model.cancel(run)
        first = proxy.get(f"{RUNS}/{run.id}/attempts/1/logs", small.token)
        if face == "16":
            assert files(proxy, first) == {"0_build.txt": row("a")}
        else:
            assert (first.status_code, first.json()["cause"]) == (501, "attempt-not-provable")
        missing = {"0_build.MISSING": b"job has not been executed yet\n"}
        assert files(proxy, proxy.get(f"{RUNS}/{run.id}/logs", small.token)) == missing
        small.again(run.jobs[0], row("again"))
        for path, attempts in (("/jobs?filter=all", [1, 2, 3]), ("/attempts/2/jobs", [2]), ("/attempts/3/jobs", [3])):
            jobs = proxy.get(f"{RUNS}/{run.id}{path}", small.token).json()["jobs"]
            assert [job["run_attempt"] for job in jobs] == attempts, path
            for job in jobs:
                known = {1: ("completed", "failure", 3), 2: ("completed", None, 0), 3: ("completed", "success", 3)}
                told = job["status"], job["conclusion"], len(job["steps"])
                assert told == known[job["run_attempt"]], path
        second = proxy.get(f"{RUNS}/{run.id}/attempts/2", small.token).json()
        assert (second["status"], second["conclusion"]) == ("completed", None)
        assert files(proxy, proxy.get(f"{RUNS}/{run.id}/attempts/2/logs", small.token)) == missing


def files(proxy: Running, given: requests.Response) -> dict[str, bytes]:
    """The files of the zip whose address was given, without those of steps in folders of their own."""
    assert given.status_code == 302, given.text
    found = proxy.get(given.headers["Location"].removeprefix(proxy.base_url))
    with zipfile.ZipFile(io.BytesIO(found.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@clause("V8")
@pytest.mark.parametrize("face", ["12", "15", "16"])
def test_a_run_is_open_as_long_as_a_job_of_it_is(face: str) -> None:
    """Forgejo tells it as failed as soon as a job has failed."""
    with Small(face) as small, Running(small.url, small.web, faces=ON | {"gitea"}) as proxy:
        run = small.model.add_run(small.repo, ["a", "b"])
        for status, open_as in (("failure", "queued"), ("", "in_progress")):
            small.model.play(run.jobs[0], row("a"), status) if status else small.model.take(run.jobs[1])
            for at in (f"{RUNS}/{run.id}", f"{RUNS}/{run.id}/attempts/1")[: 1 if face == "12" else 2]:
                told = proxy.get(at, small.token).json()
                assert (told["status"], told["conclusion"]) == (open_as, None), at
            gitea = proxy.get(f"/compat/gitea/api/v1/repos/o/r/actions/runs/{run.id}", small.token).json()
            assert (gitea["status"], gitea["conclusion"], gitea["completed_at"]) == (open_as, None, None)
        small.model.finish(small.model.jobs[run.jobs[1].id].task, "success")
        assert proxy.get(f"{RUNS}/{run.id}", small.token).json()["conclusion"] == "failure"
