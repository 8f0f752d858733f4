"""What stands in a store that others can reach: what is believed of it, and what its names tell."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from forgejo_shim.errors import ShimError, WrongArguments
from forgejo_shim.store.redis_address import RedisAddress, is_address, parse_redis_address
from forgejo_shim.store.seal import Seal, keys_in

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in (250, 251))  # with + and /, as openssl writes them
NAME = "forgejo-shim:1:kept:http://h o/r job 7"


@pytest.mark.clause("B3")
def test_what_was_sealed_is_read_until_its_end() -> None:
    seal = Seal([OLD])
    assert seal.name("kept", "http://h", "o/r", "job 7") == NAME
    for value in (1, "é", [1, {"a": None}], True, {"cookies": {"s": "x"}}):
        kept = seal.seal(NAME, value, 100.0)
        assert seal.open(NAME, kept, 99.9)[0] == value
        assert seal.open(NAME, kept, 100.0)[0] is None, "past its end, whatever the store says"
    assert seal.open(NAME, None, 0.0)[0] is None


@pytest.mark.clause("B3")
def test_what_is_no_value_of_this_name_is_none() -> None:
    seal = Seal([OLD])
    kept = seal.seal(NAME, 1, 100.0)
    assert seal.open(NAME + "1", kept, 0.0)[0] is None, "moved to another name"
    assert Seal([NEW]).open(NAME, kept, 0.0)[0] is None, "another key"
    for other in (
        b"",
        b"1",
        b"\xff" * 80,
        kept[:-1],
        kept[:-4] + b"AAA=",
        json.dumps([NAME, 9e9, 1]).encode(),
    ):
        assert seal.open(NAME, other, 0.0)[0] is None
    box = Fernet(OLD)
    for inside in (b"", b"{}", b"1", b"[]", b"[1,2]", b"\xff", b'["%s","x",1]' % NAME.encode(), b"[" * 5000):
        assert seal.open(NAME, box.encrypt(inside), 0.0)[0] is None


@pytest.mark.clause("B11")
def test_the_first_key_seals_and_each_opens() -> None:
    before, during, after = Seal([OLD]), Seal([OLD, NEW]), Seal([NEW, OLD])
    for one in (before, during, after):
        for other in (during, after):
            assert other.open(NAME, one.seal(NAME, 1, 9.0), 0.0)[0] == 1
    assert before.open(NAME, after.seal(NAME, 1, 9.0), 0.0)[0] is None
    assert before.name("kept", "b", "", "k") == after.name("kept", "b", "", "k"), "facts stay where they are"


@pytest.mark.clause("B4")
def test_a_callers_name_cannot_be_guessed_without_the_key() -> None:
    names = {Seal(keys).digest("token t") for keys in ([OLD], [OLD, NEW], [NEW])}
    assert len(names) == 2 and all(len(name) == 32 for name in names)
    urlsafe = OLD.replace("+", "-").replace("/", "_")
    assert OLD != urlsafe and Seal([urlsafe]).digest("a") == Seal([OLD]).digest("a"), "one key in both spellings"
    assert Seal([OLD]).digest("\udcff") != Seal([OLD]).digest("\ufffd")


@pytest.mark.clause("B11")
def test_another_form_has_names_of_its_own() -> None:
    assert Seal([OLD], form=2).name("kept", "http://h", "o/r", "job 7") == NAME.replace(":1:", ":2:")


@pytest.mark.clause("B2")
@pytest.mark.parametrize(
    "keys", [["x"], [""], [], ["é"], ["A" * 44], [OLD, "S3cret"], [base64.b64encode(b"x" * 31).decode()]]
)
def test_what_is_no_key(keys: list[str]) -> None:
    with pytest.raises(ShimError, match="openssl rand -base64 32") as caught:
        Seal(keys)
    assert "S3cret" not in repr(caught.value)


def test_keys_in_a_text() -> None:
    assert keys_in(f"{OLD}\n") == [OLD] and keys_in(f" {OLD}\r\n\n{NEW}\n") == keys_in(f"{OLD},{NEW}") == [OLD, NEW]
    assert keys_in(" \n") == []


@pytest.mark.clause("B1")
@pytest.mark.parametrize(
    "text, read",
    [
        ("redis://h", {"host": "h"}),
        ("redis://h:7000/3", {"host": "h", "port": 7000, "db": 3}),
        ("redis://[::1]:7000/", {"host": "::1", "port": 7000}),
        ("redis://me@h", {"host": "h", "user": "me"}),
        ("Redis://h", {"host": "h"}),
        ("rediss://h.example:6380", {"host": "h.example", "port": 6380, "tls": True}),
        ("unix:///run/redis/redis.sock", {"path": "/run/redis/redis.sock"}),
        ("unix://me@/run/a%20b.sock?db=2", {"path": "/run/a b.sock", "db": 2, "user": "me"}),
    ],
)
def test_addresses(text: str, read: dict[str, Any]) -> None:
    assert is_address(text) and parse_redis_address(text) == RedisAddress(text, **read)


@pytest.mark.clause("B2")
@pytest.mark.parametrize(
    "text",
    [
        "redis://", "redis:///1", "redis://h:0", "redis://h:x", "redis://h:99999", "redis://h/x", "redis://h/1/2",
        "redis://h?ssl_cert_reqs=none", "redis://h#x", "redis://[::1", "unix://", "unix:///", "unix://run/x",
        "unix:///run/x?db=a", "unix:///run/x?db=1&password=S3cret", "rediss://h/99999", "http://h", "valkey://h",
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    assert is_address(text), "nor the path of a file"
    with pytest.raises(WrongArguments, match="redis://HOST:PORT") as caught:
        parse_redis_address(text)
    assert "S3cret" not in caught.value.message


@pytest.mark.clause("B2")
@pytest.mark.parametrize(
    "text",
    [
        "redis://:S3cret@h", "rediss://me:S3cret@h:1/2", "unix://me:S3cret@/x", "redis://a@b:S3cret@h",
        "REDIS://:S3cret@h", "valkey://:S3cret@h",
    ],
)  # fmt: skip
def test_a_password_in_an_address_is_refused_and_not_repeated(text: str) -> None:
    assert is_address(text)
    with pytest.raises(WrongArguments, match="FORGEJO_SHIM_STATE_PASSWORD") as caught:
        parse_redis_address(text)
    assert "S3cret" not in caught.value.message


def test_what_is_the_path_of_a_file() -> None:
    assert not any(map(is_address, ("facts.sqlite3", "/a/redis", "redis", "redis:x", "./redis://x", "C:/x")))
