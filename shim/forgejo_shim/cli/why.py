"""`forgejo-shim why`: why a run is red, or what a log on disk says of that.

Rules: the report is made elsewhere (why/); here its run is chosen and it is shown. What comes from a log or a server is
made safe for a terminal, in a pipe too: a report is no log. Log files are read as they stream, whatever their size.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from ..errors import NothingMatched, ShimError
from ..flows.why import LEAST_SIZE, LINES, MOST_LINES, MOST_SIZE, SIZE
from ..inert import name_text
from ..models import FINAL, Run
from ..why.find import find
from ..why.matchers import Matcher, built_in, load
from ..why.render import as_json, as_markdown, as_text, limit, of_log
from ..why.text import GIVEN_UP, OF_LOG
from ..why.values import Report
from .fields import FieldsVerb, chosen
from .help import option_of
from .output import note, terminal
from .pick_run import pick_run, run_here
from .settings import CommonOptions, FileType, common
from .target import RunRef, Target, takes_target, with_run

CHUNK = 64 * 1024  # bytes of a file that are read at once

_READ = FileType(exists=True, dir_okay=False, allow_dash=True)
which_option, how_option = map(option_of, ("Which run", "How it is told"))


@click.command(
    cls=FieldsVerb,
    fields=[field.name for field in fields(Report)],
    examples=[
        "forgejo-shim why OWNER/REPO",
        "forgejo-shim why OWNER/REPO 42 --markdown",
        "forgejo-shim why https://forge.example/OWNER/REPO/actions/runs/42",
        "forgejo-shim why --file build.log",
    ],
)
@takes_target(instead="log")
@click.argument("run", metavar="[RUN]", required=False)
@which_option("--run", "named", metavar="NUMBER|latest|URL", help="The same as RUN.")
@which_option("--commit", metavar="SHA", help="The run of a commit, by its first digits or all.")
@which_option("--branch", metavar="NAME", help="The run of the newest commit of a branch.")
@which_option(
    "--pr", "pull", type=click.IntRange(1), metavar="N", help="The run of the newest commit of a pull request."
)
@which_option("--file", "log", metavar="FILE", type=_READ, help="A log on disk; - is stdin.")
@how_option("--lines", type=click.IntRange(0, MOST_LINES), default=LINES, metavar="N", help="Last lines of a step.")
@how_option("--max-bytes", type=click.IntRange(LEAST_SIZE, MOST_SIZE), default=SIZE, metavar="N", help="All bytes.")
@how_option("--matcher", "files", multiple=True, metavar="FILE", type=_READ, help="Further matchers, as GitHub's are.")
@how_option("--markdown", is_flag=True, help="Print Markdown.")
@common
@click.pass_obj
def why(settings: CommonOptions, /, target: Target | None, **asked: Any) -> None:
    """Say why a run is red, or a log on disk.

    Of each failed job: the step that failed, what was found in its lines, and the last of them. RUN is a run number,
    "latest" (the default) or a run's URL, which can stand alone too; in a git clone the default is the run of what is
    checked out. If nothing failed, the exit code is 3.
    """
    if settings.json and asked["markdown"]:
        raise click.UsageError("--json and --markdown exclude each other")
    files = (*settings.matchers(), *asked["files"])
    own = [matcher for path in files for matcher in _load(Path(path))]
    if asked["log"] is not None:
        report = _of_file(target, own, asked)
    else:
        report = _of_run(settings, target, own, asked)
    going = sum(count for status, count in report.by_status.items() if status not in FINAL)
    if going:
        are = "is" if going == 1 else "are"
        note(f"run {report.run.number} of {report.run.repo} is not over: {going} of its jobs {are} not")
    if report.given_up:
        note(f"{GIVEN_UP} {', '.join(report.given_up)}")
    if settings.json:
        click.echo(
            json.dumps(chosen([as_json(report)])[0])
        )  # in one line, so that its size is the one that was asked for
    elif asked["markdown"]:
        click.echo(as_markdown(report), nl=False)
    else:
        _show(report)


def _load(path: Path) -> tuple[Matcher, ...]:
    """The matchers of a file. Raises ShimError."""
    try:
        text = path.read_bytes()
    except OSError as error:
        why = f"cannot be read ({error.strerror}); check --matcher, and matchers in the config file"
        raise ShimError(f"the problem matchers {path} {why}") from None
    return load(text, str(path))


def _of_run(settings: CommonOptions, target: Target | None, own: list[Matcher], asked: dict[str, Any]) -> Report:
    """The report of the run that is asked for. Raises NothingMatched if nothing failed in it, and ShimError."""
    assert target
    target = with_run(with_run(target, asked["run"], "RUN"), asked["named"], "--run")
    by = (asked["commit"], asked["branch"], asked["pull"])
    if target.run is not None and any(given is not None for given in by):
        raise click.UsageError("the run is named already; leave out --commit, --branch and --pr")
    with settings.client(target.server) as client:
        run: Run | RunRef | None = pick_run(client, target.repo, *by) or target.run
        if run is None:
            run = run_here(client, target, failed_first=True) or "latest"
        size = {"lines": asked["lines"], "max_bytes": asked["max_bytes"]}
        report = client.why(target.repo, run, **size, matchers=own)
    if not report.failed and not report.run.error:
        none = "" if report.by_status else ", which has no jobs"
        raise NothingMatched(f"nothing failed in run {report.run.number} of {target.repo}{none}: {report.run.status}")
    return report


def _of_file(target: Target | None, own: list[Matcher], asked: dict[str, Any]) -> Report:
    """What a log on disk says. Raises NothingMatched if no error is found in it, and ShimError."""
    named = ("run", "named", "commit", "branch", "pull")
    if target or any(asked[name] is not None for name in named):
        raise click.UsageError("--file needs no repository and no run; leave them out")
    name = "standard input" if asked["log"] == "-" else asked["log"]
    try:
        with click.open_file(asked["log"], "rb") as file:
            chunks: Iterator[bytes] = iter(lambda: file.read(CHUNK), b"")
            found = find(chunks, (*own, *built_in()), asked["lines"])
    except OSError as error:
        raise ShimError(f"{name} cannot be read ({error.strerror or error}); check --file") from None
    if not (found.findings or found.likely):
        size = "1 byte" if found.size == 1 else f"{found.size} bytes"
        raise NothingMatched(f"no error was found in {name} ({size})")
    return limit(of_log(found, name), asked["max_bytes"], asked["lines"])


def _show(report: Report) -> None:
    """The report as text, in colours on a terminal, and how to get more of it."""
    text = Text()
    for style, piece in as_text(report):
        text.append(name_text(piece), style)
    job = next((job for job in report.jobs if job.log_size), None)
    if job and report.run.repo:
        at = f" --step {job.step.number}" if job.step else ""
        text.append(f"\nmore: forgejo-shim logs {report.run.repo} {job.id}{at}\n", "dim")
    screen = terminal()
    for line in text.split():
        if screen.is_terminal and line.plain.startswith(OF_LOG):  # whole in a pipe, and where `more` leads
            line.truncate(screen.width, overflow="ellipsis")
        screen.print(line, soft_wrap=True)
