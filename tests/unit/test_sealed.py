"""Tickets of signed addresses: what opens one, and everything that does not."""

from __future__ import annotations

import base64
import random

import pytest
from forgejo_shim.models import Headers
from forgejo_shim.sealed import SECONDS, BadTicket, Identity, new_key, seal, unseal
from hypothesis import given, settings
from hypothesis import strategies as st

NOW = 1_800_000_000.0
TARGET = "GET /api/v3/repos/o/r/actions/jobs/7/logs?"
KEY, OTHER = new_key(), new_key()
WHO = Identity(Headers([("Authorization", "token S3cret"), ("Sudo", "o")]), [("token", "é")])
TICKET = seal(KEY, WHO, TARGET, NOW)


def opens(ticket: str = TICKET, *, keys: tuple[str, ...] = (KEY,), target: str = TARGET, now: float = NOW) -> bool:
    try:
        return unseal(keys, ticket, target, now) == WHO
    except BadTicket:
        return False


@pytest.mark.clause("X44")
def test_it_gives_back_who_asks() -> None:
    assert opens()
    assert "S3cret" not in TICKET and b"S3cret" not in base64.urlsafe_b64decode(TICKET)
    assert "S3cret" not in repr(unseal([KEY], TICKET, TARGET, NOW))
    assert seal(KEY, WHO, TARGET, NOW) != TICKET, "two tickets are never alike"


@pytest.mark.clause("X45")
@pytest.mark.parametrize(
    "late, good", [(0, True), (SECONDS, True), (SECONDS + 1, False), (3600, False), (-3600, False)]
)
def test_it_is_good_for_a_minute(late: float, good: bool) -> None:
    assert opens(now=NOW + late) is good


@pytest.mark.clause("X45")
@pytest.mark.parametrize(
    "target", ["", TARGET + "a=b", TARGET.replace("7", "8"), TARGET.replace("GET", "HEAD"), TARGET.upper()]
)
def test_it_is_for_one_thing(target: str) -> None:
    assert not opens(target=target)


@pytest.mark.clause("X45")
def test_a_key_is_changed_and_the_one_before_is_good() -> None:
    assert opens(keys=(OTHER, KEY)) and opens(keys=(KEY, OTHER))
    assert not opens(keys=(OTHER,)) and not opens(keys=())


@pytest.mark.clause("X45")
def test_any_byte_that_is_changed_spoils_it() -> None:
    dice = random.Random(7)
    letters = base64.b64encode(bytes(range(256)), b"-_").decode() + "=!\n é"
    for at in range(len(TICKET)):
        for new in {dice.choice(letters) for _ in range(4)} - {TICKET[at]}:
            assert not opens(TICKET[:at] + new + TICKET[at + 1 :]), f"{new!a} at {at}"
        assert not opens(TICKET[:at] + TICKET[at + 1 :]) and not opens(f"{TICKET[:at]}\n{TICKET[at:]}")
    assert not opens(TICKET + "=") and not opens(TICKET.rstrip("=")) and not opens("")


@pytest.mark.clause("X45")
@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
@settings(deadline=None)
def test_what_is_no_ticket(text: str) -> None:
    assert not opens(text)


@pytest.mark.clause("X45")
def test_an_exception_says_nothing() -> None:
    for ticket, target in ((TICKET, "other"), (TICKET[:-8], TARGET)):
        with pytest.raises(BadTicket) as caught:
            unseal([KEY], ticket, target, NOW)
        assert caught.value.args == () and caught.value.__suppress_context__ | (caught.value.__context__ is None)
