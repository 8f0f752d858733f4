"""README.md is held to the code: every command in it runs and does what is said, and every option is in it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import Page, Site, small, text_of
from swagger_breaking.cli import main
from swagger_breaking.rules import RULES

FOLDER = Path(__file__).resolve().parents[1]
README = (FOLDER / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
LINES = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
PROGRAM = f'#!/bin/sh\nexec "{sys.executable}" -m swagger_breaking "$@"\n'


def of(language: str) -> list[str]:
    return [text for name, text in BLOCKS if name == language]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A repository with v1.2 of a document, one that lacks a field now, and the files that the README shows."""
    where = tmp_path / "workspace"
    where.mkdir()
    git = ["git", "-C", str(where), "-c", "user.name=nobody", "-c", "user.email=nobody@example"]
    (where / "api.json").write_bytes(text_of(small()))
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"], ["tag", "v1.2"]):
        subprocess.run([*git, *words], check=True, capture_output=True)
    (where / "api.json").write_bytes(text_of(small(fields={"id": {"type": "integer"}})))
    rules, profile = of("toml")
    (where / "rules.toml").write_text(rules)
    (where / "profile.toml").write_text(profile)
    program = tmp_path / "bin/swagger-breaking"
    program.parent.mkdir()
    program.write_text(PROGRAM)
    program.chmod(0o755)
    return where


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.pages["/swagger.json"] = Page(text_of(small()))
        yield site


def test_every_command_does_what_is_said(workspace: Path, site: Site) -> None:
    environment = {**os.environ, "PATH": f"{workspace.parent / 'bin'}:{os.environ['PATH']}"}
    printed = {}
    for line in LINES[1:]:
        command = line.replace("https://api.example", site.url)
        done = subprocess.run(command, shell=True, cwd=workspace, env=environment, capture_output=True, text=True)
        assert done.stderr == "", line
        assert done.returncode == (1 if line == "swagger-breaking diff git:v1.2:api.json api.json" else 0), done.stdout
        printed[line] = done.stdout
    assert printed["swagger-breaking diff git:v1.2:api.json api.json"] == of("")[0]
    assert '<     "User": {' not in printed["diff old.json new.json || true"]
    assert '"name"' in printed["diff old.json new.json || true"]
    assert "1 ignored" in printed["swagger-breaking diff --rules rules.toml git:v1.2:api.json api.json"]


def test_it_is_installed_as_said_with_all_that_it_needs(tmp_path: Path) -> None:
    assert LINES[0] == "pip install ./spec/checker"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--target", str(tmp_path), str(FOLDER)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    code = "import swagger_breaking.cli as c; print(c.__file__); c.main(['rules', '--show', 'ERR'])"
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith(str(tmp_path)) and "operation-removed" in done.stdout


def test_the_python_example_works(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workspace)
    exec(of("python")[0], {})
    assert capsys.readouterr().out.startswith("ERR response-property-removed ")


def test_every_option_is_there_and_every_number_is_right() -> None:
    commands = [main, *main.commands.values()]
    options = {word for command in commands for one in command.params for word in one.opts if word.startswith("--")}
    assert {word for word in options if word not in README} <= {"--version", "--help"}
    assert f"one of {len(RULES)} rules" in README and len(README.splitlines()) < 150
    for name in ("findings.schema.json", "tests/data/second-opinion.json"):
        assert f"`{name}`" in README and (FOLDER / name).exists()
