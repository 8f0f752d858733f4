"""Who the caller is, and what the API lets it do: the question that comes before anything is read from the web UI.

Rules: the API is asked as the caller; anything but its yes is the caller's answer, as the API gave it. A yes is kept
for `keep` seconds (0: not at all) under an HMAC, with a random key of this process, of everything in the request that
says who asks; a no is never kept, and neither is the right to write. Nothing here can be turned back into a credential.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Protocol

from ..api import is_absent_route, parse_run, parse_tasks
from ..capabilities import Capability
from ..errors import NotForgejo, NotPossible, PageChanged
from ..identity import identity_headers, with_identity
from ..models import Headers, RunFacts
from ..operations import RUN, Call
from ..paths import run_path
from ..transport import JSON_LIMIT, Answer, Transport, encode, is_json, read_all, read_head
from ..webui.reader import Reader
from .runs import read_api

KEEP = 30.0  # seconds that a yes is believed while a log is followed
LIMIT = 10_000  # yes's at once; then all are forgotten
YES = (400, "ref is empty")  # routers/api/v1/repo/action.go, DispatchWorkflow; seen on 11.0.15, 15.0.2 and 16
# Schemes that carry who the caller is to any path. A signature binds one path, so it cannot be put to the question.
SCHEMES = ("token", "bearer", "basic")

_KEY = secrets.token_bytes(32)


def digest(text: str) -> bytes:
    """An opaque name for a text that may hold a credential, the same for as long as the process lives."""
    return hmac.digest(_KEY, text.encode("utf-8", "surrogateescape"), hashlib.sha256)


class Rights:
    """The kept yes's of all callers; `now` tells seconds that never go back."""

    def __init__(self, keep: float, now: Callable[[], float]) -> None:
        self.keep = keep
        self.now = now
        self.used = 0
        self.until: dict[tuple[bytes, str], float] = {}  # of a caller and a repository

    def of(self, headers: Headers, query: str) -> Caller:
        """The yes's of the caller whose request has these headers and this query."""
        return Caller(self, digest(repr((sorted(identity_headers(headers)), with_identity("", query)))))


class Grants(Protocol):
    """The repositories whose question was a yes for one caller."""

    def __contains__(self, repo: str, /) -> bool: ...

    def add(self, repo: str, /) -> None:
        """Note a new yes."""
        ...


class Caller:
    """The kept yes's of one caller; `who` is an opaque name."""

    def __init__(self, rights: Rights, who: bytes) -> None:
        self._rights = rights
        self._who = who

    def __contains__(self, repo: str) -> bool:
        fresh = self._rights.until.get((self._who, repo), 0.0) > self._rights.now()
        self._rights.used += fresh
        return fresh

    def add(self, repo: str) -> None:
        """Note a yes that the API gave just now."""
        rights = self._rights
        if rights.keep <= 0:
            return
        if len(rights.until) >= LIMIT:
            rights.until.clear()  # at once, since several threads may be here; a yes is only asked for again
        rights.until[self._who, repo] = rights.now() + rights.keep


class Lately:
    """A caller's yes's while a log is followed: only what is given here is believed, and for `KEEP` seconds at most."""

    def __init__(self, caller: Grants, now: Callable[[], float]) -> None:
        self._caller = caller
        self._now = now
        self._since: dict[str, float] = {}

    def __contains__(self, repo: str) -> bool:
        since = self._since.get(repo)
        is_fresh = since is not None and 0 <= self._now() - since < KEEP  # a clock that goes back proves nothing
        return is_fresh and repo in self._caller

    def add(self, repo: str) -> None:
        """Note a yes that the API gave just now."""
        self._since[repo] = self._now()
        self._caller.add(repo)


class Uncached:
    """A caller's yes's, none of which is believed any more; a new one is kept."""

    def __init__(self, caller: Grants) -> None:
        self.add = caller.add

    def __contains__(self, repo: str) -> bool:
        return False


async def check_may_read(net: Transport, call: Call, caller: Grants) -> None:
    """Ask the API, as the caller, whether it may read Actions here. Raises ServerRefusal with its own no, ShimError."""
    repo = call.repo
    if repo and repo.key in caller:
        return
    answer = await net.api(with_identity(call.read_check, call.query))
    if answer.status != 200:
        await refused_unless_absent(answer, call)
        raise NotForgejo(
            f"{net.server_name} has no API of Actions: it is no Forgejo, or one older than 8; check the address",
            cause="no-actions-api",
        )
    if not is_json(answer):
        await answer.close()
        raise PageChanged("the API answered the question of the caller's rights with something that is no JSON")
    parse_tasks(await read_all(answer, JSON_LIMIT, "the API's answer to the question of the caller's rights"))
    if repo:
        caller.add(repo.key)


async def run_of(reader: Reader, call: Call, caller: Grants) -> RunFacts:
    """The run whose id the call names, which is also the question of the caller's rights."""
    try:
        return parse_run(await read_api(reader, run_path(reader.repo, call.id), "the API's run", call))
    except NotPossible:
        await check_may_read(reader.net, call, caller)
    known = await reader.server.capabilities(reader.net)
    if known.of("GET", RUN) is Capability.PRESENT:  # the server lists it, so the 404 is of something in front of it
        raise PageChanged(f"{reader.net.server_name} lists runs by id and answered as if it knew none; try again")
    raise NotPossible(
        "this server's API knows no run ids (they came with Forgejo 12); ask by job id, or by run number with the"
        " command forgejo-shim",
        cause="no-run-ids",
    )


async def check_may_write(net: Transport, call: Call) -> None:
    """Ask whether the caller may write to Actions here. Raises ServerRefusal with the API's own no, PageChanged."""
    path = with_identity(call.write_check, call.query)
    answer = await net.api(path, "POST", [("Content-Type", "application/json")], encode({"ref": ""}))
    body = await read_head(answer)
    if answer.status < 300:
        raise PageChanged("the API let a workflow without a ref be dispatched; report this server's version")
    try:
        message = json.loads(body).get("message") if is_json(answer) else None
    except (ValueError, AttributeError, RecursionError):
        message = None
    if (answer.status, message) != YES:
        raise call.refusal(answer.status, answer.headers, body)


async def refused_unless_absent(answer: Answer, call: Call) -> None:
    """Read an answer of the API that is no 200: one that says that the route does not exist is nothing, any other is
    raised as the caller's own."""
    body = await read_head(answer)
    if not is_absent_route(answer.status, answer.headers.get("Content-Type"), body):
        raise call.refusal(answer.status, answer.headers, body)


def check_no_signature(headers: Headers) -> None:
    """Raise NotPossible for credentials that bind the path they were made for."""
    scheme = headers.get("Authorization").split(" ", 1)[0].lower()
    if headers.get("Signature") or scheme not in ("", *SCHEMES):
        raise NotPossible(
            "this way of signing requests binds each path, so the shim cannot ask in your name; use a token",
            cause="signature-auth",
        )
