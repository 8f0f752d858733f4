"""What `forgejo-shim spec` does with its documents: load them, compare, judge, and give the report.

Rules: the options are checked before any document is loaded. Nothing of `..spec` is imported before a verb runs, so
that help needs no PyYAML and the other verbs do not wait for it.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..download import write_whole
from ..errors import ShimError
from .settings import Settings

if TYPE_CHECKING:
    from ..spec.document import Document
    from ..spec.reports.report import Report, Side
    from ..spec.rules import Level
    from ..spec.scope import Scope
    from ..spec.settings import Settings as RulesFile

COLOURS = {"ERR": "red", "WARN": "yellow", "INFO": "cyan"}


def require_some(scope: Scope, *documents: Document) -> None:
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
    show: Level
    form: str
    output: Path | None


def wanted_of(settings: Settings, given: dict[str, Any]) -> Wanted:
    """What the options say. Raises UsageError, before any document is loaded."""
    from ..spec.rules import Level

    form = given["form"]
    if settings.json and form:
        raise click.UsageError(f"--json and --format {form} exclude each other")
    fail_on = None if given["fail_on"] == "never" else Level(given["fail_on"])
    form = "json" if settings.json else form or "text"
    return Wanted(_rules(given["rules"]), fail_on, Level(given["show"]), form, given["output"])


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


def side(settings: Settings, source: str | None) -> Side:
    """The document of a source; of the server named, if there is none. Raises ShimError."""
    if find_spec("yaml") is None:
        from ..spec.document import INSTALL

        raise ShimError(f"spec checks need PyYAML, which is not installed: {INSTALL}")
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


def report_of(verb: str, base: Side, head: Side, scope: Scope, wanted: Wanted) -> int:
    """Compare, judge and tell; the exit code."""
    from ..spec.compare import compare
    from ..spec.reports.report import Report
    from ..spec.rules import judge

    require_some(scope, base.document, head.document)
    found = judge(compare(base.document, head.document, scope), wanted.rules.levels)
    findings, ignored = wanted.rules.sift(found, date.today())
    report = Report(verb, base, head, scope.name, findings, ignored, wanted.fail_on, wanted.show)
    give(_told(report, wanted), wanted.output)
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


def give(text: str, output: Path | None) -> None:
    """To stdout, or whole into a file."""
    if output is None or str(output) == "-":
        click.echo(text, nl=False)
        return
    write_whole(output, text.encode(errors="backslashreplace"))
