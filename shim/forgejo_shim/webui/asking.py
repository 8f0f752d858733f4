"""Asking for a page of the web UI: in the dialect that the server knows, in a session that it knows, and once more
where one of them was wrong; and the error that a page stands for when nothing better can be made of it.

Rules: as in reader.py. A page that changes something is posted once, never repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ..errors import NotNow, ShimError, WebAccount
from ..models import Pairs, Repo
from ..server import Server
from ..transport import JSON_LIMIT, Answer, Transport, encode, read_all, read_head
from .grammar import Page, actions, classify, download_of, task_of
from .session import not_understood


@dataclass
class PageAnswer:
    """An answer and what it means. `text` is its body, unless it is a download: then the body is still open.

    `by_attempt`: whether a download's own route named the attempt that was asked for; None if none was.
    """

    kind: Page
    answer: Answer
    text: bytes
    path: str
    by_attempt: bool | None = None

    @property
    def task(self) -> int:
        """The task id in a download's file name; 0 if there is none."""
        return task_of(self.answer.headers) or 0


class Asker(Protocol):
    """Who asks: for which repository, at which server."""

    net: Transport
    server: Server
    repo: Repo


async def ask(who: Asker, method: str, paths: Sequence[str], value: object = None, headers: Pairs = ()) -> PageAnswer:
    """Ask the first of `paths` that is not hidden, with `value` as JSON; in a renewed session if that was lost."""
    session = who.server.session
    seen = session.generation or 1  # 0: the first request signs in
    page = await _send(who, method, paths[0], value, headers)
    if page.kind in (Page.NOT_FOUND, Page.UNKNOWN, Page.BAD_CSRF_TOKEN):
        page = await _first_shown(who, method, paths, value, headers, page)
    if session.credentials is None:
        if page.kind is Page.SIGN_IN and not await session.shows_sign_in(who.net):
            return replace(page, kind=Page.UNKNOWN)
        return page
    foreign = page.answer.status == 404 and page.kind is Page.UNKNOWN  # not Forgejo's own, which says nothing
    if not foreign and page.kind not in (Page.NOT_FOUND, Page.SIGN_IN, Page.BAD_CSRF_TOKEN):
        return page
    is_same = session.generation == seen  # else the answer is one to a session that another flow has just renewed
    if is_same and page.kind in (Page.NOT_FOUND, Page.UNKNOWN) and await session.is_signed_in(who.net):
        return page  # a renewed session would not help; a token that is refused twice is another session's
    await session.sign_in(who.net, seen)
    page = await _send(who, method, paths[0], value, headers)
    page = await _first_shown(who, method, paths, value, headers, page)
    if page.kind not in (Page.NOT_FOUND, Page.SIGN_IN):
        return page
    if await session.is_signed_in(who.net):
        return page if page.kind is Page.NOT_FOUND else replace(page, kind=Page.UNKNOWN)
    return replace(page, kind=Page.SIGN_IN)


async def _first_shown(
    who: Asker, method: str, paths: Sequence[str], value: object, headers: Pairs, page: PageAnswer
) -> PageAnswer:
    """The first answer that is no 404, else the last one; but a 404 that is not Forgejo's own before all others.
    `page` is the answer of the first of `paths`."""
    foreign = None
    for path in paths:
        if page.path != path:
            page = await _send(who, method, path, value, headers)
        if page.kind is Page.BAD_CSRF_TOKEN:
            await who.server.session.renew_token(who.net, f"{actions(who.repo)}/runs/latest")
            page = await _send(who, method, path, value, headers)
        if page.answer.status != 404 or page.kind not in (Page.NOT_FOUND, Page.UNKNOWN):
            return page
        if page.kind is Page.UNKNOWN:
            foreign = page
    return foreign or page


async def post(who: Asker, path: str, value: object) -> PageAnswer:
    """One POST of JSON in the web session, never repeated."""
    return await _send(who, "POST", path, value)


async def delete(who: Asker, path: str) -> PageAnswer:
    """One DELETE in the web session, never repeated."""
    return await _send(who, "DELETE", path)


async def _send(who: Asker, method: str, path: str, value: object = None, headers: Pairs = ()) -> PageAnswer:
    body = encode(value) if method == "POST" else b""
    if body:
        headers = [*headers, ("Content-Type", "application/json")]  # another type: no lines, no error (trap 17)
    answer = await who.server.session.send(who.net, method, path, headers, body)
    if answer.status in (200, 206, 416) and (download := download_of(answer.headers)):
        return PageAnswer(download, answer, b"", path)
    if answer.status == 200:
        text = await read_all(answer, JSON_LIMIT, f"a page of {who.repo}")
    else:
        text = await read_head(answer)
    return PageAnswer(classify(answer.status, answer.headers, text, who.repo), answer, text, path)


def trouble(who: Asker, page: PageAnswer) -> ShimError:
    """The error that a page stands for when nothing better can be made of it."""
    session, where = who.server.session, who.net.server_name
    if page.kind in (Page.NOT_FOUND, Page.SIGN_IN) and session.credentials is None:
        return WebAccount(
            f"the web UI of {where} does not show {who.repo} without a sign-in; give the shim a web account",
            cause="web-credentials-needed",
        )
    account = f"the shim's {session.account} at {where}"
    causes = {
        Page.NOT_FOUND: ("web-account-cannot-read", f"{account} cannot read {who.repo}; add it as a reader"),
        Page.SIGN_IN: ("web-sign-in-refused", f"{account} is signed out again at once; check it in a browser"),
        Page.CHANGE_PASSWORD: ("web-must-change-password", f"{account} must change its password; do so in a browser"),
        Page.ENROL_TWO_FACTOR: (
            "web-two-factor-needed",
            f"{account} must set up two-factor sign-in; do so in a browser",
        ),
    }
    if page.kind in causes:
        cause, message = causes[page.kind]
        return WebAccount(message, cause=cause)
    if page.kind is Page.INACTIVE:
        return session.inactive(who.net)
    if page.kind is Page.RENAMED:
        return NotNow(f"{who.repo} has just been renamed; ask for its new name", cause="renamed")
    return not_understood(page.answer, f"{where} answered {page.path}")
