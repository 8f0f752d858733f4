"""A Swagger 2.0 document: read from bytes, its references followed, its operations with all that holds for them.

Rules: what `parse` gives has been checked by `shape`, so whoever walks it later finds every reference's target and
every part of the type that Swagger 2.0 says; what is no such document is one sentence and never an empty document.
Text that begins with `{"`, `{}` or `[` is JSON, all other YAML, whose words are read as JSON's (`on` is a text, 200 as
a key too). A template of Go is such a document too, if its `{{…}}` stand inside of texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import spelling
from .bundle import bundle
from .errors import Unreadable
from .numbers import number
from .shape import METHODS, NotSwagger, Outside, check, check_kind, check_plain, child, deref, parameter_key

Json = dict[str, Any]

NO_CREDENTIALS = "no credentials"
_JSON = re.compile(r"\s*(\[|\{\s*([\"}]|$))")  # a mapping of YAML in braces begins with a key without quotes


@dataclass(frozen=True)
class Document:
    """A checked Swagger 2.0 document.

    `name` is shown to people and holds no credential; `text` are its bytes; `path` is its file, if it is in one here.
    """

    name: str
    content: Json
    text: bytes = b""
    path: str | None = None

    @property
    def base_path(self) -> str:
        """The prefix of every path, without what a template fills in; "" for `/`."""
        return spelling.path(re.sub(r"\{\{.*?\}\}", "", self.content.get("basePath", ""))).rstrip("/")

    def spot(self, node: Json, at: str) -> Spot:
        """What stands here, past any reference."""
        return Spot(*deref(self.content, node, at), "$ref" in node) if "$ref" in node else Spot(node, at)


class Spot(NamedTuple):
    """A part of a document past any reference: what stands there, its JSON pointer, whether a `$ref` led there."""

    content: Json
    at: str
    named: bool = False


class Beside(NamedTuple):
    """The files around a document: its own, and how one is read by its name, as from there; NotSwagger if it cannot."""

    name: str
    read: Callable[[str], bytes]


@dataclass(frozen=True)
class Operation:
    """One operation with all that holds for it; parameters by `query limit`, `header x-case` or `body`, responses by
    code."""

    method: str
    path: str
    at: str
    content: Json
    parameters: dict[str, Spot]
    responses: dict[str, Spot]
    consumes: tuple[str, ...]
    produces: tuple[str, ...]
    security: tuple[str, ...]  # each way in: schemes with ` + ` between them, or "no credentials"
    schemes: tuple[str, ...]  # http, https, ws, wss; () where it is not said
    url: str  # the basePath and the path as HTTP sees them

    @property
    def key(self) -> str:
        """`GET /repos/{owner}/{repo}/actions/runs`."""
        return f"{self.method} {self.path}"


def parse(data: bytes, name: str, beside: Beside | None = None, path: str | None = None) -> Document:
    """Read a document from JSON, else YAML; Unreadable in one sentence if it is no whole Swagger 2.0 document.

    `beside` reads the files that relative references name; without it there are none. `path` is the document's file.
    """
    try:
        text = _text(data)
        content = _value(text)
        check_kind(content)
        try:
            check(content)
        except Outside:
            if beside is None:
                raise
            bundle(content, beside.name, lambda file: _beside(beside, file))
            check_plain(content)
            check(content)
    except (NotSwagger, RecursionError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Unreadable(f"{name} {reason}") from None
    return Document(name, content, text.encode(), path)


def _beside(beside: Beside, name: str) -> Any:
    content = _value(_text(beside.read(name)))
    check_plain(content)
    return content


def _value(text: str) -> Any:
    return _json(text) if _JSON.match(text) else _other(text)


def _text(data: bytes) -> str:
    """Text in UTF-8, or in UTF-16 or UTF-32 as some editors and shells write it; without a byte order mark."""
    try:
        return data.decode(json.detect_encoding(data)).removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise NotSwagger("is neither JSON nor YAML: its bytes are no UTF-8") from None


def _json(text: str) -> Any:
    try:
        return json.loads(
            text, object_pairs_hook=_no_duplicates, parse_constant=_no_number, parse_int=number, parse_float=number
        )
    except json.JSONDecodeError as error:
        raise NotSwagger(f"is broken or cut-off JSON: {error.msg} in line {error.lineno}") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise NotSwagger(f"says {next(name for name in names if names.count(name) > 1)!r} twice in one object")
    return found


def _no_number(word: str) -> None:
    raise NotSwagger(f"is broken JSON: {word} is no number")


def _other(text: str) -> Any:
    start = text.lstrip("\ufeff \t\r\n")[:200].lower()
    if not start:
        raise NotSwagger("is empty")
    if start.startswith(("<!doctype html", "<html")):
        raise NotSwagger("is an HTML page, not Swagger 2.0; a page to sign in, perhaps")
    if start.startswith("<") and not start.startswith("<<"):
        raise NotSwagger("is XML or HTML, not Swagger 2.0")
    from .yaml_text import read  # PyYAML takes its time, and JSON does not need it

    return read(text)


def operations(document: Document) -> dict[str, Operation]:
    """Every operation by its key, in the order of paths and methods."""
    return {found.key: found for found in sorted(_operations(document), key=lambda o: (o.path, o.method))}


def _operations(document: Document) -> Iterator[Operation]:
    content = document.content
    for path, named in content["paths"].items():
        if path.startswith("x-"):
            continue
        item, at = deref(content, named, child("/paths", path))
        shared = _parameters(document, item, at)
        for method in METHODS & item.keys():
            own, there = item[method], child(at, method)
            responses = {
                code: document.spot(response, child(f"{there}/responses", code))
                for code, response in own["responses"].items()
                if not code.startswith("x-")
            }
            yield Operation(
                method.upper(),
                path,
                there,
                own,
                shared | _parameters(document, own, there),
                responses,
                tuple(sorted(set(own.get("consumes", content.get("consumes", ()))))),
                tuple(sorted(set(own.get("produces", content.get("produces", ()))))),
                _ways_in(own.get("security", content.get("security", []))),
                tuple(sorted({one.lower() for one in own.get("schemes", content.get("schemes", ()))})),
                spelling.path(document.base_path, path),
            )


def _parameters(document: Document, holder: Json, at: str) -> dict[str, Spot]:
    spots = [document.spot(given, f"{at}/parameters/{n}") for n, given in enumerate(holder.get("parameters", ()))]
    return {spelling.header_key(parameter_key(spot.content)): spot for spot in spots}


def _ways_in(security: list[dict[str, list[str]]]) -> tuple[str, ...]:
    """Each alternative in words that are the same whatever its order."""
    ways = {
        " + ".join(f"{name}({', '.join(sorted(scopes))})" if scopes else name for name, scopes in sorted(way.items()))
        for way in security
    }
    return tuple(sorted(way or NO_CREDENTIALS for way in ways or {""}))
