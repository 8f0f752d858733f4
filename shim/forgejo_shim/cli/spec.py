"""`forgejo-shim spec`: what changed between two API documents, and whether a server keeps the contract.

Rules: exit code 0 clean, 1 findings at or above `--fail-on`, 2 usage, 8 a document that could not be loaded, which is
never clean. A report goes to stdout, or whole into a file; `--json` is a format like the others. The token goes only to
`/api` of the server named by --server, FORGEJO_URL or the config file. Needs the extra `spec`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .. import __version__
from ..download import Part, target_of
from ..errors import ShimError
from .settings import Settings, shared

if TYPE_CHECKING:
    from ..spec.document import Document
    from ..spec.reports.report import Report, Side
    from ..spec.rules import Level
    from ..spec.scope import Scope
    from ..spec.settings import Settings as RulesFile

F = TypeVar("F", bound=Callable[..., Any])
COLOURS = {"ERR": "red", "WARN": "yellow", "INFO": "cyan"}
_FILE = click.Path(path_type=Path, dir_okay=False)


class SourceType(click.ParamType[str]):
    """Where a document is."""

    name = "source"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from ..spec.sources import address_of, is_address

        if is_address(value):
            try:
                address_of(value)
            except ShimError as error:
                self.fail(error.message, param, ctx)
        return str(value)


def _with(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Give a command some options, in this order."""

    def give(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return give


PATHS = click.option(
    "--path",
    "paths",
    metavar="GLOB",
    multiple=True,
    help="Only operations whose path fits: * within a segment, ** across. May be given again.",
)
SCOPE = _with(
    click.option(
        "--scope",
        type=click.Choice(["actions"]),
        help="Only the operations of Actions; this is what is done without any of these.",
    ),
    PATHS,
    click.option("--all", "everything", is_flag=True, help="Every operation, and definitions that none uses."),
)
OUTPUT = click.option("--output", type=_FILE, help="Write to a file, whole or not at all.")
VERDICT = _with(
    click.option("--rules", type=_FILE, help="A TOML file with other levels, and findings to ignore."),
    click.option(
        "--fail-on",
        type=click.Choice(["ERR", "WARN", "INFO", "never"]),
        default="ERR",
        show_default=True,
        help="From which level on findings are exit code 1.",
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice(["text", "markdown", "sarif", "annotations"]),
        help="How to tell it; default: text. JSON is --json.",
    ),
    OUTPUT,
)
COMMON = shared("server", "json", "config", "timeout")


@click.group()
def spec() -> None:
    """Check API documents: what changed, and is the contract in it?

    A SOURCE is a file, - (stdin), the address of a document or of a Forgejo, git:REF:PATH, or the word contract.
    """
    if find_spec("yaml") is None:
        raise ShimError("spec checks need a package that is not there: pip install 'forgejo-shim[spec]'")


@spec.command()
@click.argument("base", type=SourceType())
@click.argument("head", type=SourceType())
@SCOPE
@VERDICT
@COMMON
@click.pass_obj
def diff(settings: Settings, /, base: str, head: str, **given: Any) -> int:
    """Say what changed from BASE to HEAD, and which of it breaks clients written for BASE.

    BASE and HEAD are each a SOURCE, as `forgejo-shim spec --help` says.
    """
    scope = _scope(given["scope"], given["paths"], given["everything"])
    wanted = _wanted(settings, given)
    if base == head == "-":
        raise click.UsageError("only one of the two documents can come from stdin")
    return _report("diff", _side(settings, base), _side(settings, head), scope, wanted)


@spec.command()
@click.argument("source", type=SourceType(), required=False)
@PATHS
@VERDICT
@COMMON
@click.pass_obj
def check(settings: Settings, /, source: str | None, paths: tuple[str, ...], **given: Any) -> int:
    """Say whether SOURCE keeps the contract: the operations that this project promises.

    Without SOURCE it is the server named. Operations that it has beside the contract's are no finding.
    """
    from ..spec.scope import Scope, by_paths, of_document
    from ..spec.sources import CONTRACT

    wanted = _wanted(settings, given)
    contract, head = _side(settings, CONTRACT), _side(settings, source)
    scope = of_document(contract.document)
    if paths:
        both = scope, by_paths(*paths)
        scope = Scope(f"{both[0].name}, {both[1].name}", lambda key: all(key in one for one in both))
    return _report("check", contract, head, scope, wanted)


@spec.command()
@click.argument("source", type=SourceType(), required=False)
@SCOPE
@click.option("--facts", is_flag=True, help="Only names, types and codes, without any prose.")
@OUTPUT
@COMMON
@click.pass_obj
def extract(settings: Settings, /, source: str | None, facts: bool, output: Path | None, **given: Any) -> None:
    """Give the operations of SOURCE and what they refer to, as one small JSON document that is stable under diff.

    Without SOURCE it is the server named.
    """
    from ..spec.extract import extract as extracted
    from ..spec.extract import facts as facts_of

    scope = _scope(**given)
    document = _side(settings, source).document
    _require_some(scope, document)
    found = (facts_of if facts else extracted)(document, scope)
    _give(json.dumps(found, indent=2, sort_keys=True) + "\n", output)


def _scope(scope: str | None, paths: tuple[str, ...], everything: bool) -> Scope:
    from ..spec.scope import ACTIONS, EVERYTHING, by_paths

    if (scope is not None) + bool(paths) + everything > 1:
        raise click.UsageError("--scope, --path and --all exclude each other")
    return by_paths(*paths) if paths else EVERYTHING if everything else ACTIONS


def _require_some(scope: Scope, *documents: Document) -> None:
    """UsageError if a scope has no operation of any document: what was not looked at is not clean."""
    from ..spec.document import operations
    from ..spec.scope import EVERYTHING

    if scope is not EVERYTHING and not any(key in scope for one in documents for key in operations(one)):
        names = " or ".join(dict.fromkeys(one.name for one in documents))
        raise click.UsageError(f"there are no {scope.name} in {names}")


@dataclass(frozen=True)
class Wanted:
    """What is to be made of the changes, and where it goes."""

    rules: RulesFile
    fail_on: Level | None
    form: str
    output: Path | None


def _wanted(settings: Settings, given: dict[str, Any]) -> Wanted:
    """What the options say. Raises UsageError, before any document is loaded."""
    from ..spec.rules import Level

    form = given["form"]
    if settings.json and form:
        raise click.UsageError(f"--json and --format {form} exclude each other")
    fail_on = None if given["fail_on"] == "never" else Level(given["fail_on"])
    return Wanted(_rules(given["rules"]), fail_on, "json" if settings.json else form or "text", given["output"])


def _rules(path: Path | None) -> RulesFile:
    from ..spec.settings import Settings as RulesFile
    from ..spec.settings import read_settings

    if path is None:
        return RulesFile()
    try:
        return read_settings(path.read_text("utf-8"))
    except OSError as error:
        raise click.UsageError(f"the rules file {path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise click.UsageError(f"the rules file {path} is no UTF-8 text") from None
    except ValueError as error:
        raise click.UsageError(f"the rules file {path}: {error}") from None


def _side(settings: Settings, source: str | None) -> Side:
    """The document of a source; of the server named, if there is none. Raises ShimError."""
    from ..spec.reports.report import Side
    from ..spec.sources import Caller, is_file, load

    server, token = None, None
    if source is None or settings.is_named():
        server, found = settings.place(os.environ)
        token = found.token
    source = source or server or ""
    document = load(source, Caller(server or "", token, settings.timeout))
    return Side(document, _relative(source) if is_file(source) else None)


def _relative(path: str) -> str:
    """A path as from the working folder, if it is below it."""
    found = os.path.relpath(path)
    return path if found.startswith("..") else found


def _report(verb: str, base: Side, head: Side, scope: Scope, wanted: Wanted) -> int:
    """Compare, judge and tell; the exit code."""
    from ..spec.compare import compare
    from ..spec.reports.report import Report
    from ..spec.rules import judge

    _require_some(scope, base.document, head.document)
    found = judge(compare(base.document, head.document, scope), wanted.rules.levels)
    findings, ignored = wanted.rules.sift(found, date.today())
    report = Report(verb, base, head, scope.name, findings, ignored, wanted.fail_on)
    _give(_told(report, wanted), wanted.output)
    return 1 if report.failing else 0


def _told(report: Report, wanted: Wanted) -> str:
    from ..spec import reports

    if wanted.form in ("json", "sarif"):
        told = reports.data(report) if wanted.form == "json" else reports.sarif(report, __version__)
        return json.dumps(told, indent=2) + "\n"
    if wanted.form == "markdown":
        return reports.markdown(report)
    if wanted.form == "annotations":
        return reports.commands(report)
    in_colour = wanted.output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return reports.text(report, _paint) if in_colour else reports.text(report)


def _paint(level: Level, word: str) -> str:
    return click.style(word, fg=COLOURS[level], bold=level == "ERR")


def _give(text: str, output: Path | None) -> None:
    """To stdout, or whole into a file."""
    if output is None:
        click.echo(text, nl=False)
        return
    target = target_of(output)
    with Part(target, "report", None) as part:
        part.restart()
        part.write(text.encode(errors="backslashreplace"))
        part.finish(target)
