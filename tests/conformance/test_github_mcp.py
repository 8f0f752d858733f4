"""github-mcp-server, GitHub's own tools for language models, reads and changes the runs of any Forgejo, as it is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from artifact_world import Artifacts, artifacts_of, holds
from client_programs import Client, Failed, jobs_of, log_of, told_jobs, told_words, words_of
from mcp_program import Tool, tools
from targets import Live

clause = pytest.mark.clause
pytestmark = [pytest.mark.feature("proxy")]
by_id = pytest.mark.feature("run-jobs")


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


@pytest.fixture
def tool(live: Live) -> Iterator[Tool]:
    client = Client("github-mcp-server", live, live.world.repos["priv"])
    of_github = {"GITHUB_HOST": client.server, "GITHUB_PERSONAL_ACCESS_TOKEN": client.token_text}
    with tools(client, "stdio", "--toolsets", "actions", **of_github) as call:
        yield call


@clause("V5", "V7", "V10")
@by_id
def test_runs_jobs_and_workflows(live: Live, tool: Tool) -> None:
    run = live.world.stage.look(live.world.runs["failing"])
    runs = tool("actions_list", method="list_workflow_runs", per_page=100)["workflow_runs"]
    assert run.id in [one["id"] for one in runs]
    told = tool("actions_get", method="get_workflow_run", resource_id=str(run.id))
    assert (told["run_number"], told_words(told)) == (run.number, words_of("waiting")), "a job of it waits"
    jobs = tool("actions_list", method="list_workflow_jobs", resource_id=str(run.id), per_page=100)["jobs"]
    assert told_jobs(jobs["jobs"]) == jobs_of(run)
    flows = tool("actions_list", method="list_workflows", per_page=100)["workflows"]
    assert ".forgejo/workflows/failing.yml" in [flow["path"] for flow in flows]
    only = tool("actions_list", method="list_workflow_runs", resource_id="failing.yml")["workflow_runs"]
    assert [one["id"] for one in only] == [run.id]


@clause("X46")
@by_id
def test_logs(live: Live, tool: Tool) -> None:
    job = live.world.runs["twice"].jobs["build"]
    told = tool("get_job_logs", job_id=job.id, return_content=True)
    assert told["logs_content"].splitlines() == log_of(job).decode().splitlines()
    last = tool("get_job_logs", run_id=live.world.runs["needs"].id, failed_only=True, return_content=True, tail_lines=2)
    (log,) = last["logs"]
    failed = live.world.runs["needs"].jobs["first"]
    assert (log["job_id"], log["logs_content"].splitlines()) == (failed.id, log_of(failed).decode().splitlines()[-2:])


@clause("X44")
@by_id
def test_an_artifacts_address_needs_no_token(live: Live, art: Artifacts, tool: Tool) -> None:
    number = art.id("first", "one")
    told = tool("actions_get", art.repo.full, method="download_workflow_run_artifact", resource_id=str(number))
    holds(live.faced().session.get(told["download_url"]).content, art.made["first", "one"])


@by_id
def test_a_run_is_run_again_and_cancelled(art: Artifacts, tool: Tool) -> None:
    job = art.running("again by an agent")
    art.stage.finish(job, "failure")
    assert (
        tool("actions_run_trigger", art.repo.full, method="rerun_failed_jobs", run_id=job.run.id)["status_code"] == 201
    )
    assert art.stage.look(job.run).jobs["build"].status == "waiting"
    assert (
        tool("actions_run_trigger", art.repo.full, method="cancel_workflow_run", run_id=job.run.id)["status_code"]
        == 202
    )
    assert art.stage.look(job.run).status == "cancelled"


@clause("V2")
@by_id
def test_what_is_not_possible_is_told(live: Live, tool: Tool) -> None:
    with pytest.raises(Failed, match="failed to delete workflow run logs: .*: 404 Not Found"):
        tool("actions_run_trigger", method="delete_workflow_run_logs", run_id=live.world.runs["failing"].id)


@clause("V7")
@pytest.mark.lacks("run-jobs")
def test_a_server_without_run_ids(tool: Tool) -> None:
    with pytest.raises(Failed, match=": 501 this server's API knows no run ids"):
        tool("actions_get", method="get_workflow_run", resource_id="1")
