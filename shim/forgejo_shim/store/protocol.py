"""What a store is asked for.

Rules: asynchronous, several values at once, and each may have an end, so that a store can be a file or another machine.
Without an event loop a store must not wait (`transport.run`). What cannot be read or written is not kept: facts are
hints, and nobody gets a right from one. The keys of tickets are kept here too, so a store is its owner's alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


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
