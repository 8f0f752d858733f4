"""Clauses X: the proxy acts as its caller. Whoever asks for whatever, its verdict is the server's own for that caller.

Rules: the server is asked first and directly, with the same credentials: the list of runs from 12 on, of tasks on 11. A
no is the server's own, body and all; after a yes no answer is about the caller's rights. The proxy's web account is the
owner's, so anything that it lends shows.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from hand import READ, Account, plain_session, totp
from proxied import Proxied
from requests.auth import _basic_auth_str
from seeded import Job
from targets import Live

clause = pytest.mark.clause
proxy = pytest.mark.feature("proxy")

CALLERS = (
    "admin",
    "owner",
    "read",
    "reader",
    "member",
    "outsider",
    "anonymous",
    "restricted",
    "deactivated",
    "prohibited",
    "no-scope",
    "revoked",
    "wrong",
    "password",
    "wrong-password",
    "token-as-password",
    "no-code",
    "wrong-code",
    "code",
    "sudo-owner",
    "sudo-outsider",
    "sudo-nobody",
    "sudo-query",
    "sudo-by-outsider",
    "token-in-query",
    "two-names",
)


@dataclass(frozen=True)
class Caller:
    """Credentials as they are sent."""

    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""


class People:
    """The callers of a live target, made once; what they need is made beside the world."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.hand = live.world.hand
        self.tokens = dict(live.world.tokens)
        for name in ("restricted", "deactivated", "revoked"):
            account = self.hand.user(f"{name}-{live.world.mark}")
            self.hand.collaborator(live.world.repos["priv"].full, account)
            self.tokens[name] = self.hand.new_token(account, READ)
            if name == "restricted":
                self.hand.change(account, restricted=True)
            elif name == "deactivated":
                self.hand.change(account, active=False)
            else:
                self.hand.revoke_tokens(account)
        prohibited = live.world.accounts["prohibited"]
        self.hand.change(prohibited, prohibit_login=False)
        self.tokens["prohibited"] = self.hand.new_token(prohibited, READ)
        self.hand.change(prohibited, prohibit_login=True)
        self.tokens["wrong"] = "0" * 40

    def caller(self, name: str) -> Caller:
        accounts = self.live.world.accounts
        owner, factor, outsider = accounts["owner"], accounts["factor"], accounts["outsider"]
        admin = self.bearing(self.hand.token)
        if name in self.tokens:
            return Caller(self.bearing(self.tokens[name]))
        return {
            "admin": Caller(admin),
            "anonymous": Caller(),
            "password": Caller(self.basic(owner)),
            "no-code": Caller(self.basic(factor)),
            "wrong-code": Caller(self.basic(factor) | {"X-Forgejo-OTP": "000000"}),
            "code": Caller(self.basic(factor) | {"X-Forgejo-OTP": totp(str(factor.totp_secret))}),
            "wrong-password": Caller(self.basic(Account(owner.name, "wrong"))),
            "token-as-password": Caller(self.basic(Account(owner.name, self.tokens["read"]))),
            "sudo-owner": Caller(admin | {"Sudo": owner.name}),
            "sudo-outsider": Caller(admin | {"Sudo": outsider.name}),
            "sudo-nobody": Caller(admin | {"Sudo": "nobody-of-that-name"}),
            "sudo-query": Caller(admin, f"sudo={outsider.name}"),
            "sudo-by-outsider": Caller(self.bearing(self.tokens["outsider"]) | {"Sudo": owner.name}),
            "token-in-query": Caller({}, f"token={self.tokens['reader']}"),
            "two-names": Caller(self.bearing(self.tokens["outsider"]), f"token={self.tokens['read']}"),
        }[name]

    @staticmethod
    def bearing(token: str) -> dict[str, str]:
        return {"Authorization": f"token {token}"}

    @staticmethod
    def basic(account: Account) -> dict[str, str]:
        return {"Authorization": str(_basic_auth_str(account.name, account.password))}


_people: dict[int, People] = {}


@pytest.fixture
def people(live: Live) -> People:
    if id(live) not in _people:
        _people[id(live)] = People(live)
    return _people[id(live)]


_connections = threading.local()


def ask(base_url: str, path: str, caller: Caller, method: str = "GET", **more: Any) -> requests.Response:
    """A request over this thread's kept connections."""
    if not hasattr(_connections, "session"):
        _connections.session = plain_session()
    url = f"{base_url}/api/v1{path}"
    if caller.query:
        url += ("&" if "?" in path else "?") + caller.query
    session: requests.Session = _connections.session
    return session.request(method, url, headers=caller.headers, allow_redirects=False, timeout=30, **more)


def places(live: Live) -> Iterator[tuple[str, Job, str]]:
    """What a place is called, a job of it, and the repository's name as it is asked for."""
    for place, run in (
        ("private", "failing"),
        ("private of others", "foreign"),
        ("public", "public"),
        ("of an organisation", "of-org"),
        ("switched off", "switched-off"),
        ("renamed", "renamed"),
    ):
        job = live.world.job(run, "build")
        yield place, job, job.run.repo.full
    job = live.world.job("failing", "build")
    yield "with .git", job, f"{job.run.repo.full}.git"
    yield "in capitals", job, job.run.repo.full.upper()
    yield "that does not exist", job, f"{job.run.repo.full}-none"
    yield "of nobody", job, "nobody-of-that-name/none"
    job = live.world.job("renamed", "build")
    assert job.run.repo.former
    yield "by its old name", job, job.run.repo.former


def operations(live: Live, job: Job, *, additions: bool = True) -> list[str]:
    """The paths of what can be read below a repository: the contract's operations, and what is added to them."""
    paths = [f"jobs/{job.id}/logs", f"jobs/{job.id}/logs?attempt=1"]
    paths += [f"runs/{job.run.id}/{what}" for what in ("jobs", "logs") if live.major >= 12]
    if additions:
        paths += [f"jobs/{job.id}{what}" for what in ("", "/logs?tail=2", "/logs?step=0")]
        paths += ["runs/latest", "runs/latest/jobs", "runs/latest/logs"]
    return paths


@proxy
@clause("X13")
@pytest.mark.parametrize("name", CALLERS)
def test_the_verdict_is_the_servers_own_for_this_caller(live: Live, people: People, name: str) -> None:
    question = "tasks" if live.major == 11 else "runs"
    for place, job, full in places(live):
        root = f"/repos/{full}/actions"
        caller = people.caller(name)  # anew each time: a one-time code is good for a minute
        direct = ask(live.server.base_url, f"{root}/{question}?limit=1&page=1", caller)
        for path in operations(
            live, job, additions=place in ("private", "public", "of an organisation", "switched off")
        ):
            told = ask(live.base_url, f"{root}/{path}", caller)
            what = f"{place}, {path}: {told.status_code} {told.text[:200]}; directly {direct.status_code}"
            if direct.status_code == 200:
                cause = told.json().get("cause") if told.status_code != 200 else None
                assert told.status_code in (200, 501) and cause in causes(live, place, path), what
                continue
            assert told.status_code == direct.status_code, what
            if told.is_redirect:
                assert (
                    told.headers["Location"].split("?")[0].endswith(f"{job.run.repo.full}/actions/{path.split('?')[0]}")
                )
            elif direct.content.startswith(b"{"):
                assert told.json() == direct.json(), what


def causes(live: Live, place: str, path: str) -> set[str | None]:
    """Why what the caller may read can still not be read here."""
    if live.major == 11 and "latest/" in path:
        return {"no-run-ids"}
    if place in ("switched off", "of an organisation"):  # the first up to 11, the second by an admin: not in the web UI
        by_api = path == "runs/latest" or "native" in live.target.features
        return {"web-account-cannot-read", None} if by_api else {"web-account-cannot-read"}
    if "attempt=1" in path and "attempts" not in live.target.features:
        return {None, "attempt-not-provable"}
    if path.endswith("logs") and live.major == 12:
        return {None, "zip-attempt-unknown"}
    return {None}


@proxy
@clause("X13")
def test_the_matrix_has_every_verdict(live: Live, people: People) -> None:
    """Were all answers alike, the case above would prove nothing."""
    seen: dict[str, set[int]] = {}
    question = "tasks" if live.major == 11 else "runs"
    for name in CALLERS:
        for place, _, full in places(live):
            path = f"/repos/{full}/actions/{question}?limit=1&page=1"
            seen.setdefault(place, set()).add(ask(live.server.base_url, path, people.caller(name)).status_code)
    assert set().union(*seen.values()) >= {200, 401, 403, 404}
    assert {place for place, statuses in seen.items() if 200 in statuses} >= {"private", "public", "in capitals"}
    assert 200 not in seen["with .git"] | seen["that does not exist"]


@proxy
@clause("X13", "W3")
@pytest.mark.parametrize("allowed", [False, True], ids=["off", "on"])
def test_who_may_not_write_writes_nothing(live: Live, people: People, allowed: bool) -> None:
    """The verdict is that of a dispatch, which who may only read is refused."""
    job = live.world.job("failing", "build")
    root = f"/repos/{job.run.repo.full}/actions"
    before = live.world.hand.state(job.run.repo.full, job.run.number)
    native = live.major >= 16
    with Proxied(live.server.base_url, live.web, *["--allow-writes"] * allowed) as proxied:
        for name in ("read", "reader", "outsider", "anonymous", "no-scope", "wrong", "sudo-outsider", "restricted"):
            caller = people.caller(name)
            may_read = ask(live.server.base_url, f"{root}/tasks?limit=1", caller)
            dispatch = f"{root}/workflows/none.yml/dispatches"
            direct = ask(live.server.base_url, dispatch, caller, "POST", json={"ref": "main"})
            assert direct.status_code in (401, 403, 404)
            for path in (f"jobs/{job.id}/rerun", f"runs/{job.run.id or 1}/rerun", f"runs/{job.run.id or 1}/cancel"):
                told = ask(proxied.base_url, f"{root}/{path}", caller, "POST")
                what = f"{name}, {path}: {told.status_code} {told.text[:200]}; directly {direct.status_code}"
                if allowed or (native and "cancel" in path):
                    assert told.status_code == direct.status_code, what
                elif may_read.status_code == 200:
                    assert (told.status_code, told.json()["cause"]) == (501, "writes-off"), what
                else:
                    assert told.status_code == may_read.status_code, what
    assert live.world.hand.state(job.run.repo.full, job.run.number).jobs == before.jobs


@proxy
@clause("X14")
@pytest.mark.parametrize(
    "name", ["outsider", "anonymous", "no-scope", "wrong", "sudo-outsider", "sudo-query", "deactivated", "revoked"]
)
def test_what_one_caller_read_is_no_key_for_another(live: Live, people: People, name: str) -> None:
    """Everything is warm: the place is known, the web session signed in, the owner's yes kept."""
    job = live.world.job("failing", "build")
    root = f"/repos/{job.run.repo.full}/actions"
    ranged = {"Range": "bytes=0-9"}
    for _ in range(2):
        for path in operations(live, job):
            for caller in (people.caller("owner"), people.caller("sudo-owner")):
                told = ask(live.base_url, f"{root}/{path}", caller)
                assert told.status_code in (200, 501), f"{path}: {told.text[:300]}"
        for path in [*operations(live, job), f"jobs/{job.id}/logs?follow=true"]:
            caller = people.caller(name)
            for headers in (caller.headers, caller.headers | ranged, caller.headers | {"Cookie": "a=b"}):
                told = ask(live.base_url, f"{root}/{path}", Caller(headers, caller.query))
                assert told.status_code in (401, 403, 404), f"{path}: {told.status_code}"
                assert b"row" not in told.content and "Content-Range" not in told.headers


@proxy
@clause("X14")
def test_who_asks_at_the_same_time_gets_what_is_theirs(live: Live, people: People) -> None:
    job = live.world.job("failing", "build")
    path = f"/repos/{job.run.repo.full}/actions/jobs/{job.id}/logs"
    names = ["owner", "outsider", "reader", "anonymous", "wrong", "sudo-owner", "sudo-outsider"] * 12
    callers = [people.caller(name) for name in names]
    with Proxied(live.server.base_url, live.web, "--keep", "1") as cold, ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(lambda caller: ask(cold.base_url, path, caller), callers))
    expected = {"owner": 200, "reader": 200, "sudo-owner": 200, "wrong": 401}
    for name, answer in zip(names, answers, strict=True):
        assert answer.status_code == expected.get(name, 404), name
        assert (answer.content == job.expected()) == (answer.status_code == 200)


@proxy
@clause("X14")
def test_headers_that_say_who_somebody_is_open_nothing(live: Live) -> None:
    job = live.world.job("failing", "build")
    path = f"/repos/{job.run.repo.full}/actions/jobs/{job.id}/logs"
    owner = live.world.accounts["owner"].name
    for name in ("X-WEBAUTH-USER", "X-WebAuth-Email", "Remote-User", "X-Forwarded-User", "X_WEBAUTH_USER"):
        assert ask(live.base_url, path, Caller({name: owner})).status_code == 404, name
    signed = ask(live.base_url, path, Caller({"Authorization": 'Signature keyId="x",signature="y"'}))
    assert signed.status_code in ({501} if "shim" in live.target.features else {401, 404})


@proxy
@clause("X15")
@pytest.mark.parametrize("keep", [0, 2])
@pytest.mark.parametrize("how", ["revoked", "removed", "deactivated", "private"])
def test_a_right_that_was_taken_away(live: Live, how: str, keep: int) -> None:
    """At once where nothing is kept, else within the kept time; natively always at once."""
    hand, world = live.world.hand, live.world
    repo, run = (world.repos["pub"], "public") if how == "private" else (world.repos["other"], "foreign")
    job = world.job(run, "build")
    account = hand.user(f"leaving-{how}-{keep}-{world.mark}-{time.time_ns() % 10**6}")
    if how != "private":
        hand.collaborator(repo.full, account)
    caller = Caller(People.bearing(hand.new_token(account, READ)))
    path = f"/repos/{repo.full}/actions/jobs/{job.id}/logs"
    with Proxied(live.server.base_url, live.web, "--keep", str(keep)) as proxied:
        assert ask(proxied.base_url, path, caller).content == job.expected()
        assert ask(proxied.base_url, path, caller).content == job.expected()
        try:
            if how == "revoked":
                hand.revoke_tokens(account)
            elif how == "removed":
                hand.api("DELETE", f"/repos/{repo.full}/collaborators/{account.name}")
            elif how == "deactivated":
                hand.change(account, active=False)
            else:
                hand.api("PATCH", f"/repos/{repo.full}", {"private": True})
            time.sleep(keep + 0.1 if keep else 0)
            told = ask(proxied.base_url, path, caller)
            direct = ask(live.server.base_url, f"/repos/{repo.full}/actions/tasks?limit=1", caller)
            assert told.status_code == direct.status_code in (401, 403, 404)
            assert told.json() == direct.json()
        finally:
            if how == "private":
                hand.api("PATCH", f"/repos/{repo.full}", {"private": False})


@proxy
@clause("X16")
def test_nothing_secret_is_logged(live: Live, people: People) -> None:
    assert live.proxy
    job = live.world.job("failing", "build")
    for name in CALLERS:
        ask(live.base_url, f"/repos/{job.run.repo.full}/actions/jobs/{job.id}/logs", people.caller(name))
    secrets = [*people.tokens.values(), people.hand.token]
    secrets += [account.password for account in live.world.accounts.values()]
    log = live.proxy.log()
    assert [secret for secret in secrets if secret in log] == []
    assert "Traceback" not in log
