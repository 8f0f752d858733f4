"""Asks a server the recordings' questions and writes down what it answered.

Rules
-----
* A record is `{"as", "note", "request", "response"}`, in more than the first file with `"server"`: who asked, why, what.
* Three sets of questions: `base` (routes, states, downloads, a rerun step by step), `more` (accounts, permissions,
  replaced rows, reusable workflows, settings) and `moments` (what can be seen only while something happens). A question
  keeps its note for good, so that answers of different versions and of the double can be laid side by side.
* What differs from one recording to the next for no reason is made neutral: hosts, tokens, passwords. Ids are not.
* The answers to `base` and `more` come from small repositories of the admin's, made for it.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from hand import Hand, Web
from runner import START, Row

Record = dict[str, Any]
STATE: Mapping[str, Any] = {"logCursors": []}
DROPPED = {
    "Date",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "Vary",
    "Connection",
    "Transfer-Encoding",
    "Server",
    "Set-Cookie",
}
TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def rows(at: datetime, *told: tuple[float, str]) -> list[Row]:
    """Rows at seconds after a moment."""
    base = round((at - START).total_seconds()) * 10_000_000
    return [Row(content, base + round(seconds * 10_000_000)) for seconds, content in told]


FIRST = rows(
    TEN,
    (0.1234567, "Set up the job"),
    (1.5, "step one says hi"),
    (2, "tab\there, é, 漢字, \x1b[31mred\x1b[0m"),
    (3, "::error file=a.py,line=3::boom"),
    (4, "first half\nsecond half of one row"),
    (5, "Complete"),
)
ELEVEN = TEN + timedelta(hours=1)
SECOND = rows(ELEVEN, (0, "second attempt, line one"), (1, "line two"), (2, "end"))


def said(mark: str, count: int) -> list[Row]:
    return rows(TEN, *((n * 1.0000001, f"{mark} line {n} é漢\t{'x' * 20}") for n in range(count)))


class Recorder:
    """Asks as somebody (`voices`) and keeps the records."""

    def __init__(self, hand: Hand, server: str | None = None) -> None:
        self.hand = hand
        self.server = server
        self.records: list[Record] = []
        self.voices: dict[str, tuple[Web, dict[str, str]]] = {}
        self.secrets: dict[str, str] = {}
        self.give("session", hand.web)
        self.give("anonymous", None)
        self.give("token", None, hand.token)

    def give(self, voice: str, web: Web | None, token: str | None = None) -> None:
        """Let somebody ask: with the cookies of a web session, or with a token, or with neither."""
        headers = {"Authorization": f"token {token}"} if token else {}
        if token:
            self.secrets[token] = f"<{voice}>"
        self.voices[voice] = (web or Web(self.hand.base_url), headers)

    def ask(
        self,
        voice: str,
        note: str,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        csrf: bool = True,
    ) -> requests.Response:
        """Ask one question and keep the answer; an anonymous one comes from a new browser."""
        web, own = self.voices[voice]
        if voice == "anonymous":
            web = Web(self.hand.base_url)
        told = {**own, **(web.csrf() if method == "POST" and csrf else {}), **(headers or {})}
        url = self.hand.base_url + path
        answer = web.session.request(
            method, url, json=json, data=form, headers=told, auth=auth, allow_redirects=False, timeout=60
        )
        masked = {name: self._masked_header(name, value) for name, value in told.items()}
        request = {"headers": masked, "json": json, "method": method, "path": path}
        if form is not None:
            request["form"] = {key: value if key == "user_name" else "<secret>" for key, value in form.items()}
        self._keep(voice, note, request, answer)
        return answer

    def _masked_header(self, name: str, value: str) -> str:
        return "<token>" if name == "X-Csrf-Token" else self.neutral(value)

    def _keep(self, voice: str, note: str, request: Record, answer: requests.Response) -> None:
        headers = {name: self.neutral(value) for name, value in answer.headers.items() if name not in DROPPED}
        names = sorted({cookie.name for cookie in answer.cookies})
        if names:
            headers["Set-Cookie (names)"] = names  # type: ignore[assignment]
        response = {"body": self._body(answer), "headers": dict(sorted(headers.items())), "status": answer.status_code}
        self.note(voice, note, request, response)

    def note(self, voice: str, note: str, request: Record, response: Record) -> None:
        record: Record = {"as": voice, "note": note, "request": request, "response": response}
        if self.server:
            record["server"] = self.server
        self.records.append(record)

    def _body(self, answer: requests.Response) -> Record:
        kind = answer.headers.get("Content-Type", "")
        if kind.startswith("text/html"):
            return {"html_omitted": len(answer.content)}
        if kind.startswith("application/zip"):
            archive = zipfile.ZipFile(io.BytesIO(answer.content))
            return {"zip": {name: archive.read(name).decode(errors="replace") for name in archive.namelist()}}
        text = self.neutral(answer.content.decode(errors="replace"))
        if kind.startswith("application/json"):
            return {"json": json.loads(text)}
        return {"text": text}

    def neutral(self, text: str) -> str:
        """The text without hosts and secrets."""
        text = text.replace(self.hand.base_url, "http://forgejo.test")
        text = re.sub(r"http://127\.0\.0\.1:\d+", "http://forgejo.test", text)
        for secret, name in self.secrets.items():
            text = text.replace(secret, name)
        return text

    def swagger(self, note: str, pick: Callable[[Any], Any]) -> None:
        """Keep what matters of the swagger document, which is 0.8 MB."""
        answer = self.voices["anonymous"][0].get("/swagger.v1.json")
        body = pick(answer.json()) if answer.status_code == 200 else self._body(answer)
        response = {"body": body, "headers": {}, "status": answer.status_code}
        self.note("anonymous", note, {"method": "GET", "path": "/swagger.v1.json"}, response)


def actions_of(document: Any) -> Record:
    """The operations on a repository's Actions in a swagger document, without prose."""
    operations = {
        f"{method.upper()} {path}": {
            "operationId": told["operationId"],
            "parameters": [
                [p["name"], p["in"], p.get("type", ""), p.get("required", False)] for p in told["parameters"]
            ],
            "produces": told.get("produces", []),
            "responses": sorted(told["responses"]),
        }
        for path, verbs in document["paths"].items()
        if path.startswith("/repos/{owner}/{repo}/actions")
        for method, told in verbs.items()
    }
    info = {"swagger": document["swagger"], "version": document["info"]["version"]}
    return {"basePath": document["basePath"], **info, "operations": operations}
