"""`forgejo-shim logs --follow`: of a job or of all jobs of a run, to their ends, whatever happens meanwhile."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from command import Place
from double import JobSpec
from forgejo_shim.cli import follow as cli_follow
from forgejo_shim.flows import follow as following
from forgejo_shim.flows import rights
from hand import wait
from small import LOG, row
from test_cli_logs import COMMANDS, SOON, line, on_terminal

clause = pytest.mark.clause


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(following, "INTERVAL", 0.05)
    yield


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as the command has said something of what it follows."""
    said, note = threading.Event(), cli_follow.note
    monkeypatch.setattr(cli_follow, "note", lambda text: (note(text), said.set()))
    return said


def reading(place: Place) -> Callable[[], object]:
    """Waits until the command reads a log."""
    return lambda: wait(lambda: bool(place.small.downloads()), "a log to be read", 30)


def later(*steps: Callable[[], object], after: Callable[[], object], every: float = 0.2) -> threading.Thread:
    """Do these things, one after the other, once something is so."""

    def do() -> None:
        after()
        for step in steps:
            threading.Event().wait(every)
            step()

    thread = threading.Thread(target=do)
    thread.start()
    return thread


@clause("C36")
@pytest.mark.parametrize("status, code", [("success", 0), ("failure", 1)])
def test_a_job_is_followed_to_its_end_and_its_result_is_the_commands(
    place: Place, soon: None, noted: threading.Event, status: str, code: int
) -> None:
    model = place.small.model
    job = model.add_run(place.small.repo, ["build"]).jobs[0]
    thread = later(lambda: model.play(job, LOG, status), after=noted.wait)
    got = place.run("logs", "o/r", job.id, "--follow")
    thread.join()
    assert (got.exit_code, got.stdout_bytes) == (code, LOG)
    ends = [f"job {job.id}: failure"] if code else []
    assert got.stderr.splitlines() == [f"job {job.id} waits for a runner", *ends]
    got = place.run("logs", "o/r", "--run", 1, "--job", "build", "-f", "--tail", 2, "--no-timestamps")
    assert got.stdout.splitlines() == ["row 11998", "row 11999"] and got.exit_code == code


@clause("C36")
def test_all_jobs_of_a_run_are_followed(place: Place, soon: None, noted: threading.Event) -> None:
    model = place.small.model
    specs = [JobSpec("build"), JobSpec("test"), JobSpec("deploy", needs=("build",))]
    run = model.add_run(place.small.repo, specs)
    logs = {name: b"".join(line(n % 60, f"{name} {n}") for n in range(500)) for name in ("build", "test", "deploy")}
    tasks: dict[str, Any] = {}

    def take(*names: str) -> None:
        for job in run.jobs:
            if job.name in names:
                tasks[job.name] = model.take(job)
                model.log(tasks[job.name], logs[job.name][:7000], more=True)

    def end(name: str, status: str = "success") -> None:
        model.log(tasks[name], logs[name][7000:])
        model.finish(tasks[name], status)

    thread = later(
        lambda: take("build", "test"), lambda: end("build"), lambda: take("deploy"),
        lambda: end("deploy"), lambda: end("test", "failure"), after=noted.wait,
    )  # fmt: skip
    got = place.run("logs", "o/r", "--follow")
    thread.join()
    assert got.exit_code == 1
    told = got.stdout.splitlines(keepends=True)
    for name, log in logs.items():
        own = [each.removeprefix(f"{name} | ") for each in told if each.startswith(f"{name} | ")]
        assert "".join(own) == log.decode()
    assert len(told) == 1500
    assert got.stderr.splitlines() == ["run 1 waits for a runner", f"job {run.jobs[1].id} (test): failure"]


@clause("C36")
def test_a_run_whose_jobs_have_no_log(place: Place, soon: None) -> None:
    run = place.small.add({"build": LOG})
    place.small.model._add_rows(run, ["deploy"])
    run.jobs[1].status = "skipped"
    got = place.run("logs", "o/r", "--follow", "--run", 1)
    assert got.exit_code == 0 and len(got.stdout.splitlines()) == 12_000
    assert got.stderr == f"job {run.jobs[1].id} (deploy) was skipped: there is nothing to read\n"


@clause("C36", "F5")
@pytest.mark.parametrize("whole", [False, True])
def test_a_token_that_is_taken_back_ends_it(
    place: Place, soon: None, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    monkeypatch.setattr(rights, "KEEP", 0.2)
    model = place.small.model
    job = model.add_run(place.small.repo, ["build"]).jobs[0]
    model.log(model.take(job), LOG, more=True)
    thread = later(lambda: model.tokens.pop(place.small.token), after=reading(place))
    got = place.run("logs", "o/r", *(["--run", 1] if whole else [job.id]), "--follow")
    thread.join()
    assert got.exit_code == 4 and got.stdout_bytes.endswith(b"\n") and LOG.startswith(got.stdout_bytes)
    assert "the server does not accept these credentials; check them (token from FORGEJO_TOKEN)" in got.stderr


@clause("C36")
def test_a_run_that_never_has_a_job(place: Place, soon: None) -> None:
    run = place.small.model.add_run(place.small.repo, ["build"])
    run.jobs.clear()
    run.status = "failure"
    got = place.run("logs", "o/r", "--follow", "--run", 1)
    if place.small.double.face.api_runs:
        assert (got.exit_code, got.stdout, got.stderr) == (1, "", "run 1: failure\n")
    else:
        assert got.exit_code == 5  # to the web UI there is no such run


@clause("C36")
def test_what_is_followed_is_chosen_and_written_as_else(place: Place, soon: None) -> None:
    place.small.add({"one": row("first \x1b[1mx") + row("second"), "two": row("third")})
    got = place.run("logs", "o/r", "-f", "--format", "ndjson", "--grep", "first|third", "--strip-ansi")
    told = sorted((json.loads(each) for each in got.stdout.splitlines()), key=lambda each: each["job_id"])
    assert [(each["job"], each["n"], each["text"]) for each in told] == [("one", 1, "first x"), ("two", 1, "third")]
    got = place.run("logs", "o/r", "-f", "--format", "prefixed", "--no-timestamps", "--tail", 1)
    assert sorted(got.stdout.splitlines()) == ["one\t\tsecond", "two\t\tthird"]


@clause("C36")
def test_a_run_is_followed_through_a_restart(either: Any, tmp_path: Any, soon: None) -> None:
    place, model = Place(either, tmp_path), either.model
    run = model.add_run(either.repo, ["one", "two"])
    tasks = [model.take(job) for job in run.jobs]
    texts = [b"".join(line(n % 60, f"{job.name} {n}") for n in range(300)) for job in run.jobs]
    for task in tasks:
        model.log(task, b"", more=True)

    def write(part: slice) -> None:
        for task, text in zip(tasks, texts, strict=True):
            model.log(task, text[part], more=part.stop is not None)

    def end() -> None:
        write(slice(9000, None))
        for task in tasks:
            model.finish(task)

    double = either.double
    thread = later(
        lambda: write(slice(0, 5000)), double.kill, lambda: write(slice(5000, 9000)), lambda: None, double.revive, end,
        after=reading(place),
    )  # fmt: skip
    got = place.run("logs", "o/r", "--follow")
    thread.join()
    assert got.exit_code == 0, got.stderr
    for job, text in zip(run.jobs, texts, strict=True):
        own = [each for each in got.stdout.splitlines(keepends=True) if each.startswith(f"{job.name} | ")]
        assert "".join(own).replace(f"{job.name} | ", "") == text.decode()


@clause("C36")
def test_a_rerun_ends_it_with_a_sentence(place: Place, soon: None) -> None:
    model = place.small.model
    job = model.add_run(place.small.repo, ["build"]).jobs[0]
    task = model.take(job)
    model.log(task, LOG[:50_000], more=True)

    def rerun() -> None:
        model.log(task, LOG[50_000:])
        model.finish(task)
        place.small.again(job, row("other"))

    thread = later(rerun, after=reading(place))
    got = place.run("logs", "o/r", job.id, "--follow")
    thread.join()
    assert b"other" not in got.stdout_bytes and LOG.startswith(got.stdout_bytes)
    if place.small.double.face.major in (14, 15):  # which tell how the attempt ended
        assert (got.exit_code, got.stdout_bytes) == (0, LOG)
    else:
        assert got.exit_code == 1 and f"job {job.id} was run again while its log was read" in got.stderr


def two_that_run(place: Place) -> None:
    """A run of two jobs whose logs grow."""
    model = place.small.model
    for job in model.add_run(place.small.repo, ["one", "two"]).jobs:
        model.log(model.take(job), LOG, more=True)


@clause("C36")
def test_ctrl_c_ends_it_without_a_word(web: Place) -> None:
    two_that_run(web)
    process = web.process("logs", "o/r", "--follow", stdout=subprocess.PIPE, stderr=subprocess.PIPE, program=SOON)
    assert process.stdout
    for _ in range(24_000):
        process.stdout.readline()
    process.send_signal(2)
    assert (process.communicate(timeout=60), process.returncode) == ((b"", b"\n"), 130), (
        "but for the line that ^C stands in"
    )


@clause("C36")
def test_ctrl_c_ends_it_where_nobody_reads(web: Place) -> None:
    """The threads wait to write then."""
    two_that_run(web)
    process = web.process("logs", "o/r", "--follow", stdout=subprocess.PIPE, stderr=subprocess.PIPE, program=SOON)
    assert process.stdout and process.stderr
    process.stdout.read(1000)
    process.send_signal(2)
    assert process.wait(20) == 130
    assert process.stderr.read() == b"\n"
    process.stdout.close()
    process.stderr.close()


@clause("C36")
def test_more_jobs_than_are_followed_at_once(web: Place, soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_follow, "AT_ONCE", 2)
    run = web.small.add({name: row(name) for name in "abcde"})
    got = web.run("logs", "o/r", "--follow", "--no-timestamps")
    assert got.exit_code == 0 and sorted(got.stdout.splitlines()) == [f"{job.name} | {job.name}" for job in run.jobs]


@clause("C36")
def test_a_reader_that_goes_away_ends_it(web: Place) -> None:
    two_that_run(web)
    ended = web.shell('"$@" | head -n 3; echo "${PIPESTATUS}"', "logs", "o/r", "--follow")
    assert len(ended.stdout.splitlines()) == 4 and ended.stderr == b""


@clause("C36")
def test_a_log_that_is_followed_is_shown_on_a_terminal_as_it_comes(web: Place) -> None:
    model = web.small.model
    task = model.take(model.add_run(web.small.repo, ["build"]).jobs[0])
    model.log(task, COMMANDS, more=True)

    def end() -> None:
        model.log(task, line(9, "end"))
        model.finish(task)

    thread = later(end, after=reading(web), every=0.5)
    shown = on_terminal(web, ["logs", "o/r", "--follow"])
    thread.join()
    assert re.search("\x1b\\[31merror: no ; .*\n03:04:09 end\n", shown, re.DOTALL)
