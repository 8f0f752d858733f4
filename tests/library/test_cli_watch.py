"""`forgejo-shim watch`: what it says of a run that goes on, what it asks for, and how it ends.

Rules: the world goes on while the command waits: its pauses are taken over, and each is one act. Only what a process
shows – a terminal – runs as one.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from command import Place
from double import Job
from small import LOG, Small, row
from test_cli_terminals import on_terminal

clause = pytest.mark.clause
watching = import_module("forgejo_shim.cli.watch")
Acts = Callable[..., list[float]]


@pytest.fixture
def acts(monkeypatch: pytest.MonkeyPatch) -> Acts:
    """Lets the pauses of the command be acts, in their order; the pauses' lengths are told."""

    def given(*what: Callable[[], object]) -> list[float]:
        pauses: list[float] = []
        left = iter(what)

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            next(left)()

        clock = SimpleNamespace(sleep=sleep, monotonic=time.monotonic, time=time.time, strftime=lambda _: "12:00:00")
        monkeypatch.setattr(watching, "time", clock)
        return pauses

    return given


def nothing() -> None:
    """Let time pass."""


def ending(place: Place, job: Job, status: str = "success") -> Callable[[], None]:
    return lambda: place.small.model.finish(job.task, status)  # type: ignore[arg-type]


def log(place: Place, job: Job) -> None:
    place.small.model.take(job)
    assert job.task
    place.small.model.log(job.task, row("x"), more=True)


# What it says


@clause("C39")
def test_a_line_for_each_change(place: Place, acts: Acts) -> None:
    run = place.small.model.add_run(place.small.repo, ["build", "test"])
    first, second = run.jobs
    acts(lambda: log(place, first), nothing, ending(place, first), lambda: log(place, second), ending(place, second))
    result = place.run("watch", "o/r")
    said = [line.removeprefix("12:00:00 ") for line in result.stdout.splitlines()]
    assert said == [
        "build: waiting", "test: waiting", "build: running", "build: success", "test: running", "test: success",
        "run 1: success",
    ]  # fmt: skip
    assert (result.exit_code, result.stderr) == (0, "")


@clause("C39")
def test_the_steps_too(web: Place, acts: Acts) -> None:
    job = web.small.model.add_run(web.small.repo, ["build"]).jobs[0]
    log(web, job)
    step = job.task.steps[0]  # type: ignore[union-attr]
    acts(lambda: setattr(step, "status", "running"), lambda: setattr(step, "status", "success"), ending(web, job))
    said = [line.removeprefix("12:00:00 ") for line in web.run("watch", "o/r", "--steps").stdout.splitlines()]
    assert said[:2] == ["build: running", "build: 0 Set up job: running"]
    assert f"build: 1 {step.name}: running" in said and said.index(f"build: 1 {step.name}: success") > 3
    assert said[-3:] == ["build: 2 Complete job: success", "build: success", "run 1: success"]


@clause("C39", "C10")
def test_names_are_told_apart_and_made_safe(web: Place) -> None:
    run = web.small.add({"one": row("x"), "two": row("x"), "three": row("x")})
    run.jobs[1].name, run.jobs[2].name = "one", "a\x1b[31m\nb"
    said = web.run("watch", "o/r").stdout
    assert f"one ({run.jobs[0].id}): success\n" in said and f"one ({run.jobs[1].id}): success\n" in said
    assert "a␛[31m b: success\n" in said and "\x1b" not in said


@clause("C39")
@pytest.mark.parametrize("status, code", [("success", 0), ("failure", 1), ("cancelled", 1), ("skipped", 0)])
def test_the_exit_code_is_the_result(place: Place, acts: Acts, status: str, code: int) -> None:
    acts()
    place.small.add({"build": row("x")}, status=status)
    result = place.run("watch", "o/r", 1)
    assert result.exit_code == code and result.stdout.splitlines()[-1].endswith(f"run 1: {status}")
    result = place.run("watch", "o/r", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["run"]["status"], told["jobs"][0]["status"]) == (code, status, status)


@clause("C39")
def test_a_run_that_has_failed_and_goes_on(place: Place, acts: Acts) -> None:
    run = place.small.model.add_run(place.small.repo, ["build", "test"])
    place.small.model.play(run.jobs[0], row("x"), "failure")
    acts(nothing, lambda: log(place, run.jobs[1]), ending(place, run.jobs[1]))
    result = place.run("watch", "o/r")
    assert result.exit_code == 1 and result.stdout.splitlines()[-1].endswith("run 1: failure")


# What it asks for


@clause("C39")
def test_only_what_changes_is_asked_for(place: Place, acts: Acts) -> None:
    run = place.small.model.add_run(place.small.repo, [f"job {n}" for n in range(20)])
    for job in run.jobs[1:]:
        place.small.model.play(job, LOG)
    counts: list[int] = []

    def count() -> None:
        counts.append(len(place.small.double.requests))

    def take() -> None:
        count()
        log(place, run.jobs[0])

    acts(count, count, take, count, count, ending(place, run.jobs[0]))
    assert place.run("watch", "o/r").exit_code == 0
    rounds = [later - earlier for earlier, later in zip(counts, counts[1:], strict=False)]
    assert max(rounds[:2]) <= 3, "a round asks for the run and its jobs"
    assert max(rounds[2:]) <= 3 + 12, "and for the one job at work"
    logs = [seen for seen in place.small.double.requests if seen.path.endswith("/logs")]
    assert logs and all(seen.status != 200 for seen in logs), "no log is read for it, but one byte"


@clause("C39")
def test_it_asks_later_and_later_while_nothing_changes(web: Place, acts: Acts) -> None:
    run = web.small.model.add_run(web.small.repo, ["build"])
    pauses = acts(*[nothing] * 14, lambda: log(web, run.jobs[0]), ending(web, run.jobs[0]))
    web.run("watch", "o/r", "--interval", 2)
    assert pauses[0] == 2 and pauses == [*sorted(pauses[:-1]), 2] and max(pauses) == 10


@clause("C39")
def test_without_a_web_account_where_the_jobs_are_native(acts: Acts, tmp_path: Any) -> None:
    with Small("16") as small:
        place = Place(small, tmp_path)
        no_web = {"FORGEJO_SHIM_WEB_USER": None, "FORGEJO_SHIM_WEB_PASSWORD": None}
        job = small.model.add_run(small.repo, ["build"]).jobs[0]
        log(place, job)
        acts(nothing, ending(place, job))
        assert place.run("watch", "o/r", **no_web).exit_code == 0
        log(place, small.model.add_run(small.repo, ["build"]).jobs[0])
        acts(nothing, nothing)
        assert place.failure("watch", "o/r", "--steps", **no_web)[0] == 4


# How it ends


@clause("C39")
def test_a_server_that_starts_again(place: Place, acts: Acts) -> None:
    job = place.small.model.add_run(place.small.repo, ["build"]).jobs[0]
    log(place, job)
    double = place.small.double
    acts(nothing, double.kill, nothing, double.revive, ending(place, job))
    result = place.run("watch", "o/r", "--timeout", 5)
    said = [line.removeprefix("12:00:00 ") for line in result.stdout.splitlines()]
    assert (result.exit_code, said) == (0, ["build: running", "build: success", "run 1: success"])
    assert result.stderr.count("\n") == 1 and "; it is asked again" in result.stderr


@clause("C39")
def test_a_server_that_stays_away(web: Place, acts: Acts, monkeypatch: pytest.MonkeyPatch) -> None:
    web.small.model.add_run(web.small.repo, ["build"])
    double = web.small.double
    acts(double.kill, nothing, lambda: monkeypatch.setattr(watching, "PATIENCE", 0))
    result = web.run("watch", "o/r")
    double.revive()
    assert result.exit_code == 8 and result.stderr.splitlines()[-1].startswith("forgejo-shim: ")
    assert web.failure("watch", "o/r", FORGEJO_URL="http://127.0.0.1:1")[0] == 8


@clause("C39")
def test_what_cannot_be_watched(place: Place) -> None:
    place.small.add()
    for words, code in ((["o/r", 9], 5), (["o/unknown"], 5), (["o/r", "x"], 2), (["o/r", "--interval", 0], 2),
                        (["o/r", 1, "--status", "failure"], 2), (["o/r", "--status", "running"], 3)):  # fmt: skip
        assert place.failure("watch", *words)[0] == code


@clause("C39")
def test_a_run_without_jobs(acts: Acts, tmp_path: Any) -> None:
    with Small("16") as small:
        run = small.model.add_run(small.repo, [])
        place = Place(small, tmp_path)
        acts(nothing, lambda: setattr(run, "status", "failure"))
        assert place.run("watch", "o/r").exit_code == 1


# On a terminal


@clause("C39")
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_table_where_lines_can_be_written_over(web: Place, term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    web.small.add({f"job {n}": row("x") for n in range(30)}, status="failure")
    web.environment |= {"COLUMNS": "80", "LINES": "24"}
    if term == "dumb":
        monkeypatch.setattr(web, "process", dumb(web.process, web))
    process, told = on_terminal(web, ["watch", "o/r"], "stdout")
    assert process.returncode == 1
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", told.decode()).replace("\r\n", "\n")
    if term == "dumb":
        assert text.count("\n") == 31 and text.endswith("run 1: failure\n") and "\x1b" not in told.decode()
    else:
        assert "✗ failure  run 1" in text and "and 10 more: 10 failure" in text
        assert len(text.rstrip("\n").rpartition("✗ failure  run 1")[2].splitlines()) == 23


def dumb(process: Callable[..., Any], place: Place) -> Callable[..., Any]:
    def started(*words: object, **more: Any) -> Any:
        place.environment["TERM"] = "dumb"
        return process(*words, **more)

    return started
