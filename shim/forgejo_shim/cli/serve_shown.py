"""What `serve` prints before it serves: its configuration, and what was tried.

Rules: a configuration is a table `[serve]` as the config file takes it, each line with where its value is from. Of a
secret it says that it is set, never what it is; of an address with credentials, all but these.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import click
import tomlkit
from click.core import ParameterSource

from ..models import WebLogin
from ..proxy.check import Tried
from ..store.redis_address import PASSWORD, RedisAddress
from .config import WEB, Credentials
from .output import show_json, show_table
from .serve_table import has_key, has_variable
from .settings import CommonOptions
from .state import KEY

FLAG, VARIABLE, FILE, DEFAULT = "flag", "variable", "file", "default"
SET = "set"  # all that is said of a secret
OF_STATE = {"state_password": PASSWORD, "state_key": KEY}
SECRETS = ("web_password", "web_totp_secret", "web_cookie", *OF_STATE)
SOURCES: dict[ParameterSource | None, str] = {
    ParameterSource.COMMANDLINE: FLAG,
    ParameterSource.ENVIRONMENT: VARIABLE,
    ParameterSource.DEFAULT_MAP: FILE,
}
Value = tuple[str, Any, str]  # a name, its value as TOML and JSON have it, and where that is from


def show_config(ctx: click.Context, server: str, credentials: Credentials, environment: Mapping[str, str]) -> None:
    """Print each option with its value and where that is from: flag, variable, file or default."""
    of_state = [(name, SET, VARIABLE) for name, variable in OF_STATE.items() if environment.get(variable)]
    found = [*_options(ctx, server), *_account(credentials), *of_state]
    if ctx.ensure_object(CommonOptions).json:
        return show_json({name: {"value": value, "from": source} for name, value, source in found})
    keys = {option.name for option in ctx.command.params if has_key(option)}
    click.echo("[serve]")
    for name, value, source in sorted(found, key=lambda one: one[0] not in keys):
        if value is None or name in SECRETS:
            click.echo(f"# {name} is {value or 'not given'}  # {source}")
        else:
            click.echo(f"{'' if name in keys else '# '}{name} = {tomlkit.item(value).as_string()}  # {source}")


def _options(ctx: click.Context, server: str) -> Iterator[Value]:
    settings = ctx.ensure_object(CommonOptions)
    of_others = {"upstream": server, "config": settings.config_path(), "state": settings.state}
    for option in filter(has_variable, ctx.command.params):
        yield option.name, _plain(of_others.get(option.name, ctx.params.get(option.name))), _source(ctx, option.name)


def _source(ctx: click.Context, name: str) -> str:
    """Where an option's value is from; a flag may stand before the verb, and the server may be the common one."""
    before = "server" if name == "upstream" else name
    found = SOURCES.get(ctx.get_parameter_source(name), DEFAULT)
    if found != FLAG and ctx.parent and ctx.parent.get_parameter_source(before) is ParameterSource.COMMANDLINE:
        return found if name == "upstream" and found != DEFAULT else FLAG
    if found == DEFAULT and name == "upstream":
        return VARIABLE if os.environ.get("FORGEJO_URL") else FILE
    return found


def _account(credentials: Credentials) -> Iterator[Value]:
    """The web account's name, and which of its secrets are set."""
    web = credentials.web
    if web is None:
        return
    source = VARIABLE if credentials.web_source in WEB.values() else FILE
    source = "keyring" if credentials.web_source == "the keyring" else source
    if not isinstance(web, WebLogin):
        yield "web_cookie", SET, source
        return
    yield "web_user", web.user, source
    yield "web_password", SET, source
    if web.totp_secret:
        yield "web_totp_secret", SET, source


def _plain(value: Any) -> Any:
    """A value as TOML and JSON have it."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if type(value) in (list, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, RedisAddress):  # which has a user in it at most
        return str(value)
    return re.sub(r"//[^/?#]*@", "//…@", str(value))


async def show_tried(trials: AsyncIterator[Tried], *, as_json: bool) -> None:
    """Print a line for each thing tried, then one sentence. Raises the first error."""
    found = [one async for one in trials]
    error = next((one.error for one in found if one.error), None)
    if as_json:
        show_json({"ready": not error, **{one.name: {"ok": not one.error, "says": one.says} for one in found}})
    else:
        show_table(("", ""), ((one.name, one.says) for one in found))
    if error:
        raise error
    if not as_json:
        click.echo("Ready: forgejo-shim serve can serve as it is configured.")
