"""A part of a document: some of its operations and what they reference, whole (`extract`) or in words (`facts`).

Rules: what is left is a document of its own, keys sorted, so that two of them can be compared line by line; an extract
of an extract is itself. Nothing is reworded in it, but for references to what stands nowhere in it otherwise.
"""

from __future__ import annotations

from itertools import chain, count
from typing import Any
from urllib.parse import quote, unquote

from .document import Document, Json, Operation, operations
from .errors import Unreadable
from .facets import is_silent
from .scope import Scope
from .shape import GRAMMAR, METHODS, REFERRED, child, deref, found_at, keys, parts
from .subtypes import Subtypes

KINDS = {"definitions": "schema", "responses": "response", "parameters": "parameter"}
SECTIONS = {kind: section for section, kind in KINDS.items()}
EITHER = {"schema or flag", "schema or list"}
WHOLE = ("swagger", "consumes", "produces", "security")


def extract(document: Document, scope: Scope) -> Json:
    """A small Swagger 2.0 document of the scope's operations and all that they reference, keys sorted."""
    content = document.content
    info = content.get("info", {})
    made: Json = {key: content[key] for key in WHOLE if key in content}
    if "basePath" in content:
        made["basePath"] = document.base_path or "/"
    made["info"] = {key: info[key] for key in ("title", "version") if key in info}
    made["paths"] = _paths(content, [one for key, one in operations(document).items() if key in scope])
    shared, homeless = _targets(document, made["paths"])
    for section, name in shared:
        made.setdefault(section, {})[name] = content[section][name]
    renamed: dict[str, str] = {}
    for kind, at in sorted(homeless):
        there = made.setdefault(SECTIONS[kind], {})
        name = _free(keys(at)[-1], {*content.get(SECTIONS[kind], {}), *there})
        there[name], renamed[at] = found_at(content, at), quote(child(f"/{SECTIONS[kind]}", name))
    ways = [made, *(item[method] for item in made["paths"].values() for method in METHODS & item.keys())]
    used = {name for holder in ways for way in holder.get("security", ()) for name in way}
    if used:
        made["securityDefinitions"] = {name: content["securityDefinitions"][name] for name in used}
    return dict(_sorted(made, renamed))


def _paths(content: Json, wanted: list[Operation]) -> Json:
    paths: Json = {}
    for operation in wanted:
        item, _ = deref(content, content["paths"][operation.path], child("/paths", operation.path))
        kept = paths.setdefault(operation.path, {"parameters": item["parameters"]} if "parameters" in item else {})
        kept[operation.method.lower()] = operation.content
    return paths


def _targets(document: Document, paths: Json) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """What these paths lead to, by references or as a subtype of that: sections and names of what has one; kinds and
    pointers of what has none and needs one, since it stands in a path that is left out or in another file."""
    content, subtypes = document.content, Subtypes(document)
    shared, homeless, done = set[tuple[str, str]](), set[tuple[str, str]](), set[tuple[str, str]]()
    todo: list[tuple[Any, str, str]] = [(item, "path", child("/paths", path)) for path, item in paths.items()]
    while todo:
        node, kind, at = todo.pop()
        if (kind, at) in done:
            continue
        done.add((kind, at))
        targets = [spot.at for spot in subtypes.of(at).values()] if kind == "schema" else []
        if kind in REFERRED and "$ref" in node:
            targets.append(unquote(node["$ref"][1:]))
        else:
            todo.extend(parts(content, node, kind, at))
        for there in targets:
            section, name = [*keys(there), "", ""][:2]
            if section in KINDS and name in content.get(section, {}):
                shared.add((section, name))
                todo.append((content[section][name], KINDS[section], child(f"/{section}", name)))
            elif not there:
                raise Unreadable(f"{document.name} refers to itself as a whole, at {at}; that cannot be extracted")
            elif section != "paths" or found_at({"paths": paths}, there) is None:
                homeless.add((kind, there))
            todo.append((found_at(content, there), kind, there))
    return shared, homeless


def _free(name: str, taken: set[str]) -> str:
    """A name that is not taken."""
    return next(one for one in chain([name], (f"{name}-{n}" for n in count(2))) if one not in taken)


def _sorted(value: Any, renamed: dict[str, str]) -> Any:
    if isinstance(value, dict):
        made = {key: _sorted(value[key], renamed) for key in sorted(value)}
        if isinstance(at := made.get("$ref"), str) and unquote(at[1:]) in renamed:
            made["$ref"] = f"#{renamed[unquote(at[1:])]}"
        return made
    return [_sorted(one, renamed) for one in value] if isinstance(value, list) else value


def facts(document: Document, scope: Scope) -> Json:
    """The extract without prose, tags and notes of the generator: names, places, types and codes."""
    return dict(_bare(extract(document, scope), "document"))


def _bare(node: Any, kind: str) -> Any:
    """A part of this kind without what only people read; a property called `description` is none of that."""
    if not isinstance(node, dict):
        return node
    made: Json = {"description": ""} if kind == "response" and "$ref" not in node else {}  # Swagger 2.0 asks for one
    parts = {} if "$ref" in node and kind in REFERRED else GRAMMAR.get(kind, {})  # beside a $ref anything may stand
    for key, value in node.items():
        if not is_silent(key) and key != "tags":
            made[key] = _below(value, parts.get(key, ""))
    return made


def _below(value: Any, expected: str) -> Any:
    if expected in EITHER:
        return [_bare(one, "schema") for one in value] if isinstance(value, list) else _bare(value, "schema")
    if expected.startswith("["):
        return [_bare(one, expected[1:]) for one in value]
    if expected.startswith("{"):
        return {key: _bare(one, expected[1:]) for key, one in value.items()}
    return _bare(value, expected) if expected in GRAMMAR else value
