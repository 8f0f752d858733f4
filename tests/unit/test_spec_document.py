"""What is read as a Swagger 2.0 document, and the one sentence that is said of what is none."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from forgejo_shim.errors import Unreadable
from forgejo_shim.spec.compare import compare
from forgejo_shim.spec.document import operations, parse
from small_specs import GONE, SMALL, put, spec

POST = "/paths/~1things~1{id}/post"
TEXT = json.dumps(SMALL)
V = "/definitions/Thing/properties/value"
LAUGHS = b"swagger: '2.0'\npaths: {}\na0: &a0 [x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)
)


def refused(data: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        parse(data, "x.json")
    assert (caught.value.exit_code, caught.value.cause) == (8, "spec-unreadable")
    assert caught.value.message.startswith("x.json ") and "\n" not in caught.value.message
    return caught.value.message.removeprefix("x.json ")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (TEXT[:500].encode(), "is broken or cut-off JSON: "),
        (b"{", "is broken or cut-off JSON: "),
        (b"[]", "is a list, not Swagger 2.0"),
        (b"<!DOCTYPE html>\n<html>sign in", "is an HTML page, not Swagger 2.0"),
        (b"\xef\xbb\xbf <HTML>", "is an HTML page"),
        (b"<?xml?>", "is XML or HTML"),
        (b"404 page not found\n", "is plain text, not Swagger 2.0"),
        (b"# nothing\n", "is empty, not Swagger 2.0"),
        (b'{"message": "not found", "url": "x"}', "has no 'swagger'"),
        (b'{"openapi": "3.0.1", "paths": {}}', "is OpenAPI 3.0.1; only Swagger 2.0 is read"),
        (b'{"swagger": "1.2", "paths": {}}', "is Swagger '1.2'; only 2.0 is read"),
        (b'{"swagger": "2.0"}', "has no paths at /"),
        (b'{"swagger": "2.0", "swagger": "2.0"}', "says 'swagger' twice in one object"),
        (b'{"swagger": "2.0", "x": NaN}', "is broken JSON: NaN is no number"),
        (b'{"swagger": "2.0", "paths": {}, "x": 1e999}', "holds a number that JSON has not"),
        (b'{"swagger": "2.0", "x": 1' + b"0" * 5000 + b"}", "holds a number of too many digits"),
        (b'{"swagger": "2.0", "paths": {}, "x": "\\ud800"}', "holds half a character"),
        (b'{"a":' * 3000, "is nested too deeply"),
        (b'{"swagger": "2.0", "paths": {}, "x":' + b"[" * 200 + b"]" * 200 + b"}", "is nested too deeply"),
        (b"\xff\xfe\x00\x00\xff", "is neither JSON nor YAML"),
        (b"swagger: '2.0'\n  bad: [", "is neither JSON nor YAML: "),
        (b"swagger: '2.0'\npaths: {}\npaths: {}\n", "says 'paths' twice in one mapping, in line 3"),
        (b"swagger: '2.0'\npaths: {}\n? [a]\n: b\n", "has a key that is no text in line 3"),
        (b"swagger: '2.0'\npaths: {}\na: &a [*a]\n", "is nested too deeply"),
        (b"swagger: '2.0'\npaths: {}\na: !!binary aGk=\n", "holds a value that JSON has not: bytes"),
        (b"swagger: '2.0'\npaths: {}\na: !!int x\n", "is neither JSON nor YAML"),
        (b"swagger: '2.0'\npaths: {}\na: !!python/name:os.system x\n", "is neither JSON nor YAML: could not determine"),
        (b"a: b\n---\nc: d\n", "is neither JSON nor YAML: but found another document in line 2"),
        (LAUGHS, "is too large, its aliases written out"),
    ],
)
def test_what_is_no_document(data: bytes, said: str) -> None:
    assert refused(data).startswith(said)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("/paths", [], "needs a mapping at /paths"),
        ("/info", None, "needs a mapping at /info"),
        ("/paths", {"x": {}}, "has a path that begins with no slash: 'x'"),
        ("/paths", {"/x": {"get": []}}, "needs a mapping at /paths/~1x/get, for the operation"),
        (f"{POST}/responses", GONE, f"has no responses at {POST}"),
        (f"{POST}/responses/", {}, f"has an answer with the code '' at {POST}/responses"),
        (f"{POST}/responses/2XX", {}, f"has an answer with the code '2XX' at {POST}/responses"),
        (f"{POST}/responses/200", "ok", f"needs a mapping at {POST}/responses/200"),
        (f"{POST}/parameters", {}, f"needs a list at {POST}/parameters"),
        (f"{POST}/parameters/0/in", GONE, f"has no in at {POST}/parameters/0"),
        (f"{POST}/parameters/0/in", "cookie", f"has a parameter in 'cookie' at {POST}/parameters"),
        (f"{POST}/parameters/0/required", "yes", f"needs true or false at {POST}/parameters/0/required"),
        (f"{POST}/parameters/2/name", 7, f"needs a text at {POST}/parameters/2/name"),
        (
            f"{POST}/parameters/3",
            SMALL["paths"]["/things/{id}"]["post"]["parameters"][2],
            "has the parameter query tags",
        ),
        (f"{POST}/operationId", [], f"needs a text at {POST}/operationId"),
        (f"{POST}/security", [{"Nobody": []}], f"asks for 'Nobody' at {POST}/security"),
        ("/security", {"Token": []}, "needs a list at /security"),
        ("/consumes", "application/json", "needs a list of texts at /consumes"),
        (f"{V}/enum", "a", f"needs a list at {V}/enum"),
        (f"{V}/type", [], f"needs a text or a list of texts at {V}/type"),
        (f"{V}/maximum", "7", f"needs a number at {V}/maximum"),
        (f"{V}/items", [{}], f"needs a mapping at {V}/items"),
        (f"{V}/required", True, f"needs a list of texts at {V}/required"),
        (f"{V}/allOf", [7], f"needs a mapping at {V}/allOf/0"),
        (V, {"$ref": 7}, f"has a $ref that is no text, at {V}"),
        (V, {"$ref": "#/definitions/None"}, f"refers to '#/definitions/None' at {V}, where nothing fitting stands"),
        (V, {"$ref": "#/definitions/Thing/type"}, "refers to '#/definitions/Thing/type'"),
        (V, {"$ref": "other.json#/x"}, f"refers to 'other.json#/x' outside of itself, at {V}; bundle it"),
        (V, {"$ref": "https://x.example/y"}, "refers to 'https://x.example/y' outside of itself"),
        (V, {"$ref": f"#{V}"}, f"refers to '#{V}' round in a ring"),
        (f"{POST}/responses/404", {"$ref": "#/responses/None"}, "refers to '#/responses/None'"),
        (f"{POST}/parameters/2", {"$ref": "#/definitions/Thing"}, "has no name at /definitions/Thing"),
    ],
)
def test_what_is_said_of_a_wrong_part(place: str, value: Any, said: str) -> None:
    assert refused(json.dumps(put(place, value)).encode()).startswith(said)


def test_a_wrong_part_that_no_operation_uses_is_found_too() -> None:
    assert "'#/x'" in refused(json.dumps(put("/definitions/Spare/properties/id", {"$ref": "#/x"})).encode())


def test_forgejos_template_is_a_document() -> None:
    template = TEXT.replace('"/api/v1"', '"{{AppSubUrl | JSEscape}}/api/v1"').replace('"1"', '"{{AppVer | JSEscape}}"')
    document = parse(b"\xef\xbb\xbf" + template.encode(), "v1_json.tmpl")
    assert document.base_path == "/api/v1" and compare(document, spec(SMALL)) == []


def test_yaml_is_read_as_json_would_be() -> None:
    yaml = """
        swagger: 2.0
        basePath: /api/v1
        paths:
          /on:
            get:
              responses:
                200: {description: 'yes', schema: {$ref: '#/definitions/No'}}
        definitions:
          No:
            type: object
            properties: &some
              on: {type: string, enum: [on, off, 2001-01-01, 0x10, 1_0], default: null}
              no: {type: integer, minimum: -1, maximum: 1.5, x-nullable: true}
          Yes:
            properties:
              <<: *some
              y: {type: number}
    """
    document = parse(yaml.encode(), "x.yaml")
    assert list(operations(document)["GET /on"].responses) == ["200"]
    properties = document.content["definitions"]["No"]["properties"]
    assert properties["on"] == {"type": "string", "enum": ["on", "off", "2001-01-01", "0x10", "1_0"], "default": None}
    assert properties["no"] == {"type": "integer", "minimum": -1, "maximum": 1.5, "x-nullable": True}
    assert list(document.content["definitions"]["Yes"]["properties"]) == ["on", "no", "y"]
    assert compare(document, spec(document.content)) == []


def test_a_document_in_json_needs_no_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "forgejo_shim.spec.yaml_text", raising=False)
    assert parse(TEXT.encode(), "x").content == SMALL
    assert refused(b"swagger: '2.0'") == "is YAML, which needs more: pip install 'forgejo-shim[spec]'"


def test_an_operation_has_all_that_holds_for_it() -> None:
    shared = {"in": "query", "name": "page", "type": "integer"}
    content = put("/parameters", {"page": shared})
    content = put("/paths/~1things~1{id}/parameters", [{"$ref": "#/parameters/page"}], content)
    content = put("/paths/~1things~1{id}/get", {"responses": {"200": {"description": ""}}, "security": []}, content)
    content = put(f"{POST}/parameters/3", {**shared, "type": "string"}, content)
    found = operations(spec(content))
    assert list(found) == ["GET /things/{id}", "POST /things/{id}"]
    get, post = found.values()
    assert get.parameters["query page"] == (shared, "/parameters/page", True)
    assert post.parameters["query page"].content["type"] == "string"
    assert list(post.parameters) == ["query page", "path id", "body", "query tags"]
    assert (get.security, post.security) == (("no credentials",), ("Token",))
    assert get.consumes == get.produces == ("application/json",)
    ways = put("/security", [{"Code": [], "Basic": []}, {"Token": ["b", "a"]}])
    assert operations(spec(ways))["POST /things/{id}"].security == ("Basic + Code", "Token(a, b)")
