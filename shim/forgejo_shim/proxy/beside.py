"""A store that waits for a file, asked beside the loop, so that no request waits for another one's fact."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ..store.protocol import Store
from ..transport import run


class BesideLoop:
    """Asks `store` in another thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, base: str, subject: str, keys: Sequence[str]) -> list[Any]:
        """As in `Store`."""
        return await asyncio.to_thread(lambda: run(self._store.get(base, subject, keys)))

    async def put(self, base: str, subject: str, values: Mapping[str, Any], ttl: float | None = None) -> None:
        """As in `Store`."""
        await asyncio.to_thread(lambda: run(self._store.put(base, subject, values, ttl)))

    async def agree(self, base: str, subject: str, key: str, value: Any, ttl: float) -> Any:
        """As in `Store`."""
        return await asyncio.to_thread(lambda: run(self._store.agree(base, subject, key, value, ttl)))
