"""The verbs of `forgejo-shim spec`: swagger-breaking's, with a Forgejo for a server and the contract for a document.

Rules: exit code 0 clean, 1 findings at or above `--fail-on`, 2 usage, 8 a document that could not be loaded, which is
never clean. The token goes only to `/api` of the server named by --server, FORGEJO_URL or the config file, whatever
redirects, and to no file that a document refers to. Certificates, proxies and the words for what the network does are
those of the other verbs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import swagger_breaking
from swagger_breaking import Document, Web, checking, read_profile
from swagger_breaking.options import (
    ALL,
    FACTS,
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
from swagger_breaking.reports import Tool
from swagger_breaking.reports.report import Report
from swagger_breaking.sources import STDIN

from .. import __version__
from ..client_session import Token
from ..download import write_whole
from ..environment import Session
from ..errors import Unreadable
from ..network import network_errors
from ..operations import API
from .settings import CommonOptions, shared

PROFILE = read_profile(Path(__file__).parents[1] / "spec/forgejo.toml")
CONTRACT = "contract"
TOOL = Tool("forgejo-shim", __version__)
SOURCE = Source("give them as FORGEJO_TOKEN, with the server named by --server")
SCOPE = together(
    operations_option(
        "--scope", type=click.Choice(list(PROFILE.scopes)), help="Those of Actions. This is the default."
    ),
    PATHS,
    ALL,
)
COMMON = shared("server", "json", "config", "timeout")


def load(settings: CommonOptions, source: str | None) -> Document:
    """The document of a source; of the server named, if there is none. Raises ShimError."""
    server, token = "", None
    if source is None or settings.names_server():
        server, found = settings.server_and_credentials(os.environ)
        token = found.token
    web = Web(Token(token, f"{server}{API}/"), settings.timeout, Session, network_errors)
    try:
        return swagger_breaking.load(source or server, PROFILE, web)
    except swagger_breaking.Unreadable as error:
        raise Unreadable(error.message) from None


def report_options(settings: CommonOptions, given: dict[str, Any]) -> checking.ReportOptions:
    """What the options say. Raises UsageError."""
    return checking.report_options({**given, "form": _format(settings, given["form"])}, TOOL)


def _format(settings: CommonOptions, form: str | None) -> str | None:
    if settings.json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} exclude each other")
    return "json" if settings.json else form


def give(text: str, output: Path | None) -> None:
    """To stdout, or whole into a file. Raises ShimError."""
    if output is None or str(output) == "-":
        click.echo(text, nl=False)
    else:
        write_whole(output, text.encode(errors="backslashreplace"))


def _finish(report: Report, options: checking.ReportOptions) -> int:
    give(checking.report_text(report, options), options.output)
    return int(report.failing)


DIFF = [
    "forgejo-shim spec diff git:v1.2:api.json api.json",
    "forgejo-shim spec diff --all https://old.example https://new.example",
]


@click.command(cls=Command, examples=DIFF)
@click.argument("base", type=SOURCE)
@click.argument("head", type=SOURCE)
@SCOPE
@VERDICT
@COMMON
@click.pass_obj
def diff(settings: CommonOptions, /, base: str, head: str, **given: Any) -> int:
    """Say what changed, and what breaks clients of BASE.

    BASE is what clients were written for, HEAD what they will meet. Both are a SOURCE.
    """
    options = report_options(settings, given)
    scope = checking.chosen_scope(PROFILE, given["scope"], given["paths"], given["everything"])
    if base == head == STDIN:
        raise click.UsageError("only one of the two documents can come from stdin")
    return _finish(checking.compared("diff", load(settings, base), load(settings, head), scope, options), options)


CHECK = [
    "forgejo-shim spec check https://forge.example",
    "forgejo-shim spec check --path '**/jobs/**' api.json",
]


@click.command(cls=Command, examples=CHECK)
@click.argument("source", type=SOURCE, required=False)
@PATHS
@VERDICT
@COMMON
@click.pass_obj
def check(settings: CommonOptions, /, source: str | None, paths: tuple[str, ...], **given: Any) -> int:
    """Say whether a SOURCE keeps the contract.

    Only the contract's operations count. Without SOURCE it is the server named.
    """
    options = report_options(settings, given)
    contract, head = load(settings, CONTRACT), load(settings, source)
    scope = checking.contract_scope(contract, paths)
    return _finish(checking.compared("check", contract, head, scope, options), options)


EXTRACT = [
    "forgejo-shim spec extract https://forge.example",
    "forgejo-shim spec extract --facts --output api.json https://forge.example",
]


@click.command(cls=Command, examples=EXTRACT)
@click.argument("source", type=SOURCE, required=False)
@SCOPE
@FACTS
@OUTPUT
@COMMON
@click.pass_obj
def extract(settings: CommonOptions, /, source: str | None, facts: bool, output: Path | None, **given: Any) -> None:
    """Give some operations, and what they refer to, as a document.

    It is JSON with sorted keys, so that two of them can be compared line by line. Without SOURCE it is of the server
    named.
    """
    scope = checking.chosen_scope(PROFILE, **given)
    give(checking.extracted_text(load(settings, source), scope, facts), output)


RULES = [
    "forgejo-shim spec rules --show ERR",
    "forgejo-shim spec rules --format markdown",
]


@click.command(cls=Command, examples=RULES)
@RULES_FORMAT
@SHOW
@shared("json")
@click.pass_obj
def rules(settings: CommonOptions, /, show: str, form: str | None) -> None:
    """List the rules: id, level, meaning, and an example.

    A rules file names these ids, under [levels] and in [[ignore]].
    """
    click.echo(checking.rules_text(show, _format(settings, form)), nl=False)


VERBS = (check, diff, extract, rules)
