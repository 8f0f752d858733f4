"""Where the command's credentials come from: the environment, or a TOML file that only its owner may read.

    server = "https://forge.example"
    ca_file = "/etc/ssl/forge-ca.pem"
    matchers = ["mine.json"]

    [serve]                     # options of the proxy: serve_table.py
    listen = "127.0.0.1:8080"

    [servers."https://forge.example"]
    token = "…"
    web_user = "log-reader"
    web_password = "…"
    web_totp_secret = "…"
    keyring = true              # further ones are in the keyring, where `login` has put them

Rules: no credential comes from the command line. A file that others may read is refused. Credentials in the file are
for the server of their section. Messages name keys and variables, never values.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from ..address import base_url_of
from ..errors import ShimError
from ..files import check_private
from ..models import WebCookie, WebCredentials, WebLogin

WEB = {  # key of the file: variable of the environment
    "web_user": "FORGEJO_SHIM_WEB_USER",
    "web_password": "FORGEJO_SHIM_WEB_PASSWORD",
    "web_totp_secret": "FORGEJO_SHIM_WEB_TOTP_SECRET",
    "web_cookie": "FORGEJO_SHIM_WEB_COOKIE",
}
CREDENTIALS = ("token", *WEB)
KEYRING = "keyring"


@dataclass(frozen=True)
class Credentials:
    """The caller's token and the web account (None: not given), and where each came from; what is said of no token."""

    token: str | None = field(default=None, repr=False)
    web: WebCredentials | None = None
    token_source: str = ""
    web_source: str = ""
    no_token: str = "no FORGEJO_TOKEN is set"

    def or_from(self, other: Credentials) -> Credentials:
        """These credentials, with the other's in place of those not given."""
        token, web = (self if self.token else other), (self if self.web else other)
        return Credentials(token.token, web.web, token.token_source, web.web_source, self.no_token)


@dataclass(frozen=True)
class Config:
    """What the config file says; `matchers` are files beside it, servers by their base URLs, those of them that the
    keyring has credentials of, and the table of `serve` as it is."""

    server: str | None = None
    ca_file: str | None = None
    matchers: tuple[Path, ...] = ()
    servers: Mapping[str, Credentials] = field(default_factory=dict)
    in_keyring: frozenset[str] = frozenset()
    serve: Mapping[str, Any] = field(default_factory=dict)


def from_environment(environment: Mapping[str, str]) -> Credentials:
    """The credentials in the environment. Raises UsageError if half of an account is missing."""
    values = {key: environment.get(name, "") for key, name in WEB.items()}
    token, web = environment.get("FORGEJO_TOKEN", "").strip() or None, _web(values, WEB)
    web_source = WEB["web_cookie" if isinstance(web, WebCookie) else "web_user"] if web else ""
    return Credentials(token, web, "FORGEJO_TOKEN" if token else "", web_source)


def read_config(path: Path | None, default: Path) -> Config:
    """The config file at `path`, or at `default` if there is one. Raises ShimError."""
    if path is None and not default.exists():
        return Config()
    path = path or default
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "does not exist"
            raise ShimError(f"the config file {path} {what}; give another with --config")
        check_private(path)
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        why = f"cannot be read ({error.strerror}); give another with --config"
    except UnicodeDecodeError:
        why = "is not UTF-8 text"
    except RecursionError:
        why = "is nested too deeply"
    except ValueError as error:  # TOMLDecodeError, or a number of too many digits
        at = re.search(r" \(at [^)]*\)", str(error))
        why = f"is not valid TOML{at[0] if at else ''}"
    else:
        return _config(found, path)
    raise ShimError(f"the config file {path} {why}")


def _config(found: dict[str, Any], path: Path) -> Config:
    servers = found.pop("servers", {})
    if not isinstance(servers, dict) or not all(isinstance(entry, dict) for entry in servers.values()):
        raise ShimError(f'{path}: servers must be tables; write [servers."https://forge.example"]')
    matchers = found.pop("matchers", [])
    if not isinstance(matchers, list) or not all(isinstance(name, str) for name in matchers):
        raise ShimError(f'{path}: matchers must be a list of files; write matchers = ["mine.json"]')
    serve = found.pop("serve", {})
    if not isinstance(serve, dict):
        raise ShimError(f"{path}: serve must be a table; write [serve]")
    _check_keys(found, {"server", "ca_file"}, path)
    for entry in servers.values():
        _check_keys(entry, {*CREDENTIALS, KEYRING}, path)
    named = {_base(name, path): entry for name, entry in servers.items()}
    credentials = {base: credentials_of(entry, f"the config file {path}") for base, entry in named.items()}
    in_keyring = frozenset(base for base, entry in named.items() if entry.get(KEYRING))
    server = found.get("server")
    files = tuple(path.parent / Path(name).expanduser() for name in matchers)
    address = _base(server, path) if server else None
    return Config(address, found.get("ca_file") or None, files, credentials, in_keyring, serve)


def _base(address: str, path: Path) -> str:
    try:
        return base_url_of(address)
    except ShimError as error:
        raise ShimError(f"{path}: {error.message}") from None


def credentials_of(entry: Mapping[str, str], source: str) -> Credentials:
    """The credentials of one server, as they are called in the file. Raises UsageError if half of an account is
    missing."""
    token, web = entry.get("token") or None, _web({key: entry.get(key, "") for key in WEB}, {})
    return Credentials(token, web, source if token else "", source if web else "")


def _check_keys(table: dict[str, Any], known: set[str], path: Path) -> None:
    for key, value in table.items():
        if key in {*CREDENTIALS, KEYRING} - known:
            raise ShimError(f'{path}: {key} belongs under the server that it is for: [servers."https://forge.example"]')
        if key not in known:
            raise ShimError(f"{path}: {key!a} is an unknown key; known keys: {', '.join(sorted(known))}")
        if key == KEYRING and not isinstance(value, bool):
            raise ShimError(f"{path}: {key} is true or false, without quotes")
        if key != KEYRING and not isinstance(value, str):
            raise ShimError(f"{path}: {key} is no text; write it in quotes")


def _web(values: Mapping[str, str], names: Mapping[str, str]) -> WebCredentials | None:
    """The web account in `values`; messages call its keys by `names`."""
    user, password, secret, cookie = (values[key] for key in WEB)
    called = {key: names.get(key, key) for key in WEB}
    if cookie and (user or password or secret):
        raise click.UsageError(f"give a web account or {called['web_cookie']}, not both")
    if cookie:
        return WebCookie(cookie)
    if bool(user) != bool(password) or (secret and not user):
        given, missing = ("web_user", "web_password") if user else ("web_password", "web_user")
        given = given if user or password else "web_totp_secret"
        raise click.UsageError(f"{called[given]} is set without {called[missing]}; set both")
    return WebLogin(user, password, secret or None) if user else None
