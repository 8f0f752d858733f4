"""Places of one process (protocol.py): who holds one where, for as long as the process lives."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping


def new_holder() -> str:
    """A name that no other holder has."""
    return secrets.token_hex(8)


class MemoryPlaces:
    """`held` are the holders at each name; a name without any is forgotten. For one event loop."""

    def __init__(self) -> None:
        self.held: dict[str, set[str]] = {}

    async def take(self, places: Mapping[str, int], holder: str) -> str | None:
        """As in `Places`."""
        for name, most in places.items():
            if len(self.held.get(name, ())) >= most:
                return name
        for name in places:
            self.held.setdefault(name, set()).add(holder)
        return None

    async def leave(self, names: Iterable[str], holder: str) -> None:
        """As in `Places`."""
        for name in names:
            if holders := self.held.get(name):
                holders.discard(holder)
                if not holders:
                    del self.held[name]
