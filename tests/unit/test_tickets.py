"""The tickets of signed addresses: what is in one, which keys open it, and who may share them."""

from __future__ import annotations

from pathlib import Path

import pytest
from forgejo_shim.errors import BadRequest
from forgejo_shim.models import Headers
from forgejo_shim.proxy.tickets import PERIOD, Tickets, has_ticket
from forgejo_shim.sealed import SECONDS
from forgejo_shim.store.memory import MemoryStore
from forgejo_shim.store.protocol import Store
from forgejo_shim.store.sqlite import SQLiteStore
from forgejo_shim.transport import run

PATH = "/api/v3/repos/o/r/actions/jobs/7/logs"
TOKEN = ("Authorization", "token S3cret")
BROWSER = ("User-Agent", "x")
BEGIN = 1000 * PERIOD  # of an hour


class Replica(Tickets):
    """One of several proxies, whose clock is set by hand."""

    def __init__(self, store: Store | None = None, base: str = "http://h") -> None:
        self.at = BEGIN + 1.0
        super().__init__(store or MemoryStore(), base, frozenset({"x-remote-user"}), lambda: self.at)

    def give(self, query: str = "", *headers: tuple[str, str]) -> str:
        """The query of an address."""
        path, _, made = run(self.address(PATH, query, Headers(headers or (TOKEN, BROWSER)))).partition("?")
        assert path == PATH and has_ticket(made)
        return made

    def take(self, query: str, *headers: tuple[str, str], method: str = "GET", path: str = PATH) -> tuple[str, Headers]:
        return run(self.caller(method, path, query, Headers(headers)))

    def refuses(self, query: str, **more: str) -> bool:
        with pytest.raises(BadRequest, match="not valid"):
            self.take(query, **more)
        return True


@pytest.mark.clause("X44")
def test_who_asked_is_who_asks() -> None:
    replica = Replica()
    made = replica.give("a=b", TOKEN, BROWSER, ("Sudo", "z"), ("X-Forgejo-OTP", "1"), ("X_WebAuth-User", "u"))
    assert "S3cret" not in made and made.startswith("a=b&ticket=")
    query, headers = replica.take(made, BROWSER, ("Range", "bytes=1-"))
    assert query == "a=b"
    assert headers == (
        BROWSER, ("Range", "bytes=1-"), TOKEN, ("Sudo", "z"), ("X-Forgejo-OTP", "1"), ("X_WebAuth-User", "u")
    )  # fmt: skip


@pytest.mark.clause("X44")
def test_a_credential_in_the_query_is_sealed_too() -> None:
    replica = Replica()
    made = replica.give("token=S3cret&a=b&sudo=z", BROWSER)
    assert "S3cret" not in made and "sudo" not in made
    assert replica.take(made) == ("a=b&token=S3cret&sudo=z", ())


@pytest.mark.clause("X45")
def test_a_credential_beside_it_is_ignored() -> None:
    replica = Replica()
    made = replica.give()
    beside = [("Authorization", "token other"), ("Sudo", "root"), ("X-Remote-User", "root"), ("Cookie", "s=1")]
    beside += [("X-WebAuth-User", "root"), ("x_webauth_email", "r@x"), ("X-Gitea-OTP", "2"), ("Signature", "x")]
    assert replica.take(made, *beside, BROWSER) == ("", (BROWSER, TOKEN))
    for more in ("token=other", "access_token=other", "sudo=root"):
        assert replica.refuses(f"{made}&{more}")
    nobody = replica.give("", BROWSER)
    assert replica.take(nobody, *beside, BROWSER) == ("", (BROWSER,)), "nobody stays nobody"


@pytest.mark.clause("X45")
def test_it_is_for_what_it_was_made_for() -> None:
    replica = Replica()
    made = replica.give("a=b")
    assert replica.refuses(made, path=PATH.replace("7", "8")) and replica.refuses(made, path=PATH + "/x")
    for method in ("HEAD", "POST", "DELETE", "get"):
        assert replica.refuses(made, method=method)
    for query in ("", "a=b", made.replace("a=b", "a=c"), made.replace("a=b&", ""), made + "&c=d", f"{made}&{made}"):
        assert replica.refuses(query)
    assert Replica().refuses(made), "another proxy, which shares nothing"
    assert replica.take(made)[1] == (TOKEN,), "and it is good again and again"
    replica.at += SECONDS + 1
    assert replica.refuses(made)


@pytest.mark.clause("X45")
def test_another_server_has_other_keys() -> None:
    store = MemoryStore()
    assert Replica(store, "http://other").refuses(Replica(store).give())


@pytest.mark.clause("X45")
def test_keys_change_each_hour(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "facts")
    replica = Replica(store)
    replica.at = BEGIN + PERIOD - 5.0
    made = replica.give()
    kept = dict(replica._keys)
    replica.at += 10
    assert replica.take(made)[1] == (TOKEN,), "sealed in the hour before"
    new = replica.give()
    assert len(replica._keys) == 3 and kept.items() < replica._keys.items()
    replica.at += 2 * PERIOD
    replica.give()
    assert replica._keys.keys() == {1002, 1003, 1004}, "older ones are forgotten"
    assert replica.refuses(made) and replica.refuses(new)


@pytest.mark.clause("X45")
def test_replicas_with_one_state_file_take_each_others(tmp_path: Path) -> None:
    one, other = (Replica(SQLiteStore(tmp_path / "facts")) for _ in range(2))
    assert other.take(one.give())[1] == (TOKEN,) and one.take(other.give())[1] == (TOKEN,)
    one.at = BEGIN + PERIOD + 1.0  # a clock that is before the other's
    other.at = one.at - 30
    assert other.take(one.give())[1] == (TOKEN,) and one.take(other.give())[1] == (TOKEN,)
    again = Replica(SQLiteStore(tmp_path / "facts"))
    again.at = one.at
    assert again.take(one.give())[1] == (TOKEN,), "a restart"
    assert b"S3cret" not in (tmp_path / "facts").read_bytes()


@pytest.mark.clause("X45")
def test_a_state_file_that_cannot_be_written_costs_only_the_sharing(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "facts")
    store.close()
    replica = Replica(store)
    made = replica.give()
    assert replica.take(made)[1] == (TOKEN,)
