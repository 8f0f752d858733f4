"""The verbs `runs`, `jobs`, `attempts` and `open`: what each prints for people, for programs and as JSON."""

from __future__ import annotations

import json
import re
import webbrowser
from importlib import import_module
from typing import Any

import pytest
from command import Place
from double.objects import moment
from forgejo_shim.cli.runs import OF_ROWS
from small import LOG, row
from test_cli_terminals import on_terminal

clause = pytest.mark.clause


def rows(place: Place, *words: object) -> list[list[str]]:
    """What a verb prints in a pipe."""
    result = place.run(*words)
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    return [line.split("\t") for line in result.stdout.splitlines()]


def fields(place: Place, *words: object) -> Any:
    return json.loads(place.run(*words).stdout)


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the verbs take stdout for a terminal."""
    for name in ("runs", "jobs", "attempts", "open_page"):
        monkeypatch.setattr(import_module(f"forgejo_shim.cli.{name}"), "is_for_people", lambda: True)


def shown(place: Place, *words: object) -> list[str]:
    """What a verb prints on a terminal of 200 columns without colours."""
    return place.run(*words, COLUMNS="200", NO_COLOR="1").stdout.splitlines()


# runs


@clause("C37")
def test_runs_in_a_pipe(place: Place) -> None:
    run = place.small.add({"build": row("x")}, title="first", event="workflow_dispatch", status="failure")
    made, took = moment(run.created), str(run.stopped - run.started)
    if place.small.double.face.api_runs:
        all_of_it = ["1", "failure", "workflow_dispatch", "ci.yml", "first", "main", run.sha, "o", made, took]
    else:
        all_of_it = ["1", "failure", "", "", "first", "", "", "", "", ""]
    assert rows(place, "runs", "o/r") == [all_of_it]
    assert len(all_of_it) == len(OF_ROWS)


@clause("C37")
@pytest.mark.usefixtures("people")
def test_runs_on_a_terminal(place: Place) -> None:
    place.small.add({"build": row("x")}, title="first", status="failure")
    headings, line = shown(place, "runs", "o/r")
    assert line.startswith("✗ failure") and "first" in line
    named = ["status", "run", "title", "workflow", "branch", "event", "age", "took", "actor"]
    assert headings.split() == (named if place.small.double.face.api_runs else named[:3])
    assert shown(place, "runs", "o/r", "--status", "running") == ["status  run  title"]
    assert place.run("runs", "o/r", "--status", "running").stderr == "no run fits\n"


@clause("C37", "C28")
def test_runs_that_fit(place: Place) -> None:
    first = place.small.add({"build": row("x")}, workflow="rare.yml", status="failure")
    place.small.add({"build": row("x")}, ref="refs/heads/dev")
    for words, wanted in (
        (["--status", "failure"], [["1"]]),
        (["--workflow", "rare.yml", "--limit", 1], [["1"]]),
        (["--status", "running"], []),
    ):
        assert [line[:1] for line in rows(place, "runs", "o/r", *words)] == wanted
    for words, wanted in ((["--branch", "dev"], [["2"]]), (["--commit", first.sha, "--event", "push"], [["2"], ["1"]])):
        if place.small.double.face.api_runs:
            assert [line[:1] for line in rows(place, "runs", "o/r", *words)] == wanted
        else:
            assert place.failure("runs", "o/r", *words)[0] == 1
    for words in (["--status", "green"], ["--commit", "abcdef"], ["--limit", 0]):
        assert place.failure("runs", "o/r", *words)[0] == 2


@clause("C37")
@pytest.mark.parametrize("given", [{}, {"NO_COLOR": "1"}, {"NO_COLOR": ""}, {"PYTHONIOENCODING": "ascii"}])
def test_colour_and_weight_on_a_terminal(web: Place, given: dict[str, str]) -> None:
    web.small.add({"build": row("x")}, title="漢" * 100, status="failure")
    web.environment |= {"COLUMNS": "60", **given}
    process, told = on_terminal(web, ["runs", "o/r"], "stdout")
    text = re.sub("\x1b\\[[0-9;]*m", "", told.decode()).splitlines()
    assert process.returncode == 0 and len(text) == 2 and all(len(line) <= 60 for line in text)
    is_ascii = "PYTHONIOENCODING" in given
    assert text[1].startswith("x failure" if is_ascii else "✗ failure") and ("..." if is_ascii else "…") in text[1]
    assert (b"\x1b" in told) == (given.get("NO_COLOR") != "1")


# --json FIELD,…


@clause("C38")
def test_only_the_fields_that_are_named(web: Place) -> None:
    web.small.add({"build": row("x")}, title="first")
    short = [{"number": 1, "title": "first"}]
    for words in (
        ["runs", "o/r", "--json", "number,title"],
        ["runs", "--json", "number,title", "o/r"],
        ["runs", "--json=number,title", "o/r"],
        ["--json", "runs", "--json=number,title", "o/r"],
        ["runs", "--json", "number,title", "--", "o/r"],
    ):
        assert fields(web, *words) == short, words
    assert list(fields(web, "runs", "o/r", "--json", "title,number")[0]) == ["title", "number"]
    for words in (["--json", "runs", "o/r"], ["runs", "--json", "o/r"], ["runs", "o/r", "--json"]):
        assert len(fields(web, *words)[0]) == 14
    assert fields(web, "jobs", "--json", "o/r", 1)[0]["name"] == "build"
    assert fields(web, "jobs", "--json", "name", "o/r", 1) == [{"name": "build"}]


@clause("C38")
def test_what_is_no_field(web: Place) -> None:
    for words in (
        ["--json=bogus", "o/r"],
        ["--json", "number,bogus", "o/r"],
        ["--json=", "o/r"],
        ["o/r", "--json=a,b"],
    ):
        result = web.run("runs", *words)
        error = json.loads(result.stderr)["error"]
        assert (result.exit_code, error["cause"]) == (2, "usage")
        assert "is no field of --json; there are number, id, title" in error["message"]
    assert web.run("detect", "--json=number").exit_code == 2
    assert not web.small.double.requests


# jobs


@clause("C40")
def test_jobs_with_their_steps(place: Place) -> None:
    run = place.small.add({"one": row("x")})
    place.small.model._add_rows(run, ["waits"])
    job = run.jobs[0]
    took = str(job.stopped - job.started)
    attempt = rows(place, "jobs", "o/r")[0][3]
    found = rows(place, "jobs", "o/r", "--steps")
    assert found[0] == [str(job.id), "0", "success", attempt, "one", "", took]
    assert [line[0] for line in found] == [str(job.id)] * (len(found) - 1) + [str(run.jobs[1].id)]
    steps = found[1:-1]
    assert [line[5] for line in steps] == [str(n) for n in range(len(steps))] and len(steps) == 3
    assert (steps[0][4], steps[-1][4]) == ("Set up job", "Complete job")
    assert found[-1][2] == "waiting" and found[-1][5] == ""
    told = fields(place, "--json", "jobs", "o/r", "--steps")
    assert [step["name"] for step in told[0]["steps"]] == [line[4] for line in steps] and told[1]["steps"] == []
    assert set(told[0]["steps"][0]) == {"number", "name", "status", "started", "stopped", "duration"}
    assert fields(place, "jobs", "o/r", "--json", "steps,duration")[0] == {
        "steps": told[0]["steps"], "duration": told[0]["duration"],
    }  # fmt: skip
    assert "steps" not in fields(place, "--json", "jobs", "o/r")[0]


@clause("C40")
@pytest.mark.usefixtures("people")
def test_steps_on_a_terminal(place: Place) -> None:
    run = place.small.add({"one": row("x")})
    place.small.model._add_rows(run, ["waits"])
    lines = shown(place, "jobs", "o/r", "--steps")
    assert lines[0].split()[:2] == ["status", "job"] and lines[1].endswith("  one")
    assert lines[2].endswith("    0  Set up job") and lines[-1].endswith("  waits")


@clause("C40")
def test_jobs_of_the_latest_run_that_fits(place: Place) -> None:
    place.small.add({"one": row("x")}, workflow="rare.yml")
    place.small.add({"two": row("x")})
    assert rows(place, "jobs", "o/r", "--workflow", "rare.yml")[0][4] == "one"
    assert place.failure("jobs", "o/r", "--status", "running")[0] == 3
    assert place.failure("jobs", "o/r", "1", "--status", "success")[0] == 2


# attempts


@clause("C41")
def test_the_attempts_of_a_job(place: Place) -> None:
    job = place.small.add({"one": row("x")}).jobs[0]
    place.small.again(job, row("a") + row("b"))
    assert job.task
    started, took = moment(job.task.started), str(job.task.stopped - job.task.started)
    page = f"{place.small.url}/o/r/actions/runs/1/jobs/0"
    current = ["2", "success", started, took, "there", "2"]
    for words in (["o/r", job.id], ["o/r", "--run", "latest", "--job", "one"], [page], ["o/r", "--run", page]):
        found = rows(place, "attempts", *words)
        if place.small.double.face.attempt_in_view:
            assert [line[0] for line in found] == ["1", "2"] and found[1] == current
            assert found[0][4:] == ["there", "1"]
        else:
            assert found == [["", *current[1:]]]
    assert [one["log"] for one in fields(place, "attempts", "o/r", job.id, "--json", "log,number")][-1] == "there"
    place.small.model.expire(job.task)
    assert rows(place, "attempts", "o/r", job.id)[-1][4:] == ["expired", ""]


@clause("C41")
@pytest.mark.usefixtures("people")
def test_attempts_on_a_terminal(place: Place) -> None:
    job = place.small.add({"one": row("x")}).jobs[0]
    headings, line = shown(place, "attempts", "o/r", job.id)
    number = ["1"] if place.small.double.face.attempt_in_view else []
    assert line.split()[:3] == ["✓", "success", *(number or [moment(job.started)])] and line.endswith("there      1")
    assert headings.split()[0] == "status"


@clause("C41")
def test_attempts_without_a_log(place: Place) -> None:
    waiting = place.small.model.add_run(place.small.repo, ["waits"]).jobs[0]
    if place.small.double.face.attempt_in_view:
        assert rows(place, "attempts", "o/r", waiting.id) == []
    silent = place.small.model.add_run(place.small.repo, ["silent"]).jobs[0]
    place.small.model.take(silent)
    assert rows(place, "attempts", "o/r", silent.id)[0][4] == "none"
    again = place.small.add().jobs[0]
    place.small.model.rerun(again)
    if place.small.double.face.major == 16:  # lists the attempt that is over, but not its log
        assert [line[4:] for line in rows(place, "attempts", "o/r", again.id)] == [["", ""]]
    else:
        code, sentence = place.failure("attempts", "o/r", again.id)
        assert code == 1 and "while its rerun waits" in sentence
    for words in (["o/r", 1, "--run", 1], ["o/r", 1, "--job", "x"], ["o/r", "x"]):
        assert place.failure("attempts", *words)[0] == 2
    assert place.failure("attempts", "o/r", 999)[0] == 5
    assert place.failure("attempts", "o/r", "--run", 1, "--job", "none")[0] == 5


# open


@clause("C42")
def test_a_page_is_opened_only_on_a_terminal(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.small.add({"one": LOG})
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    url = f"{place.small.url}/o/r/actions/runs/1"
    for words in (["o/r"], ["o/r", 1], ["o/r", "latest", "--print"], [url], ["o/r", "--workflow", "ci.yml"]):
        assert rows(place, "open", *words) == [[url]]
    assert rows(place, "open", f"{url}/jobs/0/attempt/1") == [[f"{url}/jobs/0"]]
    assert fields(place, "open", "o/r", "--json") == {"url": url}
    assert place.failure("open", "o/r", 2)[0] == 5
    assert opened == []


@clause("C42")
@pytest.mark.usefixtures("people")
def test_a_browser_gets_a_page_of_the_server_or_the_address_is_printed(
    web: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.small.add({"one": LOG})
    url, opened = f"{web.small.url}/o/r/actions/runs/1", []

    def browser(address: str) -> bool:
        opened.append(address)
        return len(opened) == 1

    monkeypatch.setattr(webbrowser, "open", browser)
    assert rows(web, "open", "o/r") == [] and rows(web, "open", "o/r") == [[url]]
    assert opened == [url, url]
