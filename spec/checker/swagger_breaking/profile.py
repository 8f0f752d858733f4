"""What a project's own words mean, in TOML: its scopes, its documents, and where its servers have theirs.

    [scopes.users]                  # --scope users; the first scope is what is looked at unless another one is named
    name = "operations on users"    # as reports call it
    paths = ["/users", "/users/**"]

    [documents]
    contract = "contract.json"      # a file, as from this one's folder; the word `contract` is then a source

    [server]
    document = "/swagger.v1.json"   # below the address of a server, which is one that names no document itself
    absent = "it is switched off"   # why a server may have none, within a sentence

Rules: everything may be left out; what is not known here is an error. A word of [documents] comes before a file of that
name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import strict_toml
from .scope import EVERYTHING, Scope, by_paths

_SCOPE = {"name": str, "paths": list}


@dataclass(frozen=True)
class Profile:
    """What a file says; without one, nothing. `documents` are files by word, `server_document` is a path or ""."""

    scopes: Mapping[str, Scope] = field(default_factory=dict)
    documents: Mapping[str, Path] = field(default_factory=dict)
    server_document: str = ""
    absent: str = ""

    @property
    def scope(self) -> Scope:
        """What is looked at where nobody says."""
        return next(iter(self.scopes.values()), EVERYTHING)


def read_profile(path: Path) -> Profile:
    """What a file says. Raises ValueError with a sentence."""
    return strict_toml.read(path, "the profile", lambda text: _profile(text, path.parent))


def _profile(text: str, folder: Path) -> Profile:
    found = strict_toml.table(text)
    strict_toml.only(found, {"scopes": dict, "documents": dict, "server": dict}, "the file")
    scopes, documents, server = (found.get(name, {}) for name in ("scopes", "documents", "server"))
    strict_toml.only(documents, dict.fromkeys(documents, str), "[documents]")
    strict_toml.only(server, {"document": str, "absent": str}, "[server]")
    return Profile(
        {name: _scope(name, entry) for name, entry in scopes.items()},
        {word: folder / file for word, file in documents.items()},
        server.get("document", ""),
        server.get("absent", ""),
    )


def _scope(name: str, entry: object) -> Scope:
    where = f"[scopes.{name}]"
    if not isinstance(entry, dict):
        raise ValueError(f"{where} is no table")
    strict_toml.only(entry, _SCOPE, where)
    paths = entry.get("paths", [])
    if not paths or not all(isinstance(path, str) for path in paths):
        raise ValueError(f"{where}: paths must be a list of patterns, such as /users/**")
    return by_paths(*paths, name=entry.get("name", ""))
