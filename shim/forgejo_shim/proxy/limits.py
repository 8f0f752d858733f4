"""What one caller may take: open streams, and for how long a stream goes on without asking again.

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
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress

from ..errors import ShimError, TooMany
from ..flows.rights import digest
from ..models import Headers
from ..router import first_values
from ..store.places import MemoryPlaces, new_holder
from ..store.protocol import Places
from ..transport import BrokenBody
from .headers import Peer

_NO_PASSWORD = ("", "x-oauth-basic")  # then the name is the token (services/auth/basic.go, 11.0.15 to 16)
# What every server looks at, and refuses if it is wrong; others take it for no credential (seen on 11.0.15 and 15.0.2,
# which pass over `token a b`; 11 passes over `Token a`, and a setting switches tokens in queries off).
_SURE = re.compile(r"(?:token|(?i:bearer)|(?i:basic)) (\S+)")
RETRY, TRIES = 1.0, 60  # seconds after which a question that was not answered is put again, and how often


def callers_of(headers: Headers, query: str, peer: Peer, name: Callable[[str], bytes] = digest) -> frozenset[bytes]:
    """Opaque names of who sent a request with these headers and this query, made by `name`; each of them has to have
    room."""
    authorization = headers.get("Authorization")
    asked = first_values(query)
    secrets = {_secret(authorization), asked.get("token"), asked.get("access_token")} - {"", None}
    names = {f"credential {secret}" for secret in secrets}
    if not _SURE.fullmatch(authorization):
        address = f"address {peer.address}"
        if peer.listed:  # it speaks for others, and says for whom
            address = f"address {headers.get('X-Forwarded-For')} {headers.get('X-WebAuth-User')}"
        names.add(address)
    return frozenset(map(name, names))


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

    def __init__(self, each: int, places: Places | None = None) -> None:
        self._each = each
        self._places = places or MemoryPlaces()
        self._open: Counter[bytes] = Counter()

    def most(self) -> int:
        """How many the caller has who has most, in this process."""
        return max(self._open.values(), default=0)

    @asynccontextmanager
    async def slot(self, callers: frozenset[bytes]) -> AsyncIterator[None]:
        """Counted while it lasts. Raises TooMany."""
        places, holder = {f"streams {name_of(one)}": self._each for one in callers}, new_holder()
        if await self._places.take(places, holder):
            raise TooMany(
                f"{self._each} answers are under way for this caller already; wait for one of them to end",
                cause="too-many-streams",
            )
        self._open.update(callers)
        try:
            yield
        finally:
            self._open.subtract(callers)
            self._open += Counter()  # without those that have none
            await self._places.leave(places, holder)


def name_of(caller: bytes) -> str:
    """The opaque name of a caller as text."""
    return caller.hex()


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
