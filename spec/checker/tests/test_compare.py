"""What `compare` finds: every change, once, mirrored the other way round; nothing where nothing changed."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from openapi_spec_validator import OpenAPIV2SpecValidator
from small_specs import GONE, SMALL, put, spec
from swagger_breaking.change import MIRRORED, Change
from swagger_breaking.compare import compare
from swagger_breaking.document import operations
from swagger_breaking.errors import Unreadable
from swagger_breaking.extract import extract, facts
from swagger_breaking.rules import judge
from swagger_breaking.scope import EVERYTHING, by_paths, of_document

LARGE = json.loads((Path(__file__).parent / "data/jobs.json").read_text())
THING = {"$ref": "#/definitions/Thing"}
POST = "/paths/~1things~1{id}/post"


def told(base: Any, head: Any, scope: Any = EVERYTHING) -> list[tuple[str, str, str]]:
    return [(change.kind, change.where, change.direction) for change in compare(spec(base), spec(head), scope)]


def mirrored(changes: list[Change]) -> Counter[str]:
    return Counter(
        json.dumps(
            [MIRRORED[c.kind], c.operation, c.where, c.direction, c.new, c.old, c.head_at, c.base_at, c.operations]
        )
        for c in changes
    )


def as_text(changes: list[Change]) -> Counter[str]:
    return Counter(
        json.dumps([c.kind, c.operation, c.where, c.direction, c.old, c.new, c.base_at, c.head_at, c.operations])
        for c in changes
    )


def places(value: Any, at: str = "") -> Iterator[str]:
    """The JSON pointers of all that a value holds."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        here = f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}"
        yield here
        yield from places(one, here)


PLACES = {name: list(places(content)) for name, content in (("small", SMALL), ("large", LARGE))}
VALUES = [GONE, None, True, 1, "x", "integer", [], ["x"], {}, {"type": "string"}, THING, {"x": {"type": "integer"}}]


@some.composite
def mutants(draw: some.DrawFn) -> tuple[Any, Any]:
    """A document and one that differs from it in a few places, whether that makes sense or not."""
    name = draw(some.sampled_from(sorted(PLACES)))
    base = head = SMALL if name == "small" else LARGE
    for _ in range(draw(some.integers(1, 4))):
        place, value = draw(some.sampled_from(PLACES[name])), draw(some.sampled_from(VALUES))
        try:
            head = put(place, value, head)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError):
            continue  # what held this place is not there any more
    return base, head


@settings(max_examples=60, deadline=None, derandomize=True)
@given(mutants())
def test_the_other_way_round_is_the_mirrored_list(pair: tuple[Any, Any]) -> None:
    base = spec(pair[0])
    try:
        head = spec(pair[1])
    except Unreadable as error:
        assert "\n" not in error.message
        return
    for scope in (EVERYTHING, by_paths("/**/jobs/**")):
        forward, backward = compare(base, head, scope), compare(head, base, scope)
        if {operation.path for operation in operations(base).values()} == {
            operation.path for operation in operations(head).values()
        }:
            assert mirrored(forward) == as_text(backward)
        assert len(judge(forward)) == len(forward) and len(judge(backward)) == len(backward)
        assert compare(head, head, scope) == []
        small = spec(extract(head, scope))
        assert extract(small, scope) == small.content
        assert facts(small, scope) == facts(head, scope)


def schemas(node: Any, at: str) -> Iterator[str]:
    """Where the schemas in a definition stand."""
    yield at
    for name, one in node.get("properties", {}).items():
        yield from schemas(one, f"{at}/properties/{name}")
    if "items" in node:
        yield from schemas(node["items"], f"{at}/items")


def changed_definitions() -> Iterator[Any]:
    for content in (LARGE, SMALL):
        for name, definition in content["definitions"].items():
            for at in schemas(definition, f"/definitions/{name}"):
                yield content, name, put(at, {"type": "boolean", "format": "odd"}, content)
                yield content, name, put(f"{at}/x-nullable", True, put(f"{at}/x-nullable", GONE, content))
                yield content, name, put(f"{at}/enum", [3], content)


def test_every_change_of_a_definition_is_named_and_no_other_is() -> None:
    for content, name, changed in changed_definitions():
        if content == changed or "$ref" in json.dumps(changed["definitions"][name].get("items", "")):
            continue
        for base, head in ((content, changed), (changed, content)):
            found = compare(spec(base), spec(head))
            assert found, (name, changed["definitions"][name], content["definitions"][name])
            assert {c.where.split(".")[0].split("[")[0] for c in found} <= {f"definition {name}", f"definition {name} "}


def test_a_change_that_many_operations_show_is_told_once_a_direction() -> None:
    more = copy.deepcopy(SMALL)
    more["paths"]["/others"] = {
        "get": {"responses": {"200": {"description": "", "schema": {"type": "array", "items": THING}}}}
    }
    changed = put("/definitions/Thing/properties/id/type", "string", more)
    found = {change.direction: change for change in compare(spec(more), spec(changed))}
    assert {direction: change.operations for direction, change in found.items()} == {
        "request": ("POST /things/{id}",),
        "response": ("GET /others", "POST /things/{id}"),
    }
    assert {change.where for change in found.values()} == {"definition Thing.id"}
    at = "/definitions/Thing/properties/id/type"
    assert {(change.operation, change.base_at, change.head_at) for change in found.values()} == {("", at, at)}


def test_definitions_that_hold_each_other_end() -> None:
    ring = put("/definitions/Thing/properties/parent", THING)
    ring = put("/definitions/Thing/properties/spare", {"$ref": "#/definitions/Spare"}, ring)
    ring = put("/definitions/Spare/properties/things", {"type": "array", "items": THING}, ring)
    assert compare(spec(ring), spec(ring)) == []
    changed = put("/definitions/Spare/properties/id/format", "int64", ring)
    assert told(ring, changed) == [
        ("format-narrowed", "definition Spare.id", "request"),
        ("format-narrowed", "definition Spare.id", "response"),
    ]
    written_out = put("/definitions/Thing/properties/parent", {"type": "object", "properties": {"parent": THING}}, ring)
    assert ("property-removed", "definition Thing.parent.spare", "response") in told(ring, written_out)


def test_what_is_named_otherwise_or_written_out_has_not_changed() -> None:
    text = json.dumps(SMALL)
    renamed = json.loads(text.replace('"Thing"', '"Item"').replace("/Thing", "/Item").replace('"Spare"', '"Rest"'))
    inline = put(f"{POST}/parameters/1/schema", SMALL["definitions"]["Thing"])
    shared = put("/responses", {"Saved": SMALL["paths"]["/things/{id}"]["post"]["responses"]["200"]})
    shared = put(f"{POST}/responses/200", {"$ref": "#/responses/Saved"}, shared)
    of_path = put(f"{POST}/parameters/0", GONE)
    of_path = put("/paths/~1things~1{id}/parameters", SMALL["paths"]["/things/{id}"]["post"]["parameters"][:1], of_path)
    alias = put("/definitions/Alias", THING, put(f"{POST}/responses/200/schema", {"$ref": "#/definitions/Alias"}))
    parts = put(f"{POST}/responses/200/schema", {"allOf": [THING]})
    for same in (renamed, inline, shared, of_path, parts):
        assert told(SMALL, same) == told(same, SMALL) == []
    assert told(SMALL, alias) == [("definition-added", "definition Alias", "")]
    changed = put("/definitions/Item/properties/id/type", "string", renamed)
    assert {where for _, where, _ in told(SMALL, changed)} == {"definition Thing (now Item).id"}


def test_what_is_not_compared() -> None:
    for place, value in (
        (f"{POST}/description", "x"),
        (f"{POST}/tags", ["x"]),
        ("/definitions/Thing/title", "x"),
        ("/definitions/Thing/x-go-name", "x"),
        ("/definitions/Thing/properties/id/example", 7),
        (f"{POST}/parameters/2/collectionFormat", "csv"),
        ("/definitions/Thing/additionalProperties", True),
        ("/basePath", "{{SubPath}}/api/v1/"),
        ("/definitions/Thing/properties/value", {"type": ["string"]}),
    ):
        assert told(SMALL, put(place, value)) == [], place


def test_json_values_are_not_pythons() -> None:
    place = "/definitions/Thing/properties/value/enum"
    assert told(put(place, [1]), put(place, [1.0])) == []
    assert len(told(put(place, [1]), put(place, [True]))) == 4  # added and removed, sent and answered


def test_a_change_in_a_shared_part_is_told_as_its_own() -> None:
    base = put("/definitions/Thing/allOf", [{"$ref": "#/definitions/Spare"}])
    changed = put("/definitions/Spare/properties/id/type", "string", base)
    ways = ("request", "response")
    assert told(base, changed) == [("type-changed", "definition Spare.id", way) for way in ways]
    inherits, has = put("/definitions/Thing/allOf", [{"$ref": "#/definitions/Spare"}]), SMALL
    assert told(inherits, has) == told(has, inherits) == []


def test_scopes() -> None:
    globs = by_paths("/repos/*/*/actions/**", "/version")
    assert "GET /repos/{owner}/{repo}/actions/runs/{run_id}" in globs and "GET /version" in globs
    assert "GET /repos/{owner}/{repo}" not in globs and "GET /x/repos/{owner}/{repo}/actions/runs" not in globs
    ours = of_document(spec(LARGE))
    assert "GET /repos/{o}/{r}/actions/jobs/{id}/logs" in ours and "GET /repos/{o}/{r}/actions/jobs" not in ours
    more = put("/paths/~1more", {"get": {"responses": {}}})
    assert told(SMALL, more, of_document(spec(SMALL))) == []
    assert told(SMALL, put("/definitions/Spare/type", "string"), by_paths("/**")) == []


@pytest.mark.parametrize("content", [LARGE, SMALL], ids=["large", "small"])
def test_an_extract_stands_for_itself(content: Any) -> None:
    document = spec(content)
    for made in (extract(document, EVERYTHING), facts(document, EVERYTHING)):
        assert list(OpenAPIV2SpecValidator(made).iter_errors()) == []
        changes = {change.kind for change in compare(document, spec(made))}
        assert changes <= {"definition-removed"}
        assert extract(spec(made), EVERYTHING) == made
    assert "x-go" not in json.dumps(facts(document, EVERYTHING))


def test_what_stands_beside_a_reference_is_not_read() -> None:
    odd = spec(put("/definitions/Thing/properties/value", {**THING, "properties": "odd", "items": [7]}))
    assert facts(odd, EVERYTHING)["definitions"]["Thing"]["properties"]["value"]["properties"] == "odd"


def test_facts_keep_a_property_called_description() -> None:
    content = put("/definitions/Thing/properties/description", {"type": "string", "description": "prose"})
    assert facts(spec(content), EVERYTHING)["definitions"]["Thing"]["properties"]["description"] == {"type": "string"}


def test_an_extract_holds_what_is_referenced_and_no_more() -> None:
    content = put("/definitions/Thing/properties/deep", {"$ref": "#/definitions/Deep/properties/one"})
    content = put("/definitions/Deep", {"properties": {"one": {"$ref": "#/definitions/Alias"}}}, content)
    content = put("/definitions/Alias", {"$ref": "#/definitions/Last"}, content)
    content = put("/definitions/Last", {"type": "string"}, content)
    assert set(extract(spec(content), EVERYTHING)["definitions"]) == {"Alias", "Deep", "Last", "Thing"}
    assert "definitions" not in extract(spec(content), by_paths("/nothing"))
    shared = put("/parameters", {"page": {"in": "query", "name": "page", "type": "integer"}})
    shared = put("/paths/~1things~1{id}/parameters", [{"$ref": "#/parameters/page"}], shared)
    made = extract(spec(shared), EVERYTHING)
    assert made["parameters"] == shared["parameters"] and compare(spec(shared), spec(made), by_paths("/**")) == []


@pytest.mark.clause("K8")
@pytest.mark.parametrize("ref", ["#/paths/~1others/get/responses/200/schema", "#/x-own/Odd", "#/tags/0"])
def test_an_extract_has_what_stands_in_no_section_of_its_own(ref: str) -> None:
    content = put("/paths/~1others", {"get": {"responses": {"200": {"description": "", "schema": {"type": "string"}}}}})
    content = put("/definitions/Thing/properties/odd", {"$ref": ref}, put("/tags", [{}], content))
    document = spec(put("/x-own", {"Odd": {"properties": {"more": {"$ref": ref}}}}, content))
    made = spec(extract(document, by_paths("/things/*")))
    assert compare(document, made, by_paths("/things/*")) == []
    assert made.content["paths"].keys() == {"/things/{id}"} and extract(made, EVERYTHING) == made.content


def test_a_whole_document_is_no_part_of_itself() -> None:
    content = put("/definitions/Thing/properties/odd", {"$ref": "#"})
    with pytest.raises(Unreadable, match="^small refers to itself as a whole"):
        extract(spec(content), EVERYTHING)


def test_another_type_is_one_change() -> None:
    array = {"type": "array", "items": {"type": "string"}}
    base, head = put("/definitions/Thing/properties/value", array), put("/definitions/Thing/properties/value", THING)
    for one, other in ((base, head), (head, base)):
        assert sorted(told(one, other)) == [
            ("type-changed", "definition Thing.value", w) for w in ("request", "response")
        ]
    wide = put("/definitions/Thing/properties/value", {"type": "integer", "format": "int64"})
    assert {kind for kind, _, _ in told(wide, head)} == {"type-changed"}, "the format goes with its type"
    assert [kind for kind, _, way in told(base, SMALL) if way == "request"] == ["type-changed"]


def test_a_basepath_of_a_template_is_filled_in_where_it_is_extracted() -> None:
    assert extract(spec(put("/basePath", "{{SubPath}}/api/v1")), EVERYTHING)["basePath"] == "/api/v1"


def test_definitions_that_hold_each_other_out_of_step_end() -> None:
    value = "/definitions/Thing/properties/value"
    base = put(value, {"properties": {"value": THING}})
    head = put(
        "/definitions/Other", {"properties": {"value": {"properties": {"value": {"$ref": "#/definitions/Other"}}}}}
    )
    head = put(value, {"$ref": "#/definitions/Other"}, head)
    assert ("property-removed", "definition Thing.value.value.id", "response") in told(base, head)
    assert told(SMALL, put("/definitions/Thing/allOf", [THING])) == []


def test_what_a_used_definition_shares_with_an_unused_one_is_told_of_its_use() -> None:
    base = put("/definitions/Spare/properties/thing", THING)
    changed = put("/definitions/Thing/properties/id/type", "string", base)
    assert {way for _, _, way in told(base, changed)} == {"request", "response"}
    both = put("/definitions/Spare/properties/id/type", "string", changed)
    assert ("type-changed", "definition Spare.id", "") in told(base, both)


def test_what_several_operations_have_from_one_place_is_told_once() -> None:
    answer = {"200": {"$ref": "#/responses/Saved"}}
    base = put("/responses", {"Saved": {"description": "", "headers": {"X-One": {"type": "string"}}}})
    base = put("/parameters", {"page": {"in": "query", "name": "page", "type": "integer"}}, base)
    for path in ("/a", "/b"):
        operation = {"parameters": [{"$ref": "#/parameters/page"}], "responses": answer}
        base["paths"][path] = {"get": operation}
    head = put("/responses/Saved/headers", {"x-one": {"type": "string"}, "X-Two": {"type": "string"}}, base)
    head = put("/parameters/page/type", "string", put("/security", [{"Basic": []}], head))
    found = {(c.kind, c.operation, c.where): c.operations for c in compare(spec(base), spec(head))}
    assert found == {
        ("security-removed", "", "security"): ("GET /a", "GET /b", "POST /things/{id}"),
        ("security-added", "", "security"): ("GET /a", "GET /b", "POST /things/{id}"),
        ("header-added", "", "response Saved header X-Two"): ("GET /a", "GET /b"),
        ("type-changed", "", "parameter page"): ("GET /a", "GET /b"),
    }


def test_vendor_marks_beside_a_reference_count() -> None:
    place = "/definitions/Thing/properties/spare"
    plain, marked = ({"$ref": "#/definitions/Spare", **more} for more in ({}, {"x-nullable": True}))
    assert [kind for kind, _, _ in told(put(place, plain), put(place, marked))] == ["became-nullable"] * 2
    written_out = {**SMALL["definitions"]["Spare"], "x-nullable": True}
    assert told(put(place, marked), put(place, written_out)) == []


def test_what_was_any_value_is_none_any_more() -> None:
    place = "/definitions/Thing/properties/value"
    base, head = ({"type": "array", **more} for more in ({}, {"items": {"properties": {"id": {"type": "integer"}}}}))
    assert {kind for kind, _, _ in told(put(place, base), put(place, head))} == {"type-narrowed"}


def test_what_says_nothing_new_of_an_operation() -> None:
    base = put("/paths/~1a~1{id}", {"get": {"parameters": [], "responses": {"200": {"description": ""}}}})
    assert told(base, put("/paths/~1a~1{id}/get/consumes", ["text/plain"], base)) == []
    base = put("/paths/~1a~1{id}/get/parameters", [{"in": "path", "name": "id", "type": "string"}], base)
    assert told(base, put("/paths/~1a~1{id}/get/parameters/0/required", True, base)) == []


def judged(base: Any, head: Any) -> dict[str, str]:
    """Rules and levels."""
    return {found.rule: found.level.value for found in judge(compare(spec(base), spec(head)))}


# --- what is read-only is in no request

FIXED = {"type": "string", "readOnly": True}
VALUE = "/definitions/Thing/properties/value"
HOLDERS = {
    "a property": lambda one: one,
    "one below it": lambda one: {"type": "object", "properties": {"deep": one}},
    "one of a list": lambda one: {"type": "array", "items": {"properties": {"deep": one}}},
    "one of an allOf": lambda one: {"allOf": [{"type": "object"}, {"properties": {"deep": one}}]},
    "one of a map": lambda one: {"additionalProperties": {"properties": {"deep": one}}},
    "all below a read-only one": lambda one: {"readOnly": True, "properties": {"deep": {**one, "readOnly": False}}},
}
CHANGES: list[tuple[Any, Any]] = [
    (FIXED, {**FIXED, "type": "boolean"}),
    (FIXED, {**FIXED, "enum": ["a"]}),
    (FIXED, {**FIXED, "maxLength": 3}),
    ({**FIXED, "x-nullable": True}, FIXED),
    ({**FIXED, "default": "a"}, {**FIXED, "default": "b"}),
    ({"readOnly": True}, {"readOnly": True, "properties": {"a": {"type": "string"}}, "required": ["a"]}),
    ({"allOf": [{"readOnly": True}], "type": "string"}, {"allOf": [{"readOnly": True}], "type": "boolean"}),
    ({"$ref": "#/definitions/Spare", "readOnly": True}, {"$ref": "#/definitions/Other", "readOnly": True}),
]


@pytest.mark.clause("K11")
@pytest.mark.parametrize("holder", HOLDERS.values(), ids=HOLDERS)
@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_a_read_only_property_is_in_no_request(old: Any, new: Any, holder: Any) -> None:
    content = put("/definitions/Other", {"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}})
    base, head = (put(VALUE, holder(one), content) for one in (old, new))
    for one, other in ((base, head), (head, base)):
        ways = {way for _, _, way in told(one, other)}
        assert ways == {"response"}


@pytest.mark.clause("K11")
def test_a_read_only_property_comes_goes_and_is_required_without_a_request() -> None:
    base = put(VALUE, FIXED)
    for head in (put(VALUE, GONE), put("/definitions/Thing/required", ["value"], base)):
        for one, other in ((base, head), (head, base)):
            assert {way for _, _, way in told(one, other)} == {"response"}


@pytest.mark.clause("K11")
def test_read_only_switched_on_and_off() -> None:
    plain, fixed = put(VALUE, {"type": "string"}), put(VALUE, {"type": "boolean", "readOnly": True})
    changed = {"response-read-only-changed": "INFO", "response-type-changed": "ERR"}
    assert judged(plain, fixed) == {"request-became-read-only": "WARN", **changed}
    assert judged(fixed, plain) == {"request-became-writable": "INFO", **changed}
    needed = [put("/definitions/Thing/required", ["value"], one) for one in (plain, fixed)]
    assert judged(needed[1], needed[0]) == {"request-required-became-writable": "ERR", **changed}


@pytest.mark.clause("K11")
def test_what_else_is_never_sent_is_not_judged() -> None:
    query = f"{POST}/parameters/2"
    needed = {"in": "query", "name": "tags", "type": "string", "required": True}
    assert told(put(query, {**needed, "default": "a"}), put(query, {**needed, "default": "b"})) == []
    for method, code in (("post", "204"), ("post", "304"), ("head", "200")):
        at = f"/paths/~1things~1{{id}}/{method}"
        base = put(at, {"responses": {code: {"description": "", "schema": {"type": "string"}}}})
        assert told(base, put(f"{at}/responses/{code}/schema", {"type": "integer"}, base)) == []
        assert told(base, put(f"{at}/responses/{code}/schema", GONE, base)) == []


# --- subtypes are named by no reference

PET = {"type": "object", "discriminator": "kind", "required": ["kind"], "properties": {"kind": {"type": "string"}}}
CAT = {"allOf": [{"$ref": "#/definitions/Thing"}, {"properties": {"claws": {"type": "integer"}}}]}
LION = {"allOf": [{"allOf": [{"$ref": "#/definitions/Cat"}]}, {"properties": {"mane": {"type": "boolean"}}}]}
ZOO = put("/definitions", {"Thing": PET, "Cat": CAT, "Lion": LION, "Spare": SMALL["definitions"]["Spare"]})
CLAWS, MANE = "/definitions/Cat/allOf/1/properties/claws", "/definitions/Lion/allOf/1/properties/mane"
NESTED = put(f"{POST}/responses/200/schema", {"type": "array", "items": {"properties": {"pet": THING}}}, ZOO)
MAPPED = put("/definitions/Thing/discriminator", GONE, ZOO)
MAPPED = put("/definitions/Thing/x-discriminator", {"mapping": {"c": "#/definitions/Cat", "l": "Lion"}}, MAPPED)
NAMED = put("/definitions/Thing/properties/kind/enum", ["Cat", "Lion"], ZOO)
for alone in ("Cat", "Lion"):
    NAMED = put(f"/definitions/{alone}/allOf/0", {"type": "object"}, NAMED)


@pytest.mark.clause("K11")
@pytest.mark.parametrize("place", [CLAWS, MANE])
@pytest.mark.parametrize("zoo", [ZOO, NESTED, MAPPED, NAMED], ids=["allOf", "nested", "x-discriminator", "enum"])
def test_a_subtype_is_judged_like_its_base(zoo: Any, place: str) -> None:
    lost = {"request-property-removed": "WARN", "response-property-removed": "ERR"}
    assert judged(zoo, put(place, GONE, zoo)) == lost
    assert judged(put(place, GONE, zoo), zoo) == {"request-property-added": "INFO", "response-property-added": "INFO"}
    found = compare(spec(zoo), spec(put(place, GONE, zoo)))
    assert {change.operations for change in found} == {("POST /things/{id}",)}


@pytest.mark.clause("K11")
def test_a_subtype_of_what_is_not_answered_is_not_answered() -> None:
    only = put(f"{POST}/responses/200/schema", {"$ref": "#/definitions/Lion"}, ZOO)
    only = put("/definitions/Dog", {"allOf": [THING, {"properties": {"bark": {"type": "string"}}}]}, only)
    changed = told(only, put("/definitions/Dog/allOf/1/properties/bark/type", "integer", only))
    assert changed == [("type-changed", "definition Dog.bark", "request")]
    alone = put("/definitions/Thing/discriminator", GONE, ZOO)
    assert {way for _, _, way in told(alone, put(CLAWS, GONE, alone))} == {""}, "without a discriminator none may stand"


@pytest.mark.clause("K11")
@pytest.mark.parametrize("mark", ["x-discriminator-value", "x-ms-discriminator-value"])
def test_a_subtype_is_known_by_the_value_that_is_sent(mark: str) -> None:
    base = put(f"/definitions/Cat/{mark}", "#Pet.Cat", ZOO)
    text = json.dumps(base).replace('"Cat"', '"Tom"').replace("/Cat", "/Tom")
    assert told(base, json.loads(text)) == []
    gone = {(change.kind, change.old) for change in compare(spec(base), spec(put("/definitions/Lion", GONE, base)))}
    assert gone == {("subtype-removed", "Lion")}


@pytest.mark.clause("K8", "K11")
def test_an_extract_keeps_subtypes() -> None:
    for zoo in (ZOO, NESTED, MAPPED, NAMED):
        made = extract(spec(zoo), by_paths("/things/*"))
        assert made["definitions"].keys() == {"Thing", "Cat", "Lion"}
        assert extract(spec(made), EVERYTHING) == made


# --- HTTP's own equality, and the same URL


def parameter(**more: Any) -> Any:
    return put(f"{POST}/parameters/3", {"in": "header", "name": "X-Case", "type": "string", **more})


def with_types(key: str, *kinds: str) -> Any:
    return put(f"{POST}/{key}", list(kinds))


def with_scheme(**scheme: Any) -> Any:
    return put("/securityDefinitions/Token", scheme)


def at_path(path: str, base_path: str = "/api/v1", **more: Any) -> Any:
    return {
        **SMALL,
        "basePath": base_path,
        "paths": {path: {"get": {"responses": {"200": {"description": ""}}}}},
        **more,
    }


JSON = "application/json"
APIKEY = {"type": "apiKey", "in": "header"}
OAUTH = {"type": "oauth2", "flow": "implicit", "scopes": {}}
EQUAL = {
    "header": (parameter(), parameter(name="x-case")),
    "charset": (with_types("produces", JSON), with_types("produces", "application/JSON; charset=utf-8")),
    "quoted": (with_types("consumes", 'text/x;  V="1 2";b=c'), with_types("consumes", "text/x; b=c;v=1 2;charset=x")),
    "covered": (with_types("consumes", "*/*", JSON), with_types("consumes", "*/*")),
    "scheme": (with_scheme(**APIKEY, name="X-Token"), with_scheme(**APIKEY, name="x-token")),
    "oauth": (
        with_scheme(**OAUTH, authorizationUrl="https://Forge.example:443/a"),
        with_scheme(**OAUTH, authorizationUrl="HTTPS://forge.example/a"),
    ),
    "host": tuple(
        put("/host", host, put("/schemes", [scheme]))
        for host, scheme in (("Forge.example:443", "HTTPS"), ("forge.example", "https"))
    ),
    "host without schemes": (put("/host", "forge.example:443"), put("/host", "forge.example")),
    "unsaid": (put("/schemes", ["https"], put("/host", "forge.example")), SMALL),
    "basePath": (at_path("/a", "/"), at_path("/a", "")),
    "basePath with a slash": (at_path("/a", "/api/"), at_path("/a", "/api")),
    "basePath doubled": (at_path("/a", "//api//v1/"), at_path("/a", "/api/v1")),
}  # fmt: skip
INFO_ONLY = {
    "unreserved letters": (at_path("/%7Ea%2fb/%C3%A9"), at_path("/~a%2Fb/é")),
    "doubled slashes": (at_path("//a//{id}"), at_path("/a/{id}")),
    "into the paths": (at_path("/a", "/api/v2"), at_path("/v2/a", "/api")),
    "out of the basePath": (at_path("/a", "/api"), at_path("/api/a", "")),
    "narrower answers": (with_types("produces", "*/*"), with_types("produces", JSON)),
    "wider requests": (with_types("consumes", JSON), with_types("consumes", "*/*")),
    "more listed": (put(f"{POST}/responses/default", {"description": ""}), SMALL)[::-1],
    "another host": (put("/host", "a.example"), put("/host", "b.example")),
}


@pytest.mark.clause("K10")
@pytest.mark.parametrize(("base", "head"), EQUAL.values(), ids=EQUAL)
def test_what_http_takes_for_the_same_has_not_changed(base: Any, head: Any) -> None:
    assert told(base, head) == told(head, base) == []


@pytest.mark.clause("K10")
@pytest.mark.parametrize(("base", "head"), INFO_ONLY.values(), ids=INFO_ONLY)
def test_what_http_bears_is_no_break(base: Any, head: Any) -> None:
    assert set(judged(base, head).values()) == {"INFO"}


@pytest.mark.clause("K10")
def test_what_http_tells_apart_is_told_apart() -> None:
    query = (parameter(**{"in": "query"}), parameter(**{"in": "query", "name": "x-case"}))
    for base, head in (
        (with_types("produces", "application/problem+json"), with_types("produces", JSON)),
        (with_types("produces", "text/x;v=1"), with_types("produces", "text/x;v=2")),
        (with_types("consumes", "*/*"), with_types("consumes", JSON)),
        (at_path("/a/"), at_path("/a")),
        (at_path("/A"), at_path("/a")),
        (at_path("/a%2Fb"), at_path("/a/b")),
        (at_path("/a", "/api"), at_path("/a", "/API")),
        (with_scheme(**APIKEY | {"in": "query"}, name="T"), with_scheme(**APIKEY | {"in": "query"}, name="t")),
    ):  # fmt: skip
        assert "ERR" in judged(base, head).values()
    assert judged(*query) == {"request-parameter-removed": "WARN", "request-parameter-added": "INFO"}


@pytest.mark.clause("K10")
def test_a_header_of_the_operation_is_that_of_the_path_in_another_case() -> None:
    shared = {"in": "header", "name": "x-case", "type": "integer"}
    content = put("/paths/~1things~1{id}/parameters", [shared], parameter())
    assert told(parameter(), content) == []
    assert told(parameter(), put(f"{POST}/parameters/3/type", "boolean", content)) == [
        ("type-changed", "header X-Case", "request")
    ]


@pytest.mark.clause("K10")
def test_ten_operations_that_keep_their_urls_are_one_remark() -> None:
    paths = {f"/{n}/{{id}}": {"get": {"responses": {"200": {"description": ""}}}} for n in range(10)}
    base = {**SMALL, "basePath": "/api/v2/", "paths": paths}
    head = {**base, "basePath": "/api", "paths": {f"/v2{path}": item for path, item in paths.items()}}
    (found,) = compare(spec(base), spec(head))
    assert (found.kind, found.old, found.new, len(found.operations)) == ("base-path-respelled", "/api/v2", "/api", 10)
    mixed = {**head, "paths": {**head["paths"], "/3/{id}": paths["/3/{id}"]}}
    del mixed["paths"]["/v2/3/{id}"]
    assert sorted(judged(base, mixed)) == ["base-path-changed", "base-path-respelled"]


def test_definitions_with_other_names_that_hold_each_other_by_all_of_end() -> None:
    def ring(name: str) -> Any:
        one = {"allOf": [{"$ref": f"#/definitions/{name}"}]}
        content = put("/definitions", {name: {"properties": {"child": one, "more": {"type": "string"}}}})
        return put(f"{POST}/responses/200/schema", one, put(f"{POST}/parameters/1/schema", one, content))

    assert told(ring("A"), ring("B")) == []
    changed = put("/definitions/B/properties/more", GONE, ring("B"))
    assert {kind for kind, _, _ in told(ring("A"), changed)} == {"property-removed"}
