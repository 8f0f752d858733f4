"""What a store is asked for, and who counts what is under way.

Rules: asynchronous, several values at once, and each may have an end, so that a store can be a file or another machine.
Without an event loop a store must not wait (`transport.run`). What cannot be read or written is not kept: facts are
hints, and nobody gets a right from one. The keys of tickets are kept here too, so a store is its owner's alone. What is
under way is counted apart from it (`Places`): a holder that dies leaves its places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol


class Gone(Exception):
    """What is shared cannot be used now; `word` says why, in kebab-case."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


class Store(Protocol):
    """Keeps JSON values under (base URL, subject, key). `subject` is a repository's key, or "" for the server."""

    async def get(self, base: str, subject: str, keys: Sequence[str]) -> list[Any]:
        """The kept values in the order of `keys`, None for each that there is not."""
        ...

    async def put(self, base: str, subject: str, values: Mapping[str, Any], ttl: float | None = None) -> None:
        """Keep `values` by their keys, for `ttl` seconds if that is given; None forgets one."""
        ...

    async def agree(self, base: str, subject: str, key: str, value: Any, ttl: float) -> Any:
        """The value that all who share the store have under a key: the kept one, else `value`, kept for `ttl` seconds.

        Where it cannot be kept, `value` is this process's own.
        """
        ...


class Places(Protocol):
    """Places of which there are so many for each name: streams of a caller, say, or a lock, which is one place."""

    async def take(self, places: Mapping[str, int], holder: str) -> str | None:
        """Take a place at each of the names, of which there are so many, or nowhere: gives the first name that has no
        place left, None if all were taken."""
        ...

    async def leave(self, names: Iterable[str], holder: str) -> None:
        """Leave the places that `holder` took at these names."""
        ...
