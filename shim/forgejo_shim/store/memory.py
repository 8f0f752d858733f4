"""A store for as long as the process lives."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

SWEEP = 60.0  # seconds after which what is no longer believed is looked for again


class MemoryStore:
    """Holds at most `limit` values; the oldest are forgotten first, and those past their end before long."""

    def __init__(self, limit: int = 100_000) -> None:
        self._values: dict[tuple[str, str, str], tuple[float, Any]] = {}
        self._limit = limit
        self._swept = time.time()
        self._lock = threading.Lock()

    async def get(self, base: str, subject: str, keys: Sequence[str]) -> list[Any]:
        """As in `Store`."""
        found = [self._values.get((base, subject, key)) for key in keys]
        return [kept[1] if kept and kept[0] > time.time() else None for kept in found]

    async def put(self, base: str, subject: str, values: Mapping[str, Any], ttl: float | None = None) -> None:
        """As in `Store`."""
        now = time.time()
        until = inf if ttl is None else now + ttl
        with self._lock:
            if not self._swept <= now < self._swept + SWEEP:
                self._values = {key: kept for key, kept in self._values.items() if kept[0] > now}
                self._swept = now
            for key, value in values.items():
                self._values.pop((base, subject, key), None)
                if value is not None:
                    self._values[base, subject, key] = until, value
            while len(self._values) > self._limit:
                del self._values[next(iter(self._values))]

    def all(self) -> list[tuple[tuple[str, str, str], float, Any]]:
        """What is kept now: where (base, subject, key), until when (seconds since the epoch), and the value."""
        now = time.time()
        with self._lock:
            return [(where, until, value) for where, (until, value) in self._values.items() if until > now]

    async def agree(self, base: str, subject: str, key: str, value: Any, ttl: float) -> Any:
        """As in `Store`."""
        (kept,) = await self.get(base, subject, [key])
        if kept is None:
            await self.put(base, subject, {key: value}, ttl)
        return value if kept is None else kept
