"""The web session that several proxies share: one sign-in for all of them, and one back-off.

Rules: who needs a session takes the one that the others have, if the server says that it is good; else it signs in, one
proxy at a time, and the others wait and take what it made. A refusal is theirs, too, until it is tried again. What is
written replaces only what was seen before the sign-in: a proxy whose turn ran out meanwhile cannot overwrite a newer
session, it takes that. Each says when its sign-in began (`at`), so that a store that lost it is given the newest again.
It is all for the same credentials: after a refusal, others are tried at once. Where the store cannot be used, each
proxy has a session of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import astuple
from math import ceil
from typing import Any

from ..errors import NotNow, PageChanged, ShimError, WebAccount
from ..models import WebCredentials
from ..store.places import new_holder
from ..store.protocol import Places
from ..store.shared import SharedStore
from ..transport import Transport
from ..webui.cookies import CSRF_COOKIE, is_cookie
from .session import SharedSession

LOOK = 0.1  # seconds between two looks whether another proxy has signed in
KEPT = 7 * 86400.0  # seconds for which a session is kept for others; a lost one is noticed
REMEMBERED = 3600.0  # seconds for which refusals are counted on after the last one may be tried again
KINDS: tuple[type[ShimError], ...] = (WebAccount, NotNow, PageChanged)


class SessionOfReplicas(SharedSession):
    """The web session at the server `base`, shared through `store` by all who have the same credentials."""

    def __init__(
        self,
        credentials: WebCredentials | None,
        on_change: Callable[[dict[str, str]], None],
        store: SharedStore,
        places: Places,
        base: str,
    ) -> None:
        super().__init__(credentials, on_change=on_change, backs_off=True)
        self._store = store
        self._places = places
        self._base = base
        self._key = f"web session {self.account}"
        self._whose = hashlib.sha256(json.dumps(astuple(credentials)).encode()).hexdigest() if credentials else ""
        self._own = ""  # the id of the session that is used
        self._bad = b""  # the mark of the one that the server did not know

    async def _renew(self, net: Transport) -> None:
        holder, place = new_holder(), f"sign-in {self.account}"
        while await self._places.take({place: 1}, holder):
            if await self._take_over(net) is None:
                return
            await net.sleep(LOOK)
        try:
            if (mark := await self._take_over(net)) is not None:
                await self._sign_in_for_all(net, mark)
        finally:
            await self._places.leave([place], holder)

    async def _take_over(self, net: Transport) -> bytes | None:
        """Go on with the session that the others have; else gives the mark of what is kept. Raises their refusal."""
        kept, mark = await self._store.look(self._base, self._key)
        if not isinstance(kept, dict) or kept.get("whose") != self._whose:
            return mark
        if refusal := _refusal(kept):
            self._refusal, self.refusals, self._until = refusal, kept["refusals"], kept["until"]
            if net.now() < self._until:
                refusal.retry_after = ceil(self._until - net.now())
                raise refusal
            return mark
        cookies = _cookies(kept)
        if not cookies or kept.get("id") == self._own or mark == self._bad:
            return mark
        taken = self._with(cookies)
        if not await taken.is_signed_in(net):
            self._bad = mark
            return mark
        self._become(taken.cookies)
        self._own = str(kept.get("id"))
        return None

    async def _sign_in_for_all(self, net: Transport, mark: bytes) -> None:
        """Sign in, and tell the others how it ended, unless another session came in place of what had this mark."""
        began = net.now()
        try:
            await super()._renew(net)
        except KINDS as error:
            told = {"kind": type(error).__name__, "message": error.message, "cause": error.cause}
            when = {"refusals": self.refusals, "until": self._until, "at": began}
            seconds = max(0.0, self._until - net.now()) + REMEMBERED
            if await self._tell(mark, told | when, seconds) or await self._take_over(net) is not None:
                raise
            return
        self._own = new_holder()
        if not await self._tell(mark, {"id": self._own, "cookies": self.cookies, "at": began}, KEPT):
            await self._take_over(net)

    async def _tell(self, mark: bytes, value: dict[str, Any], seconds: float) -> bool:
        return await self._store.replace(self._base, self._key, mark, value | {"whose": self._whose}, seconds)


def _refusal(kept: dict[str, Any]) -> ShimError | None:
    """The refusal that is kept, if it is one; it may be over."""
    message, cause = kept.get("message"), kept.get("cause")
    kind = next((kind for kind in KINDS if kind.__name__ == kept.get("kind")), None)
    is_whole = isinstance(kept.get("until"), float) and type(kept.get("refusals")) is int
    if kind and is_whole and isinstance(message, str) and isinstance(cause, str):
        return kind(message, cause=cause)
    return None


def _cookies(kept: dict[str, Any]) -> dict[str, str]:
    """The cookies that are kept, but for the token, which is of one page; none if one of them can't be sent."""
    found = kept.get("cookies")
    if not isinstance(found, dict) or not all(is_cookie(name, value) for name, value in found.items()):
        return {}
    return {name: value for name, value in found.items() if name != CSRF_COOKIE}
