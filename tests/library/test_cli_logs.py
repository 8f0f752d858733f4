"""`forgejo-shim logs`: what is shown of a log, how, and of which job.

Rules: one run in which all that can happen has: a job that succeeded, two that failed, one that was cancelled, and one
that was skipped since it needs another. What must be shown is told by the rows that were written.
"""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from command import PROGRAM, Place
from double import Job, JobSpec, Run
from small import LOG, row

clause = pytest.mark.clause
STEPS = ("Check out", "Run tests", "Run linters", "Tidy up")


def stamp(second: int) -> str:
    return f"2026-01-02T03:04:{second:02}.0000000Z"


def line(second: int, text: str) -> bytes:
    return f"{stamp(second)} {text}\n".encode()


def without_times(text: str) -> list[str]:
    return [each.partition("Z ")[2] for each in text.splitlines()]


class Red:
    """A run that failed, and the rows of each job's steps, with those that frame them."""

    def __init__(self, place: Place) -> None:
        self.place, self.model = place, place.small.model
        names = ("build", "test (linux)", "test (mac)", "stopped")
        specs = [JobSpec(name, steps=STEPS) for name in names]
        self.run: Run = self.model.add_run(place.small.repo, specs)
        self.rows: dict[str, list[list[bytes]]] = {}
        self.play(self.run.jobs[0], ["success"] * 4, "success")
        self.play(self.run.jobs[1], ["success", "failure", "success", "success"], "failure")
        self.play(self.run.jobs[2], ["success", "failure", "failure", "skipped"], "failure")
        self.play(self.run.jobs[3], ["success", "cancelled", "cancelled", "cancelled"], "cancelled")
        self.model._add_rows(self.run, ["deploy"])
        self.run.jobs[4].status = "skipped"
        self.model._update(self.run)

    def play(self, job: Job, statuses: list[str], status: str) -> None:
        task, mark = self.model.take(job), job.name
        counts = [0 if told == "skipped" or (told == "cancelled" and n > 1) else 3 for n, told in enumerate(statuses)]
        rows = [[line(0, f"{mark} set up")]]
        for number, count in enumerate(counts):
            rows.append([line(10 * (number + 1) + n, f"{mark} {STEPS[number]} {n}") for n in range(count)])
        rows.append([line(59, f"{mark} complete")])
        self.rows[job.name] = rows
        self.model.log(task, b"".join(b"".join(step) for step in rows))
        at = 1
        for step, count, told in zip(task.steps, counts, statuses, strict=True):
            step.status, step.log_index, step.log_length = told, at, count
            step.started, step.stopped = task.started, task.started + 1
            at += count
        self.model.finish(task, status)
        for step, told in zip(task.steps, statuses, strict=True):
            step.status = told

    def text(self, name: str, *steps: int) -> str:
        """The rows of a job, or of some of its steps (0 sets up)."""
        chosen = steps or range(len(self.rows[name]))
        return b"".join(b"".join(self.rows[name][number]) for number in chosen).decode()

    def id(self, name: str) -> int:
        return next(job.id for job in self.run.jobs if job.name == name)

    def __call__(self, *words: object, job: str | None = "test (linux)", **more: Any) -> Any:
        return self.place.run("logs", "o/r", *([self.id(job)] if job else []), *words, **more)


@pytest.fixture
def red(place: Place) -> Red:
    return Red(place)


# What failed


@clause("C33")
def test_the_steps_that_failed(red: Red) -> None:
    for words in ([], ["--run", "1"], ["--run", "latest"]):
        got = red("--failed", *words, job=None)
        assert got.exit_code == 0
        assert got.stdout == (
            red.text("test (linux)", 2) + red.text("test (mac)", 2) + red.text("test (mac)", 3) + red.text("stopped", 2)
        )
        assert got.stderr.splitlines() == [
            "== test (linux) / Run tests ==",
            "== test (mac) / Run tests ==",
            "== test (mac) / Run linters ==",
            "== stopped / Run tests ==",
        ]


@clause("C33", "Y2")
def test_the_step_that_why_names_and_none_that_may_fail(place: Place) -> None:
    red = Red(place)
    red.run.jobs[1:] = []
    task = red.run.jobs[0].task
    assert task
    red.run.jobs[0].status = task.status = red.run.status = "failure"
    for step, status in zip(task.steps, ["failure", "success", "failure", "skipped"], strict=True):
        step.status = status
    [job] = json.loads(place.run("why", "o/r", "--json").stdout)["jobs"]
    assert (job["step"]["number"], job["step"]["name"]) == (3, "Run linters")
    got = red("--failed", job=None)
    assert (got.stdout, got.stderr) == (red.text("build", 3), "== build / Run linters ==\n")


@clause("C33")
def test_what_failed_goes_with_what_is_wanted_of_it(red: Red) -> None:
    got = red("--failed", "--tail", 1, "--no-timestamps", job=None)
    assert got.stdout.splitlines() == [
        f"{job} {step} 2"
        for job, step in (
            ("test (linux)", "Run tests"),
            ("test (mac)", "Run tests"),
            ("test (mac)", "Run linters"),
            ("stopped", "Run tests"),
        )
    ]
    got = red("--failed", "--grep", "mac.*linters [01]", "--no-timestamps", job=None)
    assert got.stdout.splitlines() == ["test (mac) Run linters 0", "test (mac) Run linters 1"]
    assert got.stderr.count("no line of it fits") == 3
    got = red("--failed", "--head", 1, "--format", "prefixed", "--no-timestamps", job=None)
    assert got.stdout.splitlines()[0] == "test (linux)\tRun tests\ttest (linux) Run tests 0" and got.stderr == ""


@clause("C33")
def test_nothing_failed_is_said(place: Place) -> None:
    place.small.add({"one": LOG, "two": LOG})
    code, sentence = place.failure("logs", "o/r", "--failed")
    assert code == 3 and "no job of run 1 of o/r failed; it has 2 success" in sentence
    place.small.model.add_run(place.small.repo, ["waits"])
    assert "it has 1 waiting" in place.failure("logs", "o/r", "--failed")[1]


@clause("C33")
def test_a_job_whose_steps_cannot_be_told_gives_all_of_its_log(web: Place) -> None:
    red = Red(web)
    for job in ("test (linux)", "test (mac)", "stopped"):
        red("--tail", 1, job=job)  # from here on, each log's place is known, and read without a view
    web.small.double.faults.status("/actions/runs/1/jobs/2/attempt/1$", 500, "no view", method="POST")
    got = red("--failed", job=None)
    assert got.exit_code == 0, got.stderr
    assert got.stdout == red.text("test (linux)", 2) + red.text("test (mac)") + red.text("stopped", 2)
    assert got.stderr.splitlines()[1:3] == ["== test (mac) ==", got.stderr.splitlines()[2]]
    assert "its steps cannot be told, so this is all of its log: " in got.stderr.splitlines()[2]
    got = red("--failed", "--tail", 2, job=None)
    assert "".join(red.text("test (mac)").splitlines(keepends=True)[-2:]) in got.stdout


@clause("C33")
@pytest.mark.parametrize("number, name", [(0, "Set up job"), (5, "Complete job")])
def test_a_job_that_fails_beside_its_steps(place: Place, number: int, name: str) -> None:
    """Before the first one began, or after the last one ended."""
    red = Red(place)
    task = red.run.jobs[0].task
    assert task
    red.run.jobs[0].status = task.status = "failure"
    if number == 0:
        for step in task.steps:
            step.status = "skipped"
    got = red("--failed", "--head", 1, job=None)
    assert got.stderr.splitlines()[0] == f"== build / {name} =="
    assert got.stdout.startswith(red.rows["build"][number][0].decode())


@clause("C33")
def test_on_16_without_a_web_account_the_whole_log_is_shown_and_it_is_said_why(red: Red) -> None:
    """16 tells no steps by its API."""
    no_web = {"FORGEJO_SHIM_WEB_USER": None, "FORGEJO_SHIM_WEB_PASSWORD": None}
    got = red("--failed", job=None, **no_web)
    if red.place.small.double.face.major < 16:
        assert got.exit_code == 4
        return
    assert got.exit_code == 0
    assert got.stdout == red.text("test (linux)") + red.text("test (mac)") + red.text("stopped")
    assert got.stderr.count("its steps cannot be told, so this is all of its log: ") == 3


@clause("C33", "C16")
def test_failed_jobs_without_a_log(place: Place) -> None:
    run = place.small.model.add_run(place.small.repo, ["one", "two"])
    for job in run.jobs:
        job.status = "cancelled"
    got = place.run("logs", "o/r", "--failed")
    assert (got.exit_code, got.stdout) == (6, "")
    assert got.stderr.splitlines() == [
        f"job {job.id} ({job.name}) was cancelled before a runner took it: there is nothing to read" for job in run.jobs
    ]
    place.small.model._add_rows(run, ["three"])
    place.small.model.play(run.jobs[2], row("x"), "failure")
    got = place.run("logs", "o/r", "--failed")
    assert got.exit_code == 0 and got.stderr.count("nothing to read") == 2


@clause("C33")
def test_failed_jobs_of_one_name_are_told_apart(place: Place) -> None:
    run = place.small.model.add_run(place.small.repo, ["build", "build", "test"])
    for job in run.jobs:
        place.small.model.play(job, row("x"), "failure")
    got = place.run("logs", "o/r", "--failed", "--grep", "x")
    heads = [line[3:].partition(" / ")[0].removesuffix(" ==") for line in got.stderr.splitlines() if line[:3] == "== "]
    first, second, _ = run.jobs
    assert heads == [f"build ({first.id})", f"build ({second.id})", "test"]


# One step


@clause("C34")
@pytest.mark.parametrize("wanted", ["2", "Run tests", "Run t", "*tests", "?un t*"])
def test_a_step_by_its_number_or_name(red: Red, wanted: str) -> None:
    got = red("--step", wanted)
    assert (got.exit_code, got.stdout) == (0, red.text("test (linux)", 2))
    assert red("--step", wanted, "--grep", " 1$", "-C", 0).stdout == red.text("test (linux)", 2).splitlines(True)[1]
    assert red("--step", wanted, "--tail", 1).stdout == red.text("test (linux)", 2).splitlines(True)[2]


@clause("C34")
@pytest.mark.parametrize("wanted, code", [("Run", 2), ("run tests", 5), ("9", 5)])
def test_a_step_that_cannot_be_told_lists_all(red: Red, wanted: str, code: int) -> None:
    got, sentence = red.place.failure("logs", "o/r", red.id("test (mac)"), "--step", wanted)
    listed = [each.split(maxsplit=2) for each in sentence.splitlines()[1:]]
    assert got == code and ["2", "failure", "Run tests"] in listed[:2], "the failed ones first"
    assert len(listed) == (2 if wanted == "Run" else 6)
    told = json.loads(red("--json", "--step", wanted, job="test (mac)").stderr)["error"]
    assert told["choices"][0].split(maxsplit=2) == listed[0]


# Lines


@clause("C32")
def test_the_ends_of_a_log(red: Red) -> None:
    whole = red.text("test (linux)").splitlines(keepends=True)
    assert red("--head", 2).stdout == "".join(whole[:2])
    assert red("--tail", 2).stdout == "".join(whole[-2:])
    assert red("--tail", 999).stdout == "".join(whole)
    red.place.small.double.requests.clear()
    red("--tail", 2, "--grep", "set up")
    assert red("--tail", 2, "--grep", "Check").stdout == "".join(red.text("test (linux)", 1).splitlines(True)[-2:])


@clause("C32")
def test_the_server_is_asked_for_the_last_lines_only(web: Place) -> None:
    job = web.small.add().jobs[0]
    web.run("logs", "o/r", job.id)
    web.small.double.requests.clear()
    assert web.run("logs", "o/r", job.id, "--tail", 3).stdout_bytes == b"".join(LOG.splitlines(True)[-3:])
    assert [seen.status for seen in web.small.downloads()] == [206]


@clause("C32")
def test_lines_that_fit(red: Red) -> None:
    got = red("--grep", "linters 1", "--context", 1, "--no-timestamps")
    assert got.stdout.splitlines() == [f"test (linux) Run linters {n}" for n in range(3)]
    got = red("--grep", "(?i)set up|TIDY up 0", "-C", 1, "--no-timestamps")
    assert got.stdout.splitlines() == [
        "test (linux) set up", "test (linux) Check out 0", "--",
        "test (linux) Run linters 2", "test (linux) Tidy up 0", "test (linux) Tidy up 1",
    ]  # fmt: skip
    code, sentence = red.place.failure("logs", "o/r", red.id("build"), "--grep", "nowhere")
    assert code == 3 and "no line of the log" in sentence


@clause("C32")
def test_lines_since(place: Place) -> None:
    now = datetime.now(UTC)
    times = [now - timedelta(minutes=minutes) for minutes in (90, 30, 5)]
    rows = [f"{at:%Y-%m-%dT%H:%M:%S}.0000000Z {n}\n" for n, at in enumerate(times)]
    job = place.small.add({"build": "".join(rows).encode()}).jobs[0]
    for since, count in (
        ("2h", 3), ("1h", 2), ("10m", 1), ("1h30m30s", 3), ("1d", 3), ("600s", 1), ("2000-01-01", 3),
        (f"{times[1]:%Y-%m-%dT%H:%M:%SZ}", 2), ((now - timedelta(minutes=40)).astimezone().isoformat(), 2),
    ):  # fmt: skip
        assert place.run("logs", "o/r", job.id, "--since", since).stdout == "".join(rows[3 - count :]), since
    assert place.failure("logs", "o/r", job.id, "--since", "1s")[0] == 3
    for wrong in ("", "x", "10", "10m ago", "m", "9" * 99 + "s", "2026-99-01"):
        assert place.failure("logs", "o/r", job.id, "--since", wrong)[0] == 2


@clause("C32")
def test_times_and_escape_sequences(place: Place) -> None:
    coloured = line(1, "\x1b[31mred\x1b[0m plain\r") + b"no row \xff"
    job = place.small.add({"build": coloured}).jobs[0]
    words = ["logs", "o/r", job.id]
    assert place.run(*words).stdout_bytes == place.run(*words, "--timestamps").stdout_bytes == coloured
    assert place.run(*words, "--no-timestamps").stdout_bytes == b"\x1b[31mred\x1b[0m plain\r\nno row \xff"
    assert place.run(*words, "--strip-ansi").stdout_bytes == line(1, "red plain\r") + b"no row \xff"


@clause("C32")
def test_lines_as_objects(red: Red) -> None:
    for words, job in ((["--run", 1, "--job", "test (linux)"], None), ([], "test (linux)")):
        told = [json.loads(each) for each in red(*words, "--format", "ndjson", job=job).stdout.splitlines()]
        assert told[4] == {
            "run": 1,
            "job_id": red.id("test (linux)"),
            "job": "test (linux)",
            "attempt": 1 if red.place.small.double.face.major > 12 else None,
            "step": "Run tests",
            "n": 5,
            "time": stamp(20),
            "text": "test (linux) Run tests 0",
        }
        assert [each["n"] for each in told] == list(range(1, 15))
        assert [told[n]["step"] for n in (0, 13)] == ["Set up job", "Complete job"]
    last = json.loads(red("--format", "ndjson", "--tail", 1).stdout)
    assert (last["n"], last["step"]) == (14, "Complete job")
    first = json.loads(red("--format", "ndjson", "--step", "Run t", "--head", 1).stdout)
    assert (first["n"], first["step"]) == (5, "Run tests")
    second = json.loads(red("--format", "ndjson", "--step", 2, "--grep", "tests 1").stdout)
    assert (second["n"], second["step"]) == (6, "Run tests")


@clause("C32")
def test_lines_behind_their_job_and_step(red: Red) -> None:
    got = red("--format", "prefixed").stdout.splitlines()
    assert got[4] == f"test (linux)\tRun tests\t{stamp(20)} test (linux) Run tests 0"
    assert all(each.count("\t") == 2 for each in got) and len(got) == 14
    run = red.place.small.add({"a\tb\x1b[2J": LOG})
    got = red(run.jobs[0].id, "--format", "prefixed", "--head", 1, job=None)
    assert got.stdout.startswith("a b␛[2J\tSet up job\t"), got.stderr


@clause("C32")
def test_what_the_job_does_not_tell_of_itself_is_left_out(web: Place) -> None:
    """The labels are no reason not to show the log."""
    red = Red(web)
    job = red.id("build")
    web.run("logs", "o/r", job)
    web.small.double.faults.status(r"/jobs/0/attempt/1$", 500, "no view", method="POST")
    told = json.loads(web.run("logs", "o/r", job, "--format", "ndjson", "--head", 1).stdout)
    assert (told["job"], told["run"], told["step"], told["n"]) == (str(job), None, None, 1)


@clause("C32")
@pytest.mark.parametrize(
    "words, reason",
    [
        (["7", "--head", "1", "--tail", "1"], "exclude each other"),
        (["7", "--follow", "--step", "1"], "leave out --step"),
        (["7", "--follow", "--head", "1"], "leave out --head"),
        (["--follow", "--failed"], "leave out --failed"),
        (["--failed", "--step", "1"], "leave out --step"),
        (["7", "--failed"], "leave out the job"),
        (["--failed", "--run", "1", "--job", "x"], "leave out the job"),
        (["--failed", "--run", "1", "--attempt", "1"], "leave out the job and --attempt"),
        (["--follow", "--attempt", "1"], "name the job too"),
        (["7", "-C", "1"], "give both"),
        (["7", "--format", "ndjson", "--timestamps"], "always has the times"),
        (["7", "--format", "xml"], "'xml' is not one of"),
        (["7", "--grep", "("], "no regular expression"),
        (["7", "--grep", "(?a)(?L)x"], "no regular expression"),
        (["7", "--tail", "0"], "1<=x<=1000000"),
        (["7", "--output", "x", "--tail", "1"], "save logs as they are"),
        (["--run", "1", "--dir", "x", "--failed"], "save logs as they are"),
        (["7", "--output", "x", "--follow"], "save logs as they are"),
    ],
)
def test_what_does_not_go_together(web: Place, words: list[str], reason: str) -> None:
    code, sentence = web.failure("logs", "o/r", *words)
    assert code == 2 and reason in sentence
    assert not web.small.double.requests and not os.path.exists("x")


# Which job


@clause("C8")
@pytest.mark.parametrize("wanted", ["test (linux)", "test (l", "*linux*", "test (?inux)", "1"])
def test_a_job_by_what_fits_only_it(red: Red, wanted: str) -> None:
    assert red("--run", 1, "--job", wanted, job=None).stdout == red.text("test (linux)")


@clause("C8")
def test_a_job_by_its_id_in_the_run(red: Red) -> None:
    """Where no job has such an index."""
    red.model.start_ids_at("job", 100)
    run = red.place.small.add({"one": row("one"), "two": row("two")})
    assert red("--run", 2, "--job", 101, job=None).stdout_bytes == row("two")
    assert [job.id for job in run.jobs] == [100, 101]


@clause("C8")
def test_several_that_fit_are_listed_those_that_failed_first(place: Place) -> None:
    model = place.small.model
    run = model.add_run(place.small.repo, [f"test ({n})" for n in range(12)])
    for job in run.jobs:
        model.play(job, LOG, "failure" if job.name == "test (9)" else "success")
    code, sentence = place.failure("logs", "o/r", "--run", 1)
    listed = sentence.splitlines()
    assert code == 2 and listed[0] == "forgejo-shim: run 1 of o/r has 12 jobs; give the id of one"
    assert [each.split(maxsplit=2)[1:] for each in listed[1:3]] == [["failure", "test (9)"], ["success", "test (0)"]]
    assert len(listed) == 12 and listed[-1] == "  and 2 more: `forgejo-shim jobs o/r 1`"
    code, sentence = place.failure("logs", "o/r", "--run", 1, "--job", "test (1")
    assert code == 2 and "has 3 jobs that fit 'test (1'; give" in sentence and len(sentence.splitlines()) == 4
    code, sentence = place.failure("logs", "o/r", "--run", 1, "--job", "unit*")
    assert code == 5 and sentence.splitlines()[0] == "forgejo-shim: no job of run 1 of o/r fits; it has these"
    assert len(sentence.splitlines()) == 12


@clause("C8")
def test_to_name_a_job_costs_no_more_than_three_requests_more(web: Place) -> None:
    red = Red(web)
    red("--run", 1, "--job", "build", job=None)
    web.small.double.requests.clear()
    red("--run", 1, "--job", "build", job=None)
    named = len(web.small.double.requests)
    web.small.double.requests.clear()
    red(job="build")
    assert named <= len(web.small.double.requests) + 3


# Terminals


def on_terminal(place: Place, words: list[object], typed: bytes = b"", **environment: str) -> str:
    """What the command shows on a terminal of 24 lines that somebody sits at, if anything is `typed`."""
    controller, terminal = pty.openpty()
    place.environment |= {"TERM": "xterm", **environment}
    given = terminal if typed else subprocess.DEVNULL
    process = place.process(*words, stdout=terminal, stderr=terminal, stdin=given, program=SOON)
    os.close(terminal)
    if typed:
        os.write(controller, typed)
    shown = b"".join(iter(lambda: _read(controller), b""))
    os.close(controller)
    process.wait()
    return shown.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end is closed
        return b""


SOON = [sys.executable, "-c", "from forgejo_shim.flows import follow; follow.INTERVAL = 0.05\n" + PROGRAM[-1]]
COMMANDS = (
    line(1, "::group::Build \x1b]0;title\x07")
    + line(2, "in it")
    + line(3, "::endgroup::")
    + line(4, "::error file=a.c,line=3::no ;")
    + line(5, "##[warning]old")
    + line(6, "##[endgroup]")
    + line(7, "::set-output name=a::b")
    + line(8, "\x1b[32mgreen\x1b[0m")
)


@clause("C35")
def test_a_terminal_shows_short_times_and_what_commands_mean(web: Place) -> None:
    job = web.small.add({"build": COMMANDS}).jobs[0]
    shown = on_terminal(web, ["logs", "o/r", job.id])
    assert shown == (
        "03:04:01 \x1b[1mBuild ␛]0;title␇\x1b[0m\n03:04:02 in it\n"
        "03:04:04 \x1b[31merror: no ; (file=a.c,line=3)\x1b[0m\n03:04:05 \x1b[33mwarning: old\x1b[0m\n"
        "03:04:07 ::set-output name=a::b\n03:04:08 \x1b[32mgreen\x1b[0m\n\x1b[0m"
    )
    assert on_terminal(web, ["logs", "o/r", job.id, "--timestamps"]).startswith(f"{stamp(1)} \x1b[1mBuild")
    assert on_terminal(web, ["logs", "o/r", job.id, "--no-timestamps"]).startswith("\x1b[1mBuild")
    stripped = on_terminal(web, ["logs", "o/r", job.id, "--strip-ansi"])
    assert "03:04:08 green\n" in stripped and "Build \x1b[0m" in stripped
    prefixed = on_terminal(web, ["logs", "o/r", job.id, "--format", "prefixed", "--tail", "1"])
    assert prefixed == "build\tSet up job\t03:04:08 \x1b[32mgreen\x1b[0m\n\x1b[0m"


@clause("C35")
def test_no_color_is_no_colour(web: Place) -> None:
    job = web.small.add({"build": COMMANDS}).jobs[0]
    shown = on_terminal(web, ["logs", "o/r", job.id], NO_COLOR="1")
    assert "03:04:04 error: no ; (file=a.c,line=3)\n" in shown and "03:04:08 green\n" in shown
    assert shown.replace("\x1b[0m", "").count("\x1b") == 0
    assert web.run("logs", "o/r", job.id, NO_COLOR="1").stdout_bytes == COMMANDS, "a pipe gets the bytes"


@clause("C35")
def test_what_is_longer_than_the_terminal_goes_through_a_pager(web: Place) -> None:
    long = web.small.add({"build": b"".join(line(n % 60, f"row {n}\x1b[2J") for n in range(99))}).jobs[0]
    short = web.small.add({"build": COMMANDS}).jobs[0]
    pager = "sed s/^/PAGED:/"
    shown = on_terminal(web, ["logs", "o/r", long.id], b"\n", PAGER=pager)
    assert shown.count("PAGED:03:04:") == 99 and "\x1b[2J" not in shown
    for words in (["logs", "o/r", short.id], ["logs", "o/r", long.id, "--tail", "5"], ["logs", "o/r", long.id, "-f"]):
        assert "PAGED" not in on_terminal(web, words, b"\n", PAGER=pager)
    assert "PAGED" not in on_terminal(web, ["logs", "o/r", long.id], PAGER=pager), "nobody sits there"
    assert "PAGED" not in on_terminal(web, ["logs", "o/r", long.id, "--no-input"], b"\n", PAGER=pager)


@clause("C35", "C9")
def test_what_was_saved_is_told_to_a_person(web: Place, tmp_path: Any) -> None:
    red = Red(web)
    shown = on_terminal(web, ["logs", "o/r", "--run", 1, "--dir", tmp_path / "out"])
    assert shown.endswith(f"saved 4 logs in {tmp_path}/out/, 1 skipped\n")
    shown = on_terminal(web, ["logs", "o/r", red.id("build"), "-o", tmp_path / "build.log"])
    assert shown.endswith(f"saved {tmp_path}/build.log ({len(red.text('build')):,} bytes)\n")
    assert red("-o", tmp_path / "build.log").output == ""
