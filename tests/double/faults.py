"""Faults: rules that spoil the answers to chosen requests.

Rules
-----
* A rule names requests by a regular expression, searched in path and query, and perhaps a method; it acts on every
  such request, or only on the `nth` one (from 1).
* The first rule that acts decides; rules that don't act still count the request.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from .messages import Request, Response, html, json_answer, plain, redirect

WALL = "<!DOCTYPE html><html><body><h1>Checking your browser</h1></body></html>"
FOREIGN: dict[str, Callable[[Response], Response]] = {
    "200 page": lambda _: html(200, WALL),
    "403 page": lambda _: html(403, WALL),
    "404 page": lambda _: html(404, WALL),
    "503 page": lambda _: html(503, WALL),
    "302 to another host": lambda _: Response(302, [("Location", "https://sso.example/start?rd=%2F")]),
    "302 to another path": lambda _: Response(302, [("Location", "/.well-known/challenge?rd=%2Fo%2Fr%2Factions")]),
    "200 nothing": lambda _: Response(200),
    "200 other JSON": lambda _: json_answer(200, {"error": "not now"}),
    "half of it": lambda said: replace(said, body=said.body[: len(said.body.rstrip()) // 2]),
}
"""What may come in place of a server's answer: of a bot wall, a sign-in of somebody else's, a proxy, a bad cache."""


@dataclass
class Fault:
    """One rule. `instead` answers in place of the server; the rest spoils the answer on its way out."""

    path: str
    method: str | None = None
    nth: int | None = None
    instead: Callable[[Request], Response | None] | None = None
    before: Callable[[], None] | None = None
    swap: Callable[[Response], Response] | None = None
    """What is sent in place of the server's answer, made of it."""
    cut_after: int | None = None
    """Body bytes to send before the connection breaks. A body that ends earlier is sent whole and the connection kept:
    broken behind a whole answer, it would now and then be used again before anybody sees it."""
    unanswered: bool = False
    """Do what was asked for, and close the connection without an answer."""
    piece: int = 0
    """Body bytes at a time."""
    pause: Callable[[], object] | None = None
    """What is done after each piece: a sleep, or a wait until a test lets it go on."""
    seen: int = 0
    fired: int = 0

    def acts_on(self, request: Request) -> bool:
        if (self.method and self.method != request.method) or not re.search(self.path, request.request_uri):
            return False
        self.seen += 1
        acts = self.nth is None or self.nth == self.seen
        self.fired += acts
        return acts


@dataclass
class Faults:
    """The rules in force, in order; each method adds one and gives it back."""

    lose_sessions: Callable[[], None]
    login_path: str = "/user/login"
    rules: list[Fault] = field(default_factory=list)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def add(self, path: str, **of_fault: Any) -> Fault:
        rule = Fault(path, **of_fault)
        self.rules.append(rule)
        return rule

    def cut(self, path: str, after: int, **of_fault: Any) -> Fault:
        """Break the connection after `after` bytes of the body; a shorter answer is left whole."""
        return self.add(path, cut_after=after, **of_fault)

    def status(self, path: str, status: int, text: str = "something went wrong", **of_fault: Any) -> Fault:
        """Answer with a status and a plain text."""
        return self.add(path, instead=lambda _: plain(status, text), **of_fault)

    def html(self, path: str, status: int = 200, **of_fault: Any) -> Fault:
        """Answer with a page, whatever was asked for."""
        page = "<!DOCTYPE html><html><body><h1>Maintenance</h1></body></html>"
        return self.add(path, instead=lambda _: html(status, page), **of_fault)

    def lost(self, path: str, **of_fault: Any) -> Fault:
        """Do what was asked for, and close the connection without an answer."""
        return self.add(path, unanswered=True, **of_fault)

    def foreign(self, path: str, what: str, **of_fault: Any) -> Fault:
        """Send one of `FOREIGN` in place of the answer."""
        return self.add(path, swap=FOREIGN[what], **of_fault)

    def slow(self, path: str, piece: int = 1, delay: float = 0.01, **of_fault: Any) -> Fault:
        """Send the body a few bytes at a time."""
        return self.add(path, piece=piece, pause=partial(time.sleep, delay), **of_fault)

    def held(self, path: str, piece: int, released: threading.Event, **of_fault: Any) -> Fault:
        """Send a piece of the body, and the rest when `released` is set, or after half a minute."""
        return self.add(path, piece=piece, pause=lambda: released.wait(30), **of_fault)

    def lost_session(self, path: str, **of_fault: Any) -> Fault:
        """Forget every web session before answering, as a restart does."""
        return self.add(path, before=self.lose_sessions, **of_fault)

    def login(self, path: str, **of_fault: Any) -> Fault:
        """Redirect to the sign-in page."""
        return self.add(path, instead=lambda request: redirect(request, 303, self.login_path), **of_fault)

    def hook(self, path: str, call: Callable[[Request], Response | None], **of_fault: Any) -> Fault:
        """Call something before answering; what it returns, unless None, is the answer."""
        return self.add(path, instead=call, **of_fault)

    def clear(self) -> None:
        self.rules.clear()

    def of(self, request: Request) -> Fault | None:
        with self._counting:
            acting = [rule for rule in self.rules if rule.acts_on(request)]
        return acting[0] if acting else None
