"""The pages that users read are held to the code: options, variables, paths, length; and their commands are run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import click
import forgejo_shim
import pytest
from certificates import certificate
from command import PROGRAM, Place
from examples import PAGES, ROOT, examples, program
from forgejo_shim.cli import main
from forgejo_shim.cli.config import read_config
from forgejo_shim.cli.serve_table import checked
from hand import wait
from mypy import api
from servers import free_port
from small import LOG, Small, row

TEXT = "\n".join((ROOT / page).read_text() for page in PAGES)
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
FOLDERS = ["tests", "scripts", "spec/web", "tests/double", "tests/clients", "tests/data/recordings"]
LINES = 150


def options(command: click.Command) -> Iterator[str]:
    """Every long option of a command and of its verbs."""
    for parameter in command.params:
        yield from (word for word in parameter.opts if word.startswith("--"))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for verb in (command.get_command(context, name) for name in command.list_commands(context)):
            yield from options(verb) if verb else ()


@pytest.mark.clause("C5", "C12")
def test_every_option_is_in_the_pages() -> None:
    assert {word for word in options(main) if f"`{word}" not in TEXT} <= {"--version", "--help"}


def test_every_verb_of_make_is_there() -> None:
    verbs = set(re.findall(r"^([a-z-]+):.*  ## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    said = set(re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"demo", "test", "conformance", "bench"} <= said <= verbs


def test_every_variable_is_read_somewhere() -> None:
    code = "".join(path.read_text() for path in (ROOT / "shim/forgejo_shim").glob("**/*.py"))
    variables = set(re.findall(r"`(FORGEJO_[A-Z_]+)`", TEXT))
    assert len(variables) > 5
    for variable in variables:
        assert variable in code, variable
    for key in re.findall(r"^\| `FORGEJO_.*?\| (.*?) \|", TEXT, re.MULTILINE):
        for name in re.findall(r"`(\w+)`", key):
            assert f'"{name}"' in code, name


def test_every_path_exists() -> None:
    table = CONTRIBUTING.partition("## Where do I change X?")[2].partition("\nImports")[0]
    assert table.count("\n| ") > 10
    for line in table.splitlines():
        folder = ROOT
        for name in re.findall(r"`([\w./-]+)`", line.rpartition(" | ")[2]):
            path = ROOT / name
            path = path if path.exists() else folder / name
            path = path if path.exists() else ROOT / "shim/forgejo_shim" / name
            assert path.exists(), line
            folder = path.parent


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_short(page: str) -> None:
    assert len((ROOT / page).read_text().splitlines()) < LINES


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folders_readme_is_short(folder: str) -> None:
    assert len((ROOT / folder / "README.md").read_text().splitlines()) <= 10


@pytest.mark.clause("C12")
def test_the_config_file_is_read(tmp_path: Path) -> None:
    example = dict(examples("toml"))["shim/CREDENTIALS.md"]
    path = tmp_path / "config.toml"
    path.write_text(example.replace("…", "x"))
    path.chmod(0o600)
    config = read_config(path, path)
    assert config.server == "https://forge.example"
    assert config.servers["https://forge.example"].token == "x"


@pytest.mark.clause("O2")
def test_the_table_of_serve_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(dict(examples("toml"))["shim/OPTIONS.md"])
    path.chmod(0o600)
    table = read_config(path, path).serve
    assert checked(table, main.commands["serve"], path) == table | {
        "tls_cert": str(tmp_path / "fullchain.pem"),
        "tls_key": str(tmp_path / "privkey.pem"),
    }


@pytest.mark.clause("S10", "S39")
def test_the_python_examples_are_well_typed(tmp_path: Path) -> None:
    example = tmp_path / "example.py"
    example.write_text(program())
    said, _, failed = api.run(["--strict", "--cache-dir", str(ROOT / ".mypy_cache"), str(example)])
    assert not failed, said


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A server that has no job and log operations, and a run there whose job `build` has failed."""
    with Small("15") as small:
        job = small.model.add_run(small.repo, ["build"]).jobs[0]
        small.model.play(job, LOG + row("error: it fails"), "failure")
        small.model.artifacts.add(job.run, "report", {"a.txt": b"x"})
        small.token = small.model.add_token(small.repo.owner, ("write:repository", "read:user")).sha1
        yield Place(small, tmp_path)


def here(place: Place, text: str) -> str:
    """An example with the names of this place for those of the page."""
    (job_id,) = place.small.model.jobs
    text = text.replace("https://forge.example", place.small.url).replace("me/app", "o/r").replace('"me"', '"o"')
    return re.sub(r'(jobs/|o/r |"o/r", )7\b', rf"\g<1>{job_id}", text)


@pytest.mark.clause("S10", "C1")
@pytest.mark.parametrize(("page", "example"), examples("python"))
def test_the_python_examples_work(
    page: str, example: str, place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place.home)
    names = {"forgejo_shim": forgejo_shim, "token": place.small.token, "password": place.small.web.password}
    exec(here(place, example), names)
    said = capsys.readouterr().out
    assert "error: it fails" in said or (log := names.get("log")) is not None and b"row 1\n" in log.content
    assert all(b"error: it fails" in path.read_bytes() for path in place.home.glob("*.log"))


# The shell examples. What a test cannot do is a stub that notes what it was asked: fetching, installing, building.

NOTED = ("pip", "make")
STUB = '#!/bin/sh\necho "{name} $*" >> "{notes}"\n'
GIT = """#!/bin/sh
echo "git $*" >> "{notes}"
case "$1 $3" in
    clone*) for last; do :; done; mkdir -p "$(basename "$last" .git)" ;;
    "-C checkout") ;;
    *) exec "{git}" "$@" ;;
esac
"""
PYTHON = """#!/bin/sh
echo "python3 $*" >> "{notes}"
[ "$1 $2" != "-m venv" ] || {{ mkdir -p "$3/bin" && : > "$3/bin/activate"; }}
"""


def stubs(folder: Path, notes: Path) -> Path:
    """A folder for the PATH with the command of this checkout, and the stubs."""
    folder.mkdir()
    texts = {name: STUB.format(name=name, notes=notes) for name in NOTED}
    texts["git"] = GIT.format(notes=notes, git=shutil.which("git"))
    texts["python3"] = PYTHON.format(notes=notes)
    texts["forgejo-shim"] = f"#!/bin/sh\nexec '{PROGRAM[0]}' -c '{PROGRAM[2]}' \"$@\"\n"
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return folder


def repository(folder: Path) -> None:
    """An API document that has changed since the tag v1.2."""
    document = (ROOT / "spec/contract.swagger.json").read_text()
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@x.example", "-C", str(folder)]
    (folder / "api.json").write_text(document)
    for words in (["init", "-q"], ["add", "api.json"], ["commit", "-qm", "x"], ["tag", "v1.2"]):
        subprocess.run([*git, *words], check=True)
    (folder / "api.json").write_text(document.replace("run_id", "run_number"))


def shell(place: Place, example: str, port: int) -> list[str]:
    """The lines of an example as they can be run here."""
    values = {"FORGEJO_TOKEN": place.small.token, "FORGEJO_SHIM_WEB_USER": place.small.web.user,
              "FORGEJO_SHIM_WEB_PASSWORD": place.small.web.password}  # fmt: skip
    lines = re.sub(r"127\.0\.0\.1:8080|0\.0\.0\.0:443", f"127.0.0.1:{port}", here(place, example)).splitlines()
    for name, value in values.items():
        lines = [re.sub(rf"\b{name}=\S+", lambda _, v=value, n=name: f"{n}={shlex.quote(v)}", line) for line in lines]
    given = shlex.quote(f"{place.small.token}\n{place.small.web.user}\n{place.small.web.password}\n")
    asked = f"printf %s {given} | \\g<0> --token-stdin --account-stdin"  # for what is asked at a terminal
    lines = [re.sub(r"^forgejo-shim login \S+", lambda found: found.expand(asked), line) for line in lines]
    # Findings are exit code 1, and so is a failed run.
    checks = re.compile(r"(forgejo-shim (?:spec (?:check|diff)|logs \S+ --follow) [^#]*).*")
    return [checks.sub(r"\1 || [ $? -eq 1 ]", line) for line in lines]


@contextmanager
def served(line: str, environment: dict[str, str], port: int, folder: Path) -> Iterator[None]:
    """The proxy as a line of a page starts it, in a folder."""
    process = subprocess.Popen([*PROGRAM, *shlex.split(line, comments=True)[1:]], env=environment, cwd=folder)
    try:
        wait(lambda: process.poll() is not None or listens(port), "serve to listen", 30)
        yield
    finally:
        process.terminate()
        assert process.wait(20) == 0, line


def listens(port: int) -> bool:
    with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


@pytest.mark.clause("C5", "C11", "X22")
@pytest.mark.parametrize(("page", "example"), examples("sh"))
def test_the_shell_examples_work(page: str, example: str, place: Place, tmp_path: Path) -> None:
    if "curl " in example and not shutil.which("curl"):
        pytest.skip("not run: no curl on the PATH")
    notes, work, port = tmp_path / "notes", tmp_path / "work", free_port()
    work.mkdir()
    repository(work)
    for file, name in zip(certificate(work, "forge.example"), ("fullchain.pem", "privkey.pem"), strict=True):
        file.rename(work / name)
    environment = {**place.environment, "PATH": f"{stubs(tmp_path / 'bin', notes)}:{os.environ['PATH']}"}
    lines = shell(place, example, port)
    starts = [line for line in lines if line.startswith("forgejo-shim serve ") and "--check" not in line]
    if "curl " in example and not starts:
        starts = [f"forgejo-shim serve --upstream {place.small.url} --listen 127.0.0.1:{port}"]
    script = "\n".join(["set -e", *(line for line in lines if line not in starts)])
    with ExitStack() as running:
        for line in starts:
            running.enter_context(served(line, environment, port, work))
        words = ["sh", "-c", script]
        done = subprocess.run(words, cwd=work, env=environment, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, (script, done.stdout[-500:], done.stderr)
    for noted in notes.read_text().splitlines() if notes.exists() else ():
        check_noted(shlex.split(noted))


def check_noted(words: list[str]) -> None:
    """Hold a command that was not run to what it names: an extra, a verb of make, a verb of the patches' tool."""
    match words:
        case ["pip", "install", *paths]:
            for folder, _, extras in (path.rstrip("]").partition("[") for path in paths):
                project = tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
                assert set(filter(None, extras.split(","))) <= project.get("optional-dependencies", {}).keys()
        case ["make", verb, *_]:
            assert re.search(rf"^{verb}:.*  ## ", (ROOT / "Makefile").read_text(), re.MULTILINE), verb
        case ["python3", "-m", "venv", _] | ["git", *_]:
            pass
        case ["python3", "scripts/patches", *rest]:
            verb = next(word for word in rest if not word.startswith("-") and "/" not in word)
            tool = [sys.executable, ROOT / "scripts/patches", verb, "--help"]
            said = subprocess.run(tool, capture_output=True, text=True, check=True).stdout
            assert all(word in said for word in rest if word.startswith("--"))
        case _:
            raise AssertionError(f"nothing is known of {words}")
