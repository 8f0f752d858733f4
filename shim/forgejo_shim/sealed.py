"""What a signed address carries: who asks for what, sealed in a ticket that is good for a minute.

Rules: pure; keys and times are handed in. A ticket holds the caller's own identity, encrypted and authenticated
(Fernet), and is bound to what it was made for: whoever has it can ask for that and nothing else, as that caller. What
is wrong with one is never said, and nothing of it is in an exception.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from .models import Headers, Pairs

SECONDS = 60  # for which a ticket is good


class BadTicket(Exception):
    """A ticket that is late, altered, made with another key or for something else."""


@dataclass(frozen=True)
class Identity:
    """What in a request says who asks: some of its headers, and parameters of its query."""

    headers: Headers
    parameters: Pairs = field(repr=False)


def new_key() -> str:
    """A key for tickets."""
    return Fernet.generate_key().decode()


def seal(key: str, identity: Identity, target: str, now: float) -> str:
    """A ticket for `target`, any text that names what is asked for; `now` in seconds since the epoch."""
    inside = json.dumps([target, identity.headers, identity.parameters])
    return Fernet(key).encrypt_at_time(inside.encode(), int(now)).decode()


def unseal(keys: Iterable[str], ticket: str, target: str, now: float) -> Identity:
    """Who asks with a ticket that was sealed for `target` with one of `keys`. Raises BadTicket."""
    opened = [Fernet(key) for key in keys]
    if not opened or not _is_plain(ticket):
        raise BadTicket
    try:
        inside = MultiFernet(opened).decrypt_at_time(ticket, SECONDS, int(now))
    except InvalidToken:
        raise BadTicket from None
    sealed_for, headers, parameters = json.loads(inside)
    if sealed_for != target:
        raise BadTicket
    return Identity(Headers(map(tuple, headers)), [(name, value) for name, value in parameters])


def _is_plain(ticket: str) -> bool:
    """Whether a text is base64 as it is made: it can be spelled in other ways, too, which decode to the same bytes."""
    try:
        return urlsafe_b64encode(urlsafe_b64decode(ticket)).decode() == ticket
    except (binascii.Error, ValueError):
        return False
