"""tea and gitea-mcp, Gitea's own command and tools for language models, read any Forgejo as they are.

Rules: each is given the server's address with the path of Gitea's face. What passes through is compared with what was
set there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from artifact_world import Artifacts, artifacts_of
from client_programs import Client, Failed, jobs_of, log_of, told_jobs, told_words, words_of
from mcp_program import Tool, tools
from targets import Live

clause = pytest.mark.clause
pytestmark = [pytest.mark.feature("proxy")]
by_id = pytest.mark.feature("run-jobs")
FACE, READ = "/compat/gitea", "actions_run_read"


@dataclass(frozen=True)
class Tea(Client):
    """tea, signed in under the name `shim` in a home of its own."""

    def sign_in(self) -> None:
        of_gitea = {"GITEA_SERVER_URL": self.server + FACE, "GITEA_SERVER_TOKEN": self.token_text}
        done = self.run("login", "add", "--name", "shim", **of_gitea)
        if done.returncode:
            raise Failed((done.stdout + done.stderr).decode())

    def told(self, *words: object) -> Any:
        """What a command prints as JSON."""
        return self.ask(*words, "--login", "shim", "--repo", self.repo.full, "--output", "json")


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


@pytest.fixture
def tea(live: Live, tmp_path: Path) -> Tea:
    client = Tea("tea", live, live.world.repos["priv"], home=tmp_path)
    client.sign_in()
    return client


@pytest.fixture
def tool(live: Live) -> Iterator[Tool]:
    client = Client("gitea-mcp", live, live.world.repos["priv"])
    with tools(client, GITEA_HOST=client.server + FACE, GITEA_ACCESS_TOKEN=client.token_text) as call:
        yield call


@clause("Q3", "Q4")
@by_id
def test_tea_shows_runs_and_jobs(tea: Tea) -> None:
    runs = {run.id: run for run in tea.live.world.stage.runs if run.repo is tea.repo}
    listed = tea.told("actions", "runs", "list", "--limit", 100)
    assert {run["id"]: told_words(run) for run in listed} == {
        number: words_of(tea.live.world.stage.look(run).status) for number, run in runs.items()
    }
    over, run = tea.live.world.runs["twice"], tea.live.world.runs["failing"]
    told = tea.told("actions", "runs", "view", over.id)
    assert (told["run_number"], told["head_branch"], told_words(told)) == (over.number, "main", words_of(over.status))
    assert told_jobs(tea.told("actions", "runs", "jobs", run.id)) == jobs_of(run)


@clause("Q2")
def test_tea_lists_secrets_and_shows_a_variable(tea: Tea) -> None:
    if tea.live.target.double:
        pytest.skip("not supported: the double has no secrets")
    hand, root = tea.live.world.hand, f"/repos/{tea.repo.full}/actions"
    hand.api("PUT", f"{root}/secrets/HIDDEN", {"data": "not to be seen"})
    hand.api("POST", f"{root}/variables/SHOWN", {"value": "to be seen"})
    assert [one["name"] for one in tea.told("actions", "secrets", "list")] == ["HIDDEN"]
    words = ("actions", "variables", "list", "--name", "SHOWN", "--login", "shim", "--repo", tea.repo.full)
    assert b"to be seen" in tea.bytes(*words)


@clause("Q3", "Q4", "Q7", "Q10")
@by_id
def test_gitea_mcp_reads_runs_jobs_and_workflows(live: Live, tool: Tool) -> None:
    run = live.world.stage.look(live.world.runs["failing"])
    runs = tool(READ, method="list_runs", perPage=50)["workflow_runs"]
    assert {one["id"] for one in runs} == {
        one.id for one in live.world.stage.runs if one.repo is live.world.repos["priv"]
    }
    over = live.world.stage.look(live.world.runs["twice"])
    told = tool(READ, method="get_run", run_id=over.id)
    assert (told["run_number"], told_words(told)) == (over.number, words_of(over.status))
    assert told_jobs(tool(READ, method="list_run_jobs", run_id=run.id, perPage=50)["jobs"]) == jobs_of(run)
    jobs = {job["id"] for job in tool(READ, method="list_jobs", perPage=50)["jobs"]}
    assert {job.id for job in run.jobs.values()} <= jobs
    assert tool(READ, method="get_workflow", workflow_id="failing.yml")["path"] == ".forgejo/workflows/failing.yml"


@clause("Q5")
def test_gitea_mcp_reads_a_log(live: Live, tool: Tool, tmp_path: Path) -> None:
    job = live.world.runs["twice"].jobs["build"]
    told = tool(READ, method="get_job_log_preview", job_id=job.id)
    assert (told["log"], told["truncated"]) == (log_of(job).decode(), False)
    tool(READ, method="download_job_log", job_id=job.id, output_path=str(tmp_path / "log"))
    assert (tmp_path / "log").read_bytes() == log_of(job)


@clause("Q9")
@by_id
def test_gitea_mcp_runs_a_run_again(art: Artifacts, tool: Tool) -> None:
    job = art.running("again by Gitea's tools")
    art.stage.finish(job, "failure")
    tool("actions_run_write", art.repo.full, method="rerun_run", run_id=job.run.id)
    assert art.stage.look(job.run).jobs["build"].status == "waiting"
    art.stage.finish(art.stage.take(job.run, "build"))


@clause("Q4")
@pytest.mark.lacks("run-jobs")
def test_a_server_without_run_ids(tea: Tea, tool: Tool) -> None:
    with pytest.raises(Failed, match="status 501.*no run ids"):
        tea.told("actions", "runs", "view", 1)
    with pytest.raises(Failed, match="no run ids"):
        tool(READ, method="get_run", run_id=1)
