"""Asks a server a question as somebody, and writes down what it answered.

Rules
-----
* A record is `{"as", "note", "request", "response"}`, with `"server"` where several differ: who asked, why, what, and
  the answer. A line of a recording is a record as JSON.
* Hosts, tokens and passwords are made neutral; ids, times and names stay as they are.
* Of a page only its length is kept, of a swagger document what was picked from it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import requests
from hand import Hand, Web

Record = dict[str, Any]
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
LONGEST = 4000  # bytes of an archive's entry that are kept as they are


def shortened(content: bytes) -> str:
    """The text of an archive's entry; of a long one, or of no text, what tells it from others."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = ""
    if len(content) <= LONGEST and (text or not content):
        return text
    return f"<{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}>"


class Recorder:
    """Asks as somebody (`voices`) and keeps the records."""

    def __init__(self, hand: Hand, server: str | None = None, *, signed_in: bool = True) -> None:
        self.hand = hand
        self.server = server
        self.records: list[Record] = []
        self.voices: dict[str, tuple[Web, dict[str, str]]] = {}
        self.secrets: dict[str, str] = {}
        self.give("session", hand.web if signed_in else None)
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
        web: Web | None = None,
    ) -> requests.Response:
        """Ask one question and keep the answer; an anonymous one comes from a new browser, unless `web` is given."""
        known, own = self.voices.get(voice, (None, {}))
        web = web or (known if known and voice != "anonymous" else Web(self.hand.base_url))
        told = {**own, **(web.csrf() if method in ("POST", "DELETE") and csrf else {}), **(headers or {})}
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
        names = sorted({cookie.partition("=")[0] for cookie in answer.raw.headers.getlist("Set-Cookie")})
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
        if not answer.content:
            return {"text": ""}
        if kind.startswith("text/html"):
            return {"html_omitted": len(answer.content)}
        if kind.startswith("application/zip"):
            archive = zipfile.ZipFile(io.BytesIO(answer.content))
            return {"zip": {name: shortened(archive.read(name)) for name in archive.namelist()}}
        if kind.startswith("application/octet-stream"):
            return {"bytes": len(answer.content), "sha256": hashlib.sha256(answer.content).hexdigest()}
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
        headers = {name: answer.headers[name] for name in ("Cache-Control", "Content-Type") if name in answer.headers}
        response = {"body": body, "headers": headers, "status": answer.status_code}
        self.note("anonymous", note, {"method": "GET", "path": "/swagger.v1.json"}, response)
