"""The command `forgejo-shim spec`: its options, its exit codes, and that what is no document is never clean.

What swagger-breaking finds, and how it tells it, is tested where it is (spec/checker/tests).
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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from command import PROGRAM
from documents import USERS, Page, Site, moved, small, text_of
from forgejo_shim.cli import main
from forgejo_shim.cli.spec_verbs import PROFILE, VERBS
from forgejo_shim.client_session import Token
from markdown_it import MarkdownIt
from swagger_breaking import EVERYTHING, parse
from swagger_breaking.options import Command
from swagger_breaking.rules import RULES
from upstream import git

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "t0ken-of-nobody"
SWAGGER = "/swagger.v1.json"


class Desk:
    """A folder with a base and a head that lacks a field, and the command run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.put("base.json", small())
        self.put("head.json", small(fields={"id": {"type": "integer"}}))

    def put(self, name: str, document: Any) -> Path:
        path = self.folder / name
        path.write_bytes(document if isinstance(document, bytes) else text_of(document))
        return path

    def run(self, *words: object, stdin: bytes = b"", **environment: str) -> Result:
        """Run the command; nothing of this process's own environment that matters to it is there."""
        hidden = {name: None for name in os.environ if name.startswith(("FORGEJO", "XDG_"))}
        runner = CliRunner(env={**hidden, "HOME": str(self.folder), **environment})
        result = runner.invoke(main, [str(word) for word in words], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output and TOKEN not in result.output
        return result

    def spec(self, *words: object, **more: Any) -> Result:
        return self.run("spec", *words, **more)

    def refused(self, exit_code: int, *words: object, says: str = "", **more: Any) -> str:
        """The one sentence of a command that fails and prints nothing else."""
        result = self.spec(*words, **more)
        assert (result.exit_code, result.stdout) == (exit_code, ""), result.output
        assert result.stderr.startswith("forgejo-shim: ") and result.stderr.count("\n") == 1
        assert says in result.stderr, result.stderr
        return result.stderr


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


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
    path = next(iter(contract["paths"]))
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


# --- what is no document


def deep(count: int) -> bytes:
    return b'{"swagger": "2.0", "x": ' + b"[" * count + b"]" * count + b"}"


def laughs(count: int = 12) -> bytes:
    """YAML whose aliases stand for 10 ** count texts."""
    lines = ["swagger: '2.0'", "a0: &a0 lol"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, count)]
    return "\n".join([*lines, f"info: *a{count - 1}", "paths: {}"]).encode()


def pointing(target: str) -> bytes:
    document = small()
    document["definitions"]["User"] = {"$ref": target}
    return text_of(document)


BAD = {
    "truncated": text_of(small())[:-40],
    "page": b"<!DOCTYPE html><html><body>Sign In</body></html>",
    "openapi": b'{"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {}}',
    "openapi-yaml": b"openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\n",
    "empty": b"",
    "blank": b" \n\n",
    "null": b"null",
    "list": b"[]",
    "text": b"hello",
    "binary": bytes(range(256)) * 10,
    "nul": b"\0" * 100,
    "archive": b"PK\x03\x04" + b"\0" * 40,
    "nowhere": pointing("#/definitions/Nobody"),
    "outside": pointing("other.json#/definitions/User"),
    "file": pointing("file:///etc/passwd"),
    "remote": pointing("http://127.0.0.1:1/x.json"),
    "circle": pointing("#/definitions/User"),
    "deep": deep(100_000),
    "deep-yaml": b"x: " + b"[" * 100_000,
    "deep-mappings": b"\n".join(b" " * n + b"a:" for n in range(3000)),
    "laughs": laughs(),
    "ring": b"swagger: '2.0'\ninfo: &a {title: t, version: '1', x-a: *a}\npaths: {}\n",
    "tag": b"swagger: !!python/object/apply:os.system ['echo evil > evil']\n",
    "tag-new": b"swagger: '2.0'\ninfo: !!python/name:os.system\npaths: {}\n",
    "twice": b'{"swagger": "2.0", "swagger": "2.0", "info": {"title": "", "version": ""}, "paths": {}}',
    "twice-yaml": b"swagger: '2.0'\nswagger: '2.0'\ninfo: {title: t, version: '1'}\npaths: {}\n",
    "nan": b'{"swagger": "2.0", "info": {"title": "t", "version": "1"}, "paths": {}, "x-a": NaN}',
    "paths": b'{"swagger": "2.0", "info": {"title": "t", "version": "1"}, "paths": []}',
    "no-paths": b'{"swagger": "2.0", "info": {"title": "t", "version": "1"}}',
    "two-documents": b"swagger: '2.0'\n---\nswagger: '2.0'\n",
    "error-json": b'{"message": "not found", "url": "http://h/api/swagger"}',
}


@pytest.mark.clause("K4")
@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("verb", ["check", "extract"])
def test_what_is_no_document_is_never_clean(desk: Desk, name: str, verb: str) -> None:
    desk.put("bad.json", BAD[name])
    said = desk.refused(8, verb, "bad.json", says="bad.json")
    assert len(said) < 400 and all(c.isprintable() or c == "\n" for c in said)
    assert sorted(path.name for path in desk.folder.iterdir()) == ["bad.json", "base.json", "head.json"]


@pytest.mark.clause("K4")
@pytest.mark.parametrize("words", [("diff", "bad.json", "base.json"), ("diff", "base.json", "bad.json")])
def test_either_side_counts(desk: Desk, words: tuple[str, ...]) -> None:
    desk.put("bad.json", b"{")
    desk.refused(8, *words, says="bad.json")
    desk.refused(8, *words, "--fail-on", "never", "--format", "sarif", "--output", "report", says="bad.json")
    assert not (desk.folder / "report").exists()


@pytest.mark.clause("K4")
def test_sources_that_cannot_be_reached(desk: Desk, site: Site) -> None:
    site.pages |= {SWAGGER: moved("/user/login"), "/a.json": moved("/a.json"), "/p.json": Page(BAD["page"])}
    desk.refused(8, "check", site.url, says="sign-in page")
    desk.refused(8, "check", f"{site.url}/a.json", says="redirects more than")
    desk.refused(8, "check", f"{site.url}/p.json", says="HTML")
    desk.refused(8, "check", f"{site.url}/sub", says="404")
    desk.refused(8, "check", "nowhere.json", says="is not there")
    desk.refused(8, "check", "git:--output=evil:x.json", says="git:REF:PATH")
    desk.refused(8, "check", ".", says="is a folder")
    result = desk.run("--json", "spec", "check", "nowhere.json")
    assert (result.exit_code, result.stdout) == (8, "")
    assert json.loads(result.stderr)["error"]["cause"] == "spec-unreadable"


@pytest.mark.clause("K4")
def test_stdin(desk: Desk) -> None:
    assert desk.spec("diff", "-", "head.json", "--all", stdin=text_of(small())).stdout.startswith("stdin → head.json")
    desk.refused(8, "check", "-", says="stdin is empty")
    desk.refused(2, "diff", "-", "-", says="stdin")


@pytest.mark.clause("K16")
def test_credentials_in_an_address_are_refused_and_not_repeated(desk: Desk) -> None:
    said = desk.refused(2, "check", "https://someone:secret@forge.example/x.json")
    assert "secret" not in said and "someone" not in said
    desk.refused(2, "check", "http://", says="no address")


@pytest.mark.clause("K5")
def test_the_token_is_for_the_server_named(desk: Desk, site: Site) -> None:
    raw = f"{site.url}/api/v1/repos/o/r/raw/x.json"
    site.pages |= {"/api/v1/repos/o/r/raw/x.json": Page(text_of(small())), "/x.json": Page(text_of(small()))}
    with Site() as other:
        for source, named in ((raw, site.url), (f"{site.url}/x.json", site.url), (raw, other.url), (raw, "")):
            desk.spec("extract", source, FORGEJO_TOKEN=TOKEN, **({"FORGEJO_URL": named} if named else {}))
        assert [headers.get("Authorization") for _, headers in site.seen] == [f"token {TOKEN}", None, None, None]
        assert other.seen == []


@pytest.mark.clause("K5")
def test_the_token_goes_below_api_of_its_server_and_nowhere_else(desk: Desk, site: Site) -> None:
    raw = "/api/v1/repos/o/r/raw/x.json"
    with Site() as other:
        for place in (site, other):
            for path in (raw, SWAGGER, "/x.json", "/api/v1evil/x.json", "/api/v12/x.json"):
                place.pages[path] = Page(text_of(small()))
        for url in (
            f"{site.url}{raw}",
            site.url,
            f"{site.url}/x.json",
            f"{site.url}/api/v1evil/x.json",
            f"{site.url}/api/v12/x.json",
            f"{other.url}{raw}",
        ):
            desk.spec("extract", url, "--all", FORGEJO_TOKEN=TOKEN, FORGEJO_URL=site.url)
        sent = [headers.get("Authorization") for _, headers in site.seen + other.seen]
    assert sent == [f"token {TOKEN}", None, None, None, None, None]


@pytest.mark.clause("K5")
def test_a_redirect_takes_no_token_elsewhere(desk: Desk, site: Site) -> None:
    with Site() as other:
        raw = "/api/v1/repos/o/r/raw/x.json"
        other.pages[raw] = moved(f"{site.url}{raw}x")
        site.pages |= {raw: moved(f"{other.url}{raw}"), f"{raw}x": Page(text_of(small()))}
        done = desk.spec("extract", f"{site.url}{raw}", "--all", FORGEJO_TOKEN=TOKEN, FORGEJO_URL=site.url)
        assert done.exit_code == 0
        assert [headers.get("Authorization") for _, headers in other.seen] == [None]
        assert [headers.get("Authorization") for _, headers in site.seen] == [f"token {TOKEN}"] * 2


@pytest.mark.clause("K5")
def test_a_file_that_a_document_refers_to_is_asked_for_without_the_token(desk: Desk, site: Site) -> None:
    raw = "/api/v1/repos/o/r/raw/"
    site.pages[f"{raw}x.json"] = Page(text_of(small(definitions={"User": {"$ref": "y.json"}})))
    site.pages[f"{raw}y.json"] = Page(b'{"type": "object"}')
    done = desk.spec("extract", f"{site.url}{raw}x.json", "--all", FORGEJO_TOKEN=TOKEN, FORGEJO_URL=site.url)
    sent = [(path, headers.get("Authorization")) for path, headers in site.seen]
    assert done.exit_code == 0 and sent == [(f"{raw}x.json", f"token {TOKEN}"), (f"{raw}y.json", None)]


@pytest.mark.clause("K5")
def test_nothing_of_a_netrc_file_is_sent_and_a_login_shows_no_token(desk: Desk, site: Site) -> None:
    site.pages[SWAGGER] = Page(text_of(small()))
    netrc = desk.put(".netrc", b"machine 127.0.0.1 login someone password secret\n")
    netrc.chmod(0o600)
    desk.spec("extract", site.url, "--all")
    assert "Authorization" not in site.seen[0][1]
    assert TOKEN not in repr(Token(TOKEN))


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
