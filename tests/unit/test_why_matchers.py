"""Problem matchers: their files, what each of them finds, and what none of them does."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from forgejo_shim.errors import BadRequest
from forgejo_shim.why.find import find
from forgejo_shim.why.matchers import Matcher, built_in, load
from forgejo_shim.why.running import SEARCHED, Running
from forgejo_shim.why.values import Finding

DATA = Path(__file__).parents[1] / "data"
EXAMPLES = tomllib.loads((DATA / "matcher_examples.toml").read_text())["example"]
GREEN = (DATA / "green_lines.txt").read_text().splitlines()


def first(log: str, matchers: tuple[Matcher, ...]) -> dict[str, str]:
    """The first finding in a log, as an example tells it."""
    found = find([log.encode()], matchers).findings
    if not found:
        return {}
    one = found[0]
    place = ":".join(str(part) for part in (one.file, one.line, one.column) if part is not None) if one.file else ""
    return {"owner": one.owner, "message": one.message, **({"place": place} if place else {})}


@pytest.mark.parametrize("example", EXAMPLES, ids=[f"{one.get('owner')}-{n}" for n, one in enumerate(EXAMPLES)])
def test_an_example(example: dict[str, str]) -> None:
    wanted = {key: value for key, value in example.items() if key != "log"}
    assert first(example["log"], built_in()) == wanted


def test_words_only_save_time() -> None:
    """Without them, each matcher finds the same."""
    wordless = tuple(replace(matcher, words=()) for matcher in built_in())
    for example in EXAMPLES:
        assert first(example["log"], wordless) == first(example["log"], built_in()), example
    assert all(matcher.words for matcher in built_in())


def complete(matcher: Matcher, log: str) -> bool:
    running = Running(matcher)
    return any([running.step(line, number, True) for number, line in enumerate(log.splitlines())])


def test_each_matcher_has_an_example() -> None:
    logs = [example["log"].replace("#8 0.412 ", "") for example in EXAMPLES]
    unused = [one.owner for one in built_in() if not any(complete(one, log) for log in logs)]
    assert unused == []


def pumped(line: str) -> Iterator[str]:
    """A line that nearly fits, with each piece of it so often that a regexp could try for ever."""
    for at in range(len(line)):
        for piece in (line[at], line[at : at + 2]):
            for tail in ("\x01", line[at + len(piece) :] + "\x01"):
                many = line[:at] + piece * SEARCHED
                yield many[: SEARCHED - len(tail)] + tail


def test_no_line_keeps_a_regexp_busy() -> None:
    """They see what anybody can write, without a limit of time. CPU seconds."""
    lines = {line for example in EXAMPLES for line in example["log"].splitlines() if len(line) < 200}
    patterns = [pattern for matcher in built_in() for pattern in matcher.patterns]
    for pattern in patterns:
        for line in sorted(filter(pattern.search, lines))[:2]:
            for bad in pumped(line):
                started = process_time()
                pattern.search(bad)
                assert process_time() - started < 0.1, (line, bad)


@pytest.mark.parametrize("line", GREEN)
def test_a_line_of_a_green_log_is_no_finding(line: str) -> None:
    assert first(f"before\n{line}\nafter\n", built_in()) == {}


def test_the_lines_of_green_logs_are_no_finding_together() -> None:
    assert first("\n".join(GREEN), built_in()) == {}


def file_of(*patterns: dict[str, Any], **more: Any) -> str:
    return json.dumps({"problemMatcher": [{"owner": "own", "pattern": list(patterns), **more}]})


ERRORS = [
    ("[", "mine.json: it is no JSON"),
    ("[]", "mine.json: the file must be object"),
    ("{}", "mine.json: the file must contain ['problemMatcher'] properties"),
    ('{"problemMatcher": []}', "mine.json: problemMatcher must contain at least 1 items"),
    (file_of(), "mine.json: problemMatcher[0].pattern must contain at least 1 items"),
    (file_of({"regexp": 3}), "mine.json: problemMatcher[0].pattern[0].regexp must be string"),
    (file_of({"regexp": "(", "message": 1}), "mine.json, own: the regexp of pattern 1 is invalid: missing )"),
    (file_of({"regexp": "(?a)(?L)x"}), "mine.json, own: the regexp of pattern 1 is invalid: ASCII, LOCALE"),
    (file_of({"regexp": "a", "file": -1}), "mine.json: problemMatcher[0].pattern[0].file must be bigger than or equal"),
    (file_of({"regexp": "a", "loop": True}), "mine.json, own: loop is only for the last of several patterns"),
    (file_of({"regexp": "a", "loop": True}, {"regexp": "b"}), "mine.json, own: loop is only for the last of several"),
    (file_of({"regexp": "a", "repeat": True}), "mine.json, own: repeat is only for a pattern between others"),
    (file_of({"regexp": "a"}, rank=9), "mine.json: problemMatcher[0].rank must be smaller than or equal to 4"),
    (file_of({"regexp": "a"}, words=["Error"]), "mine.json: problemMatcher[0].words[0] must match pattern ^[^A-Z]*$"),
    ("[" * 100_000, "mine.json: it is no JSON"),
    (b"\xff", "mine.json: it is no JSON"),
]


@pytest.mark.parametrize("text, said", ERRORS, ids=[said for _, said in ERRORS])
def test_a_file_that_is_wrong_is_named_with_what_is_wrong(text: str | bytes, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        load(text, "mine.json")
    assert caught.value.message.startswith(f"problem matchers in {said}")
    assert caught.value.exit_code == 1 and len(caught.value.message) < 300


def own(log: str, *patterns: dict[str, Any], **more: Any) -> Iterator[Finding]:
    yield from find([log.encode()], load(file_of(*patterns, **more), "mine.json")).findings


def test_a_file_in_githubs_format_loads_as_it_is() -> None:
    """With keys of others, JavaScript's names of groups and escapes, VS Code's location, and a path to begin from."""
    pattern = {
        "regexp": r"^(?<file>[^\s(]+)\((\d+|\d+,\d+)\)\s*:\s+(error|warning)\s+(\w{1,2}\d+)\s*:\s*(.*) \[(.+\/\w+)\]$",
        "file": 1,
        "location": 2,
        "severity": 3,
        "code": 4,
        "message": 5,
        "fromPath": 6,
        "kind": "location",
    }
    log = "a.cs(3,7): error C1: no\tvalue [src/app/app]\nb.cs(3): warning C2: odd [x/y]\nc.cs(9): error C1: no [/p/x]\n"
    shown = [(one.file, one.line, one.column, one.code, one.message) for one in own(log, pattern)]
    assert shown == [("src/app/a.cs", 3, 7, "C1", "no\tvalue"), ("/p/c.cs", 9, None, "C1", "no")]


def test_what_actions_bring_loads_though_it_is_odd() -> None:
    """A group that is not there, a regexp between slashes, and the column by another name."""
    said = {"regexp": "/^(.+): row (\\d+), at (\\d+)$/", "file": 1, "line": 2, "character": 3, "message": 4}
    [one] = own("a.js: row 3, at 7\n", said)
    assert (one.file, one.line, one.column, one.message) == ("a.js", 3, 7, "a.js: row 3, at 7")


def test_each_group_of_ours_is_there() -> None:
    for entry in files("forgejo_shim.why").joinpath("matchers").iterdir():
        for matcher in json.loads(entry.read_text())["problemMatcher"] if entry.name.endswith(".json") else ():
            for pattern in matcher["pattern"]:
                most = max((group for key, group in pattern.items() if type(group) is int), default=0)
                assert most <= re.compile(pattern["regexp"]).groups, pattern


def test_a_matcher_for_warnings_finds_nothing() -> None:
    assert list(own("x: odd\n", {"regexp": "^x: (.+)", "message": 1}, severity="warning")) == []
    assert [one.message for one in own("x: odd\n", {"regexp": "^x: (.+)", "message": 1})] == ["odd"]


STYLISH = ({"regexp": r"^([^\s].*)$", "file": 1}, {"regexp": r"^\s+(\d+):(.+)$", "line": 1, "message": 2, "loop": True})


def test_a_loop_finds_each_line_until_one_does_not_fit() -> None:
    log = "head\na.js\n  1:one\n  2:two\nb.js\n  3:three\n\n  4:none\nc.js\n"
    shown = [(one.file, one.line, one.message, one.at, one.lines[-1]) for one in own(log, *STYLISH)]
    assert shown == [
        ("a.js", 1, "one", 3, "  1:one"),
        ("a.js", 2, "two", 4, "  2:two"),
        ("b.js", 3, "three", 6, "  3:three"),
    ]


def test_lines_have_to_follow_each_other() -> None:
    patterns = ({"regexp": "^A (.+)", "code": 1}, {"regexp": "^B (.+)", "file": 1}, {"regexp": "^C (.+)", "message": 1})
    log = "A 1\nB x\nC one\nA 2\nB y\n\nC two\nA 3\nA 4\nB z\nC three\n"
    shown = [(one.code, one.file, one.message, one.at) for one in own(log, *patterns)]
    assert shown == [("1", "x", "one", 1), ("4", "z", "three", 9)]


REPEAT = (
    {"regexp": "^begin$"},
    {"regexp": r"^(?:at (\S+):(\d+)|\.)$", "file": 1, "line": 2, "repeat": True},
    {"regexp": "^end (.+)$", "message": 1},
)


def test_repeat_is_any_number_of_lines_of_which_the_last_one_tells() -> None:
    log = "begin\nend none\nbegin\nat a:1\n.\nat b:2\n.\nend two\nbegin\nat c:3\nother\nend no\n"
    assert [(one.file, one.line, one.message) for one in own(log, *REPEAT)] == [("", None, "none"), ("b", 2, "two")]


def test_what_is_begun_is_not_held_for_ever() -> None:
    assert list(own("begin\n" + ".\n" * 250 + "end late\n", *REPEAT)) == []


def test_the_files_are_in_the_package() -> None:
    folder = files("forgejo_shim.why").joinpath("matchers")
    assert sum(entry.name.endswith(".json") for entry in folder.iterdir()) >= 25
    for entry in folder.iterdir():
        if entry.name.endswith(".json"):
            load(entry.read_bytes(), entry.name)
