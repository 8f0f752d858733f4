"""Reports and the rules file: what each format says, and that foreign names stay text in all of them."""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from documents import small, text_of
from markdown_it import MarkdownIt
from swagger_breaking import lines, reports, yaml_text
from swagger_breaking.change import Change
from swagger_breaking.document import parse
from swagger_breaking.lines import Lines
from swagger_breaking.reports.report import Report
from swagger_breaking.rules import RULES, Finding, Level
from swagger_breaking.rules_file import IGNORE_UNUSED, Ignore, RulesFile, parse_rules_file, place

SCHEMA = json.loads((Path(__file__).parents[1] / "findings.schema.json").read_text())
TOOL = reports.Tool("checker", "1.0")
TODAY = date(2026, 6, 1)
GONE = "response-property-removed"
NAME_AT = "/definitions/User/properties/name"
EVIL = "a\x1b[31m\r\n::error::x ##[add-mask]y | `z` <b>@me</b> #1 https://evil.example %0A, \u202e"


def finding(rule: str = GONE, level: str = "ERR", message: str = "name is gone", **changed: Any) -> Finding:
    told = {
        "kind": "property-removed", "operation": "", "where": "definition User.name", "direction": "response",
        "old": {"type": "string"}, "new": None, "base_at": NAME_AT, "head_at": "", "operations": ("GET /users/{id}",),
    }  # fmt: skip
    return Finding(rule, Level(level), message, Change(**{**told, **changed}))


def report(*findings: Finding, head_path: str | None = None, base_path: str | None = None, **more: Any) -> Report:
    base, head = (parse(text_of(small()), name) for name in ("base.json", "head.json"))
    told = {"verb": "diff", "scope": "every operation", "ignored": (), "fail_on": Level.ERR, **more}
    return Report(base=replace(base, path=base_path), head=replace(head, path=head_path), findings=findings, **told)


OPERATION = finding(
    "operation-removed", message="the operation (getX) is gone", kind="operation-removed", operation="GET /x", where="",
    direction="", base_at="/paths/~1x/get", operations=("GET /x",),
)  # fmt: skip
INFO = finding("response-property-added", "INFO", "mail is new", kind="property-added", head_at="/definitions/User")


# --- text


@pytest.mark.clause("K7")
def test_text_is_grouped_by_operation() -> None:
    assert reports.text(report(INFO, OPERATION, finding())) == (
        "base.json → head.json, every operation\n"
        "\n"
        "GET /x\n"
        "  ERR   the operation (getX) is gone  [operation-removed]\n"
        "\n"
        "definition User (1 operation)\n"
        "  ERR   name is gone  [response-property-removed]\n"
        "\n"
        "definition User (1 operation)\n"
        "  INFO  mail is new  [response-property-added]\n"
        "\n"
        "2 ERR, 0 WARN, 1 INFO: fails (--fail-on ERR)\n"
    )


@pytest.mark.clause("K17")
@pytest.mark.parametrize("form", [reports.text, reports.markdown, reports.commands])
def test_what_is_not_shown_is_counted_and_the_worst_comes_first(form: Any) -> None:
    warning = finding("response-added", "WARN", "response 201 added", operation="GET /a")
    words = {"ERR": "name is gone", "WARN": "response 201 added", "INFO": "mail is new"}
    told = form(report(INFO, warning, finding(), show=Level.INFO))
    assert told.index(words["ERR"]) < told.index(words["WARN"]) < told.index(words["INFO"])
    told = form(report(INFO, warning, finding(), show=Level.WARN))
    assert [word in told for word in words.values()] == [True, True, False]
    assert form is reports.commands or "1 ERR, 1 WARN, 1 INFO; 1 not shown (--show WARN): fails (--fail-on ERR)" in told
    assert report(warning, show=Level.ERR, fail_on=Level.WARN).failing


def test_the_verdict() -> None:
    assert reports.text(report()).endswith("\n\nnothing changed\n")
    assert reports.text(report(verb="check")).endswith("\n\nthe contract is kept\n")
    ignored = [(finding(), Ignore(GONE, "*", "never read"))]
    assert reports.text(report(ignored=ignored)).endswith("\n\nnothing changed; 1 ignored\n")
    assert reports.text(report(INFO, ignored=ignored)).endswith(
        "0 ERR, 0 WARN, 1 INFO; 1 ignored: passes (--fail-on ERR)\n"
    )
    assert reports.text(report(finding(), fail_on=None)).endswith("passes (--fail-on never)\n")


@pytest.mark.parametrize(
    ("fail_on", "levels", "failing"),
    [
        ("ERR", ["WARN", "INFO"], False),
        ("ERR", ["ERR"], True),
        ("WARN", ["INFO"], False),
        ("WARN", ["WARN"], True),
        ("INFO", ["INFO"], True),
        ("INFO", [], False),
        (None, ["ERR"], False),
    ],
)
def test_it_fails_from_the_level_on(fail_on: str | None, levels: list[str], failing: bool) -> None:
    found = report(*(finding(level=level) for level in levels), fail_on=Level(fail_on) if fail_on else None)
    assert found.failing is failing
    assert reports.data(found)["failing"] is failing


# --- for programs


@pytest.mark.clause("K7")
def test_json_fits_the_published_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    ignored = [(finding(), Ignore(GONE, "*", "never read"))]
    unused = RulesFile(ignores=[Ignore(GONE, "nowhere", "was read once")]).sift([], TODAY)[0]
    found = report(finding(), OPERATION, INFO, *unused, finding(message=EVIL, where=EVIL), ignored=ignored)
    told = json.loads(json.dumps(reports.data(found)))
    jsonschema.Draft7Validator(SCHEMA).validate(told)
    assert told["counts"] == {"ERR": 3, "WARN": 1, "INFO": 1}
    assert told["findings"][0]["at"] == "definition User.name" and told["ignored"][0]["reason"] == "never read"
    for gone in SCHEMA["required"]:
        assert not jsonschema.Draft7Validator(SCHEMA).is_valid({k: v for k, v in told.items() if k != gone})


# What SARIF 2.1.0 (OASIS, 2020) demands of the parts that we write, and what code scanning demands besides.
ESSENTIALS = {
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "$schema": {"type": "string", "format": "uri"},
        "runs": {"items": {"$ref": "#/definitions/run"}, "type": "array", "minItems": 1, "maxItems": 1},
    },
    "additionalProperties": False,
    "definitions": {
        "text": {
            "type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}},
            "additionalProperties": False,
        },
        "level": {"enum": ["none", "note", "warning", "error"]},
        "run": {
            "required": ["tool", "results"],
            "properties": {
                "tool": {
                    "required": ["driver"],
                    "properties": {
                        "driver": {
                            "required": ["name", "version", "rules"],
                            "properties": {
                                "name": {"type": "string"},
                                "version": {"type": "string"},
                                "rules": {"type": "array", "items": {"$ref": "#/definitions/rule"}},
                            },
                            "additionalProperties": False,
                        }
                    },
                    "additionalProperties": False,
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": {"$ref": "#/definitions/result"}},
            },
            "additionalProperties": False,
        },
        "rule": {
            "required": ["id", "shortDescription"],
            "properties": {
                "id": {"type": "string"},
                "shortDescription": {"$ref": "#/definitions/text"},
                "defaultConfiguration": {
                    "properties": {"level": {"$ref": "#/definitions/level"}}, "additionalProperties": False,
                },
            },
            "additionalProperties": False,
        },
        "result": {
            "required": ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": 0},
                "level": {"$ref": "#/definitions/level"},
                "message": {"$ref": "#/definitions/text"},
                "locations": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/location"}},
                "partialFingerprints": {"additionalProperties": {"type": "string"}},
                "suppressions": {
                    "type": "array", "uniqueItems": True,
                    "items": {
                        "required": ["kind"],
                        "properties": {"kind": {"enum": ["inSource", "external"]}, "justification": {"type": "string"}},
                        "additionalProperties": False,
                    },
                },
            },
            "additionalProperties": False,
        },
        "location": {
            "required": ["physicalLocation"],
            "properties": {
                "physicalLocation": {
                    "required": ["artifactLocation"],
                    "properties": {
                        "artifactLocation": {
                            "required": ["uri"],
                            "properties": {"uri": {"type": "string", "pattern": "^[!-~]+$"}},
                            "additionalProperties": False,
                        },
                        "region": {
                            "required": ["startLine"],
                            "properties": {"startLine": {"type": "integer", "minimum": 1}},
                            "additionalProperties": False,
                        },
                    },
                    "additionalProperties": False,
                },
                "logicalLocations": {
                    "type": "array", "uniqueItems": True,
                    "items": {
                        "properties": {"fullyQualifiedName": {"type": "string"}}, "additionalProperties": False,
                    },
                },
            },
            "additionalProperties": False,
        },
    },
}  # fmt: skip


@pytest.mark.clause("K7")
def test_sarif_has_what_the_standard_demands() -> None:
    unused = RulesFile(ignores=[Ignore(GONE, "nowhere", "was read once")]).sift([], TODAY)[0]
    ignored = [(finding(), Ignore(GONE, "*", "never read"))]
    for path in (None, "spec dir/ä.json"):
        found = report(OPERATION, INFO, finding(message=EVIL), *unused, ignored=ignored, head_path=path)
        told = json.loads(json.dumps(reports.sarif(found, TOOL)))
        jsonschema.Draft7Validator(ESSENTIALS).validate(told)
        (run,) = told["runs"]
        assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == sorted(
            {"operation-removed", "response-property-added", GONE, IGNORE_UNUSED}
        )
        for result in run["results"]:
            assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert [result["level"] for result in run["results"]] == ["error", "error", "warning", "note", "error"]
        assert [r["suppressions"][0]["justification"] for r in run["results"] if "suppressions" in r] == ["never read"]
        places = {json.dumps(result["locations"][0]["physicalLocation"]) for result in run["results"]}
        assert all(("spec%20dir/%C3%A4.json" in place and "startLine" in place) is bool(path) for place in places)


def test_a_result_is_known_again_by_what_it_says() -> None:
    def prints(*findings: Finding) -> list[str]:
        results = reports.sarif(report(*findings), TOOL)["runs"][0]["results"]
        return [result["partialFingerprints"]["change/v1"] for result in results]

    one, other = prints(finding(), finding(where="definition User.id"))
    assert len({one, other, *prints(finding(old="a"), finding(old="b"))}) == 4, (
        "two values of one place are two results"
    )
    assert prints(finding(message="in other words", level="INFO", base_at="/elsewhere")) == [one]


@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("https://h/swagger.v1.json", "https://h/swagger.v1.json"),
        ("https://h/x.json?…", "https://h/x.json"),
        ("git:v1:spec/x y.json", "spec/x%20y.json"),
        ("stdin", "stdin"),
    ],
)
def test_what_is_in_no_file_is_named_as_it_can_be(name: str, uri: str) -> None:
    found = report(finding())
    head = parse(text_of(small()), name)
    told = reports.sarif(Report("diff", found.base, head, "", [finding()], [], None), TOOL)
    assert told["runs"][0]["results"][0]["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": uri}}


# --- Markdown


@pytest.mark.clause("K7")
def test_markdown_is_a_table() -> None:
    assert reports.markdown(report(OPERATION)) == (
        "### Spec diff: `base.json` → `head.json`\n"
        "\n"
        "1 ERR, 0 WARN, 0 INFO: fails (--fail-on ERR); looked at: `every operation`.\n"
        "\n"
        "| Level | Where | What | Rule |\n"
        "| --- | --- | --- | --- |\n"
        "| **ERR** | `GET /x` | `the operation (getX) is gone` | `operation-removed` |\n"
    )
    assert reports.markdown(report(verb="check")).endswith("The contract is kept; looked at: `every operation`.\n")


def test_markdown_fits_into_a_comment() -> None:
    told = reports.markdown(report(*(finding(message="x" * 500) for _ in range(1000))))
    shown = told.count("| **ERR** |")
    assert len(told) < 65_536 and 50 < shown < 1000
    assert told.endswith(f"\n\nand {1000 - shown} more\n")


@pytest.mark.clause("K7")
@pytest.mark.parametrize("evil", [EVIL, "`@me`", "``<b>", "@me`", "`", "a\\|<b>", "\\"])
def test_markdown_keeps_foreign_text_in_code(evil: str) -> None:
    told = reports.markdown(report(finding(message=evil, where=f"definition {evil}"), scope=evil))
    page = MarkdownIt().enable("table").render(told)
    assert page.count("<td>") == 4 and page.count("<code>") == 6
    outside = re.sub("<code>.*?</code>", "", page)
    assert not re.search("me|<b>|#1|http|`|\x1b", outside), outside


# --- annotations


@pytest.mark.clause("K7")
def test_annotations_stand_at_the_line_of_the_file() -> None:
    lines = text_of(small()).decode().splitlines()
    told = reports.commands(report(INFO, finding(), OPERATION, head_path="spec/head.json"))
    levels = [line.partition(" ")[0] for line in told.splitlines()]
    assert levels == ["::error", "::error", "::notice"]
    numbers = [int(found) for found in re.findall(r"line=(\d+)", told)]
    assert lines[numbers[2] - 1].strip().startswith('"User": {')
    assert lines[numbers[0] - 1].strip().startswith('"name": {')
    assert lines[numbers[1] - 1].strip().startswith('"paths": {'), "the nearest thing around what is not there"
    assert told.splitlines()[1] == (
        f"::error file=spec/head.json,line={numbers[1]},title=operation-removed::GET /x: the operation (getX) is gone"
    )


def test_what_is_gone_from_a_list_is_at_the_list_and_not_at_another_part_of_it() -> None:
    lines = text_of(small()).decode().splitlines()
    at = "/paths/~1users~1{id}/get/parameters/0"
    for pointers, starts in (({"base_at": at}, '"parameters": ['), ({"base_at": "", "head_at": at}, "{")):
        told = reports.commands(report(finding(**pointers), head_path="h.json"))
        (number,) = re.findall(r"line=(\d+)", told)
        assert lines[int(number) - 1].strip() == starts


def test_annotations_of_what_is_in_no_file_name_it() -> None:
    assert reports.commands(report(OPERATION)) == (
        "::error title=operation-removed::head.json: GET /x: the operation (getX) is gone\n"
    )
    assert reports.commands(report(OPERATION, base_path="b.json")).startswith("::error file=b.json,line=")


@pytest.mark.clause("K7")
def test_annotations_are_one_command_each() -> None:
    found = report(finding(message=EVIL, where=f"definition {EVIL}"), head_path="a,b:c%.json")
    (line,) = reports.commands(found).splitlines()
    assert line.startswith("::error file=a%2Cb%3Ac%25.json,line=")
    assert "##[" not in line and "\x1b" not in line and "%0A" not in line and "%250A" in line


@pytest.mark.clause("K7")
@pytest.mark.parametrize("form", [reports.text, reports.markdown, reports.commands])
def test_foreign_names_stay_text(form: Any) -> None:
    plain = form(report(finding(message="x"), scope="y"))
    evil = form(report(finding(message=EVIL, where=f"definition {EVIL}"), scope=EVIL))
    assert evil.count("\n") == plain.count("\n")
    assert all(c.isprintable() or c == "\n" for c in evil)
    assert not re.search("^ *::error::", evil, re.MULTILINE) and "##[" not in evil


# --- lines


def test_lines_of_json_and_yaml() -> None:
    text = b'{\n\t"a/b": [\n\t\t1,\n\t\t{"~": 2}\n\t],\n\t"c": {}\n}\n'
    lines = Lines(text)
    pointers = ("", "/a~1b", "/a~1b/0", "/a~1b/1", "/a~1b/1/~0", "/c", "/c/x/y", "/a~1b/7", "/a~1b/x", "/x")
    assert [lines.of(pointer) for pointer in pointers] == [1, 2, 3, 4, 4, 6, 6, 2, 2, 1]
    other = Lines(b"# one\na: &x\n  b: 1\nc: *x\n")
    assert [other.of(pointer) for pointer in ("/a/b", "/c/b", "/c")] == [3, 3, 4]
    merged = Lines(b"a: &a\n  b: 1\nc:\n  <<: [*a]\n  d: 2\ne: &a 3\n")
    assert [merged.of(pointer) for pointer in ("/c/b", "/c/d", "/c/x", "/e")] == [2, 5, 3, 6]


@pytest.mark.parametrize(
    "text", ["\\ud83d\\ude00", "\\\\ud83d", "\x7f", "\x80", "\x85", "\u2028", "\ufffe", "\t", "\U0001f600"]
)
def test_lines_are_those_of_the_file_whatever_its_texts_hold(text: str) -> None:
    data = f'{{"{text}": 1,\n"a": "{text}",\n"b": 1}}'.encode()
    assert Lines(data).of("/b") == 3


def test_without_libyaml_all_is_as_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.delattr(yaml, "CSafeLoader", raising=False)
        slow = importlib.reload(yaml_text)
        without.setattr(lines, "compose", slow.compose)
        assert slow._Loader.__mro__[1] is yaml.SafeLoader
        assert Lines(b'{\n\t"a":\t{\n\t\t"b": 1\n\t}\n}\n').of("/a/b") == 3
        assert slow.read("a: &a {b: 1}\nc: {<<: *a, b: 2}\nd: &a 3\n") == {"a": {"b": 1}, "c": {"b": 2}, "d": 3}
    importlib.reload(yaml_text)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff\xfe\x00", b"[" * 5000, b"a: *b"])
def test_what_cannot_be_read_has_one_line(text: bytes) -> None:
    assert Lines(text).of("/a/b") == 1


# --- the rules file


@pytest.mark.clause("K6")
def test_levels_and_ignored_findings() -> None:
    settings = parse_rules_file(
        f"""
        [levels]
        {GONE} = "INFO"
        ignore-unused = "ERR"
        [[ignore]]
        rule = "{GONE}"
        at = "definition User.*"
        reason = "never read"
        [[ignore]]
        rule = "operation-removed"
        at = "GET /y"
        reason = "not ours"
        """
    )
    assert settings.levels == {GONE: Level.INFO, IGNORE_UNUSED: Level.ERR}
    kept, ignored = settings.sift([finding(), OPERATION], TODAY)
    assert [entry.reason for _, entry in ignored] == ["never read"]
    assert [found.rule for found in kept] == ["operation-removed", IGNORE_UNUSED]
    assert kept[1].level is Level.ERR
    assert kept[1].message == (
        "the entry for operation-removed at 'GET /y' ignores nothing any more; take it out, or mend it (not ours)"
    )


@pytest.mark.parametrize(
    ("at", "fits"),
    [
        ("*", True),
        ("definition User.name", True),
        ("definition User.*", True),
        ("definition U*.n*e", True),
        ("definition User", False),
        ("definition User.nam?", False),
        ("definition User.[n]ame", False),
        ("Definition User.name", False),
    ],
)
def test_a_place_is_matched_whole(at: str, fits: bool) -> None:
    assert Ignore(GONE, at, "r").fits(finding(), TODAY) is fits
    assert not Ignore("operation-removed", at, "r").fits(finding(), TODAY)


@pytest.mark.clause("K6")
def test_an_entry_ends_on_its_day() -> None:
    for day, counts in (("2026-06-02", False), ("2026-06-01", True), ("2026-05-31", True)):
        settings = parse_rules_file(f'[[ignore]]\nrule = "{GONE}"\nreason = "r"\nuntil = {day}')
        kept, _ = settings.sift([finding()], TODAY)
        assert [found.rule for found in kept] == ([GONE, IGNORE_UNUSED] if counts else [])
        assert not counts or f"ended on {day}" in kept[1].message


def test_the_place_is_the_one_that_reports_show() -> None:
    assert place(finding().change) == "definition User.name"
    assert place(OPERATION.change) == "GET /x"
    assert place(finding(operation="GET /x", where="query id").change) == "GET /x: query id"


@pytest.mark.clause("K6")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("levels = 1", "levels must be a table"),
        ("[levels]\nno-such-rule = 'ERR'", "[levels]: there is no rule 'no-such-rule'"),
        ("[levels]\noperation-remove = 'ERR'", "operation-removed is meant, perhaps"),
        ("[levels]\noperation-removed = 'FATAL'", "'FATAL' is no level; there are ERR, WARN, INFO"),
        ("[levels]\noperation-removed = 1", "1 is no level"),
        ("[levels]\noperation-removed = 'never'", "'never' is no level"),
        ("[[ignore]]\nrule = 'operation-removed'", "[[ignore]] number 1 gives no reason"),
        ("[[ignore]]\nrule = 'operation-removed'\nreason = ' '", "gives no reason"),
        ("[[ignore]]\nreason = 'r'", "names no rule"),
        ("[[ignore]]\nrule = 'x'\nreason = 'r'", "there is no rule 'x'"),
        ("[[ignore]]\nrule = 'ignore-unused'\nreason = 'r'", "there is no rule 'ignore-unused'"),
        ("[[ignore]]\nrule = 7\nreason = 'r'", "rule must be a text in quotes"),
        (
            "[[ignore]]\nrule = 'operation-removed'\nreason = 'r'\nuntil = '2027-01-01'",
            "until must be a day without quotes, such as 2027-01-01",
        ),
        (
            "[[ignore]]\nrule = 'operation-removed'\nreason = 'r'\nuntil = 2027-01-01T00:00:00",
            "until must be a day without quotes",
        ),
        ("[[ignore]]\nwhy = 'r'", "'why' is not known; known are rule, at, reason, until"),
        ("ignore = [1]", "[[ignore]] number 1 is no table"),
        ("[ignored]", "'ignored' is not known"),
        ("a = ", "it is no TOML (at "),
        ("a = " + "[" * 10_000, "it is"),
        ("a = " + "1" * 10_000, "it is no TOML"),
    ],
)
def test_what_a_rules_file_must_not_say(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        parse_rules_file(text)
    assert "\n" not in str(caught.value)


@pytest.mark.clause("K6")
def test_a_level_may_be_in_any_case() -> None:
    for word in ("warn", "Warn", "WARN"):
        assert parse_rules_file(f"[levels]\noperation-removed = '{word}'").levels == {"operation-removed": Level.WARN}


def test_every_rule_can_be_set() -> None:
    lines = "\n".join(f'{rule} = "WARN"' for rule in [*RULES, IGNORE_UNUSED])
    assert len(parse_rules_file(f"[levels]\n{lines}").levels) == len(RULES) + 1
