"""What a proxy keeps between requests: by itself, or together with others that have the same store (store/shared.py).

Rules: the parts do not know which of both it is; here it is decided. Together with others are kept: facts, yes's to
callers, the web session with its back-off, searches, and what callers have under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from ..flows.rights import Rights, digest
from ..store.memory import MemoryStore
from ..store.places import MemoryPlaces
from ..store.protocol import Places, Store
from ..store.redis_address import PASSWORD
from ..store.shared import SharedStore
from ..store.shared_places import SharedPlaces
from ..store.verdicts import StoredVerdicts
from .beside import BesideLoop
from .changes import Changes
from .conditions import Condition, Part, Watched
from .limits import Streams
from .options import Options
from .searches import Searches
from .session import SharedSession
from .session_of_replicas import SessionOfReplicas
from .session_of_workers import SessionOfWorkers

WHY = {
    "too-slow": "it does not answer in time; see what it does, and whether it takes TLS (rediss://) or none (redis://)",
    "unreachable": "it cannot be reached; check the address in --state, and whether it runs there",
    "no-tls": "TLS with it fails; check its certificate, the name in --state, and the CA file",
    "wrong-password": f"it does not take the password; check {PASSWORD}",
    "not-permitted": "its user may not do all that is needed; give it the rights that shim/OPERATING.md lists",
    "read-only": "it only reads; give the address of the one that is written to",
    "full": "it has no memory left; raise its maxmemory",
}


def why(word: str) -> str:
    """What the word for a trouble of the shared state means, and what to do about it."""
    return WHY.get(word, "its answer was not understood; check that --state names a Redis or Valkey, and its database")


class State:
    """The parts of one proxy that keep something. Made within the running loop; `close` at the end."""

    def __init__(self, options: Options, signed_in: Callable[[dict[str, str]], None]) -> None:
        store, base = options.store, options.upstream
        self.shared = store if isinstance(store, SharedStore) else None
        self.name = digest
        self.places: Places = MemoryPlaces()
        self.session: SharedSession
        self.watched: tuple[Watched, ...] = ()
        if self.shared:
            self.store: Store = self.shared
            self.name = self.shared.seal.digest
            self.places = SharedPlaces(self.shared, base)
            self.session = SessionOfReplicas(options.web, signed_in, self.shared, self.places, base)
            verdicts = StoredVerdicts(self.shared, base, self.name)
            self.rights = Rights(options.keep, monotonic, self.name, verdicts)
            self._changes = Changes("the shared state can be used again", options.say)
            self.shared.told = self._tell
            self.watched = (self,)
            self._watching = asyncio.create_task(self.shared.watch())
        else:
            self.store = store if isinstance(store, MemoryStore) else BesideLoop(store)
            self.session = _session_of(options, signed_in)
            self.rights = Rights(options.keep, monotonic)
        self.session.changes = Changes(f"{self.session.account} is signed in again", options.say)
        self.streams = Streams(options.streams, self.places)
        self.searches = Searches(self.store, self.places, base)

    def _tell(self, word: str) -> None:
        if word:
            self._changes.fails(
                word, f"the shared state cannot be used: {why(word)}; until then each replica goes on with its own"
            )
        else:
            self._changes.works()

    def condition(self) -> Condition:
        """How the shared state is, as in `Watched`."""
        trouble = self._changes.trouble
        return Condition("redis", Part(not trouble, trouble or "shared"), self._changes.since)

    async def close(self) -> None:
        """Let the others have what this proxy held."""
        if self.shared:
            self._watching.cancel()
            with suppress(asyncio.CancelledError):
                await self._watching
            await self.shared.close()


def _session_of(options: Options, signed_in: Callable[[dict[str, str]], None]) -> SharedSession:
    """The web session of one proxy, or that of the workers of one."""
    if options.shared:
        return SessionOfWorkers(options.web, signed_in, options.shared / "session.json")
    return SharedSession(options.web, on_change=signed_in, backs_off=True)
