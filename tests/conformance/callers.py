"""Who asks, of whom, for which repository: the callers and the places of the permission matrix.

Rules: callers are made once for each live target, beside its world; a caller is what is sent, headers and query.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests
from certificates import certified
from hand import READ, WRITE, Account, plain_session, totp
from requests.auth import _basic_auth_str
from seeded import Job
from targets import Live

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
    "cookie",
    "bearer",
    "writer",
    "writer-reads",
    "reader-writes",
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
        writer = self.hand.user(f"writer-{live.world.mark}")
        self.hand.collaborator(live.world.repos["priv"].full, writer, "write")
        self.tokens["writer"] = self.hand.new_token(writer, WRITE)
        self.tokens["writer-reads"] = self.hand.new_token(writer, READ)
        self.tokens["reader-writes"] = self.hand.new_token(live.world.accounts["reader"], WRITE)
        self.cookies = self.hand.sign_in(live.world.accounts["owner"]).session.cookies.get_dict()
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
            "cookie": Caller({"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}),
            "bearer": Caller({"Authorization": f"bearer {self.tokens['owner']}"}),
            "two-names": Caller(self.bearing(self.tokens["outsider"]), f"token={self.tokens['read']}"),
        }[name]

    @staticmethod
    def bearing(token: str) -> dict[str, str]:
        return {"Authorization": f"token {token}"}

    @staticmethod
    def basic(account: Account) -> dict[str, str]:
        return {"Authorization": str(_basic_auth_str(account.name, account.password))}


_people: dict[int, People] = {}


def people_of(live: Live) -> People:
    """The callers of a live target, made at the first call."""
    if id(live) not in _people:
        _people[id(live)] = People(live)
    return _people[id(live)]


_connections = threading.local()


def ask(
    base_url: str, path: str, caller: Caller, method: str = "GET", *, root: str = "/api/v1", **more: Any
) -> requests.Response:
    """A request over this thread's kept connections, below the `root` of an API."""
    if not hasattr(_connections, "session"):
        _connections.session = plain_session(certified()[0])
    url = f"{base_url}{root}{path}"
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
