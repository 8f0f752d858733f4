"""A part of a document: some of its operations and what they reference, whole (`extract`) or in words (`facts`).

Rules: what is left is a document of its own, keys sorted, so that two of them can be compared line by line; an extract
of an extract is itself. Nothing is reworded in it.
"""

from __future__ import annotations

from typing import Any

from ..errors import Unreadable
from .document import Document, Json, Operation, operations
from .facets import is_silent
from .scope import Scope
from .shape import GRAMMAR, METHODS, REFERRED, child, deref, found_at, keys, reached

SECTIONS = {"definitions": "schema", "responses": "response", "parameters": "parameter"}
PARTS = {*GRAMMAR, "schema or flag"}
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
    for section, name in _referenced(document, made["paths"]):
        made.setdefault(section, {})[name] = content[section][name]
    ways = [made, *(item[method] for item in made["paths"].values() for method in METHODS & item.keys())]
    used = {name for holder in ways for way in holder.get("security", ()) for name in way}
    if used:
        made["securityDefinitions"] = {name: content["securityDefinitions"][name] for name in used}
    return dict(_sorted(made))


def _paths(content: Json, wanted: list[Operation]) -> Json:
    paths: Json = {}
    for operation in wanted:
        item, _ = deref(content, content["paths"][operation.path], child("/paths", operation.path))
        kept = paths.setdefault(operation.path, {"parameters": item["parameters"]} if "parameters" in item else {})
        kept[operation.method.lower()] = operation.content
    return paths


def _referenced(document: Document, paths: Json) -> set[tuple[str, str]]:
    """Sections and names of what these paths lead to."""
    content, found = document.content, set()
    todo = [(item, "path", child("/paths", path)) for path, item in paths.items()]
    while todo:
        pointers = reached(content, todo)
        todo = []
        for kind, at in pointers:
            section, name = [*keys(at), "", ""][:2]
            if section == "paths" or not isinstance(content.get(section), dict) or name not in content[section]:
                if section != "paths" or found_at({"paths": paths}, at) is None:
                    raise Unreadable(f"{document.name} refers to #{at}, which is outside of what can be extracted")
            elif (section, name) not in found:
                found.add((section, name))
                todo.append((content[section][name], SECTIONS.get(section, kind), child(f"/{section}", name)))
    return found


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def facts(document: Document, scope: Scope) -> Json:
    """The extract without prose, tags and where Forgejo's source has it: names, places, types and codes."""
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
    if expected.startswith("["):
        return [_bare(one, expected[1:]) for one in value]
    if expected.startswith("{"):
        return {key: _bare(one, expected[1:]) for key, one in value.items()}
    return _bare(value, "schema" if expected == "schema or flag" else expected) if expected in PARTS else value
