"""Who may read which repository: the yes's of the API, kept for a short time.

Rules: a yes is kept for at most `keep` seconds (0: not at all) under an HMAC, with a random key of this process, of
everything in the request that says who asks; a no is never kept. Nothing here can be turned back into a credential.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable

from ..contract import as_caller, question_headers
from ..models import Headers

LIMIT = 10_000  # yes's at once; the oldest are forgotten first


class Rights:
    """The kept yes's of all callers."""

    def __init__(self, keep: float = 30.0, now: Callable[[], float] = time.monotonic) -> None:
        self.keep = keep
        self.used = 0
        self._now = now
        self._key = os.urandom(32)
        self._until: dict[bytes, float] = {}

    def of(self, headers: Headers, query: str) -> Caller:
        """The yes's of the caller whose request has these headers and this query."""
        who = repr((sorted(question_headers(headers)), as_caller("", query)))
        return Caller(self, hmac.digest(self._key, who.encode("utf-8", "surrogateescape"), hashlib.sha256))


class Caller:
    """What one caller may read, in the form that flows ask; `id` is an opaque name of the caller."""

    def __init__(self, rights: Rights, who: bytes) -> None:
        self._rights = rights
        self.id = who

    def __contains__(self, repo: object) -> bool:
        rights = self._rights
        fresh = rights._until.get(self._key(repo), 0.0) > rights._now()
        rights.used += fresh
        return fresh

    def add(self, repo: str) -> None:
        """Note a yes that the API gave just now."""
        rights = self._rights
        if rights.keep <= 0:
            return
        rights._until.pop(self._key(repo), None)
        rights._until[self._key(repo)] = rights._now() + rights.keep
        while len(rights._until) > LIMIT:
            del rights._until[next(iter(rights._until))]

    def _key(self, repo: object) -> bytes:
        return hmac.digest(self._rights._key, self.id + str(repo).encode(), hashlib.sha256)


class Afresh:
    """A caller's yes's, none of which is believed any more; a new one is kept."""

    def __init__(self, caller: Caller) -> None:
        self.add = caller.add

    def __contains__(self, repo: object) -> bool:
        return False
