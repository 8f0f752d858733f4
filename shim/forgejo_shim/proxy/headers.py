"""Which headers a proxy hands on, which it writes, and which it must not believe. Pure.

Rules: hop-by-hop headers end here (RFC 9110, 7.6.1), those that `Connection` names as well; `X-Forwarded-*` and
`Forwarded` are believed from listed peers only, else written anew; headers that say who somebody is (Forgejo's
`REVERSE_PROXY_AUTHENTICATION_*`) only pass from listed peers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

Pairs = list[tuple[str, str]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
})  # fmt: skip
FORWARDED = frozenset({
    "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-server",
    "x-real-ip",
})  # fmt: skip
IDENTITY = "x-webauth-"  # modules/setting/security.go, 15.0.2: the defaults of the headers that sign somebody in


@dataclass(frozen=True)
class Peer:
    """Who sent a request: its address, whether it is listed, and how it reached us."""

    address: str
    listed: bool
    scheme: str
    host: str


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
    pairs = list(headers)
    named = {word.strip().lower() for name, value in pairs if name.lower() == "connection" for word in value.split(",")}
    ends = HOP_BY_HOP | named if named else HOP_BY_HOP
    return [(name, value) for name, value in pairs if name.lower() not in ends]


def to_upstream(headers: Iterable[tuple[str, str]], peer: Peer, identity: frozenset[str] = frozenset()) -> Pairs:
    """A caller's headers as the server behind gets them; `identity` are further names, in lower case, that sign in."""
    kept = end_to_end(headers)
    before = [value for name, value in kept if name.lower() == "x-forwarded-for"] if peer.listed else []
    told = {name.lower(): value for name, value in kept if name.lower() in FORWARDED} if peer.listed else {}
    kept = [
        (name, value)
        for name, value in kept
        if name.lower() not in FORWARDED and (peer.listed or not _signs_in(name, identity))
    ]
    kept.append(("X-Forwarded-For", ", ".join([*before, peer.address])))
    kept.append(("X-Forwarded-Proto", told.get("x-forwarded-proto", peer.scheme)))
    if host := told.get("x-forwarded-host", peer.host):  # HTTP/1.0 has none
        kept.append(("X-Forwarded-Host", host))
    kept.append(("X-Real-IP", told.get("x-real-ip", peer.address)))
    return kept


@lru_cache(4096)
def _signs_in(name: str, identity: frozenset[str]) -> bool:
    # Go's net/http and CGI-like layers read `_` and `-` alike in places, so neither spelling passes.
    plain = name.lower().replace("_", "-")
    return plain.startswith(IDENTITY) or plain in identity
