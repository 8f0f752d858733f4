"""Clauses Y on live servers: why a run is red is the same on every version, to the same callers.

Rules: the oracle is what the scripted runner sent. Where a report cannot be the same, the case says by which version.
"""

from __future__ import annotations

from typing import Any

import pytest
import requests
from forgejo_shim.faces.forgejo_proxy import ROOT as FACE
from runner import Row
from seeded import Cause, Job, Run
from targets import Live
from test_command_lists import Desk, desk
from world import ONE

__all__ = ["desk"]  # a fixture
clause = pytest.mark.clause
pytestmark = pytest.mark.feature("additions")
SECOND = 10_000_000  # ticks of a row's time
MISSING = {
    Cause.NOT_EXECUTED: "before a runner took it",
    Cause.NO_LOG: "no log",
    Cause.EXPIRED: "logs have expired",
}


def why(live: Live, run: Run, token: str | None = "read", query: str = "", **headers: str) -> requests.Response:
    """The report of a run, by its number."""
    path = f"{FACE}/api/v1/repos/{run.repo.full}/actions/runs/{run.number}/why?{query}"
    return live.session(token).get(live.base_url + path, headers=headers)


def failed(run: Run) -> list[Job]:
    jobs = sorted(run.jobs.values(), key=lambda job: job.id)
    return [job for status in ("failure", "cancelled") for job in jobs if job.status == status]


def red(live: Live, key: str, rows: list[list[str]], seconds: int = 2) -> tuple[Run, Job]:
    """A run whose job has these rows: of its set-up, of each step, and of its end. The second step failed."""
    stage, repo = live.world.stage, live.world.repos["priv"]
    run = stage.start(key, repo, ONE, "last.yml")
    job = stage.take(run, "build")
    began = [0, *(1 + seconds * n for n in range(len(rows) - 1))]
    told = [
        Row(text, at * SECOND + n * seconds * SECOND // len(texts))
        for at, texts in zip(began, rows, strict=True)
        for n, text in enumerate(texts)
    ]
    stage.say(job, told, more=False)
    task = job.latest.task
    assert task
    results = ("success", "failure", "success")
    task.finish("failure", steps=[(len(texts), end, seconds) for texts, end in zip(rows[1:-1], results, strict=False)])
    return stage.settle(run), job


def normal(job: dict[str, Any]) -> dict[str, Any]:
    """A job of a report without what is another one on each server: ids, and the moment when a runner took it."""
    step = {key: value for key, value in job["step"].items() if key != "log_index"}
    kept = {key: value for key, value in job.items() if key not in ("id", "url", "attempt", "started")}
    return {**kept, "step": step}


@clause("Y1", "Y2", "Y5")
def test_every_red_run(live: Live) -> None:
    for run in [run for key, run in live.world.runs.items() if key not in ("switched-off", "of-org")]:
        answer = why(live, live.world.stage.look(run), query="max_bytes=1048576")
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["run"]["number"] == run.number
        assert [(job["id"], job["index"]) for job in told["jobs"]] == [(job.id, job.index) for job in failed(run)]
        for shown, job in zip(told["jobs"], failed(run), strict=True):
            expected = job.expected()
            assert shown.get("attempt", job.current) == (job.current or shown.get("attempt"))
            if isinstance(expected, bytes):
                assert (shown["log_size"], shown.get("missing")) == (len(expected), None)
            else:
                assert MISSING[expected] in shown["missing"] and "log_size" not in shown


@clause("Y2", "Y3", "Y4")
def test_the_same_report_everywhere(live: Live) -> None:
    noise = ["::error::noise", "error: noise"]
    run, job = red(live, "why", [["set up"], noise, ["one", "::error file=a.py,line=3::boom", "two"], noise])
    told = why(live, run).json()
    assert (told["run"]["status"], told["by_status"], told["left_out"]) == ("failure", {"failure": 1}, [])
    assert told["run"]["repo"] == run.repo.full and told["run"]["url"].endswith(f"/actions/runs/{run.number}")
    assert told["run"]["branch"] and told["run"]["commit"]
    expected = job.expected()
    assert isinstance(expected, bytes)
    [shown] = told["jobs"]
    assert shown["id"] == job.id and shown["url"] == f"{told['run']['url']}/jobs/0"
    finding = {"owner": "error", "message": "boom", "severity": "error", "file": "a.py", "line": 3, "at": 2}
    [found] = normal(shown).pop("findings")
    assert {**finding, "owner": found["owner"], "lines": found["lines"]} == found
    assert normal({**shown, "findings": []}) == {
        "index": 0,
        "name": "build",
        "status": "failure",
        "stopped": "2026-01-02T03:04:14Z",
        "step": {
            "number": 2,
            "name": "echo two",
            "status": "failure",
            "started": "2026-01-02T03:04:08Z",
            "stopped": "2026-01-02T03:04:10Z",
            "log_length": 3,
        },
        "findings": [],
        "last": ["one", "::error file=a.py,line=3::boom", "two"],
        "log_size": len(expected),
        "read": sum(len(row.stored) for row in job.latest.rows[3:6]),
    }
    assert why(live, run).json()["jobs"] == told["jobs"]


@clause("Y3", "Y4")
def test_a_long_log(live: Live) -> None:
    """3 MB: the step's end and its beginning, between which most is left out, and nothing of the steps around it."""
    rows = [f"row {n} ".ljust(120, ".") for n in range(20_000)]
    rows[3], rows[-3] = "::error::first", "::error::last"
    run, job = red(live, "why-long", [["set up"], ["::error::before"], rows, ["::error::behind"]], seconds=200)
    [shown] = why(live, run, query="lines=5").json()["jobs"]
    assert [one["message"] for one in shown["findings"]] in (["first", "last"], ["last", "first"])
    assert shown["last"] == rows[-5:] and shown["step"]["number"] == 2
    assert shown["log_size"] == sum(len(row.stored) for row in job.latest.rows)
    assert 1_200_000 < shown["read"] < 1_400_000


@clause("Y7")
def test_as_markdown(live: Live) -> None:
    answer = why(live, live.world.runs["failing"], Accept="text/markdown")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/markdown; charset=utf-8")
    assert answer.text.startswith("# ")


@clause("Y6", "Y8")
def test_who_may_ask_and_for_what(live: Live) -> None:
    run = live.world.runs["failing"]
    for token, status in (("no-scope", 403), ("outsider", 404), (None, 404), ("read", 400)):
        answer = why(live, run, token, "lines=x")
        assert answer.status_code == status, (token, answer.text)
    assert answer.json()["cause"] == "out-of-range"
    if live.major >= 12:  # whose API knows run ids
        by_id = live.run(run, "why")
        assert by_id.json() == why(live, run).json()
        unknown = live.get(f"/repos/{run.repo.full}/actions/runs/999999/why")
        assert (unknown.status_code, unknown.json()["message"]) == (404, "run with id 999999: resource does not exist")


@clause("Y8")
def test_the_latest_run(live: Live) -> None:
    run, _ = red(live, "why-latest", [["set up"], ["one"], ["two"], ["end"]])
    told = live.get(f"/repos/{run.repo.full}/actions/runs/latest/why").json()
    assert told["run"]["number"] == run.number and told["jobs"][0]["last"] == ["two"]


@clause("Y10")
def test_the_command_says_the_same_everywhere(live: Live, desk: Desk) -> None:
    rows = [["set up"], ["::error::noise"], ["one", "::error file=a.py,line=3::boom", "two"], ["::error::noise"]]
    run, job = red(live, "why-command", rows)
    told = desk.run("why", desk.repo, run.number)
    assert (told.exit_code, told.stderr) == (0, ""), told.output
    head, _, shown = told.stdout.partition("\nbuild failure in step 2, echo two")
    assert head.startswith(f"{desk.repo} #{run.number} ") and head.endswith("\njobs: 1 failure\n")
    assert [line for line in shown.splitlines()[1:] if "boom [" not in line] == [
        f"{live.base_url}/{desk.repo}/actions/runs/{run.number}/jobs/0",
        "  last lines:",
        "    one",
        "    ::error file=a.py,line=3::boom",
        "    two",
        "",
        f"more: forgejo-shim logs {desk.repo} {job.id} --step 2",
    ]
    assert desk.run("why", f"{live.base_url}/{desk.repo}/actions/runs/{run.number}").stdout == told.stdout
    green = live.world.stage.look(live.world.runs["long"])
    assert desk.run("why", desk.repo, green.number).exit_code == 3
