"""Each rule against a pair of small documents in data/rules, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from small_specs import GONE, ROWS, SMALL, pair, put, spec
from swagger_breaking.change import MIRRORED, Change
from swagger_breaking.compare import compare
from swagger_breaking.rules import RULE_OF, RULES, Level, Rule, judge

NAMES = [f"{next(iter(row['forward']))}-{number}" for number, row in enumerate(ROWS)]


@pytest.mark.parametrize("row", ROWS, ids=NAMES)
def test_a_pair_is_judged_by_its_rules(row: dict[str, Any]) -> None:
    base, head = pair(row)
    for way, one, other in (("forward", base, head), ("backward", head, base)):
        found = judge(compare(one, other))
        assert {finding.rule: finding.level for finding in found} == row[way]
        assert len({(finding.rule, finding.change.where) for finding in found}) == len(found)
    assert compare(base, base) == compare(head, head) == []


def test_every_rule_has_a_pair() -> None:
    shown = {rule for row in ROWS for way in ("forward", "backward") for rule in row[way]}
    assert shown == RULES.keys()


def test_every_kind_has_one_rule_in_each_direction_and_a_pair() -> None:
    assert sum(len(rule.kinds) for rule in RULES.values()) == len(RULE_OF)
    assert {kind for kind, _ in RULE_OF} == MIRRORED.keys()
    assert {(MIRRORED[kind], direction) for kind, direction in RULE_OF} == RULE_OF.keys()
    of_unused = RULES["unused-definition-changed"].kinds
    assert {(kind, "request") for kind, _ in of_unused} | {
        (kind, "response") for kind, _ in of_unused
    } <= RULE_OF.keys()
    pairs = [(one, other) for base, head in map(pair, ROWS) for one, other in ((base, head), (head, base))]
    shown = {(change.kind, change.direction) for one, other in pairs for change in compare(one, other)}
    assert RULE_OF.keys() - shown - of_unused == set()


@pytest.mark.clause("K12")
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_rules_example_speaks_of_it(rule: Rule) -> None:
    base, head = (spec(put(rule.example["at"], rule.example.get(side, GONE)), side) for side in ("base", "head"))
    found = [finding for finding in judge(compare(base, head)) if finding.rule == rule.id]
    assert found and {finding.level for finding in found} == {rule.level}
    assert rule.meaning.endswith(".") and len(rule.meaning) < 110


def test_levels_can_be_set() -> None:
    row = next(row for row in ROWS if "operation-added" in row["backward"])
    base, head = pair(row)
    found = judge(compare(head, base), {"operation-added": Level.ERR})
    assert {finding.rule: finding.level.value for finding in found} == row["backward"] | {"operation-added": "ERR"}
    assert [level.rank for level in (Level.INFO, Level.WARN, Level.ERR)] == [0, 1, 2]


def test_a_message_says_what_nothing_means() -> None:
    place = "/paths/~1things~1{id}/post/parameters/2"
    more = {
        "in": "query",
        "name": "tags",
        "type": "array",
        "items": {"type": "string", "maxLength": 7, "format": "uuid"},
    }
    change = compare(spec(SMALL), spec(put(place, more | {"collectionFormat": "multi"})))
    assert [finding.message for finding in judge(change)] == [
        "collectionFormat of query tags changed from csv to multi",
        "type of query tags[] narrowed from any format to uuid",
        'limit of query tags[] narrowed from no limit to {"maxLength": 7}',
    ]
    assert {one.old for one in change} == {None}


def test_a_message_says_whether_it_is_sent_or_returned() -> None:
    change = compare(spec(SMALL), spec(put("/definitions/Thing/properties/value/type", "boolean")))
    assert [finding.message for finding in judge(change)] == [
        f"type of definition Thing.value in {way} changed from string to boolean" for way in ("requests", "responses")
    ]
    ways = [{"AccessToken": []}, {"Basic": []}]
    known = {"AccessToken": {"type": "apiKey", "in": "query", "name": "a"}, **SMALL["securityDefinitions"]}
    base = put("/security", ways, put("/securityDefinitions", known))
    (found,) = judge(compare(spec(base), spec(put("/security", ways[1:], base))))
    assert found.message == "credential AccessToken is no longer accepted"


def test_a_message_is_one_clean_line() -> None:
    kinds = sorted(RULE_OF)
    hostile = "a\nb\x1b[31m\u202e"
    for kind, direction in kinds:
        change = Change(kind, "GET /x", hostile, direction, hostile * 100, {"a": [hostile]}, "", "", ())
        message = judge([change])[0].message
        assert message.isprintable() and "{where}" not in message and len(message) < 500
