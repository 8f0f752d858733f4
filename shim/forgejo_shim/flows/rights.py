"""Who the caller is, and what the API lets it do: the question that comes before anything is read from the web UI.

Rules: the API is asked as the caller; anything but its yes is the caller's answer, as the API gave it. A yes is kept
for `keep` seconds (0: not at all) under an HMAC of everything in the request that says who asks, with a random key of
this process, or with one that replicas share (`Verdicts`); a no is never kept, and neither is the right to write.
Nothing here can be turned back into a credential.
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


class Verdicts(Protocol):
    """The yes's that the API gave to callers of other processes; `who` is as opaque to them as here."""

    async def has(self, who: bytes, repo: str, keep: float) -> bool:
        """Whether there was a yes within the last `keep` seconds."""
        ...

    async def add(self, who: bytes, repo: str, keep: float) -> None:
        """Tell the others of a yes that the API gave just now; it is gone after `keep` seconds."""
        ...


class Rights:
    """The kept yes's of all callers; `now` tells seconds that never go back. `name` makes opaque names, the same as
    where `verdicts` come from."""

    def __init__(
        self,
        keep: float,
        now: Callable[[], float],
        name: Callable[[str], bytes] = digest,
        verdicts: Verdicts | None = None,
    ) -> None:
        self.keep = keep
        self.now = now
        self.name = name
        self.verdicts = verdicts
        self.used = 0
        self.until: dict[tuple[bytes, str], float] = {}  # of a caller and a repository

    def of(self, headers: Headers, query: str) -> Caller:
        """The yes's of the caller whose request has these headers and this query."""
        return Caller(self, self.name(repr((sorted(identity_headers(headers)), with_identity("", query)))))


class Grants(Protocol):
    """The repositories whose question was a yes for one caller."""

    async def has(self, repo: str, /) -> bool:
        """Whether there was one that is still believed."""
        ...

    async def add(self, repo: str, /) -> None:
        """Note a new yes."""
        ...


class Caller:
    """The kept yes's of one caller; `who` is an opaque name."""

    def __init__(self, rights: Rights, who: bytes) -> None:
        self._rights = rights
        self._who = who

    async def has(self, repo: str) -> bool:
        """As in `Grants`; another process's yes is looked up each time, so that it never lasts longer here."""
        rights = self._rights
        fresh = rights.until.get((self._who, repo), 0.0) > rights.now()
        if not fresh and rights.verdicts and rights.keep > 0:
            fresh = await rights.verdicts.has(self._who, repo, rights.keep)
        rights.used += fresh
        return fresh

    async def add(self, repo: str) -> None:
        """Note a yes that the API gave just now."""
        rights = self._rights
        if rights.keep <= 0:
            return
        if len(rights.until) >= LIMIT:
            rights.until.clear()  # at once, since several threads may be here; a yes is only asked for again
        rights.until[self._who, repo] = rights.now() + rights.keep
        if rights.verdicts:
            await rights.verdicts.add(self._who, repo, rights.keep)


class Lately:
    """A caller's yes's while a log is followed: only what is given here is believed, and for `KEEP` seconds at most."""

    def __init__(self, caller: Grants, now: Callable[[], float]) -> None:
        self._caller = caller
        self._now = now
        self._since: dict[str, float] = {}

    async def has(self, repo: str) -> bool:
        """As in `Grants`."""
        since = self._since.get(repo)
        is_fresh = since is not None and 0 <= self._now() - since < KEEP  # a clock that goes back proves nothing
        return is_fresh and await self._caller.has(repo)

    async def add(self, repo: str) -> None:
        """Note a yes that the API gave just now."""
        self._since[repo] = self._now()
        await self._caller.add(repo)


class Uncached:
    """A caller's yes's, none of which is believed any more; a new one is kept."""

    def __init__(self, caller: Grants) -> None:
        self.add = caller.add

    async def has(self, repo: str) -> bool:
        """Never."""
        return False


async def check_may_read(net: Transport, call: Call, caller: Grants) -> None:
    """Ask the API, as the caller, whether it may read Actions here. Raises ServerRefusal with its own no, ShimError."""
    repo = call.repo
    if repo and await caller.has(repo.key):
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
        await caller.add(repo.key)


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
