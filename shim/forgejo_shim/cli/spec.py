"""`forgejo-shim spec`: what changed between two API documents, and whether a server keeps the contract.

Rules: exit code 0 clean, 1 findings at or above `--fail-on`, 2 usage, 8 a document that could not be loaded, which is
never clean. A report goes to stdout, or whole into a file; `--json` is a format like the others. The token goes only to
`/api` of the server named by --server, FORGEJO_URL or the config file. Documents need the extra `spec`; help and the
list of rules do not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import ShimError
from .settings import Settings, shared
from .spec_report import give, report_of, require_some, side, wanted_of

if TYPE_CHECKING:
    from ..spec.scope import Scope

F = TypeVar("F", bound=Callable[..., Any])
LEVELS = ["ERR", "WARN", "INFO"]
_FILE = click.Path(path_type=Path, dir_okay=False)


class SourceType(click.ParamType[str]):
    """Where a document is."""

    name = "source"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The source as it was given; an address must be one."""
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
SHOW = click.option(
    "--show",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="INFO",
    show_default=True,
    help="From which level on findings, or rules, are printed.",
)
VERDICT = _with(
    click.option("--rules", type=_FILE, help="A TOML file with other levels, and findings to ignore."),
    click.option(
        "--fail-on",
        type=click.Choice([*LEVELS, "never"], case_sensitive=False),
        default="ERR",
        show_default=True,
        help="From which level on findings are exit code 1.",
    ),
    SHOW,
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
    wanted = wanted_of(settings, given)
    if base == head == "-":
        raise click.UsageError("only one of the two documents can come from stdin")
    return report_of("diff", side(settings, base), side(settings, head), scope, wanted)


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

    wanted = wanted_of(settings, given)
    contract, head = side(settings, CONTRACT), side(settings, source)
    scope = of_document(contract.document)
    if paths:
        both = scope, by_paths(*paths)
        scope = Scope(f"{both[0].name}, {both[1].name}", lambda key: all(key in one for one in both))
    return report_of("check", contract, head, scope, wanted)


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
    document = side(settings, source).document
    require_some(scope, document)
    found = (facts_of if facts else extracted)(document, scope)
    give(json.dumps(found, indent=2, sort_keys=True) + "\n", output)


def _scope(scope: str | None, paths: tuple[str, ...], everything: bool) -> Scope:
    from ..spec.scope import ACTIONS, EVERYTHING, by_paths

    if (scope is not None) + bool(paths) + everything > 1:
        raise click.UsageError("--scope, --path and --all exclude each other")
    return by_paths(*paths) if paths else EVERYTHING if everything else ACTIONS


@spec.command()
@SHOW
@click.option("--format", "form", type=click.Choice(["text", "markdown"]), help="How to print it; default: text.")
@shared("json")
@click.pass_obj
def rules(settings: Settings, /, show: str, form: str | None) -> None:
    """List the rules: id, level, what it means, and a change that it speaks of.

    Ids are what a rules file names, under [levels] and in [[ignore]].
    """
    from ..spec import reports
    from ..spec.rules import RULES, Level
    from ..spec.settings import UNUSED_ENTRY

    if settings.json and form:
        raise click.UsageError(f"--json and --format {form} exclude each other")
    found = [rule for rule in (*RULES.values(), UNUSED_ENTRY) if rule.level.rank >= Level(show).rank]
    found.sort(key=lambda rule: -rule.level.rank)
    if settings.json:
        click.echo(json.dumps(reports.rules_data(found), indent=2))
    else:
        click.echo((reports.rules_markdown if form == "markdown" else reports.rules_text)(found), nl=False)
