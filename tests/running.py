"""The proxy in a thread of this process, in front of a double or of a server that gives one answer to everything."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web
from double import Fault
from forgejo_shim import WebLogin
from forgejo_shim.proxy.access import AccessLog
from forgejo_shim.proxy.app import Proxy
from forgejo_shim.proxy.options import Options
from forgejo_shim.proxy.serve import Front
from gitea_document import hold as hold_giteas
from github_document import hold
from hand import plain_session, wait
from proxied import Asked
from small import Small

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Running(Asked):
    """A proxy in a thread; `lines` is its access log so far."""

    def __init__(self, upstream: str, account: WebLogin | None = None, **options: Any) -> None:
        self.written: list[bytes] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.proxy, self.base_url = self._do(self._start(Options(upstream, account, **options)))
        self.session = plain_session()
        if "github" in options.get("faces", ()):
            self.session.hooks["response"].append(hold)
        if "gitea" in options.get("faces", ()):
            self.session.hooks["response"].append(hold_giteas)

    async def _start(self, options: Options) -> tuple[Proxy, str]:
        proxy = Proxy(options, AccessLog(self.written.append))
        return proxy, await self._listen(proxy.handle)

    async def _listen(self, handle: Answer) -> str:
        self._runner = web.ServerRunner(Front(handle), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def _do(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def lines(self, count: int) -> list[dict[str, Any]]:
        wait(lambda: len(b"".join(self.written).splitlines()) >= count, f"{count} lines of the log", 5)
        return [json.loads(line) for line in b"".join(self.written).splitlines()]

    def figures(self) -> dict[str, float]:
        lines = self.get("/-/shim/metrics").text.splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()
        self._do(self._runner.cleanup())
        self._do(self.proxy.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


class Answering(Running):
    """A server that gives one answer to everything."""

    def __init__(self, answer: Answer) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.base_url = self._do(self._listen(answer))

    def __exit__(self, *_: object) -> None:
        self._do(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


async def hello(request: web.BaseRequest) -> web.StreamResponse:
    await request.read()
    return web.Response(text="hello")


def log_path(small: Small, **more: Any) -> str:
    (job,) = small.add(**more).jobs
    return f"/api/v1/repos/o/r/actions/jobs/{job.id}/logs"


@contextmanager
def slowly(small: Small) -> Iterator[Fault]:
    """Downloads of the double take seconds."""
    yield small.double.faults.slow(r"/logs$", piece=4096, delay=0.02)
    small.double.faults.clear()


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def raw(proxy: Running, data: bytes) -> bytes:
    """Send bytes; what comes back within a moment."""
    with proxy.dialled() as connection:
        connection.sendall(data)
        return connection.recv(65536)
