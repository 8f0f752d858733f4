"""Clauses Q: what Gitea's clients know and GitHub's do not: jobs of a repository, tasks, runners and their tokens."""

from __future__ import annotations

import pytest
from artifact_world import Artifacts, artifacts_of
from client_programs import GITEA, Client, words_of
from targets import Live

clause = pytest.mark.clause
pytestmark = [pytest.mark.feature("proxy")]
by_id = pytest.mark.feature("run-jobs")
each = pytest.mark.parametrize("name", GITEA)


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


def of_world(live: Live, name: str, repo: str = "priv") -> Client:
    return Client(name, live, live.world.repos[repo])


@clause("Q7")
@by_id
@each
def test_the_jobs_of_a_repository(live: Live, name: str) -> None:
    told = of_world(live, name, "other").ask("all-jobs")
    runs = [run for run in live.world.runs.values() if run.repo is live.world.repos["other"]]
    assert {job["id"] for job in told} == {job.id for run in runs for job in run.jobs.values()}


@clause("Q9")
@by_id
@each
def test_a_job_is_run_again(live: Live, art: Artifacts, name: str) -> None:
    job = art.running(f"job again by {name}")
    art.stage.finish(job, "failure")
    told = Client(name, live, art.repo).ask("rerun-job", job.run.id, job.id)
    assert (told["id"], told["status"]) == (job.id, words_of("waiting")[0])
    art.stage.look(job.run)
    art.stage.finish(art.stage.take(job.run, "build"))


@clause("Q2")
def test_tasks_and_the_version_pass_through(live: Live) -> None:
    client = of_world(live, "gitea-js")
    assert "gitea" in client.ask("version")["version"]
    tasks = client.ask("tasks")
    assert {task["run_number"] for task in tasks} <= {run.number for run in live.world.stage.runs} and tasks


@clause("Q8")
@pytest.mark.parametrize("name", ["gitea-sdk", "gitea-js"])
def test_a_token_for_a_runner(live: Live, art: Artifacts, name: str) -> None:
    """By POST, as from 1.24 on, and by GET, as before."""
    assert Client(name, live, art.repo).ask("registration-token")["token"]
