"""The options that all verbs share, given before or after the verb, and the client made from them.

Rules: a server that is named twice must be the same one. Credentials of the environment go only to a server that an
option, a variable or the config file names, never to one that only a pasted URL names.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import platformdirs

from ..address import base_url_of
from ..client import Client
from ..environment import NetworkSettings, network_settings
from ..errors import ShimError
from ..models import WebCredentials
from ..store.protocol import Store
from ..store.redis_address import RedisAddress, is_address, parse_redis_address
from ..store.session_file import SessionFile
from ..store.sqlite import SQLiteStore
from . import os_keyring
from .config import Config, Credentials, credentials_of, from_environment, read_config
from .help import option_of

APP = "forgejo-shim"
F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class CommonOptions:
    """The values of the shared options."""

    server: str | None = None
    json: bool = False
    config: Path | None = None
    makes_config: bool = False  # whether the file that --config names need not be there yet
    state: Path | RedisAddress | None = None
    no_state: bool = False
    keep_session: bool = False
    no_input: bool = False
    timeout: int = 60
    used: Credentials | None = None  # of the server that was asked

    def client(self, server_of_url: str | None = None) -> Client:
        """A client of the server; `server_of_url` is the one that a pasted URL names. Raises ShimError."""
        server, found = self.server_and_credentials(os.environ, server_of_url)
        if self.no_state and self.state:
            raise click.UsageError("give --state or --no-state, not both")
        return self.client_with(server, found.token, found.web, self._store())

    def client_with(
        self, server: str, token: str | None, web: WebCredentials | None, store: Store | None = None
    ) -> Client:
        """A client of `server` with these credentials, else as the options say. Raises ShimError."""
        return Client(
            server,
            token,
            web=web,
            store=store,
            session_file=SessionFile(session_path()) if self.keep_session else None,
            timeout=self.timeout,
            ca_file=self.network(server).ca,
        )

    def config_path(self) -> Path:
        """The config file, whether it is there or not."""
        return self.config or platformdirs.user_config_path(APP) / "config.toml"

    def may_ask(self) -> bool:
        """Whether somebody is there who can be asked: stdin is a terminal, and --no-input is not given."""
        return not self.no_input and sys.stdin.isatty()

    def address(self) -> str:
        """The server's address, as an option, the environment or the config file names it. Raises ShimError."""
        return self._server(None, self._config())[0]

    def is_in_keyring(self, server: str) -> bool:
        """Whether the config file says that the keyring has credentials of `server`. Raises ShimError."""
        return server in self._config().in_keyring

    def configured_servers(self) -> list[str]:
        """The servers that a git remote may be at: the one that an option or the environment names, else all those of
        the config file, the default one first. Raises ShimError."""
        config = self._config()
        if self.server or os.environ.get("FORGEJO_URL"):
            return [self._server(None, config)[0]]
        return list(dict.fromkeys([*([config.server] if config.server else []), *config.servers]))

    def _store(self) -> SQLiteStore | None:
        """Where facts are kept; None: in memory, where a home takes no file, as they only spare requests. Raises
        ShimError for a file that was named."""
        if self.no_state:
            return None
        if isinstance(self.state, RedisAddress):
            raise click.UsageError("only serve can keep its state at an address; name a file with --state")
        try:
            return SQLiteStore(self.state or state_path())
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

    def ca_file(self) -> str | None:
        """The CA file that the config file names. Raises ShimError."""
        return self._config().ca_file

    def matchers(self) -> tuple[Path, ...]:
        """The files of problem matchers that the config file names. Raises ShimError."""
        return self._config().matchers

    def serve_table(self) -> Mapping[str, Any]:
        """The config file's table of `serve`, as it is. Raises ShimError."""
        return self._config().serve

    def _config(self) -> Config:
        return read_config(None if self.makes_config else self.config, default=self.config_path())

    def _server(self, of_url: str | None, config: Config) -> tuple[str, bool]:
        """The server, and whether anything but a pasted URL names it."""
        explicit = self.server or os.environ.get("FORGEJO_URL")
        server = of_url or explicit or config.server
        if not server:
            raise click.UsageError("no server given; run forgejo-shim login URL, use --server URL, or set FORGEJO_URL")
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
            if server not in config.servers:
                raise click.UsageError(
                    f"the credentials in the environment are not sent to {server}, since only the URL names it; name it"
                    " with --server or FORGEJO_URL as well"
                )
            found = Credentials(no_token=f"FORGEJO_TOKEN is not for {server}")  # they are for the default server
        found = found.or_from(config.servers.get(server, Credentials()))
        if server in config.in_keyring and not (found.token and found.web):
            found = found.or_from(credentials_of(os_keyring.load(server, self.may_ask()), "the keyring"))
        self.used = found
        return found


def state_path() -> Path:
    """The file of facts about servers, where no other is given."""
    return platformdirs.user_state_path(APP) / "state.sqlite3"


def session_path() -> Path:
    """The file of web sessions that are kept."""
    return platformdirs.user_state_path(APP) / "session.json"


def remember(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Note an option that was given. One after the verb wins over one before it, and a flag over all else."""
    settings = ctx.ensure_object(CommonOptions)
    source = ctx.get_parameter_source(name := parameter.name)
    is_flag = source is click.core.ParameterSource.COMMANDLINE
    if is_flag or (source is not click.core.ParameterSource.DEFAULT and not getattr(settings, name)):
        setattr(settings, name, value)


class FileType(click.Path):
    """The path of a file: a slash at its end, which a Path loses without a word, names a folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, if it can be a file's."""
        if str(value).endswith("/"):
            self.fail(f"{value} is a folder; name a file in it", param, ctx)
        return super().convert(value, param, ctx)


class StateType(FileType):
    """The path of a file, or the address of a Redis."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path or the address."""
        if not isinstance(value, str) or not is_address(value):
            return super().convert(value, param, ctx)
        try:
            return parse_redis_address(value)
        except ShimError as error:
            self.fail(error.message, param, ctx)


_FILE = FileType(path_type=Path, dir_okay=False)
_OPTIONS: dict[str, dict[str, Any]] = {
    "server": {
        "metavar": "URL",
        "help": "Address of the server. Default: FORGEJO_URL, the clone's, the config file's.",
    },
    "json": {"is_flag": True, "help": "Print JSON, for errors too. A log is printed as it is."},
    "config": {"type": _FILE, "help": "Another config file: TOML, readable by its owner only."},
    "state": {
        "type": StateType(path_type=Path, dir_okay=False),
        "metavar": "FILE|URL",
        "help": "File that caches facts about the server, so that later commands ask less. For serve, too: the address"
        " of a Redis or Valkey that replicas share, redis://, rediss:// or unix://.",
    },
    "no_state": {"is_flag": True, "help": "Cache nothing between commands."},
    "keep_session": {
        "is_flag": True,
        "help": "Keep the web session in a file: the next command need not sign in.",
    },
    "no_input": {"is_flag": True, "help": "Ask for nothing, also on a terminal: fail instead."},
    "timeout": {
        "type": click.IntRange(1, 86400),
        "metavar": "SECONDS",
        "help": "How long to wait for the server. Default: 60.",
    },
}


def shared(*names: str, **more: Any) -> Callable[[F], F]:
    """Give a command some of the shared options; `more` says more of them."""
    option = option_of("Common options")

    def give(command: F) -> F:
        for name in reversed(names):
            told = {"expose_value": False, "callback": remember, **_OPTIONS[name], **more}
            command = option(f"--{name.replace('_', '-')}", **told)(command)
        return command

    return give


def common(command: F) -> F:
    """Give a command the shared options."""
    return shared(*_OPTIONS)(command)
