"""Whether an operation is the server's own: by its swagger document, or by what it answered.

Rules: per operation, never by version number. What no Forgejo has, a shim in front of it may have.
"""

from __future__ import annotations

from ..api import is_absent_route
from ..capabilities import Capability
from ..operations import API, OF_FACES, Call, matcher
from ..router import tidied
from ..server import Server
from ..transport import Native, Transport


async def capability(net: Transport, server: Server, call: Call) -> Capability:
    """Whether the server has what is called."""
    known, row = await server.capabilities(net), call.operation
    has = known.of(row.method, row.path)
    if call.run is not None or row in OF_FACES:
        return Capability.ABSENT
    if not call.is_always_ours:
        return has
    parts = (known.of(row.method, f"{row.path}?{name}") for name in call.parts)
    return Capability.PRESENT if {has, *parts} == {Capability.PRESENT} else Capability.ABSENT


async def learn_from(net: Transport, server: Server, call: Call, answer: Native) -> bool:
    """Note what a native answer tells of the operation. True if the route is absent, so that the web is to be read.

    A 401 or 403 tells nothing: every API path gives it, known or not (recorded with REQUIRE_SIGNIN_VIEW). Nor does a
    page: no operation answers with HTML; nor an answer to a path that something in between may have made another of.
    """
    status, kind = answer.status, answer.headers.get("Content-Type")
    absent = is_absent_route(status, kind, answer.told)
    known, row = await server.capabilities(net), call.operation
    if not _stays(call):
        return absent and known.of(row.method, row.path) is not Capability.PRESENT
    told_json = kind.startswith("application/json")
    telling = status not in (401, 403, 429) and status < 500 and (told_json or status in (200, 206, 416))
    telling = telling and not kind.startswith("text/html")
    if absent or telling:
        await server.correct(net, known, row, not absent)
    return absent


def _stays(call: Call) -> bool:
    """Whether a server in between that tidies paths leaves this one the operation's; else a 404 is another path's."""
    return call.repo is not None and bool(matcher(call.operation.path).match(tidied(f"{API}/repos/o/r{call.tail}")))
