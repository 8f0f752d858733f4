"""What one caller may take: open streams, searches, and for how long a stream goes on without asking again.

Rules: who has too much gets a 429 with Retry-After, nobody waits. A caller is who its credential says (any spelling of
the same token is the same), else its address. Which of several credentials counts is the server's to know, so each
counts, and the address too where a server might look at none of them: nobody is a new caller by what they write there.
Nothing kept here can be turned back into a credential.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import TypeVar
from weakref import WeakValueDictionary

from ..errors import NotThere, ShimError, TooMany, job_not_found
from ..flows.rights import digest
from ..models import Headers
from ..router import first_values
from ..transport import BrokenBody
from .headers import Peer

K = TypeVar("K")
V = TypeVar("V")

EVERYBODY = b""  # among the names of callers

_NO_PASSWORD = ("", "x-oauth-basic")  # then the name is the token (services/auth/basic.go, 11.0.15 to 16)
# What every server looks at, and refuses if it is wrong; others take it for no credential (seen on 11.0.15 and 15.0.2,
# which pass over `token a b`; 11 passes over `Token a`, and a setting switches tokens in queries off).
_SURE = re.compile(r"(?:token|(?i:bearer)|(?i:basic)) (\S+)")
RETRY, TRIES = 1.0, 60  # seconds after which a question that was not answered is put again, and how often


def callers_of(headers: Headers, query: str, peer: Peer) -> frozenset[bytes]:
    """Opaque names of who sent a request with these headers and this query; each of them has to have room."""
    authorization = headers.get("Authorization")
    asked = first_values(query)
    secrets = {_secret(authorization), asked.get("token"), asked.get("access_token")} - {"", None}
    names = {f"credential {secret}" for secret in secrets}
    if not _SURE.fullmatch(authorization):
        address = f"address {peer.address}"
        if peer.listed:  # it speaks for others, and says for whom
            address = f"address {headers.get('X-Forwarded-For')} {headers.get('X-WebAuth-User')}"
        names.add(address)
    return frozenset(map(digest, names))


def _secret(authorization: str) -> str:
    """The token or password in an Authorization header."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return value.strip()
    try:
        name, _, password = base64.b64decode(value).decode("utf-8", "surrogateescape").partition(":")
    except (binascii.Error, ValueError):
        return value
    return name if password in _NO_PASSWORD else password


class Streams:
    """Answers of the shim under way, at most `each` a caller."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._open: Counter[bytes] = Counter()

    def most(self) -> int:
        """How many the caller has who has most."""
        return max(self._open.values(), default=0)

    @contextmanager
    def slot(self, callers: frozenset[bytes]) -> Iterator[None]:
        """Counted while it lasts. Raises TooMany."""
        if any(self._open[caller] >= self._each for caller in callers):
            raise TooMany(
                f"{self._each} answers are under way for this caller already; wait for one of them to end",
                cause="too-many-streams",
            )
        with _counted(self._open, callers):
            yield


@contextmanager
def _counted(counter: Counter[bytes], callers: frozenset[bytes]) -> Iterator[None]:
    """One more of the caller's while it lasts; a caller without any is forgotten."""
    counter.update(callers)
    try:
        yield
    finally:
        counter.subtract(callers)
        for caller in callers:
            if not counter[caller]:
                del counter[caller]


class Searches:
    """Searches in progress: once per job id, at most `EACH` a caller and `ALL` together; who waits for another
    one's search has its result. What a search read of a repository serves the next one for `KEPT` seconds, and so does
    a complete "not found". (A flow searches only after its own caller's check.)"""

    EACH, ALL, KEPT = 2, 8, 60.0

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._running: Counter[bytes] = Counter()
        self._alone: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()
        self._missing: dict[tuple[str, int], tuple[float, None]] = {}
        self._read: dict[str, tuple[float, dict[int, tuple[int, ...]]]] = {}

    @asynccontextmanager
    async def one(
        self, callers: frozenset[bytes], repo: str, job_id: int, is_found: Callable[[], Awaitable[object]]
    ) -> AsyncIterator[dict[int, tuple[int, ...]]]:
        """Held during a search; gives what was read of the repository. Raises TooMany, NotThere."""
        what = repo, job_id
        async with self._alone.setdefault(what, asyncio.Lock()):
            if await is_found():
                yield {}
                return
            if what in self._fresh(self._missing):
                raise job_not_found(job_id)
            with self._place(callers):
                try:
                    yield self._fresh(self._read).setdefault(repo, (self._now(), {}))[1]
                except NotThere:
                    self._missing[what] = self._now(), None
                    raise

    @contextmanager
    def _place(self, callers: frozenset[bytes]) -> Iterator[None]:
        if self._running[EVERYBODY] >= self.ALL or any(self._running[caller] >= self.EACH for caller in callers):
            raise TooMany("too many searches are under way just now; ask again", cause="too-many-searches")
        with _counted(self._running, callers | {EVERYBODY}):
            yield

    def _fresh(self, kept: dict[K, tuple[float, V]]) -> dict[K, tuple[float, V]]:
        """Without what was kept too long ago; the oldest stand first."""
        while kept and self._now() - next(iter(kept.values()))[0] >= self.KEPT:
            del kept[next(iter(kept))]
        return kept


@asynccontextmanager
async def asked_again(
    every: float, may: Callable[[], Awaitable[bool]], end: Callable[[], None]
) -> AsyncIterator[Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]]]:
    """Put the question again every so many seconds; what this gives lets chunks through while the last answer is a yes.

    From the moment the question is due nothing passes until its answer is there. `end` is called at the first no; a
    question that gets no answer is put again for a while.
    """
    passes = asyncio.Event()
    passes.set()

    async def ask() -> None:
        while True:
            await asyncio.sleep(every)
            passes.clear()
            if not await _answered(may):
                return end()
            passes.set()

    async def through(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async with aclosing(chunks):  # type: ignore[type-var]
            async for chunk in chunks:
                if not passes.is_set():
                    await passes.wait()
                yield chunk
            await passes.wait()  # the end tells something, too

    asking = asyncio.create_task(ask())
    try:
        yield through
    finally:
        asking.cancel()


async def _answered(may: Callable[[], Awaitable[bool]]) -> bool:
    """The answer to a question; no, if there is none for long."""
    for _ in range(TRIES):
        with suppress(ShimError, BrokenBody):
            return await may()
        await asyncio.sleep(RETRY)
    return False
