"""Places that several processes share (protocol.py): counted here, and among all of them while the Redis answers.

Rules: whoever has no place here has none at all. A holder's place ends by itself `LEASE` seconds after its process last
held on to it, so one that died leaves nothing behind. Where the Redis does not answer, this process's own count stands;
when it answers again, it is told of all the places that are held here. Of one that is still asked for it is never told:
nobody would leave it. Nobody waits until it is told of one that is left: an answer that was sent whole has ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial

from .places import MemoryPlaces
from .protocol import Gone
from .shared import LEASE, SharedStore


class SharedPlaces:
    """As in `Places`, at the server `base`."""

    def __init__(self, store: SharedStore, base: str) -> None:
        self._store = store
        self._base = base
        self._here = MemoryPlaces()
        self._asking: set[str] = set()  # holders whose places are not theirs yet
        store.held.append(self._held)

    async def take(self, places: Mapping[str, int], holder: str) -> str | None:
        """As in `Places`."""
        full = await self._here.take(places, holder)
        if full:
            return full
        names = {self._name(name): name for name in places}
        among = {name: places[plain] for name, plain in names.items()}
        take = partial(self._store.ask, self._store.redis.take, among, holder, LEASE)
        self._asking.add(holder)
        try:
            full = await take()
            if full and await self._store.has_told():  # of a place that was left, perhaps
                full = await take()
        except Gone:
            return None
        except BaseException:  # whoever asked has gone, and may have been given it
            await self.leave(places, holder)
            raise
        finally:
            self._asking.discard(holder)
        if full:
            await self._here.leave(places, holder)
            return names[full]
        return None

    async def leave(self, names: Iterable[str], holder: str) -> None:
        """As in `Places`."""
        names = list(names)
        await self._here.leave(names, holder)
        self._store.tell(self._store.redis.leave, [self._name(name) for name in names], holder)

    def _held(self) -> Mapping[str, Collection[str]]:
        return {self._name(name): holders - self._asking for name, holders in self._here.held.items()}

    def _name(self, name: str) -> str:
        return self._store.seal.name("place", self._base, name)
