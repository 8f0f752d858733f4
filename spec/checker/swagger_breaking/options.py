"""The command's options, and its help, in which they stand in groups. For programs with commands of their own, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from .errors import Unreadable
from .fetch import check_address, is_address

F = TypeVar("F", bound=Callable[..., Any])
REST = "Common options"  # the group of those that have none
LEVELS = ["ERR", "WARN", "INFO"]
FORMATS = ["text", "json", "markdown", "sarif", "annotations"]


class _FilePath(click.Path):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, unless a slash at its end, which a Path loses without a word, says that it is a folder's."""
        if str(value).endswith("/"):
            self.fail(f"{value} is a folder; name a file in it", param, ctx)
        return super().convert(value, param, ctx)


FILE = _FilePath(path_type=Path, dir_okay=False)


class Command(click.Command):
    """A command whose help has its options by group, and at its end examples, each a whole command line."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **more: Any) -> None:
        super().__init__(*args, **more)
        self.examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The groups, in the order of their first options."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record and isinstance(parameter, click.Option):
                groups.setdefault(getattr(parameter, "group", REST), []).append(record)
        for name, records in groups.items():
            with formatter.section(name):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples, a line each."""
        with formatter.section("Examples"):
            for line in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Option(click.Option):
    """An option of a group."""

    def __init__(self, *args: Any, group: str, **more: Any) -> None:
        super().__init__(*args, **more)
        self.group = group


class Source(click.ParamType[str]):
    """Where a document is; `instead` says what to do in place of writing credentials into its address."""

    name = "source"

    def __init__(self, instead: str) -> None:
        self.instead = instead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The source as it was given; an address must be one."""
        if is_address(value):
            try:
                check_address(value, self.instead)
            except Unreadable as error:
                self.fail(error.message, param, ctx)
        return str(value)


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Give a command some options, in this order."""

    def give(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return give


def _option(group: str) -> Callable[..., Callable[[F], F]]:
    def option(*names: str, **more: Any) -> Callable[[F], F]:
        return click.option(*names, cls=Option, group=group, **more)

    return option


operations_option, verdict_option, report_option = map(_option, ("Operations", "Verdict", "Report"))

PATHS = operations_option(
    "--path",
    "paths",
    metavar="GLOB",
    multiple=True,
    help="Those whose path fits: * within a segment, ** across. May be given again.",
)
ALL = operations_option("--all", "everything", is_flag=True, help="All of them, and definitions that none uses.")
FACTS = report_option("--facts", is_flag=True, help="Names, types and codes, without prose.")
SHOW = report_option(
    "--show",
    metavar="LEVEL",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="INFO",
    help="The least level that is printed: ERR, WARN or INFO (default).",
)
OUTPUT = report_option("--output", metavar="FILE", type=FILE, help="Write to this file, whole or not at all.")
VERDICT = together(
    verdict_option(
        "--fail-on",
        metavar="LEVEL",
        type=click.Choice([*LEVELS, "never"], case_sensitive=False),
        default="ERR",
        help="The least level that fails: ERR (default), WARN, INFO or never.",
    ),
    verdict_option("--rules", metavar="FILE", type=FILE, help="TOML: other levels, and findings to ignore."),
    report_option(
        "--format",
        "form",
        metavar="FORMAT",
        type=click.Choice(FORMATS),
        help="text (default), json, markdown, sarif or annotations.",
    ),
    SHOW,
    OUTPUT,
)
RULES_FORMAT = report_option(
    "--format",
    "form",
    metavar="FORMAT",
    type=click.Choice(["text", "json", "markdown"]),
    help="text (default), json or markdown.",
)
