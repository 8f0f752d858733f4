"""What `spec.compare` finds: every change, once, mirrored the other way round; nothing where nothing changed."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forgejo_shim.errors import Unreadable
from forgejo_shim.spec.compare import MIRRORED, Change, compare
from forgejo_shim.spec.document import operations
from forgejo_shim.spec.extract import extract, facts
from forgejo_shim.spec.rules import judge
from forgejo_shim.spec.scope import ACTIONS, EVERYTHING, by_paths, of_document
from hypothesis import given, settings
from hypothesis import strategies as some
from openapi_spec_validator import OpenAPIV2SpecValidator
from small_specs import GONE, SMALL, put, spec

ROOT = Path(__file__).parents[2]
CONTRACT = json.loads((ROOT / "spec/contract.swagger.json").read_text())
ADDITIONS = json.loads((ROOT / "spec/additions.swagger.json").read_text())
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


PLACES = {name: list(places(content)) for name, content in (("small", SMALL), ("contract", CONTRACT))}
VALUES = [GONE, None, True, 1, "x", "integer", [], ["x"], {}, {"type": "string"}, THING, {"x": {"type": "integer"}}]


@some.composite
def mutants(draw: some.DrawFn) -> tuple[Any, Any]:
    """A document and one that differs from it in a few places, whether that makes sense or not."""
    name = draw(some.sampled_from(sorted(PLACES)))
    base = head = SMALL if name == "small" else CONTRACT
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
    for scope in (EVERYTHING, ACTIONS):
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
    for content in (CONTRACT, SMALL):
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
        ("/basePath", "{{AppSubUrl | JSEscape}}/api/v1/"),
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
    keys = [
        "GET /actions/run",
        "GET /admin/runners/jobs",
        "GET /repos/{owner}/{repo}/actions/runs",
        "POST /orgs/{org}/actions/secrets",
    ]
    assert all(key in ACTIONS for key in keys)
    assert "GET /repos/{owner}/{repo}/issues/{index}/reactions" not in ACTIONS
    globs = by_paths("/repos/*/*/actions/**", "/version")
    assert "GET /repos/{owner}/{repo}/actions/runs/{run_id}" in globs and "GET /version" in globs
    assert "GET /repos/{owner}/{repo}" not in globs and "GET /x/repos/{owner}/{repo}/actions/runs" not in globs
    ours = of_document(spec(CONTRACT))
    assert "GET /repos/{o}/{r}/actions/jobs/{id}/logs" in ours and "GET /repos/{o}/{r}/actions/jobs" not in ours
    more = put("/paths/~1more", {"get": {"responses": {}}})
    assert told(SMALL, more, of_document(spec(SMALL))) == []
    assert told(SMALL, put("/definitions/Spare/type", "string"), by_paths("/**")) == []


@pytest.mark.parametrize("content", [CONTRACT, ADDITIONS, SMALL], ids=["contract", "additions", "small"])
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


@pytest.mark.parametrize("ref", ["#/paths/~1others/get/responses/200/schema", "#/definitions", "#/tags/0", "#"])
def test_a_reference_out_of_an_extract_is_an_error(ref: str) -> None:
    content = put("/paths/~1others", {"get": {"responses": {"200": {"description": "", "schema": {"type": "string"}}}}})
    content = put("/definitions/Thing/properties/odd", {"$ref": ref}, put("/tags", [{}], content))
    with pytest.raises(Unreadable, match=f"^small refers to {ref}.*, which is outside of what can be extracted$"):
        extract(spec(content), by_paths("/things/*"))


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
    assert extract(spec(put("/basePath", "{{AppSubUrl | JSEscape}}/api/v1")), EVERYTHING)["basePath"] == "/api/v1"


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
