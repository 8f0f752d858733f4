"""Signed addresses: a GET that needs no credential for a minute, since it carries its caller's in a ticket (sealed.py).

Rules: who has the address is that caller for what it names, and the server is asked again in that caller's name: a
token that was revoked meanwhile gets nothing. Whatever credential comes beside a ticket is ignored. There is a key for
each hour; proxies that share a store share its keys, and agree on the next hour's before it begins, so that a store
that is gone for a while is not missed. A ticket is in a query, which is never logged.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlencode

from ..errors import BadRequest
from ..faces.face import Reply
from ..flows.artifact_zip import OpenArtifact
from ..flows.dispatch import Native, Relayed, Value
from ..flows.job_log import OpenLog
from ..identity import with_identity
from ..models import Headers
from ..router import parameters
from ..sealed import SECONDS, BadTicket, Identity, new_key, seal, unseal
from ..store.facts import SERVER
from ..store.protocol import Store
from .headers import IDENTITY

NAME = "ticket"  # of the parameter
NOT_VALID = "this address is not valid, or no longer; ask for a new one where it came from"
PERIOD = 3600  # seconds that tickets are sealed with one key for
# Headers that say who asks (services/auth, Forgejo 11 to 16), besides those of `--identity-header`.
SAYS_WHO = frozenset({"authorization", "sudo", "x-forgejo-otp", "x-gitea-otp", "signature"})


class Tickets:
    """Makes and opens tickets for the server at `base`; `names` are further headers, in lower case, that sign in."""

    def __init__(
        self, store: Store, base: str, names: frozenset[str] = frozenset(), now: Callable[[], float] = time.time
    ) -> None:
        self.now = now
        self._store = store
        self._base = base
        self._names = SAYS_WHO | names
        self._keys: dict[int, str] = {}  # by the hour since the epoch

    async def address(self, path: str, query: str, headers: Headers) -> str:
        """Path and query by which who asks with these headers may be stood for."""
        given, said = parameters(query), parameters(with_identity("", query).removeprefix("?"))
        who = Identity(Headers(pair for pair in headers if self._says_who(pair[0])), said)
        rest = [pair for pair in given if pair not in said and pair[0] != NAME]
        now = self.now()
        ticket = seal(await self._key(now), who, _target("GET", path, rest), now)
        return f"{path}?{urlencode([*rest, (NAME, ticket)])}"

    async def caller(self, method: str, path: str, query: str, headers: Headers) -> tuple[str, Headers]:
        """Query and headers of the request that one with a ticket stands for. Raises BadRequest (403)."""
        given = parameters(query)
        rest = [pair for pair in given if pair[0] != NAME]
        tickets = [value for name, value in given if name == NAME]
        now = self.now()
        try:
            who = unseal(await self._known_keys(now), ",".join(tickets), _target(method, path, rest), now)
        except BadTicket:
            raise BadRequest(NOT_VALID, 403, cause="") from None
        kept = [pair for pair in headers if not self._says_who(pair[0]) and pair[0].lower() != "cookie"]
        return urlencode([*rest, *who.parameters]), Headers([*kept, *who.headers])

    def _says_who(self, name: str) -> bool:
        plain = name.lower().replace("_", "-")
        return plain in self._names or plain.startswith(IDENTITY)

    async def _key(self, now: float) -> str:
        hour = int(now // PERIOD)
        for one in (hour, hour + 1):
            if one == hour or one not in self._keys:  # the hour's is asked for each time: the store may have lost it
                seconds = 2 * PERIOD + 5 * SECONDS
                self._keys[one] = await self._store.agree(self._base, SERVER, _kept(one), new_key(), seconds)
        self._keys = {one: key for one, key in self._keys.items() if abs(one - hour) <= 1}
        return self._keys[hour]

    async def _known_keys(self, now: float) -> list[str]:
        """The keys of the tickets that are still good; another proxy's clock may be before this one's."""
        hours = sorted({int(moment // PERIOD) for moment in (now, now - SECONDS, now + SECONDS)})
        kept = await self._store.get(self._base, SERVER, [_kept(hour) for hour in hours])
        own = [self._keys[hour] for hour in hours if hour in self._keys]
        return [*own, *(key for key in kept if isinstance(key, str) and key not in own)]


def has_ticket(query: str) -> bool:
    """Whether a request comes with a ticket."""
    return any(name == NAME for name, _ in parameters(query))


async def let_go(value: Value) -> None:
    """Give the connection up that an answer would have been read from."""
    if isinstance(value, Native | Relayed | OpenLog | OpenArtifact):
        await value.answer.close()


def moved(location: str) -> Reply:
    """The answer that says where to ask."""
    return Reply(302, [("Location", location), ("Cache-Control", "no-store")], b"")


def _target(method: str, path: str, rest: list[tuple[str, str]]) -> str:
    return f"{method} {path}?{urlencode(rest)}"


def _kept(hour: int) -> str:
    return f"ticket key {hour}"
