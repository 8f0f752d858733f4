"""Whether a value is a Swagger 2.0 document, as far as anything here reads it.

Rules: the grammar is data; every part that the grammar reaches is looked at, and every reference followed, whether an
operation uses it or not. Each complaint is a NotSwagger whose text follows the document's name: `has no paths`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

Json = dict[str, Any]

METHODS = {"get", "put", "post", "delete", "options", "head", "patch"}
PLACES = ("query", "header", "path", "formData", "body")
DEPTH = 100  # levels of nesting
NODES = 1_000_000  # of the whole document, aliases written out

NUMBER, TEXT, FLAG, LIST, TEXTS = "a number", "a text", "true or false", "a list", "a list of texts"
MAPPING = "a mapping"
LIMITS: Json = dict.fromkeys(
    ("maximum", "minimum", "maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties",
     "multipleOf"), NUMBER
)  # fmt: skip
VALUE: Json = LIMITS | {
    "type": "a text or a list of texts", "format": TEXT, "enum": LIST, "pattern": TEXT, "uniqueItems": FLAG,
    "exclusiveMaximum": FLAG, "exclusiveMinimum": FLAG, "items": "schema or list",
}  # fmt: skip
# What each kind of part may hold: a type, another kind of part, `[kind` for a list of it, `{kind` for a mapping to it.
GRAMMAR: dict[str, Json] = {
    "document": {
        "info": MAPPING, "host": TEXT, "basePath": TEXT, "schemes": TEXTS, "consumes": TEXTS, "produces": TEXTS,
        "paths": "{path",
        "definitions": "{schema", "parameters": "{parameter", "responses": "{response",
        "securityDefinitions": "{scheme", "security": "[way in",
    },
    "path": {"parameters": "[parameter", **dict.fromkeys(METHODS, "operation")},
    "operation": {
        "operationId": TEXT, "deprecated": FLAG, "schemes": TEXTS, "consumes": TEXTS, "produces": TEXTS,
        "parameters": "[parameter", "responses": "{response", "security": "[way in",
    },
    "parameter": {**VALUE, "name": TEXT, "in": TEXT, "required": FLAG, "schema": "schema", "allowEmptyValue": FLAG},
    "response": {"schema": "schema", "headers": "{header"},
    "header": VALUE,
    "schema": {
        **VALUE, "required": TEXTS, "properties": "{schema", "additionalProperties": "schema or flag",
        "allOf": "[schema", "readOnly": FLAG,
    },
    "scheme": {"type": TEXT},
    "way in": {},
}  # fmt: skip
NEEDED = {"document": ["paths"], "operation": ["responses"], "parameter": ["name", "in"], "scheme": ["type"]}
REFERRED = {"path", "parameter", "response", "schema"}
TYPES: dict[str, Callable[[Any], bool]] = {
    NUMBER: lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    TEXT: lambda v: isinstance(v, str),
    FLAG: lambda v: isinstance(v, bool),
    LIST: lambda v: isinstance(v, list),
    MAPPING: lambda v: isinstance(v, dict),
    TEXTS: lambda v: isinstance(v, list) and all(isinstance(one, str) for one in v),
    "a text or a list of texts": lambda v: isinstance(v, str) or (v != [] and TYPES[TEXTS](v)),
}


class NotSwagger(ValueError):
    """What is wrong, in words that follow the document's name."""


class Outside(NotSwagger):
    """A reference leads out of the document."""


def child(at: str, key: str) -> str:
    """The JSON pointer of a key below another."""
    return f"{at}/{key.replace('~', '~0').replace('/', '~1')}"


def keys(pointer: str) -> list[str]:
    """The keys that a JSON pointer goes through."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def parameter_key(parameter: Json) -> str:
    """What a parameter is known by: `query limit`, `path owner`; an operation's one body is `body`."""
    return "body" if parameter["in"] == "body" else f"{parameter['in']} {parameter['name']}"


def deref(content: Json, node: Json, at: str) -> tuple[Json, str]:
    """What a node stands for and where that is; NotSwagger if its reference leads nowhere, out or round."""
    seen = set()
    while isinstance(node, dict) and isinstance(ref := node.get("$ref"), str):
        if not ref.startswith("#"):
            raise Outside(f"refers to {ref!r} outside of itself, at {at}; bundle all into one document first")
        if ref in seen:
            raise NotSwagger(f"refers to {ref!r} round in a ring, at {at}")
        seen.add(ref)
        here, at = at, unquote(ref[1:])
        node = found_at(content, at)
        if not isinstance(node, dict):
            raise NotSwagger(f"refers to {ref!r} at {here}, where nothing fitting stands")
    return node, at


def found_at(content: Any, pointer: str) -> Any:
    """What stands at a JSON pointer, None if nothing does."""
    for part in keys(pointer):
        if isinstance(content, dict):
            content = content.get(part)
        elif isinstance(content, list) and re.fullmatch("0|[1-9][0-9]{0,6}", part) and int(part) < len(content):
            content = content[int(part)]
        else:
            return None
    return content


def check_kind(content: Any) -> None:
    """NotSwagger if a value does not call itself Swagger 2.0, or is none that JSON could say."""
    if not isinstance(content, dict):
        what = {str: "plain text", list: "a list", type(None): "empty"}.get(type(content), "a bare value")
        raise NotSwagger(f"is {what}, not Swagger 2.0")
    version = str(content.get("openapi", content.get("swagger", "")))
    if "openapi" in content or "swagger" not in content:
        what = (
            f"is OpenAPI {version[:20]}; only Swagger 2.0 is read" if version else "has no 'swagger': it is no Swagger"
        )
        raise NotSwagger(what)
    if version != "2.0":
        raise NotSwagger(f"is Swagger {version[:20]!r}; only 2.0 is read")
    check_plain(content)


def check(content: Json) -> None:
    """NotSwagger with the first complaint about a document, if there is one."""
    reached(content, [(content, "document", "")])
    _agrees(content)


def reached(content: Json, starts: list[tuple[Any, str, str]]) -> set[tuple[str, str]]:
    """Kind and pointer of every part that is reached from some (part, kind, pointer); each is checked on the way."""
    todo, done = list(starts), set()
    while todo:
        node, kind, at = todo.pop()
        if (kind, at) not in done:
            done.add((kind, at))
            todo.extend(parts(content, node, kind, at))
    return done


def check_plain(content: Any) -> None:
    """Nothing but JSON's values, of a size that can be walked; YAML can say more, and itself within itself."""
    level, count = [content], 0
    for _ in range(DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, str):
                if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
                    raise NotSwagger(f"holds half a character in {value[:40]!a}")
            elif isinstance(value, float) and not math.isfinite(value):
                raise NotSwagger("holds a number that JSON has not")
            elif not (value is None or isinstance(value, (int, float))):
                raise NotSwagger(f"holds a value that JSON has not: {type(value).__name__}")
        count += len(below)
        if not below:
            return
        if count > NODES:
            raise NotSwagger("is too large, its aliases written out")
        level = below
    raise NotSwagger("is nested too deeply")


def parts(content: Json, node: Any, kind: str, at: str) -> Iterator[tuple[Any, str, str]]:
    """The parts below a node, which is of the right type itself."""
    if not isinstance(node, dict):
        raise NotSwagger(f"needs a mapping at {at or '/'}, for the {kind}")
    if kind in REFERRED and "$ref" in node:
        if not isinstance(node["$ref"], str):
            raise NotSwagger(f"has a $ref that is no text, at {at}")
        deref(content, node, at)
        there = unquote(node["$ref"][1:])
        yield found_at(content, there), kind, there
        return
    for key in NEEDED.get(kind, ()):
        if key not in node:
            raise NotSwagger(f"has no {key} at {at or '/'}")
    for key, expected in GRAMMAR[kind].items():
        if key in node:
            yield from _checked(node[key], expected, child(at, key))


def _checked(value: Any, expected: str, at: str) -> Iterator[tuple[Any, str, str]]:
    if expected in TYPES:
        if not TYPES[expected](value):
            raise NotSwagger(f"needs {expected} at {at}")
    elif expected == "schema or flag":
        if not isinstance(value, bool):
            yield value, "schema", at
    elif expected == "schema or list" and isinstance(value, list):
        yield from ((one, "schema", f"{at}/{number}") for number, one in enumerate(value))
    elif expected[0] == "[":
        if not isinstance(value, list):
            raise NotSwagger(f"needs a list at {at}")
        yield from ((one, expected[1:], f"{at}/{number}") for number, one in enumerate(value))
    elif expected[0] == "{":
        if not isinstance(value, dict):
            raise NotSwagger(f"needs a mapping at {at}")
        is_open = expected in ("{path", "{response")  # where keys with x- are no names
        yield from ((one, expected[1:], child(at, key)) for key, one in value.items() if not is_open or key[:2] != "x-")
    else:
        yield value, "schema" if expected == "schema or list" else expected, at


def _agrees(content: Json) -> None:
    """What holds between parts, and of names: paths, parameters, codes, security schemes."""
    schemes = content.get("securityDefinitions", {})
    _schemes_exist(content, schemes, "")
    for path, named in content["paths"].items():
        if path.startswith("x-"):
            continue
        if not path.startswith("/"):
            raise NotSwagger(f"has a path that begins with no slash: {path!r}")
        item, at = deref(content, named, child("/paths", path))
        _parameters_differ(content, item, at)
        for key in item:
            if key not in METHODS and key.lower() in METHODS:
                raise NotSwagger(f"has the method {key!r} at {at}; Swagger 2.0 writes it {key.lower()!r}")
        for method in METHODS & item.keys():
            _parameters_differ(content, item[method], child(at, method))
            _schemes_exist(item[method], schemes, child(at, method))
            for code in item[method]["responses"]:
                if not re.fullmatch("[0-9]{3}|default|x-.*", code):
                    raise NotSwagger(f"has an answer with the code {code!r} at {child(at, method)}/responses")


def _parameters_differ(content: Json, holder: Json, at: str) -> None:
    found = [deref(content, given, f"{at}/parameters")[0] for given in holder.get("parameters", ())]
    names = [parameter_key(one) for one in found]
    for one, name in zip(found, names, strict=True):
        if one["in"] not in PLACES:
            raise NotSwagger(f"has a parameter in {one['in']!r} at {at}/parameters")
        if names.count(name) > 1:
            raise NotSwagger(f"has the parameter {name} twice at {at}/parameters")


def _schemes_exist(holder: Json, schemes: Json, at: str) -> None:
    for way in holder.get("security", ()):
        for name, scopes in way.items():
            if name not in schemes:
                raise NotSwagger(f"asks for {name!r} at {at}/security, which securityDefinitions does not have")
            if not TYPES[TEXTS](scopes):
                raise NotSwagger(f"needs a list of texts at {at}/security, for {name!r}")
