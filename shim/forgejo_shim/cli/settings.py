"""The options that all verbs share, given before or after the verb, and the client made from them.

Rules: a server that is named twice must be the same one. Credentials of the environment go only to a server that an
option, a variable or the config file names, never to one that only a pasted URL names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click
import platformdirs

from ..address import base_url_of
from ..client import Client
from ..environment import NetworkSettings, network_settings
from ..errors import ShimError
from ..store.session_file import SessionFile
from ..store.sqlite import SQLiteStore
from .config import Config, Credentials, from_environment, read_config
from .help import option_of

APP = "forgejo-shim"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class CommonOptions:
    """The values of the shared options."""

    server: str | None = None
    json: bool = False
    config: Path | None = None
    state: Path | None = None
    no_state: bool = False
    keep_session: bool = False
    timeout: int = 60
    used: Credentials = field(default_factory=Credentials)  # of the server that was asked

    def client(self, server_of_url: str | None = None) -> Client:
        """A client of the server; `server_of_url` is the one that a pasted URL names. Raises ShimError."""
        server, found = self.server_and_credentials(os.environ, server_of_url)
        ca_file = self.network(server).ca
        if self.no_state and self.state:
            raise click.UsageError("give --state or --no-state, not both")
        folder = platformdirs.user_state_path(APP)
        return Client(
            server,
            found.token,
            web=found.web,
            store=self._store(folder),
            session_file=SessionFile(folder / "session.json") if self.keep_session else None,
            timeout=self.timeout,
            ca_file=ca_file,
        )

    def _store(self, folder: Path) -> SQLiteStore | None:
        """Where facts are kept; None: in memory, where a home takes no file, as they only spare requests. Raises
        ShimError for a file that was named."""
        if self.no_state:
            return None
        try:
            return SQLiteStore(self.state or folder / "state.sqlite3")
        except ShimError as error:
            if self.state:
                raise ShimError(f"{error.message}, or give --no-state") from None
            return None

    def names_server(self) -> bool:
        """Whether an option, the environment or the config file names a server."""
        return bool(self.server or os.environ.get("FORGEJO_URL") or self._config().server)

    def server_and_credentials(
        self, environment: Mapping[str, str], server_of_url: str | None = None
    ) -> tuple[str, Credentials]:
        """The server's address and the credentials for it. Raises ShimError."""
        config = self._config()
        server, named = self._server(server_of_url, config)
        return server, self._credentials(server, named, config, environment)

    def network(self, server: str) -> NetworkSettings:
        """The certificates and the proxy for a server. Raises ShimError."""
        return network_settings(server, self._config().ca_file)

    def matchers(self) -> tuple[Path, ...]:
        """The files of problem matchers that the config file names. Raises ShimError."""
        return self._config().matchers

    def _config(self) -> Config:
        return read_config(self.config, default=platformdirs.user_config_path(APP) / "config.toml")

    def _server(self, of_url: str | None, config: Config) -> tuple[str, bool]:
        """The server, and whether anything but a pasted URL names it."""
        explicit = self.server or os.environ.get("FORGEJO_URL")
        server = of_url or explicit or config.server
        if not server:
            raise click.UsageError("no server given; use --server URL or set FORGEJO_URL")
        if any("@" in text for text in (server, explicit) if text):
            raise click.UsageError("the server's address contains credentials; give them as a token or a web account")
        try:
            base = base_url_of(server)
            explicit = base_url_of(explicit) if explicit else None
        except ShimError as error:
            raise click.UsageError(error.message) from None
        if explicit and explicit != base:
            raise click.UsageError(f"the URL belongs to {base}, but the server given is {explicit}")
        return base, base in (explicit, config.server)

    def _credentials(self, server: str, named: bool, config: Config, environment: Mapping[str, str]) -> Credentials:
        found = from_environment(environment)
        if (found.token or found.web) and not named:
            raise click.UsageError(
                f"the credentials in the environment are not sent to {server}, since only the URL names it; name it"
                " with --server or FORGEJO_URL as well"
            )
        self.used = found.or_from(config.servers.get(server, Credentials()))
        return self.used


def _remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Note an option that was given. One after the verb wins over one before it."""
    settings = ctx.ensure_object(CommonOptions)
    if parameter.name and ctx.get_parameter_source(parameter.name) is click.core.ParameterSource.COMMANDLINE:
        setattr(settings, parameter.name, value)


def _option(*names: str, **more: Any) -> Callable[[F], F]:
    return option_of("Common options")(*names, expose_value=False, callback=_remember, **more)


class FileType(click.Path):
    """The path of a file: a slash at its end, which a Path loses without a word, names a folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, if it can be a file's."""
        if str(value).endswith("/"):
            self.fail(f"{value} is a folder; name a file in it", param, ctx)
        return super().convert(value, param, ctx)


_FILE = FileType(path_type=Path, dir_okay=False)
_OPTIONS = {
    "server": _option(
        "--server", metavar="URL", help="Address of the server. Default: FORGEJO_URL, then the config file."
    ),
    "json": _option("--json", is_flag=True, help="Print JSON, for errors too. A log is printed as it is."),
    "config": _option("--config", type=_FILE, help="Another config file: TOML, readable by its owner only."),
    "state": _option(
        "--state", type=_FILE, help="File that caches facts about the server, so that later commands ask less."
    ),
    "no_state": _option("--no-state", is_flag=True, help="Cache nothing between commands."),
    "keep_session": _option(
        "--keep-session", is_flag=True, help="Keep the web session in a file: the next command need not sign in."
    ),
    "timeout": _option(
        "--timeout",
        type=click.IntRange(1, 86400),
        metavar="SECONDS",
        help="How long to wait for the server. Default: 60.",
    ),
}


def shared(*names: str) -> Callable[[F], F]:
    """Give a command some of the shared options."""

    def give(command: F) -> F:
        for name in reversed(names):
            command = _OPTIONS[name](command)
        return command

    return give


def common(command: F) -> F:
    """Give a command the shared options."""
    return shared(*_OPTIONS)(command)
