"""The command `swagger-breaking`.

Rules: a report goes to stdout, or whole into a file; an error is one sentence on stderr, and never a traceback.

    exit code  0 clean · 1 findings at or above --fail-on · 2 usage, or a scope without operations
               8 a document that could not be loaded, or a report that could not be written: no verdict
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

import click

from . import __version__, checking
from .document import Document
from .errors import CheckerError
from .fetch import Web
from .options import (
    ALL,
    FACTS,
    FILE,
    OUTPUT,
    PATHS,
    RULES_FORMAT,
    SHOW,
    VERDICT,
    Command,
    Source,
    operations_option,
    together,
)
from .profile import Profile, read_profile
from .reports import Tool
from .reports.report import Report
from .rules import clean
from .sources import STDIN, load
from .writing import write_whole

NAME = "swagger-breaking"
USAGE, NO_VERDICT, INTERRUPTED = 2, 8, 130
TOOL = Tool(NAME, __version__)
SOURCE = Source("save the document in a file")
SCOPE = operations_option("--scope", metavar="NAME", help="Those of this scope of the profile. Default: its first one.")


@dataclass
class CommonOptions:
    """What the options before the verb say."""

    profile: Profile = field(default_factory=Profile)
    timeout: float = 60

    def load(self, source: str) -> Document:
        """The document of a source. Raises CheckerError."""
        return load(source, self.profile, Web(timeout=self.timeout))


class Root(click.Group):
    """The group of verbs; turns what goes wrong into a sentence and an exit code."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> NoReturn:
        """Run the command and exit."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # what the encoding lacks is shown, and never an error
                stream.reconfigure(errors="backslashreplace")
        try:
            code = super().main(args, **{**extra, "prog_name": NAME, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(USAGE)
        except click.ClickException as error:
            at = getattr(error, "ctx", None)
            hint = f"; see {at.command_path} --help" if at else ""
            _fail(re.sub(r"[^\s'\"]*@[^\s'\"]*", "…", error.format_message()).rstrip(".") + hint, USAGE)
        except CheckerError as error:
            _fail(error.message, NO_VERDICT)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        except OSError as error:
            _drop_stdout()
            _fail(f"stdout cannot be written ({error.strerror})", NO_VERDICT)
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb. Where the reader of stdout has gone, as `head` does, nobody has seen the verdict."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _drop_stdout()
            return NO_VERDICT
        return result


def _drop_stdout() -> None:
    """Let go of what stdout still holds, so that the interpreter does not fail on it at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"{NAME}: {clean(message)}", err=True)
    sys.exit(code)


def give(text: str, output: Path | None) -> None:
    """To stdout, or whole into a file. Raises Unwritable."""
    if output is None or str(output) in ("-", "/dev/stdout"):
        click.echo(text, nl=False)
    else:
        write_whole(output, text)


def _finish(report: Report, options: checking.ReportOptions) -> int:
    give(checking.report_text(report, options), options.output)
    return int(report.failing)


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
@click.option(
    "--profile", metavar="FILE", type=FILE, help="TOML: a project's own names for scopes, documents, servers."
)
@click.option(
    "--timeout", metavar="SECONDS", type=click.IntRange(1, 86400), default=60, help="For an answer. Default: 60."
)
@click.pass_context
def main(ctx: click.Context, profile: Path | None, timeout: int) -> None:
    """Find breaking changes between Swagger 2.0 documents.

    A SOURCE is a file, - (stdin), the address of a document, git:REF:PATH, or a word of the profile. JSON or YAML.

    Exit code: 0 clean, 1 findings, 2 usage, 8 no verdict.
    """
    try:
        ctx.obj = CommonOptions(read_profile(profile) if profile else Profile(), timeout)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


DIFF = [
    "swagger-breaking diff old.json new.json",
    "swagger-breaking diff --path '/users/**' git:v1.2:api.json api.json",
]


@main.command(cls=Command, examples=DIFF)
@click.argument("base", type=SOURCE)
@click.argument("head", type=SOURCE)
@together(SCOPE, PATHS, ALL)
@VERDICT
@click.pass_obj
def diff(common: CommonOptions, /, base: str, head: str, **given: Any) -> int:
    """Say what changed, and what breaks clients of BASE.

    BASE is what clients were written for, HEAD what they will meet. Both are a SOURCE.
    """
    options = checking.report_options(given, TOOL)
    scope = checking.chosen_scope(common.profile, given["scope"], given["paths"], given["everything"])
    if base == head == STDIN:
        raise click.UsageError("only one of the two documents can come from stdin")
    return _finish(checking.compared("diff", common.load(base), common.load(head), scope, options), options)


CHECK = [
    "swagger-breaking check contract.json https://api.example/swagger.json",
    "swagger-breaking check --fail-on WARN contract.json api.json",
]


@main.command(cls=Command, examples=CHECK)
@click.argument("contract", type=SOURCE)
@click.argument("head", type=SOURCE)
@PATHS
@VERDICT
@click.pass_obj
def check(common: CommonOptions, /, contract: str, head: str, paths: tuple[str, ...], **given: Any) -> int:
    """Say whether HEAD keeps what CONTRACT promises.

    Only the operations of CONTRACT count; others that HEAD has are no finding. Both are a SOURCE.
    """
    options = checking.report_options(given, TOOL)
    if contract == head == STDIN:
        raise click.UsageError("only one of the two documents can come from stdin")
    base = common.load(contract)
    scope = checking.contract_scope(base, paths)
    return _finish(checking.compared("check", base, common.load(head), scope, options), options)


EXTRACT = [
    "swagger-breaking extract --path '/users/**' api.json",
    "swagger-breaking extract --facts --output api.facts.json api.json",
]


@main.command(cls=Command, examples=EXTRACT)
@click.argument("source", type=SOURCE)
@together(SCOPE, PATHS, ALL)
@FACTS
@OUTPUT
@click.pass_obj
def extract(common: CommonOptions, /, source: str, facts: bool, output: Path | None, **given: Any) -> None:
    """Give some operations, and what they refer to, as a document.

    It is JSON with sorted keys, so that two of them can be compared line by line.
    """
    scope = checking.chosen_scope(common.profile, **given)
    give(checking.extracted_text(common.load(source), scope, facts), output)


RULES = [
    "swagger-breaking rules --show ERR",
    "swagger-breaking rules --format markdown",
]


@main.command(cls=Command, examples=RULES)
@RULES_FORMAT
@SHOW
def rules(show: str, form: str | None) -> None:
    """List the rules: id, level, meaning, and an example.

    A rules file names these ids, under [levels] and in [[ignore]].
    """
    click.echo(checking.rules_text(show, form), nl=False)
