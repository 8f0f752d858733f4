"""Which operations are looked at: all, those whose path fits a pattern, or those of a document.

Rules: operations are told apart by method and path, whatever the path's parameters are called. Definitions that no
operation uses belong to the scope of all alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .document import Document, operations


@dataclass(frozen=True)
class Scope:
    """`name` is for people; `unused` says whether definitions that no operation uses count too."""

    name: str
    holds: Callable[[str], bool]  # of an operation's key, `GET /repos/{owner}/{repo}`
    unused: bool = False

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.holds(key)


def plain(key: str) -> str:
    """An operation's key without the names of its path's parameters: `GET /repos/{}/{}`."""
    return re.sub(r"\{[^{}/]*\}", "{}", key)


EVERYTHING = Scope("every operation", lambda key: True, unused=True)


def by_paths(*globs: str, name: str = "") -> Scope:
    """Operations whose path fits one of these: `*` is any text within a segment, `**` across segments, `?` a letter."""
    patterns = [re.compile(_pattern(glob), re.DOTALL) for glob in globs]
    return Scope(
        name or f"paths {', '.join(globs)}",
        lambda key: any(pattern.fullmatch(key.partition(" ")[2]) for pattern in patterns),
    )


def _pattern(glob: str) -> str:
    words = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(words.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*|\?)", glob))


def of_document(document: Document) -> Scope:
    """The operations that this document has."""
    keys = {plain(key) for key in operations(document)}
    return Scope(f"operations of {document.name}", lambda key: plain(key) in keys)


def both(one: Scope, other: Scope) -> Scope:
    """The operations that two scopes have in common."""
    return Scope(f"{one.name}, {other.name}", lambda key: key in one and key in other)
