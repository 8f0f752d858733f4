"""A transport of scripted answers, so that flows run without a server, under `run` or under an event loop.

Rules
-----
* A script says per request (`"GET /path"`, `"api /path"`) what is answered, never at which place of the whole. Where
  an answer changes, `until` says what changes it: so flows may ask twice, or once, or in another order.
* A list has the answers to one request that is tried again; its last one stays.
* What no script knows is a failure of the test, never an empty answer.
* Under asyncio (`waits=True`) every step yields to the loop, so a flow that works only without one is found out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from double import pages
from forgejo_shim.errors import ShimError
from forgejo_shim.faces.all import all_faces
from forgejo_shim.faces.face import Reply, recognise
from forgejo_shim.flows.dispatch import Native, Request, dispatch
from forgejo_shim.models import Headers
from forgejo_shim.server import Server
from forgejo_shim.transport import BrokenBody

BASE = "http://forge.example"
RUN = "/o/r/actions/runs"


@dataclass(frozen=True)
class Said:
    """One scripted answer; `breaks` ends the body by a broken connection."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    breaks: bool = False


Lines = Mapping[str, Said | Sequence[Said] | Callable[["Scripted"], Said]]


SWAGGER = "GET /swagger.v1.json"
WITHOUT = Said(
    headers=(("Content-Type", "application/json;charset=utf-8"),),
    body=b'{"swagger": "2.0", "paths": {"/repos/{owner}/{repo}/actions/tasks": {"get": {}}}}',
)
"""The swagger document of a server that has no operation of ours."""


class ScriptedAnswer:
    """A scripted answer as a flow reads it."""

    def __init__(self, said: Said, waits: bool) -> None:
        self.status = said.status
        self.headers = Headers(said.headers)
        self.closed = False
        self.told = b""
        self._said, self._left, self._waits = said, said.body, waits

    async def read(self, size: int) -> bytes:
        if self._waits:
            await asyncio.sleep(0)
        part, self._left = self._left[:size], self._left[size:]
        if not part and self._said.breaks:
            raise BrokenBody("the connection was cut")
        return part

    async def close(self) -> None:
        self.closed = True


@dataclass
class Scripted:
    """The transport; `asked` is what was asked, `slept` the seconds waited, `at` the clock."""

    lines: Lines
    waits: bool = False
    base_url: str = BASE
    server_name: str = BASE
    at: float = 1_000_000_000.0
    asked: list[str] = field(default_factory=list)
    sent: list[tuple[str, list[tuple[str, str]], bytes]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    answers: list[ScriptedAnswer] = field(default_factory=list)

    @property
    def signing_in(self) -> Any:
        return nullcontext()

    async def native(self, target: str) -> ScriptedAnswer:
        answer = await self._answer(f"native {target}".strip(), [], b"")
        answer.told = await answer.read(1 << 16) if answer.status == 404 else b""
        return answer

    async def api(
        self, path: str, method: str = "GET", headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> ScriptedAnswer:
        return await self._answer(f"api {path}" if method == "GET" else f"api {method} {path}", [*headers], body)

    async def web(
        self, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes = b""
    ) -> ScriptedAnswer:
        return await self._answer(f"{method} {path}", [*headers], body)

    def searching(self, repo: str, job_id: int, is_found: Callable[[], Awaitable[object]]) -> Any:
        return nullcontext({})

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    @asynccontextmanager
    async def beside(self, flow: Any) -> AsyncIterator[Any]:
        with closing(flow):
            yield flow

    async def aside(self, work: Callable[[], Any]) -> Any:
        return work()

    def now(self) -> float:
        return self.at

    async def _answer(self, asked: str, headers: list[tuple[str, str]], body: bytes) -> ScriptedAnswer:
        if self.waits:
            await asyncio.sleep(0)
        times = self.asked.count(asked)
        self.asked.append(asked)
        self.sent.append((asked, headers, body))
        line = self.lines.get(asked, WITHOUT if asked == SWAGGER else None)
        assert line is not None, f"no script says what {asked} is answered; asked so far: {self.asked}"
        if isinstance(line, Said):
            said = line
        elif callable(line):
            said = line(self)
        else:
            said = line[min(times, len(line) - 1)]
        self.answers.append(ScriptedAnswer(said, self.waits))
        return self.answers[-1]


def text(status: int, body: str, *headers: tuple[str, str]) -> Said:
    """An answer in plain text, as Forgejo's `http.Error` gives it."""
    return Said(status, (("Content-Type", "text/plain; charset=utf-8"), *headers), f"{body}\n".encode())


def page(body: str = "<html></html>", status: int = 200) -> Said:
    """A page."""
    return Said(status, (("Content-Type", "text/html; charset=utf-8"),), body.encode())


def to(location: str, status: int = 303, *headers: tuple[str, str]) -> Said:
    """A redirect."""
    return Said(status, (("Location", location), *headers))


def until(event: str, before: Said, after: Said, times: int = 1) -> Callable[[Scripted], Said]:
    """One answer until a request was made so many times, another one from then on."""
    return lambda net: after if net.asked.count(event) >= times else before


HIDDEN = text(404, "Not found.")
SIGN_IN_PAGE = page(pages.sign_in("", True))
SIGN_IN_IS_OFF = page(pages.sign_in("", False))
REFUSED = page(pages.sign_in("", True, "Falscher Name oder falsches Passwort."))
CODE_PAGE = page(pages.second_factor(""))
CODE_REFUSED = page(pages.second_factor("", "Der Code ist falsch."))
SETTINGS_PAGE = page(pages.settings())
SIGNED_IN = to("/", 303, ("Set-Cookie", "session=signed-in; Path=/"), ("Set-Cookie", "lang=de-DE; Path=/"))


def answer_json(value: Any, status: int = 200) -> Said:
    """An answer in JSON."""
    return Said(status, (("Content-Type", "application/json;charset=utf-8"),), json.dumps(value).encode())


def state(
    jobs: Sequence[tuple[int, str, str]] = ((7, "build", "success"), (8, "other", "success")),
    attempts: Sequence[int] | None = (1,),
    *,
    run: int = 1,
    **current: Any,
) -> Said:
    """The answer of the state POST with the face of 15."""
    told = None if attempts is None else [{"number": number, "status": "success"} for number in attempts]
    listed = [{"id": job_id, "name": name, "status": status} for job_id, name, status in jobs]
    head = {"link": f"{RUN}/{run}", "status": "success", "done": True, "jobs": listed, "description": ""}
    shown = {"run": head, "currentJob": {"title": "", "steps": [], "allAttempts": told, **current}}
    return answer_json({"state": shown, "logs": {"stepsLog": []}})


STAMP = b"2026-01-02T03:04:05.0000000Z "


def log(body: bytes = b"a line\n", name: str = "build", task: int = 70, status: int = 200, **more: Any) -> Said:
    """The answer of a download: a log of one row, `body` after its time."""
    body = STAMP + body
    file = quote(f"ci.yml-{name}-{task}.log")
    headers = (
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Content-Disposition", f"attachment; filename*=UTF-8''{file}"),
        ("Set-Cookie", "session=of-the-web; Path=/"),
        *more.pop("headers", ()),
    )
    return Said(status, headers, body, **more)


YES = answer_json({"total_count": 0, "workflow_runs": []})
QUESTION = "api /api/v1/repos/o/r/actions/tasks?limit=1&page=999999"
LATEST = f"GET {RUN}/latest"
LOG = f"GET {RUN}/1/jobs/0/attempt/1/logs"


def script(**named: Any) -> dict[str, Any]:
    """One run of two finished jobs, 7 and 8, on 15, read anonymously; the keywords replace some of its lines."""
    lines: dict[str, Any] = {
        "question": YES,
        "latest": to(f"{BASE}{RUN}/1", 307),
        "state": state(),
        "state1": state(),
        "page": to(f"{BASE}{RUN}/1/jobs/0/attempt/1", 307),
        "log": log(),
        "plain_log": HIDDEN,
        "runs": answer_json({"total_count": 1, "workflow_runs": []}),
    }
    lines.update(named)
    paths = {
        "question": QUESTION,
        "latest": LATEST,
        "state": f"POST {RUN}/1/jobs/0/attempt/1",
        "state1": f"POST {RUN}/1/jobs/1/attempt/1",
        "state_plain": f"POST {RUN}/1/jobs/0",
        "page": f"GET {RUN}/1/jobs/0",
        "log": LOG,
        "log2": f"GET {RUN}/1/jobs/0/attempt/2/logs",
        "log_of_1": f"GET {RUN}/1/jobs/1/attempt/1/logs",
        "plain_log": f"GET {RUN}/1/jobs/0/logs",
        "plain_log_of_1": f"GET {RUN}/1/jobs/1/logs",
        "list": "GET /o/r/actions?page=1&limit=50",
        "runs": "api /api/v1/repos/o/r/actions/runs?page=1&limit=50",
        "login": "POST /user/login",
        "login_page": "GET /user/login",
        "factor": "POST /user/two_factor",
        "factor_page": "GET /user/two_factor",
        "settings": "GET /user/settings",
    }
    return {paths.get(name, name): said for name, said in lines.items()}


def under_asyncio(flow: Callable[[Scripted], Coroutine[Any, Any, Any]], net: Scripted) -> Any:
    """Drive a flow by an event loop."""
    net.waits = True

    async def main() -> Any:
        return await flow(net)

    return asyncio.run(main())


class Allowed:
    """A caller's yes's as flows ask for them, in a set."""

    def __init__(self, repos: set[str]) -> None:
        self.repos = repos

    async def has(self, repo: str) -> bool:
        return repo in self.repos

    async def add(self, repo: str) -> None:
        self.repos.add(repo)


async def answered(
    net: Scripted,
    server: Server,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    *,
    method: str = "GET",
    allowed: set[str] | None = None,
    writes: bool = False,
) -> Reply:
    """What a driver would answer to a request for `target`, a path below `/api/v1` with its query."""
    path, _, query = target.partition("?")
    found = recognise(all_faces(), method, f"/api/v1{path}", query)
    assert found, f"no face knows {target}"
    face, call = found
    request = Request(Headers(headers), Allowed(set() if allowed is None else allowed), writes)
    try:
        value = await dispatch(net, server, call, request)  # type: ignore[arg-type]
        if isinstance(value, Native):
            return Reply(value.answer.status, [*value.answer.headers], value.answer)
        return face.render(value, call, net.base_url)
    except ShimError as error:
        return face.render_error(error, net.base_url)
