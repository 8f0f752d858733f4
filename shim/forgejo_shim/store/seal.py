"""What stands in a store that others can reach: names and sealed values, as pure functions of a key.

Rules: a name begins with the version of this form, so that releases of different forms pass each other by. A value is
encrypted and authenticated (Fernet), bound to its name, and has its end inside: what was written without the key, moved
to another name or kept beyond its end is as if it were not there. Who somebody is stands in no name but as an HMAC by
the key, so that a credential cannot be guessed without it. The first of several keys seals, each of them opens.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ..errors import ShimError

FORM = 1  # another number for names or values of another shape


class Seal:
    """Names and values under `keys`, which are Fernet's, in base64. Raises ShimError for what is no key."""

    def __init__(self, keys: Sequence[str], form: int = FORM) -> None:
        try:
            self._box = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise ShimError(
                "a key of the state is not 32 bytes in base64; make one with: openssl rand -base64 32"
            ) from None
        self._key = hmac.digest(urlsafe_b64decode(keys[0]), b"names of callers", hashlib.sha256)
        self._prefix = f"forgejo-shim:{form}:"

    def digest(self, text: str) -> bytes:
        """An opaque name for a text that may hold a credential, the same for all who have the key."""
        return hmac.digest(self._key, text.encode("utf-8", "surrogateescape"), hashlib.sha256)

    def name(self, kind: str, *parts: str) -> str:
        """The name of what is kept; no part but the last has a space in it."""
        return f"{self._prefix}{kind}:{' '.join(parts)}"

    def seal(self, name: str, value: Any, until: float) -> bytes:
        """A JSON value as it is kept under `name`, good until `until` (seconds since the epoch)."""
        return self._box.encrypt(json.dumps([name, until, value]).encode())

    def open(self, name: str, data: bytes | None, now: float) -> tuple[Any, float]:
        """The value that is kept under `name`, and its end; None and `now` if there is none that is good."""
        if data is None:
            return None, now
        try:
            sealed_for, until, value = json.loads(self._box.decrypt(data))
            return (value, float(until)) if sealed_for == name and now < until else (None, now)
        except (InvalidToken, ValueError, TypeError, RecursionError):
            return None, now


def keys_in(text: str) -> list[str]:
    """The keys in a text: one a line, or with commas between them."""
    return [key for key in re.split(r"[\s,]+", text) if key]
