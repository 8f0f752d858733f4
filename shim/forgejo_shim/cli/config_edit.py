"""The config file as `login` and `logout` change it: the section of one server, and `server` if none is named yet.

Rules: comments and all else stay as they are. The file is replaced as a whole, under a lock, with mode 0600 or the
narrower one that it has; a link, another user's file, or one that others may read is refused. What was written is read
back by Python's own parser before it takes the file's place, so a file that cannot be edited well is not edited at all.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from ..address import base_url_of
from ..errors import ShimError
from ..files import locked, private_file, replace_private
from .config import KEYRING, WEB, read_config


def keep(path: Path, server: str, values: Mapping[str, str], *, in_keyring: bool) -> None:
    """Write credentials of `server` in place of those of their kind, or with `in_keyring` that they are in the keyring.

    The first server that is written becomes the default one. Raises ShimError.
    """
    with _editing(path, server, is_new_default=True) as document:
        servers = document.setdefault("servers", tomlkit.table(is_super_table=True))
        name = next(reversed(_names(servers, server)), server)
        entry = servers.setdefault(name, tomlkit.table())
        kinds = [kind for kind in (("token",), tuple(WEB)) if set(kind) & set(values)]
        for key in (KEYRING, *(key for kind in kinds for key in kind)):
            entry.pop(key, None)
        for key, value in ({KEYRING: True} if in_keyring else values).items():
            entry[key] = value


def drop(path: Path, server: str) -> bool:
    """Remove the credentials of `server`, and that there are some in the keyring; gives whether there was anything.

    Raises ShimError.
    """
    if not path.exists():
        return False
    with _editing(path, server) as document:
        servers = document.get("servers", {})
        found = False
        for name in _names(servers, server):
            for key in ("token", *WEB, KEYRING):
                found |= servers[name].pop(key, None) is not None
            if not servers[name].as_string().strip():
                servers.remove(name)
        if found and not servers:
            document.remove("servers")
    return found


@contextmanager
def _editing(path: Path, server: str, *, is_new_default: bool = False) -> Iterator[Any]:
    """The file's document, which is written at the end if it was changed; made if there is none."""
    with locked(path):
        private_file(path)  # which follows no link
        config = read_config(path, path)
        text = before = path.read_text("utf-8")
        if is_new_default and not config.server:
            text = f"server = {tomlkit.item(server).as_string()}\n{text}"
        try:
            document = tomlkit.parse(text)
            yield document
            after = document.as_string()
            is_same = tomllib.loads(after) == document.unwrap()
        except (TOMLKitError, tomllib.TOMLDecodeError):
            is_same = False
        if not is_same:
            raise ShimError(f'{path} cannot be changed as it is written; write credentials below [servers."{server}"]')
        if after != before:
            replace_private(path, after)


def _names(servers: Mapping[str, Any], server: str) -> list[str]:
    """The names of the sections of `server`, however its address is written."""
    return [name for name in servers if base_url_of(name) == server]
