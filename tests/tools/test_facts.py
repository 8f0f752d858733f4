"""spec/facts: what Forgejo's versions declare agrees with the contract, the patch series and the recordings; each check
of spec/tools/spec_check.py finds what it is for, and spec/tools/facts.py writes what a clone says.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import facts as facts_tool
import pytest
import spec_check
from documents import Page, Site, text_of
from swagger_breaking import parse
from swagger_breaking.document import operations
from swagger_breaking.scope import plain
from upstream import commit, git

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = ["11.0.15", "12.0.4", "13.0.5", "14.0.5", "15.0.2", "15.0.2-joblogs.1", "15.0.4-joblogs.1", "16"]
LOG = "/repos/{owner}/{repo}/actions/jobs/{job_id}/logs"
VALID, EQUAL, PATCHED, ABSENT, RECORDINGS = (
    "what spec/ declares is valid Swagger 2.0",
    "16 declares the contract's operations as the contract does",
    "what each patch series declares keeps the contract",
    "no stock version below 16 has an operation of the contract",
    "the recordings fit the facts",
)
Json = Any


@pytest.fixture(scope="module")
def checks() -> ModuleType:
    return spec_check


@pytest.fixture
def spec(checks: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of spec/ that a test may spoil."""
    shutil.copytree(ROOT / "spec", tmp_path / "spec")
    monkeypatch.setattr(checks, "SPEC", tmp_path / "spec")
    return tmp_path / "spec"


def changed(path: Path, change: Callable[[Json], object]) -> None:
    """Change a JSON file in place."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


# --- the files


def test_there_are_facts_of_every_version() -> None:
    assert sorted(path.stem for path in (ROOT / "spec/facts").iterdir()) == sorted(VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
def test_facts_say_their_commit_and_no_prose(version: str) -> None:
    path = ROOT / f"spec/facts/{version}.json"
    content = parse(path.read_bytes(), version).content
    assert re.fullmatch("[0-9a-f]{40}", content["info"]["x-commit"])
    assert content["info"]["version"] == version and content["basePath"] == "/api/v1"
    assert all("actions" in name.split("/") or name.startswith("/admin/runners") for name in content["paths"])
    found = [operation for item in content["paths"].values() for operation in item.values()]
    assert not [word for operation in found for word in ("summary", "description", "tags") if word in operation]
    assert all(operation["operationId"] for operation in found) and len(found) >= 33
    assert "x-go-" not in path.read_text()


def test_the_facts_of_15_are_of_the_commit_that_the_series_is_for() -> None:
    bases = {"15.0.2": "v15.0.2", "15.0.2-joblogs.1": "v15.0.2", "15.0.4-joblogs.1": "v15.0.4"}
    for version, folder in bases.items():
        upstream = (ROOT / f"patches/{folder}/UPSTREAM").read_text()
        assert json.loads((ROOT / f"spec/facts/{version}.json").read_text())["info"]["x-commit"] in upstream


def test_no_version_takes_an_operation_away_and_16_adds_eleven() -> None:
    stock = [operations(parse((ROOT / f"spec/facts/{v}.json").read_bytes(), v)) for v in VERSIONS if "-" not in v]
    has = [{plain(key) for key in one} for one in stock]
    assert [len(new - old) for old, new in zip(has, has[1:], strict=False)] == [2, 0, 0, 18, 11]
    assert not any(old - new for old, new in zip(has, has[1:], strict=False))


# --- spec_check.py


@pytest.mark.parametrize("name", [VALID, EQUAL, PATCHED, ABSENT, RECORDINGS])
def test_the_project_passes(checks: ModuleType, name: str) -> None:
    assert list(checks.CHECKS) == [VALID, EQUAL, PATCHED, ABSENT, RECORDINGS]
    assert list(checks.CHECKS[name]()) == []


def test_what_no_forgejo_has_is_named(checks: ModuleType) -> None:
    told = "\n".join(checks.of_no_forgejo())
    assert "POST /repos/{owner}/{repo}/actions/jobs/{job_id}/rerun" in told
    assert LOG not in told and "/cancel" not in told


def of(path: str) -> Callable[[Json], Json]:
    """The GET operation of a path."""
    return lambda content: content["paths"][path]["get"]


FIELDS = "definitions", "ActionRunJob", "properties"
JOBS = "/repos/{owner}/{repo}/actions/runners/jobs"
RUN = "/actions/run"
TASKS = "/repos/{owner}/{repo}/actions/tasks"
SPOILED: dict[str, tuple[str, str, Callable[[Json], object], str]] = {
    "a contract that is none": (VALID, "contract", lambda c: of(LOG)(c).pop("responses"), "responses"),
    "another operationId": (
        EQUAL,
        "contract",
        lambda c: of(LOG)(c).update(operationId="other"),
        "operation-id-changed",
    ),
    "an operation of 16 less": (EQUAL, "contract", lambda c: c["paths"].pop(RUN), "GET /actions/run, which 16 added"),
    "a series that has what is left out": (
        PATCHED,
        "facts/15.0.2-joblogs.1",
        lambda c: c["paths"].update({RUN: {"get": {"responses": {"200": {"description": ""}}}}}),
        "ignore-unused",
    ),
    "an answer less": (EQUAL, "facts/16", lambda c: of(LOG)(c)["responses"].pop("206"), "response-removed"),
    "a parameter more": (
        EQUAL,
        "facts/16",
        lambda c: of(LOG)(c)["parameters"].append({"name": "more", "in": "query", "type": "string"}),
        "request-parameter-added",
    ),
    "a difference that is gone": (
        EQUAL,
        "contract",
        lambda c: c["definitions"]["ActionRunJob"]["properties"]["needs"].pop("x-nullable"),
        "ignore-unused",
    ),
    "another series": (
        PATCHED,
        "facts/15.0.2-joblogs.1",
        lambda c: c["info"].update({"x-tree": "0" * 40}),
        "of another tree",
    ),
    "a series without the log": (PATCHED, "facts/15.0.2-joblogs.1", lambda c: c["paths"].pop(LOG), "is missing"),
    "15 with the log": (
        ABSENT,
        "facts/15.0.2",
        lambda c: c["paths"].update({LOG: {"get": {"responses": {"200": {"description": ""}}}}}),
        "15.0.2 has GET",
    ),
    "an operation less": (RECORDINGS, "facts/12.0.4", lambda c: c["paths"].pop(TASKS), "no such operation is declared"),
    "a status less": (
        RECORDINGS,
        "facts/14.0.5",
        lambda c: of(TASKS)(c)["responses"].pop("404"),
        "404 is not declared",
    ),
    "a field less": (
        RECORDINGS,
        "facts/16",
        lambda c: c["definitions"]["ActionRunJob"]["properties"].pop("task_id"),
        "its JSON[].task_id is not declared",
    ),
    "a field of another type": (
        RECORDINGS,
        "facts/16",
        lambda c: c["definitions"]["ActionRunJob"]["properties"].update(name={"type": "boolean"}),
        "its JSON[].name is no boolean",
    ),
    "an answer that is not excused": (RECORDINGS, "undeclared", lambda c: c["answers"].pop(0), "401"),
    "a field that is not excused": (RECORDINGS, "undeclared", lambda c: c["fields"].pop(0), "owner.username"),
    "an excuse that nothing needs": (
        RECORDINGS,
        "undeclared",
        lambda c: c["answers"].append({"operation": "GET *", "status": 418, "why": "tea"}),
        "undeclared.json: 418 of GET * is not needed",
    ),
}


@pytest.mark.parametrize("what", SPOILED)
def test_a_check_finds_what_it_is_for(checks: ModuleType, spec: Path, what: str) -> None:
    name, file, change, wanted = SPOILED[what]
    path = spec / f"{file}.swagger.json" if file == "contract" else spec / f"{file}.json"
    changed(path, change)
    try:
        faults = list(checks.CHECKS[name]())
    except Exception as error:  # noqa: BLE001 - what `main` tells as a fault, too
        faults = [str(error)]
    assert faults and wanted in "\n".join(faults)


def test_a_fault_is_exit_code_1(checks: ModuleType, spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (spec / "contract.swagger.json").write_text("{")
    assert checks.main([]) == 1
    shown = capsys.readouterr().out
    assert f"{EQUAL}: FAILED\n  contract.swagger.json is broken or cut-off JSON" in shown
    assert f"{RECORDINGS}: ok" in shown and "not offered" not in shown
    assert checks.main(["--help"]) == 2


def test_an_address_with_credentials_is_not_repeated(
    checks: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "CHECKS", {})
    assert checks.main(["http://me:hidden@127.0.0.1:1/swagger.v1.json?token=hidden"]) == 1
    printed = capsys.readouterr()
    assert "the address holds credentials" in printed.out and "hidden" not in printed.out + printed.err


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    command = [sys.executable, str(ROOT / "spec/tools/spec_check.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1, "what was not checked to its end is no pass"


def test_a_server_has_to_declare_what_its_version_does(checks: ModuleType) -> None:
    content = json.loads((ROOT / "spec/facts/15.0.2-joblogs.1.json").read_text())
    content["info"]["version"] = "15.0.2+gitea-1.22.0"
    with Site() as site:
        site.pages["/swagger.v1.json"] = Page(text_of(content))
        assert list(checks.as_the_facts_say(site.url)) == []
        content["paths"].pop(TASKS)
        site.pages["/swagger.v1.json"] = Page(text_of(content))
        assert "operation-removed" in "\n".join(checks.as_the_facts_say(site.url))
        del content["info"]
        site.pages["/swagger.v1.json"] = Page(text_of(content))
        assert list(checks.as_the_facts_say(site.url))[0].startswith(
            "there are no facts of a server that says no version"
        )
        content["info"] = {"version": "9.0.1"}
        site.pages["/swagger.v1.json"] = Page(text_of(content))
        assert list(checks.as_the_facts_say(site.url))[0].startswith("there are no facts of 9.0.1")


# --- facts.py


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository that has one version of one document."""
    where = tmp_path / "clone"
    where.mkdir()
    git(where, "init", "--quiet")
    content = json.loads((ROOT / "spec/contract.swagger.json").read_text())
    content["basePath"] = "{{AppSubUrl | JSEscape}}/api/v1"
    commit(where, "feat(api): one", {"templates/swagger/v1_json.tmpl": json.dumps(content)})
    git(where, "tag", "v11.0.15")
    return where


def test_facts_are_written_from_a_clone_and_checked_against_it(
    clone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = facts_tool
    monkeypatch.setattr(facts, "FACTS", tmp_path / "facts")

    def run(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["facts.py", str(clone), *words])
        return int(facts.main())

    assert run("11.0.15", "--check") == 1 and not (tmp_path / "facts").exists()
    assert run("11.0.15") == 0 and run("11.0.15", "--check") == 0
    path = tmp_path / "facts/11.0.15.json"
    content = parse(path.read_bytes(), "11").content
    assert content["info"]["x-commit"] == git(clone, "rev-parse", "v11.0.15") and content["basePath"] == "/api/v1"
    assert content["paths"][LOG]["get"]["operationId"] == "repoGetActionJobLogs"
    changed(path, lambda content: content["paths"].pop(LOG))
    assert run("11.0.15", "--check") == 1 and LOG not in path.read_text()
    capsys.readouterr()
    assert run("11.0.15", "12.0.4") == 1 and "has no v12.0.4" in capsys.readouterr().err
    assert LOG not in path.read_text(), "a version that cannot be read changes no file"
