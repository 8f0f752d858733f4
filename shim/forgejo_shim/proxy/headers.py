"""Which headers a proxy hands on, which it writes, and which it must not believe. Pure.

Rules: hop-by-hop headers end here (RFC 9110, 7.6.1), those that `Connection` names as well; `X-Forwarded-*` and
`Forwarded` are believed from listed peers only, else written anew; headers that say who somebody is (Forgejo's
`REVERSE_PROXY_AUTHENTICATION_*`) only pass from listed peers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from ..models import Pairs

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip
ALWAYS = frozenset({"host", "content-length"})  # whoever names them as hop-by-hop means no good
FORWARDED = frozenset({
    "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-server",
    "x-real-ip",
})  # fmt: skip
# On these an answer may depend: not on them depends whether there is anything to have.
CONDITIONS = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range")
_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]+)?|\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
IDENTITY = "x-webauth-"  # modules/setting/security.go, 15.0.2: the defaults of the headers that sign somebody in


class Peer(NamedTuple):
    """Who sent a request: its address, whether it is listed, and how it reached us."""

    address: str
    listed: bool
    scheme: str
    host: str

    @property
    def base_url(self) -> str:
        """The proxy's address as the peer wrote it; "" if that is none."""
        plain = self.scheme in ("http", "https") and _HOST.fullmatch(self.host)
        return f"{self.scheme}://{self.host}" if plain else ""


def is_listed(address: str, networks: Iterable[Network]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)


def end_to_end(headers: Iterable[tuple[str, str]]) -> Pairs:
    """Headers without those that concern one connection only."""
    pairs = [(name.lower(), name, value) for name, value in headers]
    ends = HOP_BY_HOP
    for plain, _, value in pairs:
        if plain == "connection":
            ends |= {word.strip().lower() for word in value.split(",")} - ALWAYS
    return [(name, value) for plain, name, value in pairs if plain not in ends]


def to_upstream(headers: Iterable[tuple[str, str]], peer: Peer, identity: frozenset[str] = frozenset()) -> Pairs:
    """A caller's headers as the server behind gets them; `identity` are further names, in lower case, that sign in."""
    kept = end_to_end(headers)
    way, told = [peer.address], {}
    if peer.listed:
        way[:0] = [value for name, value in kept if name.lower() == "x-forwarded-for"]
        told = {name.lower(): value for name, value in kept if name.lower() in FORWARDED}
    kept = [pair for pair in kept if _passes(pair[0], peer.listed, identity)]
    kept.append(("X-Forwarded-For", ", ".join(way)))
    kept.append(("X-Forwarded-Proto", told.get("x-forwarded-proto", peer.scheme)))
    if host := told.get("x-forwarded-host", peer.host):  # HTTP/1.0 has none
        kept.append(("X-Forwarded-Host", host))
    kept.append(("X-Real-IP", told.get("x-real-ip", peer.address)))
    return kept


@lru_cache(256)
def _passes(name: str, listed: bool, identity: frozenset[str]) -> bool:
    """Whether a header passes as it is: what says whence a request comes is written anew."""
    # Go's net/http and CGI-like layers read `_` and `-` alike in places, so neither spelling passes.
    plain = name.lower().replace("_", "-")
    signs_in = plain.startswith(IDENTITY) or plain in identity
    return plain not in FORWARDED and (listed or not signs_in)
