"""One-time codes of two-factor sign-in (RFC 6238), as Forgejo takes them: six digits, a new one each 30 seconds."""

from __future__ import annotations

import base64
import hmac
import struct

from ..errors import WebAccount

PERIOD = 30  # seconds


def totp(secret: str, now: float) -> str:
    """The six digits of RFC 6238 at `now` (seconds since the epoch) for a base32 secret. Raises WebAccount."""
    text = secret.replace(" ", "").upper()
    try:
        key = base64.b32decode(text + "=" * (-len(text) % 8))
    except ValueError:
        raise WebAccount(
            "the TOTP secret of the shim's web account is no base32 text", cause="web-two-factor-refused"
        ) from None
    digest = hmac.digest(key, struct.pack(">Q", int(now) // PERIOD), "sha1")
    offset = digest[-1] & 15
    return f"{(struct.unpack_from('>I', digest, offset)[0] & 0x7FFFFFFF) % 1_000_000:06d}"
