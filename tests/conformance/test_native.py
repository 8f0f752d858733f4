"""Clauses P6, S37 and D: what a server that has the operations itself owes, whoever asks.

Rules: nothing stands in front of the server, so a verdict is the server's own; `GET …/actions/runs`, which every
version from 12 has, is what each operation is held against.
"""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from click.testing import CliRunner
from forgejo_shim.cli import main
from seeded import Job, Run
from targets import Live, log_path

clause = pytest.mark.clause
native = pytest.mark.feature("native")
job_details = pytest.mark.feature("job-details")

NOBODYS = 999_999_999  # the id of no artifact and of no run
CALLERS = ("owner", "read", "reader", "member", "outsider", "no-scope", "0" * 40, None)
PLACES = {"private": "failing", "public": "public", "of an organisation": "of-org", "switched off": "switched-off"}


def operations(live: Live, run: Run) -> list[str]:
    """The paths below the repository of every operation that the target claims, for a job of this run."""
    job = next(iter(run.jobs.values()))
    paths = [f"runs/{run.id}/jobs", f"runs/{run.id}/logs", f"jobs/{job.id}/logs", f"jobs/{job.id}/logs?attempt=1"]
    paths += [f"jobs/{job.id}"] if "job-details" in live.target.features else []
    return paths + (["artifacts", f"runs/{run.id}/artifacts"] if "artifacts" in live.target.features else [])


def of_nothing(live: Live) -> list[tuple[str, str]]:
    """Method and path of operations on what is not there, so that a yes changes nothing: those that write come last."""
    found = [("GET", f"artifacts/{NOBODYS}"), ("GET", f"artifacts/{NOBODYS}/zip"), ("DELETE", f"artifacts/{NOBODYS}")]
    found = found if "artifacts" in live.target.features else []
    return found + ([("POST", f"runs/{NOBODYS}/cancel")] if "cancel" in live.target.features else [])


@native
@clause("P6", "D3")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: "wrong" if caller == "0" * 40 else str(caller))
def test_each_operation_is_as_open_as_the_list_of_runs(live: Live, caller: str | None, place: str) -> None:
    run = live.world.runs[PLACES[place]]
    root = f"/repos/{run.repo.full}/actions"
    runs = live.get(f"{root}/runs?limit=1&page=1", caller)
    for path in operations(live, run):
        answer = live.get(f"{root}/{path}", caller)
        assert answer.status_code == runs.status_code, (path, answer.text)
        if runs.status_code != 200:
            assert answer.json() == runs.json(), path


@native
@clause("P6", "P7")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: "wrong" if caller == "0" * 40 else str(caller))
def test_who_may_not_is_told_so_whatever_the_id(live: Live, caller: str | None, place: str) -> None:
    """To read is as open as the list of runs; to delete or cancel, as to start a workflow."""
    root = f"/repos/{live.world.runs[PLACES[place]].repo.full}/actions"
    runs = live.get(f"{root}/runs?limit=1&page=1", caller)
    start = live.ask("POST", f"{root}/workflows/none.yml/dispatches", caller, json={"ref": ""})
    for method, path in of_nothing(live):
        answer = live.ask(method, f"{root}/{path}", caller)
        asked = runs if method == "GET" else start
        if asked.status_code == 200 or asked.status_code == 400 and asked.json()["message"] == "ref is empty":
            message = answer.json()["message"]
            assert answer.status_code == 404 and message.endswith("resource does not exist"), (path, answer.text)
        else:
            assert (answer.status_code, answer.json()) == (asked.status_code, asked.json()), (method, path)


@native
@clause("P6")
def test_the_matrix_has_every_verdict(live: Live) -> None:
    seen = set()
    for key in PLACES.values():
        for caller in CALLERS:
            seen.add(live.get(f"/repos/{live.world.runs[key].repo.full}/actions/runs?limit=1", caller).status_code)
    assert seen == {200, 401, 403, 404}


@native
@clause("S37", "C7")
def test_detect_says_native(live: Live) -> None:
    environment = {"FORGEJO_URL": live.base_url, "FORGEJO_TOKEN": live.world.tokens["read"]}
    told = CliRunner(env=environment).invoke(main, ["detect", live.world.repos["priv"].full, "--json"])
    assert told.exit_code == 0, told.output
    operations = json.loads(told.stdout)["operations"]
    assert [(offer["capability"], offer["backend"]) for offer in operations][:3] == [("present", "native")] * 3
    assert {offer["backend"] for offer in operations if offer["capability"] == "present"} == {"native"}


def details(live: Live, job: Job) -> dict:  # type: ignore[type-arg]
    response = live.get(f"/repos/{job.run.repo.full}/actions/jobs/{job.id}")
    assert response.status_code == 200, response.text
    return response.json()


@job_details
@pytest.mark.needs("repoGetActionJob")
@clause("D1")
def test_every_job_in_full(live: Live) -> None:
    for run in live.world.runs.values():
        if run.key in ("switched-off", "of-org"):
            continue
        listed = {job["id"]: job for job in live.run(run, "jobs").json()} if "native" in live.target.features else {}
        for job in run.jobs.values():
            told = details(live, job)
            assert {name: told.get(name) for name in listed[job.id]} == listed[job.id]
            assert told["run_number"] == run.number
            tasks = [(number, attempt.task.id) for number, attempt in sorted(job.attempts.items()) if attempt.task]
            if tasks:  # not the outer job of a reusable workflow, whose task no runner has seen
                assert [(attempt["number"], attempt["task_id"]) for attempt in told["attempts"]] == tasks


@job_details
@pytest.mark.needs("repoGetActionJob")
@clause("D1", "D2")
def test_the_steps_of_a_finished_attempt_cover_its_log(live: Live) -> None:
    job = live.world.job("twice", "build")
    told = details(live, job)
    assert [attempt["number"] for attempt in told["attempts"]] == [1, 2]
    assert [attempt["status"] for attempt in told["attempts"]] == ["failure", "success"]
    assert told["attempts"][-1]["status"] == told["status"]
    for attempt in told["attempts"]:
        log = live.log(job, attempt["number"]).content.splitlines()
        assert attempt["log_length"] == len(log) > 0
        assert attempt["log_expired"] is False
        assert [step["number"] for step in attempt["steps"]] == list(range(len(attempt["steps"])))
        assert attempt["steps"][0]["name"] == "Set up job" and attempt["steps"][-1]["name"] == "Complete job"
        line = 0
        for step in attempt["steps"]:
            assert step["log_index"] == line or step["log_length"] == 0
            line += step["log_length"]
            assert step["status"] in ("success", "failure", "skipped", "cancelled")
        times = [whole[name] for whole in (attempt, *attempt["steps"]) for name in ("started", "stopped")]
        assert all(datetime.fromisoformat(time).tzinfo for time in times)
        assert line == len(log)


@job_details
@pytest.mark.needs("repoGetActionJob")
@clause("D1")
def test_an_expired_log_is_told(live: Live) -> None:
    assert [attempt["log_expired"] for attempt in details(live, live.world.job("expired", "old"))["attempts"]] == [True]


@job_details
@pytest.mark.needs("repoGetActionJob")
@clause("D3")
@pytest.mark.parametrize("job_id", [999_999_999, 0, -1, "nonsense"])
def test_no_such_job(live: Live, job_id: object) -> None:
    whole = live.get(f"/repos/{live.world.repos['priv'].full}/actions/jobs/{job_id}")
    log = live.get(log_path(live.world.repos["priv"], job_id))
    assert (whole.status_code, whole.json()) == (404, log.json())
    foreign = live.get(f"/repos/{live.world.repos['pub'].full}/actions/jobs/{live.world.job('failing', 'build').id}")
    assert (foreign.status_code, foreign.json()["message"]) == (404, "resource does not exist")
