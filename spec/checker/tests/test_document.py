"""What is read as a Swagger 2.0 document, and the one sentence that is said of what is none."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import pytest
from small_specs import GONE, SMALL, put, spec
from swagger_breaking.compare import compare
from swagger_breaking.document import operations, parse
from swagger_breaking.errors import Unreadable
from swagger_breaking.extract import extract, facts
from swagger_breaking.scope import EVERYTHING

POST = "/paths/~1things~1{id}/post"
TEXT = json.dumps(SMALL)
V = "/definitions/Thing/properties/value"
LAUGHS = b"swagger: '2.0'\npaths: {}\na0: &a0 [x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 12)
)


def refused(data: bytes) -> str:
    with pytest.raises(Unreadable) as caught:
        parse(data, "x.json")
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
        (b'{"swagger": "2.0", "paths": {}, "x": 1e9999}', "holds a number of too many digits"),
        (b'{"swagger": "2.0", "x": 1' + b"0" * 5000 + b"}", "holds a number of too many digits"),
        (b'{"swagger": "2.0", "paths": {}, "x": "\\ud800"}', "holds half a character"),
        (b'{"a":' * 100_000, "is nested too deeply"),
        (b'{"swagger": "2.0", "paths": {}, "x":' + b"[" * 200 + b"]" * 200 + b"}", "is nested too deeply"),
        (b"\xff\xfe\x00\x00\xff", "is neither JSON nor YAML"),
        (b"swagger: '2.0'\n  bad: [", "is neither JSON nor YAML: "),
        (b"swagger: '2.0'\npaths: {}\npaths: {}\n", "says 'paths' twice in one mapping, in line 3"),
        (b"swagger: '2.0'\npaths: {}\n? [a]\n: b\n", "has a key that is no text in line 3"),
        (b"swagger: '2.0'\npaths: {}\na: &a [*a]\n", "is nested too deeply"),
        (b"swagger: '2.0'\npaths: {}\na: !!set {b, c}\n", "holds a value that JSON has not: set"),
        (b"swagger: '2.0'\npaths: {}\na: -.Inf\n", "holds a number that JSON has not"),
        (
            b"swagger: '2.0'\npaths: {}\na: &a {b: 1}\nc: {<<: *a, <<: *a}\n",
            "says '<<' twice in one mapping, in line 4",
        ),
        (b"swagger: '2.0'\npaths: {}\na: &a {b: 1}\nc: {<<: *a, b: 1, b: 2}\n", "says 'b' twice in one mapping"),
        (b"swagger: '2.0'\npaths: {}\na: {<<: x}\n", "merges what is no mapping in line 3"),
        (b"swagger: '2.0'\npaths: {}\na: &a {<<: *a}\n", "is nested too deeply"),
        (b"{swagger: '2.0', paths: {}, paths: {}}", "says 'paths' twice in one mapping"),
        (b"swagger: '2.0'\npaths: {}\na: !!int x\n", "is neither JSON nor YAML"),
        (b"swagger: '2.0'\npaths: {}\na: !!python/name:os.system x\n", "is neither JSON nor YAML: could not determine"),
        (b"a: b\n---\nc: d\n", "holds a second YAML document, from line 3"),
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
        (f"{V}/items", [7], f"needs a mapping at {V}/items/0"),
        ("/paths/~1x", {"GET": {"responses": {}}}, "has the method 'GET' at /paths/~1x; Swagger 2.0 writes it 'get'"),
        (f"{V}/required", True, f"needs a list of texts at {V}/required"),
        (f"{V}/allOf", [7], f"needs a mapping at {V}/allOf/0"),
        (V, {"$ref": 7}, f"has a $ref that is no text, at {V}"),
        (V, {"$ref": "#/definitions/None"}, f"refers to '#/definitions/None' at {V}, where nothing fitting stands"),
        (V, {"$ref": "#/definitions/Thing/type"}, "refers to '#/definitions/Thing/type'"),
        (V, {"$ref": "other.json#/x"}, f"refers to 'other.json#/x' outside of itself, at {V}; bundle all"),
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


def test_a_template_is_a_document() -> None:
    template = TEXT.replace('"/api/v1"', '"{{SubPath}}/api/v1"').replace('"1"', '"{{Version}}"')
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
              on: {type: string, enum: [on, off, 2001-01-01, 1_0], default: null}
              no: {type: integer, minimum: -1, maximum: 1.5, x-nullable: true}
          Yes:
            properties:
              <<: *some
              y: {type: number}
    """
    document = parse(yaml.encode(), "x.yaml")
    assert list(operations(document)["GET /on"].responses) == ["200"]
    properties = document.content["definitions"]["No"]["properties"]
    assert properties["on"] == {"type": "string", "enum": ["on", "off", "2001-01-01", "1_0"], "default": None}
    assert properties["no"] == {"type": "integer", "minimum": -1, "maximum": 1.5, "x-nullable": True}
    assert list(document.content["definitions"]["Yes"]["properties"]) == ["on", "no", "y"]
    assert compare(document, spec(document.content)) == []


BASE = {"a": {"b": 1, "c": 2}}
# YAML, and what it is in JSON: what the document has under `x`.
YAML = {
    "a key that overrides what is merged": ("a: &a {b: 1, c: 2}\nd: {<<: *a, b: 3}", {**BASE, "d": {"b": 3, "c": 2}}),
    "the key before the merge": ("a: &a {b: 1, c: 2}\nd:\n  b: 3\n  <<: *a", {**BASE, "d": {"b": 3, "c": 2}}),
    "several sources, the first wins": (
        "a: &a {b: 1, c: 2}\nd: &d {b: 4, e: 5}\nf: {<<: [*d, *a]}",
        {**BASE, "d": {"b": 4, "e": 5}, "f": {"b": 4, "c": 2, "e": 5}},
    ),
    "a merge in what is merged": (
        "a: &a {b: 1, c: 2}\nd: &d {<<: *a, c: 3}\ne: {<<: *d, b: 4}\nf: {<<: *d}",
        {**BASE, "d": {"b": 1, "c": 3}, "e": {"b": 4, "c": 3}, "f": {"b": 1, "c": 3}},
    ),
    "a merge below a merge": (
        "a: &a {b: {c: 1}}\nd: {<<: *a, e: {<<: *a}}",
        {"a": {"b": {"c": 1}}, "d": {"b": {"c": 1}, "e": {"b": {"c": 1}}}},
    ),
    "nothing merged": ("a: {<<: [], b: 1}\nc: {<<: {d: 1}}", {"a": {"b": 1}, "c": {"d": 1}}),
    "a key that is no merge": ("a: {'<<': 1, b: 2}", {"a": {"<<": 1, "b": 2}}),
    "an alias of a text, as a key too": ("a: &a b\nc: [*a, *a]\n*a : 1", {"a": "b", "c": ["b", "b"], "b": 1}),
    "an anchor once more": ("a: &a 1\nb: *a\nc: &a 2\nd: *a", {"a": 1, "b": 1, "c": 2, "d": 2}),
    "keys that are no texts": (
        "200: a\non: b\nyes: c\nnull: d\n1.5: e\n2001-01-01: f\ntrue: g\n~: h",
        {"200": "a", "on": "b", "yes": "c", "null": "d", "1.5": "e", "2001-01-01": "f", "true": "g", "~": "h"},
    ),
    "an explicit key": ("? a\n: 1\n? 'b'\n: 2", {"a": 1, "b": 2}),
    "dates and words": ("[2001-01-01, 2001-12-14t21:59:43.10Z, yes, No, on, y, 1:30]", None),
    "tags": (
        "[!!str 200, !!int '3', !!bool 'true', !!null '', !!float 1, !!map {a: 1}, !!seq [1], ! b]",
        ["200", 3, True, None, 1, {"a": 1}, [1], "b"],
    ),
    "a date and bytes by tag": ("[!!timestamp 2001-01-01, !!binary aGk=]", ["2001-01-01", "aGk="]),
    "an application's own tags": ("[!Sub 'a', !Ref b, !x {c: !y [1]}, !<tag:example.org,2000:z> d]", None),
    "numbers": (
        "[+5, 0x1F, 0o17, .5, 5., 1e3, 012, -0, 1_000, 0b1]",
        [5, 31, 15, 0.5, 5.0, 1000.0, 12, 0, "1_000", "0b1"],
    ),
    "comments": ("# a\na: 1 # b\n# c\nb: '#'", {"a": 1, "b": "#"}),
    "tabs": ("a:\t1\t# b\n\t\n \t# c\nb: [\t2,\n\t3]\n\t\n", {"a": 1, "b": [2, 3]}),
    "folded and literal texts": ("a: >-\n  b\n  c\nd: |\n  e\n  f\n", {"a": "b c", "d": "e\nf\n"}),
    "odd spaces in a text": ("a: b\u2028c\nd: e\u0085f", {"a": "b c", "d": "e f"}),
    "in braces": ("{a: {b: 'c', \"d\": [e, f,],},}", {"a": {"b": "c", "d": ["e", "f"]}}),
    "the long way round": ('"a": "\\x41\\u00e9\\/"', {"a": "A\u00e9/"}),
}
YAML["dates and words"] = (
    YAML["dates and words"][0], ["2001-01-01", "2001-12-14t21:59:43.10Z", "yes", "No", "on", "y", "1:30"]
)  # fmt: skip
YAML["an application's own tags"] = (YAML["an application's own tags"][0], ["a", "b", {"c": [1]}, "d"])


def below_x(text: str) -> str:
    """A document with this YAML under `x`."""
    return "swagger: '2.0'\npaths: {}\nx:\n" + "".join(f"  {line}" for line in re.findall(".+\n?|\n", text))


@pytest.mark.clause("K9")
@pytest.mark.parametrize("what", YAML)
def test_yaml_is_what_yaml_says(what: str) -> None:
    text, value = YAML[what]
    for data in (below_x(text).encode(), below_x(text).replace("\n", "\r\n").encode()):
        assert parse(data, "x.yaml").content["x"] == value


@pytest.mark.clause("K9")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"])
@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        json.dumps(SMALL, indent="\t").replace("\n", "\r\n"),
        "# a document\n%YAML 1.2\n---\n" + TEXT + "\n...\n",
        "---\n" + TEXT + "\n---\n# nothing more\n",
        "{swagger: '2.0', " + TEXT.partition(",")[2],
    ],
    ids=["plain", "tabs and CRLF", "directives", "an empty document after it", "YAML in braces"],
)
def test_how_a_text_is_written_is_no_matter(text: str, encoding: str) -> None:
    assert parse(text.encode(encoding), "x").content == SMALL


@pytest.mark.clause("K9")
def test_json_may_have_any_number() -> None:
    text = TEXT.replace('"info"', '"x": [1e400, 1E+2, 1e-400, 123456789012345678901234567890, -0.0, 1.50], "info"')
    document = parse(text.encode(), "x")
    assert document.content["x"] == [10**400, 100.0, 0.0, 123456789012345678901234567890, 0.0, 1.5]
    base, head = (spec(put(f"{V}/maximum", value)) for value in (10**400, 10**401))
    assert [change.kind for change in compare(base, head)] == ["limit-widened"] * 2
    assert parse(json.dumps(document.content).encode(), "x").content == document.content


OK = {"description": ""}
QUERY = {"in": "query", "name": "a", "type": "string"}
LEGAL = [
    ("/x-own", {"$ref": "nowhere.json", "type": 7}),
    ("/paths", {}),
    ("/paths/x-own", [1]),
    ("/paths/~1empty", {}),
    ("/paths/~1things~1{id}/x-own", "GET"),
    ("/paths/~1shared", {"parameters": [QUERY], "get": {"responses": {"200": OK}}}),
    ("/paths/~1again", {"$ref": "#/paths/~1things~1{id}"}),
    (f"{POST}/x-own", None),
    (f"{POST}/responses", {"default": OK}),
    (f"{POST}/responses/x-own", 7),
    (f"{POST}/responses/599", OK),
    (f"{POST}/responses/699", OK),
    (f"{POST}/responses/200/schema", {"type": "file"}),
    (f"{POST}/responses/200/schema", GONE),
    (f"{POST}/responses/200/headers/X-N", {"type": "array", "items": {"type": "integer"}}),
    (f"{POST}/parameters", [{"in": "formData", "name": "f", "type": "file"}]),
    (f"{POST}/parameters", [QUERY | {"type": "array", "items": {"type": "array", "items": {"type": "string"}}}]),
    (f"{POST}/parameters", [QUERY, QUERY | {"in": "header"}]),
    (f"{POST}/parameters/2/x-own", {}),
    (f"{POST}/security", []),
    (f"{POST}/security", [{}, {"Token": [], "Basic": []}]),
    (f"{POST}/consumes", []),
    (f"{POST}/schemes", ["https", "wss"]),
    ("/host", "forge.example:8443"),
    ("/basePath", "/"),
    ("/basePath", ""),
    ("/basePath", GONE),
    ("/definitions/a~1b c\u00ab\u00bb", {"type": "object"}),
    ("/definitions/Thing/discriminator", "value"),
    ("/definitions/Thing/properties/$ref", {"type": "string"}),
    ("/definitions/Thing/properties/x-own", {"type": "string"}),
    ("/definitions/Thing/properties/default", {"type": "string"}),
    ("/definitions/Thing/example", {"$ref": "other.json#/x"}),
    (f"{V}/default", {"$ref": "other.json#/x"}),
    (f"{V}/enum", [1, "1", None, True, [1], {"a": 1}]),
    (f"{V}/format", "of our own"),
    (f"{V}/type", ["string", "null"]),
    (f"{V}/additionalProperties", True),
    (f"{V}/additionalProperties", False),
    (f"{V}/additionalProperties", {}),
    (V, {}),
    (V, {"type": "array", "items": [{"type": "string"}, {"$ref": "#/definitions/Spare"}]}),
    (V, {"$ref": "#/definitions/Spare", "description": "beside it", "type": 7, "x-own": 1}),
    (V, {"$ref": "#/definitions/Sp%61re"}),
    (V, {"$ref": f"#{POST}/responses/200/schema"}),
    (V, {"allOf": [{"$ref": "#/definitions/Thing"}, {"allOf": []}]}),
    (V, {"not": {}, "anyOf": 1, "xml": {"name": "v"}, "externalDocs": {"url": "https://x.example"}}),
    ("/definitions/Thing/allOf", [{"$ref": "#/definitions/Thing"}]),
]  # fmt: skip


@pytest.mark.clause("K9")
@pytest.mark.parametrize(("place", "value"), LEGAL, ids=[str(number) for number in range(len(LEGAL))])
def test_what_swagger_allows_is_read(place: str, value: Any) -> None:
    document = spec(put(place, value))
    assert compare(document, document) == []
    made = spec(extract(document, EVERYTHING))
    assert extract(made, EVERYTHING) == made.content
    assert {change.kind for change in compare(document, made)} <= {"definition-removed", "host-changed"}
    facts(document, EVERYTHING)


def test_a_document_in_json_needs_no_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "swagger_breaking.yaml_text", raising=False)
    assert parse(TEXT.encode(), "x").content == SMALL
    with pytest.raises(ImportError):
        parse(b"swagger: '2.0'", "x")


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
