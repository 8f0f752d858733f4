"""The verb `why`: which run it takes, how it is told, and a log on disk.

Rules: as in test_cli.py; the report itself is test_why.py's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command import Place
from double import Run
from red import Did, lines, play, red, spec
from small import Small
from test_cli_terminals import on_terminal

clause = pytest.mark.clause
BAD = Did("failure", 3, text=lines("one", "::error::boom", "three"))
OTHER = "1" * 40


def run_of(small: Small, commit: str, status: str = "failure", workflow: str = "ci.yml", ref: str = "") -> Run:
    """A run of a commit."""
    run = small.model.add_run(small.repo, [spec(1)], workflow=workflow, ref=ref or None)
    run.sha = commit
    play(small, run.jobs[0], BAD if status == "failure" else Did(), status=status)
    return run


# Y10: a run


@clause("Y10")
def test_the_latest_run(place: Place) -> None:
    run = red(place.small, Did(), BAD, Did("skipped"))
    page = f"{place.small.url}/o/r/actions/runs/1"
    told = place.run("why", "o/r")
    shown = told.stdout.splitlines()
    assert told.exit_code == 0 and told.stderr == "" and len(shown) <= 60
    assert "boom" in told.stdout and "step 2" in told.stdout
    assert shown[-1].endswith(f"forgejo-shim logs o/r {run.jobs[0].id} --step 2")
    for words in (["o/r", "1"], ["o/r", "--run", "1"], ["o/r", "latest"], [page], ["o/r", page], [f"{page}/jobs/0"]):
        assert place.run("why", *words).stdout == told.stdout


@clause("Y10")
def test_as_json_and_as_markdown(place: Place) -> None:
    red(place.small, BAD)
    [job] = json.loads(place.run("why", "o/r", "--json", "--lines", 2).stdout)["jobs"]
    assert job["last"] == ["::error::boom", "three"]
    assert "boom" in place.run("why", "o/r", "--markdown").stdout
    assert len(place.run("why", "o/r", "--json", "--max-bytes", 1024).stdout) <= 1024


@clause("C38", "Y10")
def test_fields_of_the_json(place: Place) -> None:
    red(place.small, BAD)
    whole = json.loads(place.run("why", "o/r", "--json").stdout)
    told = place.run("why", "--json", "by_status,jobs", "o/r")
    assert json.loads(told.stdout) == {name: whole[name] for name in ("by_status", "jobs")}
    assert list(json.loads(place.run("why", "o/r", "--json=run").stdout)) == ["run"]
    wrong = place.run("why", "o/r", "--json=nothing")
    assert wrong.exit_code == 2 and f"there are {', '.join(whole)}" in wrong.stderr
    assert ", ".join(whole) in place.run("why", "--help").stdout


@clause("Y10")
def test_a_run_that_is_not_over(place: Place) -> None:
    run = place.small.model.add_run(place.small.repo, [spec(1), "other"])
    play(place.small, run.jobs[0], BAD)
    told = place.run("why", "o/r")
    assert told.exit_code == 0 and told.stderr == "run 1 of o/r is not over: 1 of its jobs is not\n"


@clause("Y10", "C5")
def test_nothing_failed(place: Place) -> None:
    place.small.add()
    code, said = place.failure("why", "o/r")
    assert (code, said) == (3, "forgejo-shim: nothing failed in run 1 of o/r: success\n")
    code, said = place.failure("why", "o/r", "7")
    assert code == 5 and said.startswith("forgejo-shim: there is no run 7 in o/r, or it has no jobs; ")


@clause("Y10")
def test_a_workflow_that_is_wrong_is_told_though_no_job_failed(place: Place) -> None:
    run = place.small.add()
    run.status, run.error = "failure", "no such key: jbs"
    told = place.run("why", "o/r")
    if place.small.double.face.pre_execution_error:
        assert told.exit_code == 0 and "workflow: no such key: jbs\n" in told.stdout
    else:
        assert told.exit_code == 3


@clause("Y10")
def test_matchers_of_ones_own(place: Place, tmp_path: Path) -> None:
    """By option, and by the config file, whose files are beside it."""
    red(place.small, Did("failure", 2, text=lines("all is", "kaputt: the mill")))
    found = {"owner": "mill", "pattern": [{"regexp": "kaputt: (.+)", "message": 1}]}
    (tmp_path / "mine.json").write_text(json.dumps({"problemMatcher": [found]}))
    (tmp_path / "config.toml").write_text('matchers = ["mine.json"]')
    (tmp_path / "config.toml").chmod(0o600)
    for words in (["--matcher", tmp_path / "mine.json"], ["--config", tmp_path / "config.toml"]):
        [job] = json.loads(place.run("why", "o/r", "--json", *words).stdout)["jobs"]
        assert [one["owner"] for one in job["findings"]] == ["mill"]
    assert json.loads(place.run("why", "o/r", "--json").stdout)["jobs"][0]["findings"] == []
    (tmp_path / "mine.json").write_text("{}")
    assert place.failure("why", "o/r", "--matcher", tmp_path / "mine.json")[0] == 1
    assert place.failure("why", "o/r", "--matcher", tmp_path / "none.json")[0] == 2
    (tmp_path / "config.toml").write_text('matchers = "mine.json"')
    assert "matchers must be a list" in place.failure("why", "o/r", "--config", tmp_path / "config.toml")[1]


@clause("Y10", "C10")
def test_what_acts_on_a_terminal_is_shown_instead(web: Place) -> None:
    red(web.small, Did("failure", 2, text=lines("\x1b]0;a title\x07 \x1b[2J", "::error::\u202eboom")))
    process, shown = on_terminal(web, ["why", "o/r"], "stdout")
    assert process.returncode == 0 and b"boom" in shown and b"\x1b[" in shown
    piped = web.run("why", "o/r").stdout
    assert "\x1b" not in piped
    for text in (shown.decode(), piped):
        assert "\x1b]" not in text and "\x1b[2J" not in text and "\u202e" not in text


@clause("Y10", "C10")
def test_a_name_shows_its_escape_sequences_as_in_lists(place: Place) -> None:
    run = place.small.model.add_run(place.small.repo, [spec(1)], title="Fix \x1b[31mprices", ref="refs/heads/a\x1b[1mb")
    play(place.small, run.jobs[0], BAD)
    listed = place.run("runs", "o/r").stdout
    for told in (listed, place.run("why", "o/r").stdout, place.run("why", "o/r", "--markdown").stdout):
        assert "Fix ␛[31mprices" in told
        assert "a␛[1mb" in told or told == listed and not place.small.double.face.api_runs


@clause("Y10")
@pytest.mark.parametrize(
    "words",
    [
        [],
        ["o/r", "1", "--run", "2"],
        ["o/r", "1", "--branch", "main"],
        ["o/r", "--branch", "main", "--pr", "1"],
        ["o/r", "--commit", "xyz"],
        ["o/r", "--commit", "abc"],
        ["o/r", "--pr", "0"],
        ["o/r", "--lines", "1001"],
        ["o/r", "--max-bytes", "1023"],
        ["o/r", "--file", "-"],
        ["--file", "-", "--run", "1"],
        ["--file", "no such file"],
        ["--file", "/"],
    ],
)
def test_what_cannot_be_asked_for(web: Place, words: list[str]) -> None:
    assert web.failure("why", *words)[0] == 2


# Y12: by commit, branch and pull request


@clause("Y12")
def test_the_run_of_a_commit(place: Place) -> None:
    small, sha = place.small, "ab" * 20
    run_of(small, sha, "failure")
    run_of(small, sha, "failure", "lint.yml")
    run_of(small, sha, "success", "docs.yml")
    run_of(small, OTHER, "success")
    if not small.double.face.api_runs:
        for commit in (sha, sha[:7]):
            assert "filter" in place.run("--json", "why", "o/r", "--commit", commit).stderr
        return
    for commit in (sha, sha.upper(), sha[:7]):
        told = place.run("why", "o/r", "--commit", commit)
        assert told.exit_code == 0 and "#2" in told.stdout
        assert "3 (docs.yml, success), 1 (ci.yml, failure)" in told.stderr
    assert "nothing failed in run 4" in place.run("why", "o/r", "--commit", OTHER).stderr
    assert place.failure("why", "o/r", "--commit", "9" * 40)[0] == 5


@clause("Y12")
def test_the_run_of_a_branch_or_a_pull_request(place: Place) -> None:
    small = place.small
    run_of(small, "a" * 40, "failure")
    run_of(small, "b" * 40, "failure", "lint.yml")
    run_of(small, "b" * 40, "success")
    run_of(small, "c" * 40, "failure", ref="refs/pull/7/head")
    run_of(small, "d" * 40, "failure", ref="refs/heads/dev")
    if not small.double.face.api_runs:
        for words in (["--branch", "main"], ["--pr", "7"]):
            assert place.run("--json", "why", "o/r", *words).exit_code == 1
        return
    assert "#2" in place.run("why", "o/r", "--branch", "main").stdout
    assert "#5" in place.run("why", "o/r", "--branch", "dev").stdout
    assert "#4" in place.run("why", "o/r", "--pr", "7").stdout
    assert place.failure("why", "o/r", "--branch", "none")[0] == place.failure("why", "o/r", "--pr", "8")[0] == 5


# Y11: a log on disk


@clause("Y11")
def test_a_log_on_disk_without_a_server(web: Place, tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_bytes(b"2026-01-02T03:04:05.0000000Z fine\n2026-01-02T03:04:05.1000000Z ::error::boom\nthe end\n")
    nothing = {name: None for name in web.environment if name.startswith("FORGEJO")}
    told = web.run("why", "--file", log, **nothing)
    assert told.exit_code == 0 and "boom" in told.stdout and "the end" in told.stdout
    [job] = json.loads(web.run("why", "--file", log, "--json", **nothing).stdout)["jobs"]
    assert [one["message"] for one in job["findings"]] == ["boom"]
    piped = web.shell(f'cat {log} | env -u FORGEJO_URL "$@"', "why", "--file", "-")
    assert piped.returncode == 0 and piped.stdout.startswith(b"standard input\n") and b"boom" in piped.stdout
    log.write_bytes(b"error: boom\n" + b"and on it goes\n" * 9)
    told = web.run("why", "--file", log, **nothing)
    assert told.exit_code == 0 and "no certain error was found" in told.stdout and "boom [error]" in told.stdout
    for text, size in ((b"", "0 bytes"), (b"x", "1 byte"), (b"x" * 200_000, "200000 bytes")):
        log.write_bytes(text)
        said = f"forgejo-shim: no error was found in {log} ({size})\n"
        assert web.failure("why", "--file", log, **nothing) == (3, said)
    none = web.shell('echo all is well | "$@"', "why", "--file", "-")
    assert none.returncode == 3 and b"no error was found in standard input (12 bytes)" in none.stderr
    assert web.small.double.requests == []


@clause("Y11")
def test_a_file_that_cannot_be_read_is_named(web: Place) -> None:
    code, said = web.failure("why", "--file", "/proc/self/mem")
    assert code == 1 and said.startswith("forgejo-shim: /proc/self/mem cannot be read (Input/output error); ")


@clause("Y10", "Y11")
def test_a_matcher_that_takes_too_long_is_named(place: Place, tmp_path: Path) -> None:
    text = "a" * 60 + "!"
    red(place.small, Did("failure", 2, text=lines(text, "::error::boom")))
    slow = {"owner": "slow\x1b[2J", "pattern": [{"regexp": "^(a|aa)+$"}]}
    (tmp_path / "mine.json").write_text(json.dumps({"problemMatcher": [slow]}))
    (tmp_path / "build.log").write_text(f"{text}\n::error::boom\n")
    for words in (["o/r"], ["--file", tmp_path / "build.log"]):
        told = place.run("why", *words, "--json", "--matcher", tmp_path / "mine.json")
        said = json.loads(told.stdout)
        assert told.exit_code == 0 and said["given_up"] == [slow["owner"]]
        assert [one["message"] for one in said["jobs"][0]["findings"]] == ["boom"]
        assert told.stderr == "matchers that took too long on a line, and were given up: slow␛[2J\n"
        assert place.run("why", *words).stderr == ""


MEASURED = """
import resource, subprocess, sys
why = subprocess.Popen([sys.executable, "-m", "forgejo_shim", "why", "--file", "-"], stdin=subprocess.PIPE)
rows = b"2026-01-02T03:04:05.0000000Z " + b"x" * 70 + b"\\n"
for _ in range(int(sys.argv[1])):
    why.stdin.write(rows * 10_000)
why.communicate(b"::error::boom\\n")
print(why.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@clause("Y11")
def test_the_memory_for_a_log_does_not_grow_with_it() -> None:
    """Of a log of 2 MB and of one of 100 MB: in KiB, as Linux tells it."""
    most = []
    for blocks in (2, 100):
        words = [sys.executable, "-c", MEASURED, str(blocks)]
        done = subprocess.run(words, capture_output=True, check=True, text=True)
        code, peak = done.stdout.splitlines()[-1].split()
        assert code == "0" and "boom" in done.stdout
        most.append(int(peak))
    assert most[1] < most[0] + 8 * 1024


@clause("Y10")
def test_no_run_is_taken_for_another(place: Place) -> None:
    place.small.add()
    code, sentence = place.failure("why", "o/r", 0)
    assert code in (3, 5) and "run 0" in sentence
    assert place.run("why", "o/r", "--json", "--markdown").exit_code == 2


@clause("Y10")
def test_a_file_of_matchers_that_is_not_there_is_named(place: Place, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('matchers = ["gone.json"]\n')
    config.chmod(0o600)
    code, sentence = place.failure("why", "o/r", "--config", config)
    assert code == 1 and f"the problem matchers {tmp_path / 'gone.json'} cannot be read (No such file" in sentence
