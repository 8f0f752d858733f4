"""The command: what it prints, where its credentials come from, and how it ends.

Rules: most cases call the command in this process through click's runner; what a runner cannot show – bytes on a
pipe, a terminal, a reader that goes away – runs as a process of its own.
"""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path

import click
import pytest
from command import Place
from double import Run
from forgejo_shim import __version__
from forgejo_shim.cli import main
from forgejo_shim.cli.help import Verb
from small import LOG, row

# Runs, jobs, logs


@pytest.mark.clause("C11")
def test_runs(place: Place) -> None:
    place.small.add(title="one")
    place.small.add(title="a\ttab, \x1b[31mred\x1b[0m and \u202eturned")
    first, second = place.run("runs", "o/r").stdout.splitlines()
    assert first.startswith("2\t") and first.split("\t")[4] == "a tab, ␛[31mred␛[0m and <U+202E>turned"
    assert second.split("\t")[0] == "1" and second.split("\t")[4] == "one"
    found = json.loads(place.run("--json", "runs", "o/r", "--limit", 1).stdout)
    assert [run["number"] for run in found] == [2]
    assert found == json.loads(place.run("runs", f"{place.small.url}/o/r", "--json", "--limit=1").stdout)


@pytest.mark.clause("C11")
def test_jobs(place: Place) -> None:
    run = place.small.add({"one": row("x"), "two": row("y")})
    ids = [job.id for job in run.jobs]
    page = f"{place.small.url}/o/r/actions/runs/1"
    for words in (["o/r"], ["o/r", "1"], ["o/r", "latest"], [f"{page}/jobs/1"], ["o/r", page]):
        lines = [line.split("\t") for line in place.run("jobs", *words).stdout.splitlines()]
        assert [(line[0], line[1], line[2], line[4]) for line in lines] == [
            (str(ids[0]), "0", "success", "one"),
            (str(ids[1]), "1", "success", "two"),
        ]
    assert [job["id"] for job in json.loads(place.run("--json", "jobs", "o/r").stdout)] == ids
    assert place.failure("jobs", "o/r", "2")[0] == 5
    for words in (["o/r", "x"], [page, "1"], ["o/other", page], ["o/r", f"{place.small.url}/o/r"]):
        assert place.failure("jobs", *words)[0] == 2


@pytest.mark.clause("C8", "C10")
def test_a_log_is_named_in_each_way(place: Place) -> None:
    run = place.small.add({"one": LOG, "1": row("named like an index")})
    one, other = (job.id for job in run.jobs)
    url = f"{place.small.url}/o/r/actions/runs/1"
    for words in (
        ["o/r", one],
        ["o/r", "--run", 1, "--job", "one"],
        ["o/r", "--run", "latest", "--job", 0],
        ["o/r", "--run", f"{url}/jobs/0"],
        ["o/r", "--run", url, "--job", "one"],
        [url, "--job", "one"],
        [f"{url}/jobs/0"],
        [f"{url}/jobs/0?x=y#jobstep-1-2"],
        ["/o/r/actions/runs/1/jobs/0"],
        ["/sub/path/o/r/actions/runs/latest", "--job", "one"],
        ["O/R", one, "--output", "-"],
    ):
        result = place.run("logs", *words)
        assert result.exit_code == 0, (words, result.stderr)
        assert result.stdout_bytes == LOG
    assert place.run("logs", "o/r", "--run", 1, "--job", 1).stdout_bytes == row("named like an index")
    assert place.run("logs", "o/r", other).stdout_bytes == row("named like an index")


@pytest.mark.clause("C8")
def test_without_a_run_it_is_the_latest(place: Place) -> None:
    assert place.failure("logs", "o/r")[0] == place.failure("logs", "o/r", "--job", "build")[0] == 3  # there is none
    place.small.add({"build": row("before")})
    place.small.add({"build": LOG, "test": row("x")})
    assert place.run("logs", "o/r", "--job", "build").stdout_bytes == LOG
    assert len(place.run("attempts", "o/r", "--job", "build").stdout.splitlines()) == 1
    code, sentence = place.failure("logs", "o/r")
    assert code == 2 and sentence.startswith("forgejo-shim: run 2 of o/r has 2 jobs; give the id of one\n")


@pytest.mark.clause("C8", "G9")
@pytest.mark.parametrize("words", [["ada"], ["42x"], [""], ["-"]])
def test_a_word_that_is_no_repository_is_told_what_one_is(place: Place, words: list[str]) -> None:
    for verb in (
        "runs",
        "jobs",
        "why",
        "logs",
        "attempts",
        "open",
        "watch",
        "artifacts",
        "download",
        "cancel",
        "rerun",
    ):
        code, sentence = place.failure(verb, *words)
        assert code == 2 and f"{words[0]!r} is no repository; give OWNER/REPO or a URL" in sentence, verb
    code, sentence = place.failure("detect", "42")
    assert code == 2 and "'42' is no repository; give OWNER/REPO or a URL" in sentence


@pytest.mark.clause("C8")
def test_an_address_of_the_api_is_no_page(place: Place) -> None:
    api = f"{place.small.url}/api/v1/repos/o/r/actions/jobs/1/logs"
    for words in (["logs", api], ["runs", api], ["jobs", api], ["detect", api], ["logs", "o/r", "--run", api],
                  ["runs", f"{place.small.url}/sub/api/v1/repos/o/r?page=1"]):  # fmt: skip
        code, sentence = place.failure(*words)
        assert (
            code == 2 and "that is an address of the API; give OWNER/REPO (and a job id), or that of a page" in sentence
        )
    assert not place.small.double.requests


@pytest.mark.clause("C8")
def test_what_is_not_one_job(place: Place) -> None:
    run = place.small.add({"one": row("x"), "two": row("y")})
    run.jobs[1].name = "one"
    code, sentence = place.failure("logs", "o/r", "--run", 1, "--job", "one")
    assert code == 2 and sentence.splitlines()[1:] == [f"  {job.id}  success    one" for job in run.jobs]
    assert place.failure("logs", "o/r", "--run", 1)[0] == 2
    for words in (
        ["o/r", "--run", 1, "--job", "three"],
        ["o/r", "--run", 1, "--job", 99],
        ["o/r", "--run", 7, "--job", "one"],
        ["o/r", "--run", 0, "--job", "one"],
        [f"{place.small.url}/o/r/actions/runs/1/jobs/2"],
    ):
        assert place.failure("logs", *words)[0] == 5, words
    for words in (
        ["o/r"],
        ["o/r", run.jobs[0].id, "--run", 1],
        ["o/r", run.jobs[0].id, "--job", "one"],
        ["o/r", "--run", "x"],
        ["o/r", "--run", "-1"],
        ["o/r", "--run", f"{place.small.url}/o/other/actions/runs/1"],
        [f"{place.small.url}/o/r/actions/runs/1", "--run", 1],
        [f"{place.small.url}/o/r/actions/runs/1/jobs/0", "--job", "one"],
        ["http://127.0.0.1:1/o/r/actions/runs/1/jobs/0"],
        ["o/r", "--run", 1, "--dir", "x", "--attempt", 1],
        ["o/r", "--run", 1, "--dir", "x", "--job", "one"],
        ["o/r", run.jobs[0].id, "--dir", "x"],
        ["no repository", 1],
        ["o/r", "x"],
        ["o/r", 1, "--attempt", "x"],
        ["o/r", 1, "--bogus"],
        ["o/r", "--attempt", -1, "--bogus", 1],
        ["o/r", -1, "--bogus"],
        ["o/r", run.jobs[0].id, "-o", ""],
        ["o/r", "--run", 1, "--dir", ""],
        ["o/r", "9" * 5000],
        ["o/r", 1, "--attempt", "9" * 5000],
        ["o/r", "--run", "9" * 5000],
        ["o/r", "--run", 1, "--job", "9" * 5000],
        [f"{place.small.url}/o/r/actions/runs/1/jobs/{'9' * 5000}"],
        [f"{place.small.url}/o/r/actions/runs/{'9' * 5000}/jobs/0"],
        [f"{place.small.url}/o/r/actions/runs/1/jobs/0/attempt/{'9' * 5000}"],
        ["o/r", 1, 2],
        [],
    ):
        assert place.failure("logs", *words)[0] == 2, words
    assert not Path("x").exists()


@pytest.mark.clause("C5")
def test_each_cause_has_its_exit_code(place: Place) -> None:
    small, model = place.small, place.small.model
    job = small.add().jobs[0]
    waiting = model.add_run(small.repo).jobs[0]
    silent = model.add_run(small.repo).jobs[0]
    model.take(silent)
    old = small.add().jobs[0]
    assert old.task
    model.expire(old.task)
    other = model.add_repo(small.repo.owner, "other")
    outsider = model.add_token(model.add_user("x"), ("read:repository",)).sha1
    no_scope = model.add_token(small.repo.owner, ("read:user",)).sha1
    place.environment |= {"LC_ALL": "C.UTF-8"}
    for code, words, environment in (
        (0, ["o/r", job.id], {}),
        (5, ["o/r", 999], {}),
        (5, ["o/r", 0], {}),
        (5, ["o/r", -1], {}),
        (5, ["o/r", 2**70], {}),
        (5, [other.full_name, job.id], {}),
        (5, ["o/unknown", job.id], {}),
        (5, ["o/r", job.id, "--attempt", 0], {}),
        (5, ["o/r", job.id, "--attempt", -1], {}),
        (1 if small.double.face.major == 11 else 5, ["o/r", job.id, "--attempt", 99], {}),
        (5, ["o/r", silent.id], {}),
        (6, ["o/r", waiting.id], {}),
        (7, ["o/r", old.id], {}),
        (4, ["o/r", job.id], {"FORGEJO_TOKEN": "0" * 40}),
        (4, ["o/r", job.id], {"FORGEJO_TOKEN": no_scope}),
        (5, ["o/r", job.id], {"FORGEJO_TOKEN": outsider}),
        (5, ["o/r", job.id], {"FORGEJO_TOKEN": None}),
        (8, ["o/r", job.id], {"FORGEJO_URL": "http://127.0.0.1:1"}),
        (2, ["o/r", job.id], {"FORGEJO_URL": None}),
        (2, ["o/r", job.id], {"FORGEJO_URL": "nonsense"}),
    ):
        if code == 0:
            assert place.run("logs", *words, **environment).stdout_bytes == LOG
        else:
            found, sentence = place.failure("logs", *words, **environment)
            assert found == code, sentence


@pytest.mark.clause("C5")
def test_a_web_account_that_does_not_suffice_is_a_matter_of_credentials(web: Place) -> None:
    job = web.small.add().jobs[0]
    web.small.model.add_user("x", "x's password")
    no_web = {"FORGEJO_SHIM_WEB_USER": None, "FORGEJO_SHIM_WEB_PASSWORD": None}
    stranger = {"FORGEJO_SHIM_WEB_USER": "x", "FORGEJO_SHIM_WEB_PASSWORD": "x's password"}
    for environment, word in (
        ({"FORGEJO_SHIM_WEB_PASSWORD": "wrong"}, "check its name and password"),
        (stranger, "add it as a reader"),
        (no_web, "give the shim a web account"),
        ({**no_web, "FORGEJO_SHIM_WEB_COOKIE": "session=0123456789abcdef"}, "cookie"),
    ):
        code, sentence = web.failure("logs", "o/r", job.id, "--no-state", **environment)
        assert code == 4 and word in sentence and "wrong;" not in sentence and "0123456789" not in sentence
    for half in ({"FORGEJO_SHIM_WEB_USER": None}, {"FORGEJO_SHIM_WEB_COOKIE": "a=b"}):
        assert web.failure("logs", "o/r", job.id, **half)[0] == 2


@pytest.mark.clause("C11")
def test_errors_are_json_on_request(place: Place) -> None:
    for words, code, cause in (
        (["--json", "logs", "o/r", "999"], 5, "job-not-found"),
        (["logs", "o/r", "999", "--json"], 5, "job-not-found"),
        (["--json", "logs", "o/r", "--run", "7", "--job", "x"], 5, "run-number-not-found"),
        (["--json", "logs"], 2, "usage"),
        (["--json", "runs", "o/r", "--server", "http://127.0.0.1:1"], 2, "usage"),
        (["--json", "bogus"], 2, "usage"),
    ):
        result = place.run(*words, **({"FORGEJO_URL": ""} if "--server" in words else {}))
        if "--server" in words:
            assert result.exit_code == 8
            continue
        error = json.loads(result.stderr)["error"]
        assert (result.exit_code, error["exit_code"], error["cause"], result.stdout) == (code, code, cause, "")
        assert error["message"]


# Files


@pytest.mark.clause("C9")
def test_logs_are_saved(place: Place, tmp_path: Path) -> None:
    run = place.small.add({"a/b": LOG, "..": row("two")})
    place.small.model._add_rows(run, ["waits"])
    path = tmp_path / "out" / "x.log"
    path.parent.mkdir()
    result = place.run("logs", "o/r", run.jobs[0].id, "-o", path)
    assert (result.exit_code, result.output) == (0, "") and path.read_bytes() == LOG
    told = json.loads(place.run("--json", "logs", "o/r", run.jobs[0].id, "--output", path).stdout)
    assert told["size"] == len(LOG) and told["path"] == str(path)
    result = place.run("logs", "o/r", "--run", 1, "--dir", tmp_path / "dir")
    assert result.exit_code == 0 and result.stdout == ""
    waits = f"job {run.jobs[2].id} ({run.jobs[2].name}): not saved: job has not been executed yet; ask again when"
    assert result.stderr.startswith(waits) and result.stderr.count("\n") == 1
    files = {file.name: file.read_bytes() for file in (tmp_path / "dir").iterdir()}
    assert files == {f"a_b-{run.jobs[0].id}.log": LOG, f"_-{run.jobs[1].id}.log": row("two")}
    told = json.loads(place.run("--json", "logs", "o/r", "--run", 1, "-d", tmp_path / "dir", "--force").stdout)
    assert [job.get("exit_code", 0) for job in told] == [0, 0, 6]
    assert place.failure("logs", "o/r", 999, "-o", tmp_path / "none")[0] == 5
    assert place.failure("logs", "o/r", run.jobs[0].id, "-o", tmp_path / "no" / "folder")[0] == 1
    assert place.failure("logs", "o/r", run.jobs[0].id, "-o", tmp_path)[0] == 1
    assert not (tmp_path / "none").exists() and not list(tmp_path.rglob(".*.part"))


@pytest.mark.clause("C9")
def test_a_folder_with_logs_is_written_over_only_when_told_so(place: Place, tmp_path: Path) -> None:
    run = place.small.add({"one": LOG, "two": LOG})
    kept = tmp_path / f"two-{run.jobs[1].id}.log"
    kept.write_bytes(b"mine")
    words = ["logs", "o/r", "--run", 1, "--dir", tmp_path]
    code, sentence = place.failure(*words)
    assert (
        code == 1 and f"{kept} exists; remove it, choose another folder, or replace what is there (--force)" in sentence
    )
    assert list(tmp_path.glob("*.log")) == [kept] and kept.read_bytes() == b"mine"
    assert place.run(*words, "--force").exit_code == 0 and kept.read_bytes() == LOG
    assert place.failure("logs", "o/r", run.jobs[0].id, "-o", kept, "--force")[0] == 2


@pytest.mark.clause("C9")
def test_a_run_of_which_nothing_was_saved_is_an_error(place: Place, tmp_path: Path) -> None:
    run = place.small.model.add_run(place.small.repo, ["waits", "waits too"])
    for words in (["logs"], ["--json", "logs"]):
        assert place.run(*words, "o/r", "--run", run.number, "--dir", tmp_path / "dir").exit_code == 6


# The command itself


def test_version_and_help(web: Place) -> None:
    assert web.run("--version").stdout == f"forgejo-shim {__version__}\n"
    for words in ([], *([name] for name in main.commands)):
        text = web.run(*words, "--help").stdout
        assert "Usage: forgejo-shim" in text
        shared = ["--server", "--json", "--config", "--state", "--no-state", "--keep-session", "--timeout"]
        own = {"serve": ["--upstream", "--config", "--state"], "spec": ["check", "diff", "extract"]}
        own |= {"forget": ["--json"], "completion": ["bash|zsh|fish"]}
        for name in own.get("".join(words), shared):
            assert name in text
    summaries = web.run("--help", COLUMNS="80").stdout.partition("Commands:")[2]
    for name, command in main.commands.items():
        assert command.help and all(option.help for option in command.params if isinstance(option, click.Option))
        assert f"\n  {name:<10}  {command.help.splitlines()[0]}\n" in summaries, "it does not fit the line"


@pytest.mark.clause("C11")
def test_the_examples_of_the_help_work(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(42):
        run = place.small.add({"build": LOG})
    assert run.number == 42
    place.small.model.artifacts.add(run, "report", {"a.txt": b"x"})
    place.environment["FORGEJO_TOKEN"] = place.small.model.add_token(
        place.small.repo.owner, ("write:repository", "read:user")
    ).sha1
    for verb in (main, *main.commands.values()):
        if not isinstance(verb, Verb):
            continue
        if verb.name == "why":  # which wants a run that is red, and a log of one
            _redden(run)
            (tmp_path / "build.log").write_bytes(row("error: x"))
        assert len(verb.examples) >= 2 and all(line in verb.get_help(click.Context(verb)) for line in verb.examples)
        for line in verb.examples:
            line = line.partition(" > ")[0]
            words = [str(run.jobs[0].id) if word == "7" else word for word in line.split()[1:]]
            words = [re.sub("OWNER/REPO", "o/r", re.sub("^https://forge.example", place.small.url, w)) for w in words]
            if words[0] in ("serve", "mcp"):
                main.commands[words[0]].make_context(words[0], words[1:])
            elif words[:2] == ["login", place.small.url] and "<" in words:
                assert place.run(*words[: words.index("<")], stdin=place.small.token).exit_code == 0, line
            elif words[0] == "login":
                answers = [("Token (hidden): ", place.small.token), ("]: ", "none")]
                assert place.talk(words, answers)[0] == 0, line
            else:
                fails = 3 if words[0] == "logs" and "--failed" in words else 0  # nothing has failed
                assert place.run(*words).exit_code == fails, line
            if run.jobs[0].status == "waiting":  # rerun
                place.small.model.play(run.jobs[0], LOG)
        if verb.name == "why":
            _redden(run, "success")
    assert (tmp_path / "report" / "a.txt").read_bytes() == (tmp_path / "out" / "report" / "a.txt").read_bytes() == b"x"
    assert (tmp_path / "zips" / "report.zip").exists()
    assert [path.read_bytes() for path in (tmp_path / "logs").iterdir()] == [LOG]


def _redden(run: Run, status: str = "failure") -> None:
    run.status = run.jobs[0].status = run.jobs[0].tasks[0].status = status


@pytest.mark.clause("G12")
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_verbs_and_options_to_complete(shell: str, web: Place) -> None:
    script = web.run("completion", shell)
    assert script.exit_code == 0 and f"_FORGEJO_SHIM_COMPLETE={shell}_complete" in script.stdout
    asked = {"_FORGEJO_SHIM_COMPLETE": f"{shell}_complete", "COMP_CWORD": "1"}
    for words, found in (("forgejo-shim lo", ["login", "logout", "logs"]), ("forgejo-shim", ["artifacts", "watch"])):
        current = words.partition(" ")[2]
        said = web.shell('"$@"', COMP_WORDS=words if shell != "fish" else "forgejo-shim", **asked).stdout.decode()
        if shell == "fish":
            said = web.shell('"$@"', COMP_WORDS="forgejo-shim", **{**asked, "COMP_CWORD": current}).stdout.decode()
        assert all(name in said for name in found if name in main.commands)
    asked["COMP_CWORD"] = "--no-" if shell == "fish" else "2"
    said = web.shell('"$@"', COMP_WORDS="forgejo-shim artifacts --no-", **asked).stdout.decode()
    assert "--no-input" in said and "--no-state" in said
    if shell == "bash":
        done = web.shell('"$@" completion bash | bash -c ". /dev/stdin && complete -p forgejo-shim"')
        assert b"_forgejo_shim_completion forgejo-shim" in done.stdout, done.stderr


def test_without_a_verb_the_help_is_shown_as_help(web: Place) -> None:
    result = web.run()
    assert result.exit_code == 2 and result.stdout == ""
    assert result.stderr.startswith("Usage: forgejo-shim") and "\nOptions:\n" in result.stderr


def test_an_unknown_option_is_named(web: Place) -> None:
    code, sentence = web.failure("logs", "o/r", "--attempt", -1, "--bogus", 1)
    assert code == 2 and "option" in sentence and "--bogus" in sentence


def test_a_slow_server_is_given_up(web: Place) -> None:
    web.small.double.faults.add("/api/v1/", before=lambda: threading.Event().wait(2.5))
    code, sentence = web.failure("runs", "o/r", "--timeout", "1")
    assert code == 8 and "in time" in sentence
    for value in ("0", "-1", "x", "nan"):
        assert web.failure("runs", "o/r", "--timeout", value)[0] == 2
