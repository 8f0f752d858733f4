"""A reverse proxy that only passes on, in thirty lines of aiohttp: what ours is measured against (calls.py).

    scripts/bench/bare_proxy.py UPSTREAM PORT

Both bodies are streamed and connections kept, and limits of time are aiohttp's own; it knows no X-Forwarded-For, no
WebSocket, no log, no figures and no error.
"""

import sys
from collections.abc import AsyncIterator

from aiohttp import ClientSession, DummyCookieJar, web
from multidict import CIMultiDict
from yarl import URL

HOP_BY_HOP = ("Connection", "Keep-Alive", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade")
UPSTREAM, PORT = sys.argv[1:3]
SESSION = web.AppKey("session", ClientSession)


def end_to_end(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """The headers without those of one connection."""
    for name in HOP_BY_HOP:
        headers.popall(name, None)
    return headers


async def pass_on(request: web.Request) -> web.StreamResponse:
    """Ask the server behind and hand on what comes."""
    headers, url = end_to_end(CIMultiDict(request.headers)), URL(UPSTREAM + request.raw_path, encoded=True)
    body = request.content if request.body_exists else None
    ask = request.app[SESSION].request
    async with ask(request.method, url, headers=headers, data=body, allow_redirects=False) as answer:
        head = end_to_end(CIMultiDict(answer.headers))
        out = web.StreamResponse(status=answer.status, reason=answer.reason, headers=head)
        await out.prepare(request)
        async for piece in answer.content.iter_any():
            await out.write(piece)
        await out.write_eof()
        return out


async def session(app: web.Application) -> AsyncIterator[None]:
    """One client session for the proxy's whole life."""
    async with ClientSession(auto_decompress=False, cookie_jar=DummyCookieJar()) as app[SESSION]:
        yield


app = web.Application()
app.router.add_route("*", "/{path:.*}", pass_on)
app.cleanup_ctx.append(session)
web.run_app(app, host="127.0.0.1", port=int(PORT), access_log=None, print=None)
