"""How the help of a verb looks: its options in groups, then its examples.

Rules: a group is listed under its title, in the order of the options; an option without a group joins the one before
it. Examples are whole command lines, and a test runs each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

F = TypeVar("F", bound=Callable[..., Any])


class Verb(click.Command):
    """A command whose help has groups of options and examples."""

    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each under the title of its group."""
        for title, records in groups_of(self, ctx).items():
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, unwrapped, so that they can be pasted."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples:
                    formatter.write(f"{' ' * formatter.current_indent}{line}\n")


def groups_of(command: click.Command, ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
    """The options of a command and what is said of each, by the title of their group."""
    groups: dict[str, list[tuple[str, str]]] = {}
    title = "Options"
    for parameter in command.get_params(ctx):
        title = parameter.group if isinstance(parameter, _GroupedOption) else title
        record = parameter.get_help_record(ctx)
        if record and isinstance(parameter, click.Option):
            groups.setdefault(title, []).append(record)
    return groups


class _GroupedOption(click.Option):
    def __init__(self, *arguments: Any, group: str, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.group = group

    def get_error_hint(self, ctx: click.Context | None) -> str:
        """What an error calls the option: that which gave it."""
        source = ctx.get_parameter_source(self.name) if ctx else None
        if ctx and source is ParameterSource.ENVIRONMENT:
            return f"{ctx.auto_envvar_prefix}_{self.name.upper()}"
        if ctx and source is ParameterSource.DEFAULT_MAP:
            return f"{self.name} in [{ctx.info_name}] of the config file"
        return super().get_error_hint(ctx)


def option_of(group: str) -> Callable[..., Callable[[F], F]]:
    """`click.option` for options that the help lists under the title `group`, with their defaults."""
    return lambda *names, **more: click.option(
        *names, cls=_GroupedOption, group=group, show_default="default" in more, **more
    )
