"""`--json FIELD,…`: only these fields, of a verb whose JSON has fields.

Rules: the word behind `--json` names fields if and only if it is made of the verb's own fields, joined by commas; else
it is the next argument, as ever. A list with some of them is meant so, too, and so is `--json=…`; what is no field is
then an error that lists them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from .target import TargetVerb

JSON = "--json"


class FieldsVerb(TargetVerb):
    """A verb of a repository whose JSON is an object, or a list of objects, with these fields."""

    def __init__(self, *arguments: Any, fields: Sequence[str], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.fields = fields

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the fields away, and leave `--json` as the flag that it is for every verb."""
        words: list[str] = []
        rest = iter(args)
        for word in rest:
            name, is_given, text = word.partition("=")
            if word == "--":
                words += [word, *rest]
                break
            if name == JSON and is_given:
                ctx.meta[JSON] = self._fields(text, ctx)
            elif words[-1:] == [JSON] and self._are_meant(word):
                ctx.meta[JSON] = self._fields(word, ctx)
                continue
            words.append(name if name == JSON else word)
        return super().parse_args(ctx, words)

    def _are_meant(self, word: str) -> bool:
        known = [part in self.fields for part in word.split(",")]
        return any(known) and (all(known) or len(known) > 1)

    def _fields(self, text: str, ctx: click.Context) -> list[str]:
        named = text.split(",")
        if unknown := [name for name in named if name not in self.fields]:
            raise click.UsageError(f"{unknown[0]!a} is no field of --json; there are {', '.join(self.fields)}", ctx)
        return named

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the fields, then the examples."""
        with formatter.section("Fields for --json FIELD,…"):
            formatter.write_text(", ".join(self.fields))
        super().format_epilog(ctx, formatter)


def chosen(values: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The fields that this command was asked for, of each value; all of them if it named none."""
    fields = click.get_current_context().meta.get(JSON)
    return [{name: value[name] for name in fields or value} for value in values]


def is_chosen(field: str) -> bool:
    """Whether this command was asked for the field by its name."""
    return field in (click.get_current_context().meta.get(JSON) or ())
