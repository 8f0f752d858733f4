"""Pairs of Swagger documents that differ in one thing each, made from the contract.

Rules: a change is a JSON Patch (RFC 6902: add, remove, replace, move), so that it can be stored and made again;
GROUND is a patch too and comes first on both sides: it gives the contract an operation that writes, with a body, so
that what clients send can change as well. A pair has one name and is asked about in both directions.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Json = Any
Patch = list[dict[str, Any]]


def pointer(*keys: str | int) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)


def patched(document: Json, patch: Patch) -> Json:
    """A copy of the document with a patch applied; KeyError or IndexError where the patch does not fit."""
    document = copy.deepcopy(document)
    for step in patch:
        if step["op"] == "move":
            place, key = _place(document, step["from"])
            value = place.pop(key)
        else:
            value = copy.deepcopy(step.get("value"))
        place, key = _place(document, step["path"])
        if step["op"] == "add" and isinstance(place, list):
            place.insert(key, value)
        elif step["op"] in ("add", "move"):
            place[key] = value
        elif step["op"] == "replace":
            place[key], _ = value, place[key]
        else:
            del place[key]
    return document


def _place(document: Json, path: str) -> tuple[Any, Any]:
    """The object or array that holds the last key of a pointer, and that key."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    for key in parents:
        document = document[int(key) if isinstance(document, list) else key]
    return (document, len(document) if last == "-" else int(last)) if isinstance(document, list) else (document, last)


def add(value: Json, *keys: str | int) -> dict[str, Any]:
    return {"op": "add", "path": pointer(*keys), "value": value}


def remove(*keys: str | int) -> dict[str, Any]:
    return {"op": "remove", "path": pointer(*keys)}


def replace(value: Json, *keys: str | int) -> dict[str, Any]:
    return {"op": "replace", "path": pointer(*keys), "value": value}


def move(to: tuple[str | int, ...], *keys: str | int) -> dict[str, Any]:
    return {"op": "move", "from": pointer(*keys), "path": pointer(*to)}


ACTIONS = "/repos/{owner}/{repo}/actions"
LOG = ("paths", f"{ACTIONS}/jobs/{{job_id}}/logs", "get")
JOBS = ("paths", f"{ACTIONS}/runs/{{run_id}}/jobs", "get")
ZIP = ("paths", f"{ACTIONS}/runs/{{run_id}}/logs", "get")
START = ("paths", f"{ACTIONS}/workflows/{{name}}/dispatches", "post")
JOB = ("definitions", "ActionRunJob")
OPTION = ("definitions", "DispatchOption")
TEXT = {"type": "string"}
NUMBER = {"type": "integer", "format": "int64"}
OTHER = {"name": "other", "in": "query", "type": "string"}
HEADER = {"name": "X-Other", "in": "header", "type": "string"}
LIMITS = {"minimum": 1, "maximum": 50, "default": 10}
WORDS = ["success", "failure"]

GROUND: Patch = [
    add(
        {
            "type": "object",
            "required": ["ref"],
            "properties": {
                "ref": TEXT,
                "inputs": {"type": "object", "additionalProperties": TEXT},
                "mode": {"type": "string", "enum": ["dry", "wet"]},
                "count": NUMBER,
                "size": {"type": "number"},
                "labels": {"type": "array", "items": TEXT, "maxItems": 10},
                "note": {"type": "string", "maxLength": 100},
                "inner": {"type": "object", "properties": {"deep": TEXT}},
            },
        },
        *OPTION,
    ),
    add(
        {
            "post": {
                "operationId": "DispatchWorkflow",
                "consumes": ["application/json"],
                "produces": ["application/json"],
                "parameters": [
                    {"$ref": "#/parameters/owner"},
                    {"$ref": "#/parameters/repo"},
                    {"name": "name", "in": "path", "type": "string", "required": True},
                    {"name": "status", "in": "query", "type": "string", "enum": WORDS},
                    {"name": "page", "in": "query", "type": "integer", "format": "int64", **LIMITS},
                    {"name": "label", "in": "query", "type": "array", "items": TEXT, "collectionFormat": "multi"},
                    {"name": "why", "in": "query", "type": "string", "required": True, "maxLength": 20},
                    {"name": "body", "in": "body", "schema": {"$ref": "#/definitions/DispatchOption"}},
                ],
                "responses": {
                    "201": {
                        "description": "",
                        "schema": {"$ref": "#/definitions/ActionRunJob"},
                        "headers": {"X-Total-Count": NUMBER},
                    },
                    "404": {"$ref": "#/responses/notFound"},
                },
            },
            "delete": {
                "operationId": "DropWorkflow",
                "parameters": [
                    {"$ref": "#/parameters/owner"},
                    {"$ref": "#/parameters/repo"},
                    {"name": "name", "in": "path", "type": "string", "required": True},
                ],
                "responses": {"204": {"description": ""}},
            },
        },
        *START[:2],
    ),
]


def operations() -> Iterator[tuple[str, Patch]]:
    for what, at in (("log", LOG), ("jobs", JOBS), ("zip", ZIP)):
        yield f"the path of the {what} removed", [remove(*at[:2])]
        yield f"operationId of the {what} changed", [replace("another", *at, "operationId")]
    yield "operationId removed", [remove(*LOG, "operationId")]
    yield "one of two methods of a path removed", [remove(*START[:2], "delete")]
    yield "another method of the same path", [move((*LOG[:2], "put"), *LOG)]
    yield "another path", [move(("paths", f"{ACTIONS}/job/{{job_id}}/logs"), *LOG[:2])]
    yield (
        "a path parameter called otherwise",
        [
            move(("paths", f"{ACTIONS}/jobs/{{id}}/logs"), *LOG[:2]),
            replace("id", "paths", f"{ACTIONS}/jobs/{{id}}/logs", "get", "parameters", 2, "name"),
        ],
    )
    yield "an operation deprecated", [add(True, *LOG, "deprecated")]
    path = [{"$ref": "#/parameters/owner"}, {"$ref": "#/parameters/repo"}, {**NUMBER, "name": "job_id", "in": "path"}]
    path[2] |= {"required": True}
    yield (
        "a new operation of the same path",
        [add({"parameters": path, "responses": {"204": {"description": ""}}}, *LOG[:2], "delete")],
    )


def parameters() -> Iterator[tuple[str, Patch]]:
    log, start = (*LOG, "parameters"), (*START, "parameters")
    yield "an optional query parameter removed", [remove(*log, 3)]
    yield "a required query parameter removed", [remove(*start, 6)]
    yield "an optional query parameter becomes required", [add(True, *log, 3, "required")]
    yield "a new optional query parameter", [add(OTHER, *log, "-")]
    yield "a new required query parameter", [add(OTHER | {"required": True}, *log, "-")]
    yield "a new optional header", [add(HEADER, *log, "-")]
    yield "a new required header", [add(HEADER | {"required": True}, *log, "-")]
    yield "a query parameter renamed", [replace("try", *log, 3, "name")]
    yield "a query parameter becomes a header", [replace("header", *log, 3, "in")]
    yield "a query parameter of another type", [replace("string", *log, 3, "type"), remove(*log, 3, "format")]
    yield "a query parameter of another format", [replace("int32", *log, 3, "format")]
    yield "a query parameter loses its format", [remove(*log, 3, "format")]
    yield (
        "a path parameter becomes text",
        [
            replace("string", "parameters", "run_id", "type"),
            remove("parameters", "run_id", "format"),
        ],
    )
    yield "a query parameter gets an enum", [add(["one"], *start, 6, "enum")]
    yield "an enum value of a query parameter removed", [remove(*start, 3, "enum", 1)]
    yield "an enum value of a query parameter replaced", [replace("done", *start, 3, "enum", 1)]
    yield "a query parameter gets a default", [add(1, *log, 3, "default")]
    yield "a query parameter gets another default", [replace(5, *start, 4, "default")]
    yield "the least value of a query parameter raised", [replace(2, *start, 4, "minimum")]
    yield "the greatest value of a query parameter lowered", [replace(20, *start, 4, "maximum")]
    yield "the greatest value of a query parameter removed", [remove(*start, 4, "maximum")]
    yield "the greatest length of a query parameter lowered", [replace(10, *start, 6, "maxLength")]
    yield "the greatest length of a query parameter removed", [remove(*start, 6, "maxLength")]
    yield "a query parameter gets a pattern", [add("^[a-z]+$", *start, 6, "pattern")]
    yield "the items of a query parameter of another type", [replace("integer", *start, 5, "items", "type")]
    yield "a list in the query written otherwise", [replace("csv", *start, 5, "collectionFormat")]
    yield "a query parameter may be empty", [add(True, *log, 3, "allowEmptyValue")]
    yield (
        "a parameter moved to its path",
        [
            add([{"$ref": "#/parameters/owner"}], *LOG[:2], "parameters"),
            remove(*log, 0),
        ],
    )
    yield "the body becomes required", [add(True, *start, 7, "required")]
    yield "the body removed", [remove(*start, 7)]
    yield "the body of another type", [replace({"type": "array", "items": TEXT}, *start, 7, "schema")]


def answers() -> Iterator[tuple[str, Patch]]:
    log, jobs, start = ((*at, "responses") for at in (LOG, JOBS, START))
    yield "the answer 200 removed", [remove(*log, "200")]
    yield "the answer 206 removed", [remove(*log, "206")]
    yield "an error's answer removed", [remove(*log, "404")]
    yield "a new error's answer", [add({"$ref": "#/responses/error"}, *log, "410")]
    yield "a new success's answer", [add({"description": ""}, *log, "202")]
    yield "an answer for all else", [add({"$ref": "#/responses/error"}, *log, "default")]
    yield "200 becomes 201", [move((*jobs, "201"), *jobs, "200")]
    yield "an answer without a schema", [remove(*log, "200", "schema")]
    yield "a text becomes an object", [replace({"type": "object"}, *log, "200", "schema")]
    yield (
        "a list becomes one object",
        [replace({"$ref": "#/definitions/ActionRunJob"}, "responses", "ActionRunJobList", "schema")],
    )
    yield (
        "a list of other objects",
        [replace("#/definitions/APIError", "responses", "ActionRunJobList", "schema", "items", "$ref")],
    )
    yield "an answer's header removed", [remove(*start, "201", "headers", "X-Total-Count")]
    yield "an answer's header of another type", [replace(TEXT, *start, "201", "headers", "X-Total-Count")]
    yield "a new header of an answer", [add(TEXT, *start, "201", "headers", "X-Other")]
    yield (
        "an answer written out in place of a reference",
        [replace({"description": "no", "schema": {"$ref": "#/definitions/APIError"}}, *log, "404")],
    )


def answered_fields() -> Iterator[tuple[str, Patch]]:
    fields = (*JOB, "properties")
    for name in ("id", "status", "needs", "attempt"):
        yield f"answered field {name} removed", [remove(*fields, name)]
    yield "an answered field added", [add(TEXT, *fields, "other")]
    yield "an answered field renamed", [move((*fields, "task"), *fields, "task_id")]
    yield "an answered number becomes text", [replace(TEXT, *fields, "id")]
    yield "an answered text becomes a number", [replace(NUMBER, *fields, "name")]
    yield "an answered integer becomes any number", [replace({"type": "number"}, *fields, "id")]
    yield "an answered number of another format", [replace("int32", *fields, "id", "format")]
    yield "an answered list of other items", [replace(NUMBER, *fields, "needs", "items")]
    yield "an answered field may be null", [add(True, *fields, "id", "x-nullable")]
    yield "an answered enum loses a value", [remove(*fields, "status", "enum", 0)]
    yield "an answered enum replaced by any text", [remove(*fields, "status", "enum")]
    yield "an answered text gets an enum", [add(["a", "b"], *fields, "name", "enum")]
    yield "an answered field is always there", [add(["id"], *JOB, "required")]
    yield "an answered object has no other fields", [add(False, *JOB, "additionalProperties")]
    yield "an answered text gets a greatest length", [add(10, *fields, "name", "maxLength")]
    yield "an answered number gets a least value", [add(1, *fields, "id", "minimum")]
    yield "an answered list gets a greatest length", [add(3, *fields, "needs", "maxItems")]
    yield (
        "a definition renamed",
        [
            move(("definitions", "Job"), *JOB),
            replace("#/definitions/Job", "responses", "ActionRunJobList", "schema", "items", "$ref"),
            replace("#/definitions/Job", *START, "responses", "201", "schema", "$ref"),
        ],
    )
    yield (
        "a definition made of another by allOf",
        [
            move(("definitions", "Job"), *JOB),
            add({"allOf": [{"$ref": "#/definitions/Job"}]}, *JOB),
        ],
    )
    yield "a field of an error removed", [remove("definitions", "APIError", "properties", "message")]


def sent_fields() -> Iterator[tuple[str, Patch]]:
    fields = (*OPTION, "properties")
    yield "an optional sent field removed", [remove(*fields, "note")]
    yield "a required sent field removed", [remove(*fields, "ref"), remove(*OPTION, "required")]
    yield "a new optional sent field", [add(TEXT, *fields, "other")]
    yield "a new required sent field", [add(TEXT, *fields, "other"), add("other", *OPTION, "required", "-")]
    yield "a sent field becomes required", [add("mode", *OPTION, "required", "-")]
    yield "a required sent field becomes optional", [remove(*OPTION, "required")]
    yield "a sent number becomes text", [replace(TEXT, *fields, "count")]
    yield "a sent integer becomes any number", [replace({"type": "number"}, *fields, "count")]
    yield "a sent enum loses a value", [remove(*fields, "mode", "enum", 1)]
    yield "a sent enum replaced by any text", [remove(*fields, "mode", "enum")]
    yield "a sent field may be null", [add(True, *fields, "count", "x-nullable")]
    yield "a sent text of a smaller greatest length", [replace(10, *fields, "note", "maxLength")]
    yield "a sent text of any length", [remove(*fields, "note", "maxLength")]
    yield "a sent list of a smaller greatest length", [replace(2, *fields, "labels", "maxItems")]
    yield "a sent list of other items", [replace(NUMBER, *fields, "labels", "items")]
    yield "a sent object has no other fields", [add(False, *OPTION, "additionalProperties")]
    yield "a sent map of other values", [replace(NUMBER, *fields, "inputs", "additionalProperties")]
    yield "a field inside a sent field removed", [remove(*fields, "inner", "properties", "deep")]
    yield "a field inside a sent field becomes required", [add(["deep"], *fields, "inner", "required")]
    yield "a sent field gets a default", [add("dry", *fields, "mode", "default")]


def media_types() -> Iterator[tuple[str, Patch]]:
    yield "text/plain becomes application/json", [replace("application/json", *LOG, "produces", 0)]
    yield "a new media type is answered", [add("text/csv", *JOBS, "produces", "-")]
    yield "an operation takes the document's media types", [remove(*LOG, "produces")]
    yield "the media types of all operations that name none", [replace(["text/html"], "produces")]
    yield "another media type is taken", [replace(["text/plain"], *START, "consumes")]
    yield "one more media type is taken", [add("text/plain", *START, "consumes", "-")]


def security() -> Iterator[tuple[str, Patch]]:
    yield "one way to sign in less", [remove("security", 0)]
    yield "all ways to sign in less but one", [replace([{"BasicAuth": []}], "security")]
    yield "no sign-in any more", [remove("security")]
    yield "an operation without sign-in", [add([], *LOG, "security")]
    yield "an operation with its own way to sign in", [add([{"BasicAuth": []}], *LOG, "security")]
    yield "the sign-in may be left out", [add({}, "security", "-")]
    yield "two ways at once wanted", [replace([{"BasicAuth": [], "TOTPHeader": []}], "security")]
    yield "the token in the query", [replace("query", "securityDefinitions", "AuthorizationHeaderToken", "in")]
    yield "the token in another header", [replace("X-Token", "securityDefinitions", "AuthorizationHeaderToken", "name")]


def whole_document() -> Iterator[tuple[str, Patch]]:
    yield "another basePath", [replace("/api/v2", "basePath")]
    yield "no basePath", [remove("basePath")]
    yield "a host", [add("forgejo.example", "host")]
    yield "https only", [replace(["https"], "schemes")]
    yield (
        "words only",
        [
            replace("2", "info", "version"),
            replace("other words", *LOG, "summary"),
            add(["other"], *LOG, "tags"),
            replace("other words", *JOB, "description"),
            add("an example", *JOB, "properties", "name", "example"),
        ],
    )
    yield "nothing", []


KINDS = (operations, parameters, answers, answered_fields, sent_fields, media_types, security, whole_document)


def pairs() -> list[dict[str, Any]]:
    """All of them: kind, name, patch."""
    return [
        {"kind": kind.__name__.replace("_", " "), "name": name, "patch": patch}
        for kind in KINDS
        for name, patch in kind()
    ]
