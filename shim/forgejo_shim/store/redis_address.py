"""Where a Redis or Valkey is: `redis://HOST:PORT/DB`, `rediss://…` with TLS, `unix:///path/of/the/socket?db=DB`.

Rules: pure. A user may stand in it, a password never: addresses are shown by tools that list processes. What is not
known in one is refused, never passed on to a library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ..errors import WrongArguments

SCHEMES = ("redis", "rediss", "unix")
PORT = 6379
HOW = "use redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH?db=DB"
PASSWORD = "FORGEJO_SHIM_STATE_PASSWORD"


@dataclass(frozen=True)
class RedisAddress:
    """A host and a port, or the path of a socket; and the number of a database there."""

    text: str
    host: str = ""
    port: int = PORT
    path: str = ""
    db: int = 0
    user: str = ""
    tls: bool = False

    def __str__(self) -> str:
        return self.text


def is_address(text: str) -> bool:
    """Whether a text is meant as an address, be it a valid one or not, and not as the path of a file."""
    return bool(re.match("[A-Za-z][A-Za-z0-9+.-]*://", text))


def parse_redis_address(text: str) -> RedisAddress:
    """The address that a text names. Raises WrongArguments, in whose message nothing of a password is."""
    try:
        parts = urlsplit(text)
        port, host, user, password = parts.port, parts.hostname or "", unquote(parts.username or ""), parts.password
    except ValueError:
        raise _not_valid() from None
    if password is not None or (user and parts.netloc.count("@") > 1):
        raise WrongArguments(
            f"the address of the state has a password in it, which others could read; give it in {PASSWORD}, or in a"
            f" file that {PASSWORD}_FILE names"
        )
    if parts.scheme == "unix":
        db = re.fullmatch(r"(?:db=([0-9]{1,4}))?", parts.query)
        if db and parts.path.startswith("/") and parts.path != "/" and not (host or parts.fragment):
            return RedisAddress(text, path=unquote(parts.path), db=int(db[1] or 0), user=user)
    elif parts.scheme in SCHEMES:
        db = re.fullmatch(r"/?([0-9]{1,4})?", parts.path)
        if db and host and port != 0 and not (parts.query or parts.fragment):
            return RedisAddress(text, host, port or PORT, "", int(db[1] or 0), user, parts.scheme == "rediss")
    raise _not_valid()


def _not_valid() -> WrongArguments:
    return WrongArguments(f"the address of the state is not valid; {HOW}")  # which may hold what is not to be shown
