"""The CI step in spec/ci, run as a runner does: its scripts in bash, its inputs in the environment.

Rules: `run_step` reads action.yml and knows only what GitHub's and Forgejo's runners share: inputs and their defaults,
outputs of a step before, the files named by GITHUB_OUTPUT and GITHUB_STEP_SUMMARY. The package is not installed anew;
the step that does that is run with a Python that only notes what it is asked for.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from upstream import commit, git

ROOT = Path(__file__).resolve().parents[2]
CI = ROOT / "spec/ci"
ACTION: dict[str, Any] = yaml.safe_load((CI / "action.yml").read_text())
INSTALL, COMPARE = ACTION["runs"]["steps"]
EXPRESSION = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")
FACTS = ROOT / "spec/facts"


@dataclass(frozen=True)
class Done:
    """A step's exit code, what it printed, and what it wrote to the runner's files."""

    code: int
    printed: str
    output: str
    summary: str


def run_step(step: dict[str, Any], where: Path, known: Mapping[str, str], **inputs: str) -> Done:
    """Run a step in the folder `where`; `known` are the values of expressions that are no inputs."""
    assert inputs.keys() <= ACTION["inputs"].keys()
    values = {f"inputs.{name}": inputs.get(name, told.get("default")) for name, told in ACTION["inputs"].items()}
    values |= known
    environment = {name: EXPRESSION.sub(lambda found: values[found[1]], text) for name, text in step["env"].items()}
    files = {"GITHUB_OUTPUT": where.parent / "output", "GITHUB_STEP_SUMMARY": where.parent / "summary"}
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    kept |= {name: str(path) for name, path in files.items()} | {"RUNNER_TEMP": str(where.parent)}
    command = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]]
    done = subprocess.run(command, cwd=where, env=kept | environment, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    texts = [path.read_text() if path.exists() else "" for path in files.values()]
    return Done(done.returncode, done.stdout + done.stderr, *texts)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A user's repository: version 15.0.2 of a document released as v1, and 16's at HEAD."""
    where = tmp_path / "workspace"
    where.mkdir()
    git(where, "init", "--quiet")
    for tag, version in (("v1", "15.0.2"), ("v2", "16")):
        commit(where, f"feat(api): {tag}", {"api.json": (FACTS / f"{version}.json").read_text()})
        git(where, "tag", tag)
    return where


REAL = f'exec "{sys.executable}" -m swagger_breaking "$@"'
NOTED = 'for word in "$@"; do printf "%s\\0" "$word"; done >> "$0.asked"; printf "\\n\\0" >> "$0.asked"'


def compare(where: Path, command: str = REAL, **inputs: str) -> Done:
    """Run the comparing step; `command` is the body of the script that stands for swagger-breaking."""
    checker = where.parent / "swagger-breaking"
    checker.write_text(f"#!/bin/sh\n{command}\n")
    checker.chmod(0o755)
    named = {name.replace("_", "-"): value for name, value in inputs.items()}
    return run_step(
        COMPARE, where, {"steps.install.outputs.command": str(checker), "github.action_path": str(CI)}, **named
    )


def asked(where: Path, **inputs: str) -> list[list[str]]:
    """The words of each command that the step gives, without the profile."""
    assert compare(where, NOTED, **inputs).code == 0
    calls = (where.parent / "swagger-breaking.asked").read_text().split("\n\0")[:-1]
    words = [call.split("\0")[:-1] for call in calls]
    assert {tuple(call[:2]) for call in words} == {("--profile", f"{CI}/../forgejo.toml")}
    return [call[2:] for call in words]


def results(where: Path) -> list[dict[str, Any]]:
    """The SARIF's findings."""
    return list(json.loads((where / "forgejo-api.sarif").read_text())["runs"][0]["results"])


# --- the files


def test_no_input_is_a_part_of_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"] and step["shell"] == "bash"
    used = {
        found for step in ACTION["runs"]["steps"] for text in step["env"].values() for found in EXPRESSION.findall(text)
    }
    assert used - {"github.action_path", "steps.install.outputs.command"} == {
        f"inputs.{name}" for name in ACTION["inputs"]
    }


@pytest.mark.parametrize("name", ["github", "forgejo"])
def test_the_workflows_use_the_action_as_it_is(name: str) -> None:
    text = (CI / f"{name}.yml").read_text()
    workflow = yaml.safe_load(text)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    ours = [step for step in steps if "/forgejo-shim/spec/ci@" in step["uses"]]
    assert len(ours) == 2
    for step in ours:
        assert "source" in step["with"] and step["with"].keys() <= ACTION["inputs"].keys()
    assert ACTION["inputs"]["sarif"]["default"] in text, "what is uploaded is what the action writes"
    assert all(step["uses"].startswith("https://") for step in steps) == (name == "forgejo")


# --- the steps


def test_one_comparison_is_told_three_times_and_the_last_one_decides(workspace: Path) -> None:
    rest = ["--", "contract", "https://forgejo.example"]
    assert asked(workspace, source=rest[-1]) == [
        ["check", "--fail-on", "never", "--format", "sarif", "--output", "forgejo-api.sarif", *rest],
        ["check", "--fail-on", "ERR", "--format", "markdown", *rest],
        ["check", "--fail-on", "ERR", "--format", "annotations", *rest],
    ]


def test_inputs_become_options(workspace: Path) -> None:
    given = {"base": "contract", "path": "/user/**", "rules": "r.toml", "fail_on": "never", "sarif": "s"}
    for words in asked(workspace, source="api.json", **given):
        assert words[:5] == ["diff", "--rules", "r.toml", "--path", "/user/**"]
        assert words[5:7] == ["--fail-on", "never"] and words[-3:] == ["--", "contract", "api.json"]


HOSTILE = """$(touch owned)"; touch owned; `touch owned` '; touch owned; '
touch owned | *"""


def test_an_input_is_never_run(workspace: Path) -> None:
    text = dict.fromkeys(("source", "path", "rules", "fail_on", "sarif"), HOSTILE)
    assert [words.count(HOSTILE) for words in asked(workspace, **text)] == [4, 4, 4]
    assert asked(workspace, **text, base=HOSTILE)[-1].count(HOSTILE) == 5
    assert not list(workspace.parent.rglob("owned"))


def test_the_last_release_is_the_newest_tag_before_head(workspace: Path) -> None:
    assert asked(workspace, source="api.json", base="last-release")[0][-2:] == ["git:v1:api.json", "api.json"]
    git(workspace, "tag", "--delete", "v1")
    done = compare(workspace, NOTED, source="api.json", base="last-release")
    assert done.code == 1 and "::error::there is no tag before HEAD" in done.printed


def test_a_server_without_the_contract_fails_and_it_is_said_what_is_missing(workspace: Path) -> None:
    (workspace / "api.json").write_text((FACTS / "15.0.2.json").read_text())
    done = compare(workspace, source="api.json")
    assert done.code == 1
    assert done.printed.count("::error ") == 11 and len(results(workspace)) == 11
    for operation_id in ("repoGetActionJobLogs", "ListActionRunJobs", "repoGetActionRunLogs", "getActionsRun"):
        assert operation_id in done.printed and operation_id in done.summary


def test_what_is_new_since_the_last_release_passes(workspace: Path) -> None:
    done = compare(workspace, source="api.json", base="last-release")
    assert done.code == 0, done.printed
    assert {result["ruleId"] for result in results(workspace)} >= {"operation-added", "response-property-added"}
    assert re.search(r"^::notice .*file=api\.json,.*line=\d+", done.printed, re.MULTILINE)
    assert "::error" not in done.printed and "git:v1:api.json" in done.summary


def test_what_cannot_be_loaded_fails_whatever_fail_on_says(workspace: Path) -> None:
    assert compare(workspace, source="missing.json", fail_on="never").code == 8
    assert not (workspace / "forgejo-api.sarif").exists()


NOTING_PYTHON = """#!/bin/sh
echo "$@" > "$0.asked"
mkdir -p "$3/bin"
cp "$0.pip" "$3/bin/pip"
"""


def test_the_package_is_installed_from_the_actions_own_commit(workspace: Path, tmp_path: Path) -> None:
    python, pip, noted = tmp_path / "python", tmp_path / "python.pip", tmp_path / "pip.asked"
    python.write_text(NOTING_PYTHON)
    pip.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{noted}"\n')
    for script in (python, pip):
        script.chmod(0o755)
    done = run_step(INSTALL, workspace, {"github.action_path": str(CI)}, source="x", python=str(python))
    assert done.code == 0, done.printed
    assert (tmp_path / "python.asked").read_text().startswith("-m venv ")
    assert re.fullmatch(r"command=/\S+/bin/swagger-breaking\n", done.output)
    verb, *_, package = noted.read_text().splitlines()
    assert verb == "install" and (Path(package) / "swagger_breaking/cli.py").is_file()
