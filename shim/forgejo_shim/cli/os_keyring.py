"""Credentials in the keyring of the operating system (extra `keyring`): one entry a server, as JSON.

Rules: it is asked only for a server whose section in the config file says `keyring = true`. One that fails, is locked,
or does not answer in time is an error in one sentence, which repeats nothing of what the keyring said. It may ask its
owner for a password; where nobody can be asked, it is not waited for longer than PATIENCE seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from threading import Thread
from typing import Any

from ..errors import ShimError
from .config import CREDENTIALS

SERVICE = "forgejo-shim"
PATIENCE = 5.0
INSTALL = "pip install 'forgejo-shim[keyring]'"


def is_there(may_ask: bool) -> bool:
    """Whether this system has a keyring and its package is installed. Raises ShimError if that cannot be told."""
    return find_spec("keyring") is not None and _call(_is_real, may_ask)


def load(server: str, may_ask: bool) -> dict[str, str]:
    """The credentials of `server`, as they are called in the config file. Raises ShimError."""
    if find_spec("keyring") is None:
        raise ShimError(f"the credentials of {server} are in the keyring, and its package is not installed: {INSTALL}")
    text = _call(lambda keyring: keyring.get_password(SERVICE, server), may_ask)
    try:
        values = json.loads(text) if text is not None else {}
        is_ours = all(key in CREDENTIALS and isinstance(value, str) for key, value in values.items())
    except (ValueError, AttributeError, TypeError):
        is_ours = False
    if not is_ours:
        raise ShimError(f"the keyring's entry for {server} is not one that login made; log out and log in again")
    return dict(values)


def save(server: str, values: Mapping[str, str], may_ask: bool) -> None:
    """Keep the credentials of `server` in place of what is kept. Raises ShimError."""
    text = json.dumps(values)
    _call(lambda keyring: keyring.set_password(SERVICE, server, text), may_ask)


def remove(server: str, may_ask: bool) -> bool:
    """Remove the credentials of `server`; gives whether there were any. Raises ShimError."""

    def do(keyring: Any) -> bool:
        found = keyring.get_password(SERVICE, server) is not None
        if found:
            keyring.delete_password(SERVICE, server)
        return found

    return bool(_call(do, may_ask))


def _is_real(keyring: Any) -> bool:
    from keyring.backends import fail, null

    return not isinstance(keyring, fail.Keyring | null.Keyring)


def _call(do: Callable[[Any], Any], may_ask: bool) -> Any:
    """What `do` gives with the keyring. In a thread, since the keyring may wait for its owner. Raises ShimError."""
    given: list[Any] = []
    failed: list[str] = []

    def ask() -> None:
        try:
            import keyring

            given.append(do(keyring.get_keyring()))
        except Exception as error:  # whatever the system's keyring has
            failed.append(type(error).__name__)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(None if may_ask else PATIENCE)
    if given:
        return given[0]
    why = f"failed ({failed[0]})" if failed else f"has not answered within {PATIENCE:.0f} seconds"
    raise ShimError(f"the keyring {why}; unlock it, or do without it: forgejo-shim login --no-keyring")
