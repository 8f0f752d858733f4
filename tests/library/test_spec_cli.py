"""The command `forgejo-shim spec`: its options, its exit codes and what it prints.

What swagger-breaking finds, and how it tells it, is tested where it is (spec/checker/tests).
Its sources: test_spec_sources.py.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from command import PROGRAM
from desk import ROOT, SWAGGER, Desk
from documents import USERS, Page, Site, small
from forgejo_shim.cli.spec_verbs import PROFILE, VERBS
from markdown_it import MarkdownIt
from swagger_breaking import EVERYTHING, parse
from swagger_breaking.options import Command
from swagger_breaking.rules import RULES
from upstream import git

# --- verdicts


@pytest.mark.clause("K13")
def test_a_difference_is_exit_code_1_from_its_level_on(desk: Desk) -> None:
    same = desk.spec("diff", "base.json", "base.json", "--all")
    assert (same.exit_code, same.stdout) == (0, "base.json → base.json, every operation\n\nnothing changed\n")
    gone = desk.spec("diff", "base.json", "head.json", "--all")
    assert gone.exit_code == 1 and "response-property-removed" in gone.stdout and gone.stderr == ""
    assert desk.spec("diff", "base.json", "head.json", "--all", "--fail-on", "never").exit_code == 0
    assert desk.spec("diff", "head.json", "base.json", "--all").exit_code == 0
    assert desk.spec("diff", "head.json", "base.json", "--all", "--fail-on", "INFO").exit_code == 1


def test_the_scope(desk: Desk) -> None:
    actions = small()
    actions["paths"]["/user/actions/runners"] = actions["paths"][USERS]
    del actions["definitions"]["User"]["properties"]["name"]
    desk.put("actions.json", actions)
    for words in ((), ("--scope", "actions")):
        assert "\n\nGET /user/actions/runners\n" in desk.spec("diff", "base.json", "actions.json", *words).stdout
    for glob, code in (("/users/*", 1), ("/user/**", 0), ("/**", 1), ("/user*/*", 1)):
        assert desk.spec("diff", "base.json", "actions.json", "--path", glob).exit_code == code, glob
    assert desk.spec("diff", "base.json", "head.json", "--path", "/x", "--path", "/users/*").exit_code == 1
    for words in (("--all", "--scope", "actions"), ("--all", "--path", "/x"), ("--path", "/x", "--scope", "actions")):
        desk.refused(2, "diff", "base.json", "head.json", *words, says="exclude each other")


@pytest.mark.clause("K14")
def test_what_was_not_looked_at_is_not_clean(desk: Desk) -> None:
    desk.refused(
        2, "diff", "base.json", "head.json", says="there are no operations of Actions in base.json or head.json"
    )
    desk.refused(2, "diff", "base.json", "base.json", "--path", "/user", says="there are no paths /user in base.json")
    desk.refused(2, "check", "base.json", "--path", "/user", says="there are no operations of contract, paths /user in")
    desk.refused(2, "extract", "base.json", says="there are no operations of Actions in base.json")
    desk.put("empty.json", small(paths={}))
    assert desk.spec("diff", "empty.json", "empty.json", "--all").exit_code == 0


@pytest.mark.clause("K2")
def test_check_asks_for_the_contract_alone(desk: Desk) -> None:
    contract = json.loads((ROOT / "spec" / "contract.swagger.json").read_text())
    more = {**contract, "paths": {**contract["paths"], USERS: small()["paths"][USERS]}}
    more["definitions"] = {**contract["definitions"], **small()["definitions"]}
    desk.put("more.json", more)
    assert desk.spec("check", "more.json").stdout.endswith("\n\nthe contract is kept\n")
    path = "/repos/{owner}/{repo}/actions/jobs/{job_id}/logs"
    del more["paths"][path]
    desk.put("less.json", more)
    result = desk.spec("check", "less.json")
    assert result.exit_code == 1 and path in result.stdout and "1 ERR, 0 WARN, 0 INFO" in result.stdout
    assert desk.spec("check", "less.json", "--path", "**/runs/**").exit_code == 0
    assert desk.spec("check", "less.json", "--path", "**/jobs/**").exit_code == 1
    assert desk.spec("check", "contract").exit_code == 0


def test_check_without_a_source_is_of_the_server_named(desk: Desk, site: Site) -> None:
    site.pages[SWAGGER] = Page((ROOT / "spec" / "contract.swagger.json").read_bytes())
    assert desk.spec("check", FORGEJO_URL=site.url).exit_code == 0
    assert desk.spec("check", "--server", site.url).exit_code == 0
    (desk.folder / "config.toml").write_text(f'server = "{site.url}"\n')
    (desk.folder / "config.toml").chmod(0o600)
    assert desk.run("--config", "config.toml", "spec", "check").exit_code == 0
    desk.refused(2, "check", says="no server given")
    assert len(site.seen) == 3


def test_the_operations_of_actions() -> None:
    keys = [
        "GET /actions/run",
        "GET /admin/runners/jobs",
        "GET /repos/{owner}/{repo}/actions/runs",
        "POST /orgs/{org}/actions/secrets",
    ]
    assert all(key in PROFILE.scope for key in keys) and PROFILE.scope.name == "operations of Actions"
    assert "GET /repos/{owner}/{repo}/issues/{index}/reactions" not in PROFILE.scope


def test_the_contract_is_the_projects_own(desk: Desk) -> None:
    own = json.loads((ROOT / "spec/contract.swagger.json").read_text())
    assert json.loads(desk.spec("extract", "contract").stdout)["paths"] == own["paths"]


# --- rules, formats, files


@pytest.mark.clause("K6")
def test_a_rules_file(desk: Desk) -> None:
    diff = ("diff", "base.json", "head.json", "--all")
    (desk.folder / "rules.toml").write_text('[levels]\nresponse-property-removed = "WARN"\n')
    assert desk.spec(*diff, "--rules", "rules.toml").exit_code == 0
    assert desk.spec(*diff, "--rules", "rules.toml", "--fail-on", "WARN").exit_code == 1
    (desk.folder / "rules.toml").write_text(
        '[[ignore]]\nrule = "response-property-removed"\nat = "definition User.*"\nreason = "never read"\n'
    )
    assert "nothing changed; 1 ignored" in desk.spec(*diff, "--rules", "rules.toml").stdout
    unused = desk.spec("diff", "base.json", "base.json", "--all", "--rules", "rules.toml", "--fail-on", "WARN")
    assert unused.exit_code == 1 and "ignore-unused" in unused.stdout and "never read" in unused.stdout


@pytest.mark.clause("K6")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"[levels]\nno-such-rule = 'ERR'", "rules.toml: [levels]: there is no rule 'no-such-rule'"),
        (b"[levels]\noperation-removed = 'FATAL'", "'FATAL' is no level"),
        (b"levels = [", "is no TOML"),
        (b"\xff", "no UTF-8"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_rules_file_that_is_none_is_a_usage_error(desk: Desk, text: bytes | None, says: str) -> None:
    if text is not None:
        desk.put("rules.toml", text)
    desk.refused(2, "diff", "nowhere.json", "nowhere.json", "--rules", "rules.toml", says=says)


@pytest.mark.clause("K7")
def test_the_formats(desk: Desk) -> None:
    diff = ("diff", "base.json", "head.json", "--all")
    assert json.loads(desk.spec(*diff, "--json").stdout)["failing"] is True
    assert json.loads(desk.run("--json", "spec", *diff).stdout)["counts"]["ERR"] == 1
    assert json.loads(desk.spec(*diff, "--format", "sarif").stdout)["version"] == "2.1.0"
    assert desk.spec(*diff, "--format", "markdown").stdout.startswith("### Spec diff: `base.json` → `head.json`")
    told = desk.spec(*diff, "--format", "annotations")
    assert told.exit_code == 1 and told.stdout.startswith("::error file=head.json,line=")
    assert desk.spec(*diff, "--format", "text").stdout == desk.spec(*diff).stdout
    both = desk.spec(*diff, "--json", "--format", "sarif")
    assert both.exit_code == 2 and "exclude each other" in json.loads(both.stderr)["error"]["message"]
    desk.refused(2, *diff, "--format", "html")


@pytest.mark.clause("K7")
def test_a_file_is_whole_or_absent(desk: Desk) -> None:
    diff = ("diff", "base.json", "head.json", "--all")
    shown = desk.spec(*diff)
    result = desk.spec(*diff, "--output", "report.txt")
    report = desk.folder / "report.txt"
    assert (result.exit_code, result.stdout, report.read_text()) == (1, "", shown.stdout)
    report.chmod(0o640)
    desk.spec(*diff, "--output", "report.txt", "--format", "markdown")
    assert report.read_text().startswith("###") and stat.S_IMODE(report.stat().st_mode) == 0o640
    failed = desk.spec(*diff, "--output", "nowhere/report.txt")
    assert failed.exit_code == 1 and failed.stdout == "" and "forgejo-shim: " in failed.stderr
    os.mkfifo("pipe")
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(Path("pipe").read_text)
        assert desk.spec(*diff, "--output", "pipe").exit_code == 1
        assert read.result() == shown.stdout
    assert sorted(path.name for path in desk.folder.iterdir()) == ["base.json", "head.json", "pipe", "report.txt"]
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


def test_it_is_in_colour_on_a_terminal_only(desk: Desk) -> None:
    diff = ("diff", "base.json", "head.json", "--all")
    assert "\x1b" not in desk.spec(*diff).stdout
    assert b"\x1b[31m\x1b[1mERR \x1b[0m" in on_terminal("spec", *diff)
    assert b"\x1b" not in on_terminal("spec", *diff, NO_COLOR="1")


def on_terminal(*words: str, **environment: str) -> bytes:
    """What the command writes to a terminal."""
    ours, its = pty.openpty()
    kept = {"PATH": os.environ["PATH"], "HOME": os.getcwd(), **environment}
    process = subprocess.Popen([*PROGRAM, *words], env=kept, stdout=its, stderr=its, stdin=its)
    os.close(its)
    shown = b""
    with suppress(OSError):  # that is how the end is told
        while part := os.read(ours, 65536):
            shown += part
    process.wait(30)
    os.close(ours)
    return shown


# --- the list of rules, and what is shown


@pytest.mark.clause("K12")
def test_every_rule_is_listed(desk: Desk) -> None:
    text = desk.spec("rules").stdout
    listed = re.findall(r"^(?:ERR |WARN|INFO)  ([a-z-]+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted([*RULES, "ignore-unused"])
    assert text.index("WARN  ") > text.rindex("\nERR  "), "the worst comes first"
    rows = json.loads(desk.spec("rules", "--json").stdout)
    assert [row["id"] for row in rows] == listed
    assert all(row["meaning"] == RULES[row["id"]].meaning for row in rows if row["id"] in RULES)
    table = MarkdownIt().enable("table").render(desk.spec("rules", "--format", "markdown").stdout)
    assert table.count("<tr>") == len(listed) + 1 and table.count("<td>") == 4 * len(listed) and "<em>" not in table
    assert desk.spec("rules", "--show", "err").stdout.count("\nERR  ") + 1 == sum(r["level"] == "ERR" for r in rows)
    assert "WARN" not in desk.spec("rules", "--show", "err").stdout
    desk.refused(2, "rules", "--show", "never")


@pytest.mark.clause("K12")
def test_a_level_is_given_in_any_case(desk: Desk) -> None:
    diff = ("diff", "head.json", "base.json", "--all")
    for word, code in (("err", 0), ("Info", 1), ("NEVER", 0)):
        assert desk.spec(*diff, "--fail-on", word).exit_code == code
    shown = desk.spec(*diff, "--show", "warn")
    assert "response-property-added" not in shown.stdout and "1 not shown (--show WARN)" in shown.stdout
    assert json.loads(desk.spec(*diff, "--show", "Err", "--json").stdout)["findings"] == []
    for form in ("sarif", "annotations", "markdown"):
        assert "response-property-added" not in desk.spec(*diff, "--show", "err", "--format", form).stdout
    assert desk.spec(*diff, "--show", "err", "--fail-on", "info").exit_code == 1


# --- extract


@pytest.mark.clause("K8")
def test_extract_is_stable(desk: Desk) -> None:
    once = desk.spec("extract", "base.json", "--all")
    assert once.exit_code == 0
    desk.put("once.json", once.stdout.encode())
    assert desk.spec("extract", "once.json", "--all", "--output", "twice.json").stdout == ""
    assert (desk.folder / "twice.json").read_text() == once.stdout
    assert parse(once.stdout.encode(), "x").content["paths"].keys() == {USERS}
    assert desk.spec("extract", "contract").stdout == desk.spec("extract", "contract", "--scope", "actions").stdout
    assert USERS in desk.spec("extract", "base.json", "--path", "/users/*").stdout
    prose = desk.put("prose.json", small(info={"title": "t", "version": "1", "description": "long prose"}))
    assert "long prose" not in desk.spec("extract", prose, "--all", "--facts").stdout
    assert EVERYTHING.name == "every operation"


# --- help


@pytest.mark.clause("C11")
def test_the_examples_of_the_help_work(desk: Desk, site: Site) -> None:
    contract = (ROOT / "spec/contract.swagger.json").read_bytes()
    desk.put("api.json", contract)
    site.pages[SWAGGER] = Page(contract)
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "v1.2"]):
        git(desk.folder, *words)
    for verb in VERBS:
        shown = desk.spec(verb.name, "--help").stdout
        assert isinstance(verb, Command) and len(verb.examples) == 2 and all(line in shown for line in verb.examples)
        for line in verb.examples:
            result = desk.run(*shlex.split(re.sub(r"https://\w+\.example", site.url, line))[1:])
            assert (result.exit_code, result.stderr) == (0, ""), line


# --- the extra


@pytest.mark.parametrize("packages", [["./shim[spec]"], ["./spec/checker", "./shim[spec]"]])
def test_the_extra_takes_the_checker_of_the_same_checkout(packages: list[str]) -> None:
    words = ["install", "--dry-run", "--no-index", "--no-build-isolation", "--quiet", "--report", "-", *packages]
    done = subprocess.run([sys.executable, "-m", "pip", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    taken = {one["metadata"]["name"]: one["download_info"]["url"] for one in json.loads(done.stdout)["install"]}
    assert taken == {"swagger-breaking": f"{ROOT.as_uri()}/spec/checker", "forgejo-shim": f"{ROOT.as_uri()}/shim"}


def test_without_the_extra_it_says_what_to_install(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "swagger_breaking", None)
    for words in (("check", "contract"), ("rules", "--help")):
        said = desk.refused(1, *words, says="pip install ./spec/checker './shim[spec]'")
        assert "pipx inject forgejo-shim ./spec/checker" in said
    shown = desk.spec("--help")
    assert shown.exit_code == 0 and "Needs the extra `spec`" in shown.stdout and "Commands:" not in shown.stdout


@pytest.mark.clause("K18")
@pytest.mark.parametrize("words", [("diff", "--help"), ("rules", "--json")])
def test_help_and_the_list_of_rules_need_no_extra(words: tuple[str, ...]) -> None:
    code = "import sys; sys.modules['yaml'] = None; from forgejo_shim.cli import main; main(sys.argv[1:])"
    done = subprocess.run([PROGRAM[0], "-c", code, "spec", *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout


def test_the_other_verbs_load_nothing_of_it() -> None:
    code = "import sys, forgejo_shim.cli; print([n for n in sys.modules if n in ('yaml', 'swagger_breaking')])"
    done = subprocess.run([PROGRAM[0], "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
