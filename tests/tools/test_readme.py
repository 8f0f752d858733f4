"""The READMEs are held to the code: options, variables, paths, and at most ten lines a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import forgejo_shim
import pytest
import requests
from forgejo_shim.cli import main
from forgejo_shim.cli.config import read_config
from mypy import api
from small import LOG, Small

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FOLDERS = [
    "shim", "tests", "scripts", "spec/web", "spec/ci",
    "tests/double", "tests/clients", "tests/data/recordings",
]  # fmt: skip


def options(command: click.Command) -> Iterator[str]:
    """Every long option of a command and of its verbs."""
    for parameter in command.params:
        yield from (word for word in parameter.opts if word.startswith("--"))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for verb in (command.get_command(context, name) for name in command.list_commands(context)):
            yield from options(verb) if verb else ()


@pytest.mark.clause("C5", "C12")
def test_every_option_is_in_the_readme() -> None:
    assert {word for word in options(main) if f"{word}" not in README} <= {"--version", "--help"}


def test_every_verb_of_make_is_there() -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*  ## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", README)) <= verbs


def test_every_variable_is_read_somewhere() -> None:
    code = "".join(path.read_text() for path in (ROOT / "shim/forgejo_shim").glob("**/*.py"))
    for variable in set(re.findall(r"`(FORGEJO_[A-Z_]+)`", README)):
        assert variable in code, variable
    for key in re.findall(r"^\| `FORGEJO_.*?\| (.*?) \|", README, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", key):
            assert f'"{name}"' in code, name


def test_every_path_exists() -> None:
    table = README.partition("## Where do I change X?")[2].partition("\nImports")[0]
    for row in table.splitlines():
        folder = ROOT
        for name in re.findall(r"`([\w./-]+)`", row.rpartition(" | ")[2]):
            path = ROOT / name
            path = path if path.exists() else folder / name
            path = path if path.exists() else ROOT / "shim/forgejo_shim" / name
            assert path.exists(), row
            folder = path.parent


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folders_readme_is_short(folder: str) -> None:
    assert len((ROOT / folder / "README.md").read_text().splitlines()) <= 10
    assert len((ROOT / "patches/README.md").read_text().splitlines()) <= 150


@pytest.mark.clause("C12")
def test_the_config_file_of_the_readme_is_read(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "config.toml"
    path.write_text(example.replace("…", "x"))
    path.chmod(0o600)
    config = read_config(path, path)
    assert config.server == "https://forge.example"
    assert config.servers["https://forge.example"].token == "x"


EXAMPLES = "\n".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL))


@pytest.mark.clause("S10", "S39")
def test_the_python_examples_are_well_typed(tmp_path: Path) -> None:
    example = tmp_path / "example.py"
    example.write_text("import forgejo_shim, requests\n\ntoken = password = ''\n" + EXAMPLES)
    said, _, failed = api.run(["--strict", "--cache-dir", str(ROOT / ".mypy_cache"), str(example)])
    assert not failed, said


@pytest.mark.clause("S10", "C1")
def test_the_python_examples_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with Small("15") as small:
        job = small.model.add_run(small.repo, ["build"]).jobs[0]
        small.model.play(job, LOG, "failure")
        code = EXAMPLES.replace("https://forge.example", small.url).replace("me/app", "o/r")
        code = code.replace("log-reader", small.web.user).replace("jobs/7/", f"jobs/{job.id}/")
        exec(
            code,
            {"forgejo_shim": forgejo_shim, "requests": requests, "token": small.token, "password": small.web.password},
        )
    assert capsys.readouterr().out == f"web {LOG.decode()}\n"
    assert (tmp_path / "build.log").read_bytes() == LOG
