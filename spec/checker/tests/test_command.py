"""The command `swagger-breaking`: its options, its exit codes, and that what is no document is never clean."""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from documents import USERS, Page, Site, small, text_of
from swagger_breaking import __version__
from swagger_breaking.cli import main
from swagger_breaking.options import Command
from swagger_breaking.rules import RULES

DIFF = ("diff", "base.json", "head.json")
PROGRAM = [sys.executable, "-m", "swagger_breaking"]


def run(*words: object, stdin: bytes = b"") -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def refused(exit_code: int, *words: object, says: str) -> str:
    """The one sentence of a command that fails and prints nothing else."""
    result = run(*words)
    assert (result.exit_code, result.stdout) == (exit_code, ""), result.output
    assert result.stderr.startswith("swagger-breaking: ") and result.stderr.count("\n") == 1
    assert says in result.stderr, result.stderr
    return result.stderr


def put(name: str, content: Any) -> Path:
    path = Path(name)
    path.write_bytes(content if isinstance(content, bytes) else text_of(content))
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a base, and a head that lacks a field."""
    monkeypatch.chdir(tmp_path)
    put("base.json", small())
    put("head.json", small(fields={"id": {"type": "integer"}}))
    return tmp_path


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


# --- verdicts


def test_a_difference_is_exit_code_1_from_its_level_on() -> None:
    same = run("diff", "base.json", "base.json")
    assert (same.exit_code, same.stdout) == (0, "base.json → base.json, every operation\n\nnothing changed\n")
    gone = run(*DIFF)
    assert gone.exit_code == 1 and "[response-property-removed]" in gone.stdout and gone.stderr == ""
    for words, code in (
        ((*DIFF, "--fail-on", "never"), 0),
        (("diff", "head.json", "base.json"), 0),
        (("diff", "head.json", "base.json", "--fail-on", "info"), 1),
        ((*DIFF, "--path", "/users/*"), 1),
    ):
        assert run(*words).exit_code == code, words


def test_check_asks_for_the_operations_of_the_contract_alone() -> None:
    more = small()
    more["paths"]["/more"] = more["paths"][USERS]
    put("more.json", more)
    kept = run("check", "base.json", "more.json", "--fail-on", "INFO")
    assert (kept.exit_code, kept.stdout.splitlines()[-1]) == (0, "the contract is kept")
    lost = run("check", "more.json", "base.json")
    assert lost.exit_code == 1 and "GET /more\n" in lost.stdout
    assert run("check", "more.json", "base.json", "--path", "/users/**").exit_code == 0


def test_what_was_not_looked_at_is_not_clean() -> None:
    refused(2, *DIFF, "--path", "/none", says="there are no paths /none in base.json or head.json")
    refused(2, "check", "base.json", "head.json", "--path", "/x", says="there are no operations of base.json, paths /x")
    refused(2, "extract", "base.json", "--path", "/x", says="there are no paths /x in base.json")


@pytest.mark.parametrize("words", [("diff", "-", "-"), ("check", "-", "-")])
def test_stdin_is_one_document(words: tuple[str, ...]) -> None:
    refused(2, *words, says="only one of the two documents can come from stdin")
    assert run(words[0], "-", "base.json", stdin=text_of(small())).exit_code == 0


@pytest.mark.parametrize("words", [("diff", "bad.json", "base.json"), ("check", "base.json", "bad.json")])
def test_what_cannot_be_loaded_is_no_verdict(words: tuple[str, ...]) -> None:
    put("bad.json", b"{")
    refused(8, *words, says="bad.json is broken or cut-off JSON")
    refused(8, *words, "--fail-on", "never", "--output", "report", says="bad.json")
    assert not Path("report").exists()


def test_a_server_that_does_not_answer_is_no_verdict(site: Site) -> None:
    refused(8, "extract", f"{site.url}/x.json", says="answers 404 Not Found")
    site.pages["/x.json"] = Page(text_of(small()))
    assert run("check", "base.json", f"{site.url}/x.json").exit_code == 0


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    for words in (("extract", "https://me:secret@h/x.json"), ("diff", "x", "y", "https://me:secret@h/x.json")):
        assert "secret" not in refused(2, *words, says="swagger-breaking")
    refused(2, "extract", "http://", says="no address")


# --- the profile

PROFILE = """
[scopes.users]
name = "operations on users"
paths = ["/users/**"]
[scopes.none]
paths = ["/none"]
[documents]
contract = "own/contract.json"
[server]
document = "/api.json"
absent = "it is switched off"
"""


def test_a_profile_names_scopes_documents_and_servers(site: Site) -> None:
    Path("own").mkdir()
    put("own/contract.json", small())
    put("p.toml", PROFILE.encode())
    site.pages["/api.json"] = Page(Path("head.json").read_bytes())
    profile = ("--profile", "p.toml")
    assert run(*profile, *DIFF).stdout.startswith("base.json → head.json, operations on users\n")
    assert run(*profile, *DIFF, "--all").stdout.startswith("base.json → head.json, every operation\n")
    refused(2, *profile, *DIFF, "--scope", "none", says="there are no paths /none in")
    refused(2, *profile, *DIFF, "--scope", "x", says="there is no scope 'x'; there are users, none")
    refused(2, *DIFF, "--scope", "x", says="a profile names scopes")
    refused(2, *profile, *DIFF, "--scope", "users", "--all", says="exclude each other")
    lost = run(*profile, "check", "contract", site.url)
    assert lost.exit_code == 1 and lost.stdout.startswith(f"contract → {site.url}/api.json, operations of contract\n")
    said = refused(8, *profile, "check", "contract", f"{site.url}/sub", says="that is no such server's address")
    assert "it is switched off" in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"scopes = [", "the profile p.toml: it is no TOML"),
        (b"other = 1", "the file: 'other' is not known"),
        (b"[scopes]\nx = 1", "[scopes.x] is no table"),
        (b"[scopes.x]\npaths = []", "[scopes.x]: paths must be a list of patterns"),
        (b"[scopes.x]\npath = 'a'", "[scopes.x]: 'path' is not known"),
        (b"[documents]\nx = 1", "[documents]: x must be a text in quotes"),
        (b"[server]\nurl = 'x'", "[server]: 'url' is not known"),
        (b"\xff", "the profile p.toml is no UTF-8 text"),
        (b"x = " + b"[" * 5000, "the profile p.toml: "),
        (None, "the profile p.toml cannot be read (No such file or directory)"),
    ],
)
def test_a_profile_that_is_none_is_a_usage_error(text: bytes | None, says: str) -> None:
    if text is not None:
        put("p.toml", text)
    refused(2, "--profile", "p.toml", *DIFF, says=says)


# --- rules, reports, files


def test_a_rules_file_is_obeyed_or_refused() -> None:
    put("rules.toml", b'[levels]\nresponse-property-removed = "warn"\n')
    assert run(*DIFF, "--rules", "rules.toml").exit_code == 0
    put("rules.toml", b'[levels]\nno-such-rule = "ERR"\n')
    refused(2, "diff", "none", "none", "--rules", "rules.toml", says="the rules file rules.toml: [levels]: there is no")
    refused(2, *DIFF, "--rules", "none.toml", says="the rules file none.toml cannot be read")


def test_the_formats_name_this_program() -> None:
    assert json.loads(run(*DIFF, "--format", "json").stdout)["counts"] == {"ERR": 1, "WARN": 0, "INFO": 0}
    driver = json.loads(run(*DIFF, "--format", "sarif").stdout)["runs"][0]["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("swagger-breaking", __version__)
    assert run(*DIFF, "--format", "markdown").stdout.startswith("### ")
    assert run(*DIFF, "--format", "annotations").stdout.startswith("::error file=head.json,line=")
    refused(2, *DIFF, "--format", "html", says="'html' is not one of")


def test_an_extract_of_an_extract_is_itself() -> None:
    once = run("extract", "base.json")
    put("once.json", once.stdout.encode())
    assert run("extract", "once.json", "--output", "twice.json").stdout == ""
    assert Path("twice.json").read_text() == once.stdout
    assert "description" not in json.loads(run("extract", "base.json", "--facts").stdout)["info"]


def test_every_rule_is_listed_the_worst_first() -> None:
    rows = json.loads(run("rules", "--format", "json").stdout)
    assert {row["id"] for row in rows} == {*RULES, "ignore-unused"}
    assert [row["level"] for row in rows] == sorted((row["level"] for row in rows), key=["ERR", "WARN", "INFO"].index)
    text = run("rules", "--show", "err").stdout
    assert re.findall("^(?:WARN|INFO) ", text, re.MULTILINE) == [] and "ERR   operation-removed\n" in text
    assert run("rules", "--format", "markdown").stdout.startswith("| Level | Rule |")


def test_a_reports_file_is_whole_or_absent(folder: Path) -> None:
    shown = run(*DIFF).stdout
    assert run(*DIFF, "--output", "report").exit_code == 1
    report = folder / "report"
    assert report.read_text() == shown
    report.chmod(0o640)
    (folder / "link").symlink_to("report")
    run(*DIFF, "--output", "link", "--format", "markdown")
    assert report.read_text().startswith("###") and stat.S_IMODE(report.stat().st_mode) == 0o640
    refused(8, *DIFF, "--output", "none/report", says="none/report cannot be written (No such file or directory)")
    refused(2, *DIFF, "--output", "none/", says="none/ is a folder; name a file in it")
    refused(8, *DIFF, "--output", "x" * 300, says="cannot be written (File name too long)")
    os.mkfifo("pipe")
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(Path("pipe").read_text)
        assert run(*DIFF, "--output", "pipe").exit_code == 1
        assert read.result() == shown
    assert run(*DIFF, "--output", "-").stdout == run(*DIFF, "--output", "/dev/stdout").stdout == shown
    assert {path.name for path in folder.iterdir()} == {"base.json", "head.json", "pipe", "report", "link"}


def test_a_disk_that_is_full_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        Path(f".swagger-breaking.{os.getpid()}").touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    refused(8, *DIFF, "--output", "report", says="report cannot be written (No space left on device)")
    assert {path.name for path in folder.iterdir()} == {"base.json", "head.json"}


# --- the program


def test_help_says_everything_in_groups_with_examples() -> None:
    assert run("--version").stdout == f"swagger-breaking {__version__}\n"
    assert "Exit code: 0 clean" in run("--help").stdout and run().exit_code == 2
    for name, verb in main.commands.items():
        text = run(name, "--help").stdout
        assert isinstance(verb, Command) and all(line in text for line in verb.examples)
        assert "\nReport:\n" in text and text.index("\nReport:\n") < text.index("\nCommon options:\n")
        summary = next(line for line in run("--help").stdout.splitlines() if line.startswith(f"  {name} "))
        assert not summary.endswith("...") and verb.help


def test_the_examples_of_the_help_work(site: Site) -> None:
    for name in ("old", "new", "api", "contract"):
        put(f"{name}.json", small())
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "v1.2"]):
        subprocess.run(["git", *who, *words], check=True, capture_output=True)
    site.pages["/swagger.json"] = Page(text_of(small()))
    for verb in main.commands.values():
        assert isinstance(verb, Command) and len(verb.examples) == 2
        for line in verb.examples:
            result = run(*shlex.split(line.replace("https://api.example", site.url))[1:])
            assert (result.exit_code, result.stderr) == (0, ""), line


def test_nothing_is_said_of_a_reader_that_goes_away() -> None:
    with subprocess.Popen([*PROGRAM, "rules"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 8


def test_a_stdout_that_is_full_is_no_verdict() -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*PROGRAM, "rules"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 8
    assert done.stderr == "swagger-breaking: stdout cannot be written (No space left on device)\n"


def test_help_and_the_list_of_rules_need_no_yaml() -> None:
    code = "import sys; sys.modules['yaml'] = None; from swagger_breaking.cli import main; main(sys.argv[1:])"
    for words in (["diff", "--help"], ["rules"]):
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout
