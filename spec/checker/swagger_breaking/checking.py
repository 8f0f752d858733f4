"""What the verbs do with documents: compare, judge, and put the report into words.

Rules: options are checked before any document is loaded. What was not looked at is not clean: a scope without an
operation is an error of usage.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import click

from . import reports
from .compare import compare
from .document import Document, operations
from .extract import extract, facts
from .profile import Profile
from .reports.report import Report
from .rules import RULES, Level, Rule, judge
from .rules_file import UNUSED_ENTRY, RulesFile, read_rules_file
from .scope import EVERYTHING, Scope, both, by_paths, of_document

COLOURS = {"ERR": "red", "WARN": "yellow", "INFO": "cyan"}


@dataclass(frozen=True)
class ReportOptions:
    """What is to be made of the changes, and by which program; `fail_on` None: never."""

    rules: RulesFile
    fail_on: Level | None
    show: Level
    form: str
    output: Path | None
    tool: reports.Tool


def report_options(given: Mapping[str, Any], tool: reports.Tool) -> ReportOptions:
    """What the options of `options.VERDICT` say. Raises UsageError."""
    path: Path | None = given["rules"]
    try:
        rules = read_rules_file(path) if path else RulesFile()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    fail_on = None if given["fail_on"] == "never" else Level(given["fail_on"])
    return ReportOptions(rules, fail_on, Level(given["show"]), given["form"] or "text", given["output"], tool)


def chosen_scope(profile: Profile, scope: str | None, paths: Sequence[str], everything: bool) -> Scope:
    """What --scope, --path and --all say. Raises UsageError."""
    if (scope is not None) + bool(paths) + everything > 1:
        raise click.UsageError("--scope, --path and --all exclude each other")
    if scope is not None and scope not in profile.scopes:
        there = f"there are {', '.join(profile.scopes)}" if profile.scopes else "a profile names scopes"
        raise click.UsageError(f"there is no scope {scope!a}; {there}")
    if scope is not None:
        return profile.scopes[scope]
    return by_paths(*paths) if paths else EVERYTHING if everything else profile.scope


def contract_scope(contract: Document, paths: Sequence[str]) -> Scope:
    """The operations of a contract whose path fits; all of them without paths."""
    scope = of_document(contract)
    return both(scope, by_paths(*paths)) if paths else scope


def require_some(scope: Scope, *documents: Document) -> None:
    """UsageError if a scope has no operation of any document."""
    if scope is not EVERYTHING and not any(key in scope for one in documents for key in operations(one)):
        names = " or ".join(dict.fromkeys(one.name for one in documents))
        raise click.UsageError(f"there are no {scope.name} in {names}")


def compared(verb: str, base: Document, head: Document, scope: Scope, options: ReportOptions) -> Report:
    """The report on two documents; `verb` is `diff` or `check`. Raises UsageError."""
    require_some(scope, base, head)
    found = judge(compare(base, head, scope), options.rules.levels)
    findings, ignored = options.rules.sift(found, date.today())
    return Report(verb, base, head, scope.name, findings, ignored, options.fail_on, options.show)


def report_text(report: Report, options: ReportOptions) -> str:
    """The report in its format; in colour only where it is plain text for a terminal."""
    if options.form == "json":
        return json_text(reports.data(report))
    if options.form == "sarif":
        return json_text(reports.sarif(report, options.tool))
    if options.form == "markdown":
        return reports.markdown(report)
    if options.form == "annotations":
        return reports.commands(report)
    in_colour = options.output is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return reports.text(report, _paint) if in_colour else reports.text(report)


def _paint(level: Level, word: str) -> str:
    return click.style(word, fg=COLOURS[level], bold=level == "ERR")


def extracted_text(document: Document, scope: Scope, only_facts: bool) -> str:
    """The operations of a scope as a document of their own. Raises UsageError."""
    require_some(scope, document)
    return json_text((facts if only_facts else extract)(document, scope), sort_keys=True)


def rules_text(show: str, form: str | None) -> str:
    """The list of rules, the worst first."""
    found: list[Rule] = [rule for rule in (*RULES.values(), UNUSED_ENTRY) if rule.level.rank >= Level(show).rank]
    found.sort(key=lambda rule: -rule.level.rank)
    if form == "json":
        return json_text(reports.rules_data(found))
    return (reports.rules_markdown if form == "markdown" else reports.rules_text)(found)


def json_text(value: Any, sort_keys: bool = False) -> str:
    """A value as JSON, a line a part."""
    return json.dumps(value, indent=2, sort_keys=sort_keys) + "\n"
