"""The options of `serve` where no flag gives them: variables, and the table `[serve]` of the config file.

    [serve]
    upstream = "https://forge.example"
    trust = ["127.0.0.1"]
    keep = 5
    tls_cert = "fullchain.pem"      # beside the config file
    allow_writes = true

Rules: click takes a flag, else the variable, else the table, else the default. A key that is no option is an error, and
so is a value of another kind than the option's. What is for one start, such as --check, has a flag only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from ..errors import ShimError
from .settings import CommonOptions, remember

PREFIX = "FORGEJO_SHIM"  # of the variables


def variable_of(option: click.Parameter) -> str:
    """The variable that gives an option."""
    return f"{PREFIX}_{option.name.upper()}"


def has_variable(option: click.Parameter) -> bool:
    """Whether an option can be given otherwise than by its flag."""
    return isinstance(option, click.Option) and option.allow_from_autoenv


def has_key(option: click.Parameter) -> bool:
    """Whether an option can be given in the config file, which cannot name itself."""
    return has_variable(option) and option.name != "config"


def read_table(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """The callback of --config: reads `[serve]` before click looks for the other options. Raises ShimError."""
    remember(ctx, parameter, value)
    settings = ctx.ensure_object(CommonOptions)
    ctx.default_map = checked(settings.serve_table(), ctx.command, settings.config_path())


def checked(table: Mapping[str, Any], command: click.Command, path: Path) -> dict[str, Any]:
    """The table of the file `path`, its relative paths as seen from there. Raises ShimError."""
    options = {option.name: option for option in command.params if has_key(option)}
    found = {}
    for key, value in table.items():
        if key not in options:
            close = get_close_matches(key.replace("-", "_"), options, 1)
            help_is = f"did you mean {close[0]}?" if close else "forgejo-shim serve --help lists the options"
            raise ShimError(f"{path}: {key!a} in [serve] is an unknown key; {help_is}")
        fits, kind = _kind(options[key])
        if not fits(value):
            raise ShimError(f"{path}: {key} in [serve] is {kind}")
        is_path = isinstance(options[key].type, click.Path) and "://" not in str(value)
        found[key] = str(path.parent / Path(value).expanduser()) if is_path else value
    return found


def _kind(option: click.Parameter) -> tuple[Callable[[Any], bool], str]:
    """Whether a value in TOML is of the option's kind, and how that is called."""
    if isinstance(option, click.Option) and option.is_flag:
        return lambda value: isinstance(value, bool), "true or false, without quotes"
    if option.multiple:
        return lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value), (
            'a list of texts, such as ["a", "b"]'
        )
    if isinstance(option.type, click.IntRange):
        return lambda value: type(value) is int, "a whole number, without quotes"
    if isinstance(option.type, click.FloatRange):
        return lambda value: type(value) in (int, float), "a number, without quotes"
    return lambda value: isinstance(value, str), "text, in quotes"
