"""Where the proxy keeps what it knows: in memory, in a file, or in a Redis that others share (`--state`).

Rules: a password and a key come from the environment, or from files that it or an option names, never from the command
line. A shared state needs a key, since what is kept there is sealed by it. That a Redis does not answer is no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from ..environment import network_settings
from ..errors import ShimError
from ..store.memory import MemoryStore
from ..store.protocol import Store
from ..store.redis_address import PASSWORD, RedisAddress
from ..store.sqlite import SQLiteStore
from .settings import CommonOptions

KEY = "FORGEJO_SHIM_STATE_KEY"
KEY_LIMIT = 64 * 1024  # bytes of a file with keys


def store_of(
    settings: CommonOptions, key_file: Path | None, environment: Mapping[str, str], otherwise: Path | None = None
) -> Store:
    """The store that the options name, else one in the file `otherwise`, else memory. Raises ShimError, UsageError."""
    at = None if settings.no_state else settings.state
    if not isinstance(at, RedisAddress):
        if key_file and not settings.no_state:
            raise click.UsageError("--state-key-file is for a state that is shared: --state redis://HOST:PORT")
        path = at or otherwise
        return SQLiteStore(path) if path else MemoryStore()
    try:
        from ..store.redis import RedisCommands
        from ..store.seal import Seal, keys_in
        from ..store.shared import SharedStore
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "redis":
            raise
        raise ShimError("a shared state needs a further package: pip install 'forgejo-shim[proxy,redis]'") from None
    keys = keys_in(_keys(key_file, environment))
    if not keys:
        raise click.UsageError(
            f"a shared state needs a key, which all replicas have: put what openssl rand -base64 32 says into {KEY}, or"
            " into a file that --state-key-file names"
        )
    ca = network_settings(f"https://{at.host}", settings.ca_file()).ca if at.tls else None
    return SharedStore(RedisCommands(at, environment.get(PASSWORD, ""), ca), Seal(keys))


def _keys(key_file: Path | None, environment: Mapping[str, str]) -> str:
    given = environment.get(KEY, "")
    if key_file is None:
        return given
    if given:
        raise click.UsageError(f"give {KEY} or --state-key-file, not both")
    try:
        with key_file.open("rb") as file:
            return file.read(KEY_LIMIT).decode()
    except UnicodeDecodeError:
        raise ShimError("the file that --state-key-file names is not text") from None
    except OSError as error:
        raise ShimError(f"the file that --state-key-file names cannot be read ({error.strerror})") from None
