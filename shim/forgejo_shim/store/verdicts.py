"""The API's yes's to callers, in a store that several processes share (flows/rights.py has the rules).

Rules: a yes stands under an HMAC of the caller and the repository together, with its time: whoever believes one for a
shorter time than the process that was given it does so. A clock that is behind the other one's believes none.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .protocol import Store


class StoredVerdicts:
    """As `Verdicts`, of the server `base`; `name` makes opaque names."""

    def __init__(
        self, store: Store, base: str, name: Callable[[str], bytes], now: Callable[[], float] = time.time
    ) -> None:
        self._store = store
        self._base = base
        self._opaque = name
        self._now = now

    async def has(self, who: bytes, repo: str, keep: float) -> bool:
        """As in `Verdicts`."""
        (at,) = await self._store.get(self._base, "", [self._key(who, repo)])
        return isinstance(at, float) and 0 <= self._now() - at < keep

    async def add(self, who: bytes, repo: str, keep: float) -> None:
        """As in `Verdicts`."""
        await self._store.put(self._base, "", {self._key(who, repo): self._now()}, keep)

    def _key(self, who: bytes, repo: str) -> str:
        return f"yes {self._opaque(f'{who.hex()} {repo}').hex()}"
