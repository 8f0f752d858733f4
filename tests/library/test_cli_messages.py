"""What the command says: of a job that no runner took, of credentials, of a repository that is not there, in colour."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import Place
from double.messages import json_answer
from forgejo_shim import Client, client_log, client_runs
from forgejo_shim.api import run_facts
from forgejo_shim.cli.config import Credentials
from forgejo_shim.cli.hints import with_hint
from forgejo_shim.errors import NoLog, NotExecuted, WebAccount
from forgejo_shim.inert import safe_text
from small import LOG, row
from test_cli_credentials import NOTHING, config

EPOCH = "1970-01-01T00:00:00Z"


def ended(place: Place, status: str) -> tuple[int, int]:
    """The run number and the id of a job `deploy` that ended so before a runner took it, beside one that was taken."""
    run = place.small.add({"build": row("x")})
    place.small.model._add_rows(run, ["deploy"])
    job = run.jobs[-1]
    job.status = status
    return run.number, job.id


@pytest.mark.clause("C16")
@pytest.mark.parametrize(
    ("status", "cause", "end"),
    [
        ("skipped", "job-skipped", "was skipped"),
        ("cancelled", "job-cancelled", "was cancelled before a runner took it"),
        ("failure", "job-cancelled", "failed before a runner took it"),
        ("success", "job-cancelled", "ended before a runner took it"),
    ],
)
def test_a_job_that_no_runner_will_take_is_said_to_be_over(
    place: Place, tmp_path: Path, status: str, cause: str, end: str
) -> None:
    number, job = ended(place, status)
    sentence = f"job {job} (deploy) {end}: there is nothing to read"
    ways: list[list[object]] = [["o/r", "--run", number, "--job", "deploy"], ["o/r", "--run", number, "--job", 1]]
    if place.small.double.face.major < 16:  # which tells a job's status in the lists of its run alone
        ways.append(["o/r", job])
    for words in ways:
        for output in ([], ["-o", tmp_path / "x.log"]):
            assert place.failure("logs", *words, *output) == (6, f"forgejo-shim: {sentence}\n")
    error = json.loads(place.run("--json", "logs", *ways[0]).stderr)["error"]
    assert (error["cause"], error["exit_code"]) == (cause, 6)
    result = place.run("logs", "o/r", "--run", number, "--dir", tmp_path / "logs")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"{sentence}\n")
    told = json.loads(place.run("--json", "logs", "o/r", "--run", number, "--dir", tmp_path / "json").stdout)
    assert told[1]["cause"] == cause and told[1]["message"] == sentence


@pytest.mark.clause("C16")
def test_a_job_that_waits_is_not_said_to_be_skipped(place: Place) -> None:
    job = place.small.model.add_run(place.small.repo, ["deploy"]).jobs[0]
    for words in (["o/r", job.id], ["o/r", "--run", "latest"]):
        code, sentence = place.failure("logs", *words)
        assert code == 6 and "ask again when a runner has taken it" in sentence and "skipped or cancelled" in sentence


@pytest.mark.clause("C16")
def test_only_what_a_skip_explains_is_explained_by_it() -> None:
    job = client_runs._job({"id": 1, "name": "x", "status": "skipped"}, 0, _run(), "")
    for error in (NotExecuted(), NoLog()):
        with pytest.raises(NotExecuted, match="was skipped"), client_log.saying_over(job):
            raise error
    job = client_runs._job({"id": 1, "name": "x", "status": "cancelled"}, 0, _run(), "")
    with pytest.raises(NoLog), client_log.saying_over(job):
        raise NoLog
    with pytest.raises(KeyError), client_log.saying_over(job):
        raise KeyError
    with pytest.raises(NoLog), client_log.saying_over(None):
        raise NoLog


def _run(**more: Any) -> Any:
    return client_runs._run(run_facts({"index_in_repo": 1, "id": 2, **more}))


def test_a_dispatched_run_has_its_event() -> None:
    assert _run(event="", trigger_event="workflow_dispatch").event == "workflow_dispatch"
    assert _run(trigger_event="schedule").event == "schedule"
    assert _run(event="pull_request", trigger_event="pull_request_target").event == "pull_request"
    assert _run().event == ""


def test_the_event_of_a_dispatched_run_is_listed(web: Place) -> None:
    web.small.add()

    def dispatched(_: Any) -> Any:
        run = {"index_in_repo": 1, "id": 1, "title": "t", "status": "success", "event": "", "workflow_id": "ci.yml",
               "trigger_event": "workflow_dispatch", "html_url": "", "created": EPOCH,
               "started": EPOCH, "stopped": EPOCH,
               "repository": {"id": 1, "owner": {"id": 1}}}  # fmt: skip
        return json_answer(200, {"workflow_runs": [run], "total_count": 1})

    web.small.double.faults.hook("/actions/runs", dispatched)
    shown = web.run("runs", "o/r")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.split("\t")[2] == "workflow_dispatch"
    assert json.loads(web.run("--json", "runs", "o/r").stdout)[0]["event"] == "workflow_dispatch"


HIDDEN = "not found; check the name, and whether the caller may read it"


@pytest.mark.clause("C17")
def test_a_repository_that_is_not_there(place: Place) -> None:
    for repo in ("nope/nope", "o/nope"):
        for words in (["runs", repo], ["jobs", repo], ["logs", repo, "7"], ["logs", repo, "--run", "1", "--job", "x"]):
            code, sentence = place.failure(*words)
            assert code == 5 and "check the name, and whether the caller may read it" in sentence
            assert "GetUserByName" not in sentence and sentence.endswith("(token from FORGEJO_TOKEN)\n")
            assert place.failure(*words, FORGEJO_TOKEN=None)[1].endswith("(no FORGEJO_TOKEN is set)\n")
        report = place.run("detect", repo)
        assert report.exit_code == 5 and "GetUserByName" not in report.stdout and HIDDEN.split(";")[1] in report.stdout
        assert "(token from FORGEJO_TOKEN)" in report.stdout


@pytest.mark.clause("C17")
def test_credentials_are_named_by_where_they_are_from(web: Place) -> None:
    job = web.small.add().jobs[0]
    words = ["logs", "o/r", job.id, "--no-state"]
    no_web = {"FORGEJO_SHIM_WEB_USER": None, "FORGEJO_SHIM_WEB_PASSWORD": None}
    cookie = {**no_web, "FORGEJO_SHIM_WEB_COOKIE": "session=0123456789abcdef"}
    for environment, end in (
        ({"FORGEJO_TOKEN": "0" * 40}, "check them (token from FORGEJO_TOKEN)"),
        (no_web, "account: run forgejo-shim login, or set FORGEJO_SHIM_WEB_USER and FORGEJO_SHIM_WEB_PASSWORD"),
        ({"FORGEJO_SHIM_WEB_PASSWORD": "wrong"}, "(web account from FORGEJO_SHIM_WEB_USER)"),
        (cookie, "(web account from FORGEJO_SHIM_WEB_COOKIE)"),
        ({"FORGEJO_TOKEN": "abc\u201d"}, "check how it was copied (token from FORGEJO_TOKEN)"),
        ({**no_web, "FORGEJO_SHIM_WEB_COOKIE": "a\nb"}, "was copied (web account from FORGEJO_SHIM_WEB_COOKIE)"),
        ({"FORGEJO_SHIM_WEB_PASSWORD": "\udcff"}, "not UTF-8 text; check it (web account from FORGEJO_SHIM_WEB_USER)"),
    ):
        code, sentence = web.failure(*words, **environment)
        assert code == 4 and sentence.endswith(f"{end}\n")
    path = config(web, f'server = "{web.small.url}"\n[servers."{web.small.url}"]\ntoken = "{"0" * 40}"\n')
    assert web.failure(*words, **NOTHING)[1].endswith(f"(token from the config file {path})\n")
    entry = f'token = "{web.small.token}"\nweb_user = "o"\nweb_password = "wrong"\n'
    config(web, f'server = "{web.small.url}"\n[servers."{web.small.url}"]\n{entry}')
    assert web.failure(*words, **NOTHING)[1].endswith(f"(web account from the config file {path})\n")


@pytest.mark.clause("C17")
def test_what_a_shim_in_front_says_of_its_account_is_left_as_it_is() -> None:
    error = WebAccount("the web UI does not show o/r; give the shim a web account", cause="web-credentials-needed")
    assert "FORGEJO_SHIM_WEB_USER" in with_hint(error, Credentials())
    error.is_relayed = True
    assert with_hint(error, Credentials()) == error.message


def test_the_librarys_own_messages_name_no_variable(web: Place) -> None:
    job = web.small.add().jobs[0]
    with web.small.client(web=None) as client, pytest.raises(WebAccount) as caught:
        client.log("o/r", job.id)
    assert "FORGEJO" not in str(caught.value) and isinstance(client, Client) and LOG


@pytest.mark.clause("G8")
def test_a_terminal_gets_no_colour_where_it_is_not_wanted(web: Place) -> None:
    run = web.small.add({"build": row("\x1b[31mred\x1b[0m ::x") + row("::error::no")}, status="failure")
    web.small.model.artifacts.add(run, "report", {"a.txt": b"x"})
    words = (["logs", "o/r", run.jobs[0].id], ["runs", "o/r"], ["jobs", "o/r"], ["artifacts", "o/r"], ["detect", "o/r"],
             ["why", "o/r"])  # fmt: skip
    for line in words:
        code, screen = web.talk(line, [])
        assert code == 0 and "\x1b[" in screen, line
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            code, screen = web.talk(line, [], **environment)
            assert code == 0 and "\x1b" not in screen and len(screen) > 20, (line, environment)


COLOURS = ["", "0", "1", "31", "01;31", "107", "4:3", "04:3", "28", "38:2::1:2:3", "38:2:1:2:3", "38:5:8", "48:5:208",
           "58:2::8:8:8", "58:5:8", "1;38:2::1:2:3;4", "38;5;8", "38;5;008", "38;2;1;2;8", "48;2;8;8;8", "38;2;;;",
           "38:2:0:1:2:3:0:1", ";", "038;5;1"]  # fmt: skip
NO_COLOURS = ["8", "08", "0;8", "38;5;1;8", "1;8;1", "8:1", "4:8", "58;5;8", "38;2;1;2;3;8", "38;5", "38", "38;9;8",
              "264", "0000008", "38:x", "38:2::1:2:3;8", ":8", "38;2;1;2", "38;5;1:8", "108", "?8", ">4;8"]  # fmt: skip


@pytest.mark.clause("C10")
@pytest.mark.parametrize("fields", COLOURS)
def test_a_colour_is_obeyed_in_every_spelling(fields: str) -> None:
    assert safe_text(f"a\x1b[{fields}mb") == f"a\x1b[{fields}mb"


@pytest.mark.clause("C10")
@pytest.mark.parametrize("fields", NO_COLOURS)
def test_what_hides_or_is_no_colour_is_shown(fields: str) -> None:
    assert safe_text(f"a\x1b[{fields}mb") == f"a␛[{fields}mb"
    assert safe_text("\x1b]8;;http://f\x1b\\x\x1b]8;;\x1b\\").count("\x1b") == 0


@pytest.mark.clause("C5")
def test_what_was_named_and_is_not_there_is_one_code_and_nothing_failed_another(place: Place) -> None:
    run = place.small.add()
    job = run.jobs[0].id
    page = f"{place.small.url}/o/r/actions/runs/1/jobs/7"
    for words in (
        ["why", "o/r", 9], ["jobs", "o/r", 9], ["open", "o/r", 9], ["watch", "o/r", 9], ["artifacts", "o/r", 9],
        ["logs", "o/r", "--run", 9], ["logs", "o/r", "--run", 9, "--follow"], ["logs", "o/r", "--run", 9, "--failed"],
        ["logs", "o/r", 999], ["logs", "o/r", "--run", 1, "--job", "none"], ["logs", page], ["attempts", page],
        ["logs", "o/r", job, "--step", 99], ["logs", "o/r", job, "--step", "none"], ["download", "o/r", 1, "none"],
        ["why", "o/nothing"],
    ):  # fmt: skip
        assert place.failure(*words)[0] == 5, words
    for words in (["why", "o/r"], ["logs", "o/r", "--failed"], ["logs", "o/r", job, "--grep", "none"],
                  ["jobs", "o/r", "--status", "failure"], ["download", "o/r", 1]):  # fmt: skip
        assert place.failure(*words)[0] == 3, words


@pytest.mark.clause("C5", "C39", "Y10")
def test_a_run_that_is_there_has_an_empty_list_of_jobs_if_it_has_none(place: Place, tmp_path: Path) -> None:
    run = place.small.model.add_run(place.small.repo, [])
    run.status = "success"
    if not place.small.double.face.api_runs:  # whether the run is there cannot be told
        for words in (["jobs", "o/r", 1], ["watch", "o/r", 1], ["why", "o/r", 1], ["logs", "o/r", "--failed"]):
            code, said = place.failure(*words)
            assert code == 5 and "there is no run 1 in o/r, or it has no jobs" in said
        return
    for name in (1, "latest"):
        listed = place.run("jobs", "o/r", name)
        assert (listed.exit_code, listed.stdout, listed.stderr) == (0, "", "")
    assert place.run("jobs", "o/r", 1, "--json").stdout == "[]\n"
    watched = place.run("watch", "o/r", 1)
    assert (watched.exit_code, watched.stdout[9:], watched.stderr) == (0, "run 1: success\n", "")
    saved = place.run("logs", "o/r", "--run", 1, "--dir", tmp_path / "logs")
    assert (saved.exit_code, saved.stdout, saved.stderr) == (0, "", "")
    run.status = "failure"
    code, said = place.failure("why", "o/r", 1)
    assert code == 3 and said.endswith("nothing failed in run 1 of o/r, which has no jobs: failure\n")
    code, said = place.failure("logs", "o/r", "--failed")
    assert code == 3 and said.endswith("no job of run 1 of o/r failed; it is over and has none\n")
    run.status = "waiting"
    assert "it has none yet" in place.failure("logs", "o/r", "--failed")[1]
    assert place.run("watch", "o/r", 9).exit_code == 5
