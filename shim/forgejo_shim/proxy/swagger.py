"""`/swagger.v1.json` through the proxy: the server's document with what the proxy adds to it.

Rules: only what this proxy really does in front of this server is added, never what would always be a 501; each
addition is marked `x-forgejo-shim`. All else, `basePath` too, stays the server's, but for what the face of
forgejo-proxy hides where it stands below `/api/v1`; where it always stands it has a document of its own. An answer that
is no such document passes as it is. What is added stands for itself: its parameters and answers are written out, and
its definitions get another name where the server's document has that name already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterator
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import Any

from aiohttp import web

from ..faces.face import Reply
from ..faces.forgejo_proxy import HIDDEN, ONLY_HERE, ROUTES
from ..models import Headers
from ..operations import OPERATIONS, RUN
from ..transport import JSON_LIMIT, read_all
from .aiohttp_inside import CallerResponse
from .headers import end_to_end
from .relay import pass_on, reply
from .upstream import UpstreamAnswer

SWAGGER = "/swagger.v1.json"
MARK = "x-forgejo-shim"
ACTIONS = "/repos/{owner}/{repo}/actions/"
DOCUMENTS = ("contract.swagger.json", "additions.swagger.json")
FACE_DOCUMENT = "forgejo-proxy.swagger.json"
WRITES = {(row.path, row.method.lower()) for row in OPERATIONS if row.writes} | {
    (path, row.method.lower()) for path, row in ROUTES.items() if row.writes
}
NATIVE_ONLY = {(row.path, row.method.lower()) for row in OPERATIONS if row.native_only}
BY_RUN_ID = {row.path for row in OPERATIONS if row.by_run_id}  # absent up to 11, whose API knows no run ids
# Of the caller's request: what would make the answer another one than the whole document as it is now.
WITHOUT = (
    "accept-encoding", "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
)  # fmt: skip
# Of the server's answer: what is true of its bytes only.
OF_ITS_BYTES = (
    "content-length", "accept-ranges", "etag", "last-modified", "digest", "repr-digest", "content-digest",
    "content-md5",
)  # fmt: skip

Json = dict[str, Any]
AskWith = Callable[[web.BaseRequest, tuple[str, ...]], Awaitable[UpstreamAnswer]]


class Swagger:
    """The documents that one proxy gives; the last one made is kept."""

    def __init__(self, *, writes: bool, face: bool = False) -> None:
        self._writes = writes
        shown = own_document(FACE_DOCUMENT) if face else None
        self._extended = lru_cache(1)(partial(extended, ours=own_documents(), writes=writes, face=shown))

    async def answer(self, request: web.BaseRequest, ask: AskWith, idle: float) -> CallerResponse:
        """Answer GET or HEAD `/swagger.v1.json`."""
        found = await ask(request, WITHOUT)
        if found.status != 200 or found.headers.get("Content-Encoding", "identity") != "identity":
            return await pass_on(request, found.response, idle)
        document = await read_all(found, JSON_LIMIT, "the server's swagger document")
        made = self._extended(document)
        head = Headers(end_to_end(found.headers))
        if made == document:
            return await reply(request, Reply(200, head.without("content-length"), document), idle, "")
        tag = f'"{hashlib.sha256(made).hexdigest()[:32]}"'
        headers = [*head.without(*OF_ITS_BYTES), ("ETag", tag)]
        return await reply(request, Reply(200, headers, made), idle, "")

    @property
    def of_face(self) -> bytes:
        """The document of forgejo-proxy's routes where they always stand, with what this proxy really does."""
        document = own_document(FACE_DOCUMENT)
        paths = {
            path: {method: operation for method, operation in methods.items() if _may(path, method, self._writes)}
            for path, methods in document["paths"].items()
        }
        paths = {path: methods for path, methods in paths.items() if methods}
        return json.dumps({**document, "paths": paths}, ensure_ascii=False, indent=2).encode() + b"\n"


@cache
def own_document(name: str) -> Json:
    """A document of what the shim knows: spec/ of the project, shipped with the package."""
    document: Json = json.loads(files(__package__).joinpath(name).read_bytes())
    return document


def own_documents() -> tuple[Json, ...]:
    """What the shim adds to every server."""
    return tuple(own_document(name) for name in DOCUMENTS)


def extended(document: bytes, ours: tuple[Json, ...], *, writes: bool, face: Json | None = None) -> bytes:
    """The server's document with what it lacks of `ours`; unchanged if it is none, or lacks nothing. The paths of a
    `face` stand in the place of those that they hide; those of one behind are hidden by what is ours."""
    try:
        swagger = json.loads(document)
        if swagger["swagger"] != "2.0" or not any(path.startswith(ACTIONS) for path in swagger["paths"]):
            return document
        added = [
            _add(swagger, own, path, method)
            for own in ours
            for path, method in _operations(own)
            if _offered(swagger["paths"], path, method, writes)
        ]
        hidden = [swagger["paths"].pop(path, None) for path in (HIDDEN if face else ONLY_HERE)]
        if face:
            added += [
                _add(swagger, face, path, method) for path, method in _operations(face) if _may(path, method, writes)
            ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return document
    return json.dumps(swagger, ensure_ascii=False, indent=2).encode() + b"\n" if any(added + hidden) else document


def _operations(document: Json) -> Iterator[tuple[str, str]]:
    for path, methods in document["paths"].items():
        yield from ((path, method) for method in methods)


def _offered(paths: Json, path: str, method: str, writes: bool) -> bool:
    """Whether the proxy does this in front of a server with these paths."""
    is_there = path not in BY_RUN_ID or "get" in paths.get(RUN, {})
    return (path, method) not in NATIVE_ONLY and is_there and _may(path, method, writes)


def _may(path: str, method: str, writes: bool) -> bool:
    return writes or (path, method) not in WRITES


def _add(swagger: Json, own: Json, path: str, method: str) -> bool:
    """Add an operation, or the parameters that the server's one lacks; whether there was anything to add."""
    operation = _written_out(own["paths"][path][method], own, swagger)
    there = swagger["paths"].setdefault(path, {}).get(method)
    if there is None:
        swagger["paths"][path][method] = {**operation, MARK: True}
        return True
    known = {parameter.get("name") for parameter in there.get("parameters", [])}
    more = [{**parameter, MARK: True} for parameter in operation["parameters"] if parameter["name"] not in known]
    if more:
        there["parameters"] = [*there.get("parameters", []), *more]
    return bool(more)


def _written_out(value: Any, own: Json, swagger: Json) -> Any:
    """A value of `own` with its references to parameters and answers replaced by what they name, and the definitions
    that it refers to put into `swagger`."""
    if isinstance(value, list):
        return [_written_out(one, own, swagger) for one in value]
    if not isinstance(value, dict):
        return value
    if not isinstance(value.get("$ref"), str):
        return {key: _written_out(one, own, swagger) for key, one in value.items()}
    _, kind, name = value["$ref"].split("/")
    if kind != "definitions":
        return _written_out(own[kind][name], own, swagger)
    return {"$ref": f"#/definitions/{_defined(name, own, swagger)}"}


def _defined(name: str, own: Json, swagger: Json) -> str:
    """The name under which a definition of `own` stands in `swagger`, where it is put if need be."""
    definitions = swagger.setdefault("definitions", {})
    wanted = own["definitions"][name]
    for called in (name, f"Shim{name}"):
        there = definitions.get(called)
        if there is None:
            definitions[called] = {MARK: True}  # it may refer to itself
            definitions[called] = {**_written_out(wanted, own, swagger), MARK: True}
            return called
        if there.get(MARK):
            return called
    raise KeyError(name)
