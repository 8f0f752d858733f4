"""The proxy acts as its caller: what it asks the API in the caller's name, which answer is a yes, what is kept of it.

Rules: the proxy runs in a thread of this process (`running.py`); what it asked is what the double saw.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest
import requests
from double import Seen
from double.messages import Response
from forgejo_shim import WebLogin
from forgejo_shim.flows.rights import Rights
from forgejo_shim.models import Headers
from forgejo_shim.transport import run
from proxied import Wire
from running import Running, log_path
from small import LOG, Small

clause = pytest.mark.clause
HERE = (ipaddress.ip_network("127.0.0.1/32"),)


def asked(small: Small, what: str = "/actions/tasks") -> list[Seen]:
    return [seen for seen in small.double.requests if seen.path.endswith(what)]


def on_web(small: Small) -> list[str]:
    """The web routes that were asked for, `/swagger.v1.json` aside."""
    paths = [seen.path for seen in small.double.requests]
    return [path for path in paths if not path.startswith("/api/") and path != "/swagger.v1.json"]


# --- the question


@clause("X13", "S5")
def test_the_question_is_put_with_all_that_says_who_asks() -> None:
    """The same headers but hop-by-hop, Range and conditional ones; of the query what names a caller."""
    who = {"Authorization": "token {}", "Sudo": "o", "X-Forgejo-OTP": "123456", "X-Gitea-OTP": "654321", "X-Any": "1"}
    what_for = {
        "Range": "bytes=0-1", "If-Range": "x", "If-Match": "x", "If-None-Match": "x", "Accept-Encoding": "gzip",
        "If-Modified-Since": "Sun, 22 Nov 2099 16:00:00 GMT", "If-Unmodified-Since": "x", "TE": "x", "Keep-Alive": "9",
        "X-Hop": "1", "Connection": "keep-alive, X-Hop", "Cookie": "session=a", "Proxy-Authorization": "Basic eA==",
    }  # fmt: skip
    with Small("15") as small, Running(small.url, small.web, keep=0) as proxy:
        who["Authorization"] = who["Authorization"].format(small.model.add_token(small.double.admin, ("all",)).sha1)
        path = log_path(small)
        query = f"?attempt=1&sudo=o&ref=x&access_token={small.token}&token={small.token}"
        proxy.get(path + query, headers=who | what_for)
        (seen,) = asked(small)
        assert {name: seen.headers.get(name.lower()) for name in who} == who
        assert [name for name in what_for if name.lower() in seen.headers and name != "Connection"] == []
        assert seen.parameters == {
            "limit": ["1"], "page": ["999999"], "sudo": ["o"], "access_token": [small.token], "token": [small.token],
        }  # fmt: skip


@clause("X13", "S5")
@pytest.mark.parametrize(
    "status, kind, body, told",
    [
        (200, "text/html", "<!DOCTYPE html>", 502),
        (200, "text/html", '{"workflow_runs": [], "total_count": 0}', 502),
        (200, "application/json", "[]", 502),
        (200, "application/json", "{", 502),
        (200, "application/json", '{"workflow_runs": 3}', 502),
        (200, "application/json", "{}", 502),
        (204, "", "", 204),
        (206, "application/json", '{"workflow_runs": [], "total_count": 0}', 206),
        (302, "text/html", "", 302),
        (401, "application/json", '{"message": "no"}', 401),
        (429, "text/plain", "slow down", 429),
        (500, "application/json", '{"message": ""}', 500),
        (404, "text/plain", "404 page not found", 502),
    ],
)
def test_only_the_expected_answer_is_a_yes(status: int, kind: str, body: str, told: int) -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        path = log_path(small)
        headers = [("Content-Type", kind), ("Location", "/user/login")] if kind else []
        small.double.faults.hook("/actions/tasks", lambda _: Response(status, headers, body.encode()))
        for tail in ("", "?tail=1", "?follow=true"):
            found = proxy.get(path + tail, small.token)
            assert found.status_code == told, found.text
            assert b"row" not in found.content and found.headers.get("Location") in (None, "/user/login")
        assert on_web(small) == []
        small.double.faults.clear()
        assert proxy.get(path, small.token).content == LOG, "no no is kept"


@clause("X14", "X15")
def test_a_no_is_never_kept_and_a_yes_is_one_callers() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        path = log_path(small)
        friend = small.model.add_user("friend")
        token = small.model.add_token(friend, ("read:repository",)).sha1
        for _ in range(2):
            assert proxy.get(path, small.token).ok
            assert proxy.get(path, token).status_code == 404
        assert len(asked(small)) == 3
        small.repo.collaborators[friend.id] = 1
        assert proxy.get(path, token).content == LOG, "at once"
        assert proxy.get(path.replace("/o/r/", "/O/R/"), token).content == LOG
        assert len(asked(small)) == 4


@clause("X15")
def test_how_long_a_yes_is_kept() -> None:
    at = [100.0]
    rights = Rights(30.0, lambda: at[0])
    headers = Headers([("Authorization", "token t"), ("X-Forwarded-For", "10.0.0.1")])
    run(rights.of(headers, "").add("o/r"))
    same = Headers([("X-Forwarded-For", "10.0.0.1"), ("Range", "bytes=0-"), ("Authorization", "token t")])
    assert run(rights.of(same, "attempt=2").has("o/r"))
    others = [
        (headers, "sudo=o"), (headers, "token=t"), (Headers([*headers, ("Sudo", "o")]), ""),
        (Headers([*headers, ("X-Forgejo-OTP", "1")]), ""), (Headers([*headers, ("X-WEBAUTH-USER", "o")]), ""),
        (Headers([("Authorization", "token u"), ("X-Forwarded-For", "10.0.0.1")]), ""), (Headers([]), ""),
    ]  # fmt: skip
    assert [query for given, query in others if run(rights.of(given, query).has("o/r"))] == []
    assert not run(rights.of(headers, "").has("o/other"))
    at[0] += 29.9
    assert run(rights.of(headers, "").has("o/r"))
    at[0] += 0.1
    assert not run(rights.of(headers, "").has("o/r")), "used or not"
    never = Rights(0, lambda: at[0])
    run(never.of(headers, "").add("o/r"))
    assert not run(never.of(headers, "").has("o/r"))
    assert not any(b"t" == key or b"token" in key for key in rights.until)


@clause("X4", "X14")
@pytest.mark.parametrize("listed", [True, False])
def test_an_identity_header_is_part_of_who_asks_if_its_sender_is_listed(listed: bool) -> None:
    with Small("15") as small:
        more: dict[str, Any] = {"trusted": HERE if listed else (), "identity": frozenset({"x-remote-user"})}
        with Running(small.url, small.web, **more) as proxy:
            path = log_path(small)
            for name in ("o", "somebody"):
                assert proxy.get(path, small.token, headers={"X-WEBAUTH-USER": name, "X-Remote-User": name}).ok
            named = [(seen.headers.get("x-webauth-user"), seen.headers.get("x-remote-user")) for seen in asked(small)]
            assert named == ([("o", "o"), ("somebody", "somebody")] if listed else [(None, None)])


@clause("S5")
@pytest.mark.parametrize("name, value", [("Authorization", 'Signature keyId="x"'), ("Signature", "x"),
                                         ("Authorization", "Digest x"), ("Authorization", "Negotiate x")])  # fmt: skip
def test_credentials_that_bind_a_path_are_not_put_to_another(name: str, value: str) -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        path = log_path(small)
        for tail in ("", "?tail=1", "?step=0", "?follow=1"):
            found = proxy.get(path + tail, headers={name: value})
            assert (found.status_code, found.json()["cause"]) == (501, "signature-auth")
        assert asked(small) == [] == on_web(small)


# --- names


@clause("S36")
@pytest.mark.parametrize(
    "name",
    ["o/r.git", "o/r%2egit", "o/r.GIT", "o/.", "o/..", "o/%2e%2e", "o/r%2F..%2Fr", "o/r%00", "o/r%20", "o/%C3%A9",
     "o/r;x", "%2e%2e/r", "o/r%2572", "o%2Fr/x"],
)  # fmt: skip
def test_a_name_that_no_repository_has_never_reaches_a_web_route(name: str) -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        good = log_path(small)
        line = f"GET {good.replace('/o/r/', f'/{name}/')} HTTP/1.1\r\nHost: h\r\nAuthorization: token {small.token}"
        status, body = said(proxy, line)
        assert status in (400, 404) and b"row" not in body
        assert on_web(small) == []


@clause("S36", "X14")
def test_a_name_is_decoded_once_and_every_request_built_from_that() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        path = log_path(small)
        for name in ("%6f/%72", "o/r", "O/%52"):
            spelled = path.replace("/o/r/", f"/{name}/")
            sent = f"GET {spelled} HTTP/1.1\r\nHost: h\r\nAuthorization: token {small.token}"
            assert said(proxy, sent) == (200, LOG)
        assert [seen.path for seen in asked(small)] == ["/api/v1/repos/o/r/actions/tasks"], "it is the same repository"
        assert {path.split("/")[1] + path.split("/")[2] for path in on_web(small) if "/actions" in path} == {"or", "OR"}


def said(proxy: Running, head: str) -> tuple[int, bytes]:
    """Status and body of the answer to a request that is sent as written."""
    with proxy.dialled() as connection:
        connection.sendall(head.encode() + b"\r\nConnection: close\r\n\r\n")
        head_, _, body = Wire(connection).all().partition(b"\r\n\r\n")
        return int(head_.split()[1]), body


# --- streams


@clause("X15", "X20", "F5")
@pytest.mark.parametrize("how", ["revoked", "removed"])
def test_a_follower_whose_right_was_taken_away(how: str) -> None:
    with Small("15") as small, Running(small.url, small.web, keep=1) as proxy:
        friend = small.model.add_user("friend")
        small.repo.collaborators[friend.id] = 1
        token = small.model.add_token(friend, ("read:repository",))
        job = small.model.add_run(small.repo, ["build"]).jobs[0]
        task = small.model.take(job)
        rows = LOG.splitlines(keepends=True)[:5]
        small.model.log(task, b"".join(rows[:3]), more=True)
        with proxy.get(f"/api/v1/repos/o/r/actions/jobs/{job.id}/logs?follow=true", token.sha1, stream=True) as answer:
            pieces = answer.iter_content(None)
            assert next(pieces) == b"".join(rows[:2])
            if how == "revoked":
                small.model.tokens.pop(token.sha1)
            else:
                del small.repo.collaborators[friend.id]
            small.model.log(task, b"".join(rows[3:]))
            small.model.finish(task)
            with pytest.raises(requests.RequestException):
                assert b"".join(pieces) in (b"", rows[2]), "what was there when the right was"


# --- what callers are told


@clause("X24")
def test_errors_tell_callers_nothing_of_the_address_behind() -> None:
    with Small("15") as small:
        path = log_path(small)
        reader = small.model.add_user("reader", "s3cret-word")
        inside = small.url.removeprefix("http://")
        told: list[tuple[int, str]] = []

        def ask(proxy: Running) -> None:
            found = proxy.get(path, small.token)
            told.append((found.status_code, found.text))
            assert found.json()["url"] == f"{proxy.base_url}/api/swagger"

        with Running(small.url, WebLogin("o", "wrong")) as proxy:
            ask(proxy)
        with Running(small.url, WebLogin(reader.name, "s3cret-word")) as proxy:
            ask(proxy)
        with Running(small.url) as proxy:
            ask(proxy)
        with Running(small.url, small.web, keep=0) as proxy:
            for status in (500, 429, 302):
                small.double.faults.status("/runs/", status)
                ask(proxy)
                small.double.faults.clear()
            small.double.faults.status("/actions/tasks", 404, "404 page not found")
            ask(proxy)
            small.double.faults.clear()
            for where in ("/actions/tasks", "/runs/"):
                small.double.faults.cut(where, 0)
                ask(proxy)
                small.double.faults.clear()
        with Running("http://127.0.0.1:9") as proxy:
            ask(proxy)
        assert {status for status, _ in told} >= {501, 502, 503}
        assert [text for _, text in told if inside in text or "127.0.0.1:9" in text] == []


@clause("X24")
@pytest.mark.parametrize(
    "sent, url",
    [
        ("Host: forge.example", "http://forge.example/api/swagger"),
        ("Host: [::1]:80", "http://[::1]:80/api/swagger"),
        ("Host: h\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: forge.example", "https://forge.example/api/swagger"),
        ('Host: "><script>', "/api/swagger"),
        ("Host: h\r\nX-Forwarded-Proto: javascript", "/api/swagger"),
        ("Host: h/path", "/api/swagger"),
    ],
)
def test_the_url_of_an_error_is_the_callers(sent: str, url: str) -> None:
    with Running("http://127.0.0.1:9", trusted=HERE) as proxy:
        status, body = said(proxy, f"GET /api/v1/repos/o/r/actions/jobs/1/logs HTTP/1.1\r\n{sent}")
        assert (status, json.loads(body)["url"]) == (502, url)


@clause("X24")
@pytest.mark.parametrize(
    ("stalls", "why"), [(False, "the answer breaks off"), (True, "it does not answer in time")], ids=["cut", "stalled"]
)
def test_an_inner_answer_that_breaks_says_why(stalls: bool, why: str) -> None:
    with Small("15") as small, Running(small.url, small.web, keep=0, idle=0.5) as proxy:
        path, faults = log_path(small), small.double.faults
        assert proxy.get(path, small.token).content == LOG
        _ = faults.slow("/runs/", 10, 2.0) if stalls else faults.cut("/runs/", 0)
        found = proxy.get(path, small.token)
        assert found.status_code == 502
        assert found.json()["message"] == f"the server behind cannot be reached: {why}; try again later"
