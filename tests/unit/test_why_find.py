"""The search of a log: the same for all ways to split it, bounded, and the true cause first."""

from __future__ import annotations

import json
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from forgejo_shim.why.find import Finder, find
from forgejo_shim.why.matchers import built_in, load
from forgejo_shim.why.values import Found
from hypothesis import given, settings
from hypothesis import strategies as st

TIME = "2026-01-01T00:00:00.1234567Z "
TRACE = """Traceback (most recent call last):
  File "/app/tool.py", line 7, in main
    run()
  File "/app/lib/run.py", line 3, in run
    raise ValueError("no €")
  File "/usr/lib/python3.11/json/decoder.py", line 355, in raw_decode
    raise JSONDecodeError
ValueError: no €"""
GCC = "a.c:3:7: error: expected ‘;’ before ‘}’ token"
MAKE = "make: *** [Makefile:2: all] Error 1"
ENDED = "⚙️ [runner]: exitcode '2': failure"


def rows(*lines: str) -> bytes:
    return "".join(f"{TIME}{line}\n" for text in lines for line in text.split("\n")).encode()


def search(*lines: str, last: int = 30) -> Found:
    return find([rows(*lines)], built_in(), last)


def messages(*lines: str) -> list[str]:
    return [finding.message for finding in search(*lines).findings]


MIXED = rows("\x1b[31mok\x1b[0m 1%\r50%\r100%", TRACE, "2 errors", GCC, MAKE, ENDED, "⭐ Run Post x") + b"\xff half"


@given(st.lists(st.integers(0, len(MIXED)), max_size=12))
@settings(deadline=None)
def test_no_split_changes_what_is_found(cuts: list[int]) -> None:
    ends = [0, *sorted(cuts), len(MIXED)]
    assert find((MIXED[a:b] for a, b in pairwise(ends)), built_in()) == find([MIXED], built_in())


@pytest.mark.parametrize("size", [1000, 65536, 100_003])
def test_no_split_changes_a_long_log(size: int) -> None:
    log = rows(*("x" * (n % 300) for n in range(3000)), "y" * 200_000, *[TRACE] * 30, "z " * 50_000, GCC)
    assert find((log[a : a + size] for a in range(0, len(log), size)), built_in()) == find([log], built_in())


def test_the_cause_wins_over_last_words_before_and_after() -> None:
    found = search("make: Entering directory 'x'", GCC, "a.c:9:1: error: later", MAKE, ENDED, "::error::cache is gone")
    assert [(one.owner, one.file, one.line, one.column) for one in found.findings] == [
        ("gcc", "a.c", 3, 7),
        ("gcc", "a.c", 9, 1),
    ]
    assert found.findings[0].message == "expected ‘;’ before ‘}’ token"
    assert found.findings[0].lines == (GCC,) and found.findings[0].at == 2
    assert found.last[-1] == ENDED


def test_a_traceback_is_told_by_its_exception_and_the_last_own_frame() -> None:
    [finding] = search("start", TRACE, ENDED).findings
    assert (finding.message, finding.file, finding.line) == ("ValueError: no €", "/app/lib/run.py", 3)
    assert finding.at == 2 and finding.lines == tuple(TRACE.split("\n"))


def test_of_exceptions_the_last_wins_and_of_those_before_another_tool_none() -> None:
    assert messages(TRACE, TRACE.replace("ValueError", "KeyError"))[0] == "KeyError: no €"
    assert messages(TRACE, GCC, "a", "b", "c", "d", "e", ENDED)[0].startswith("expected")


def test_last_words_come_with_the_lines_before_them() -> None:
    [finding] = search("one", "two", "", "page 3: title is missing", MAKE).findings
    assert finding.lines == ("one", "two", "page 3: title is missing", MAKE)


def test_a_step_without_a_word_shows_its_end() -> None:
    found = search("a", "b", ENDED, "⭐ Run Post y", "c", last=2)
    assert [one.message for one in found.findings] == ["exitcode '2': failure"]
    assert found.last == ("b", ENDED)


def test_what_a_step_forgave_is_no_cause() -> None:
    forgiven = "⚙️ [runner]: Failed to execute step (but continue-on-error is true): exitcode '1': failure"
    assert messages(GCC, forgiven, "app.py:1: error: Missing  [misc]", ENDED) == ["Missing"]
    assert messages(GCC, ENDED, "🏁  Job succeeded") == []


WEAK = "error: no mirror answers"
AFTER = ("a", "b", "c", "d", "e")


def test_what_programs_survive_is_only_likely_where_others_spoke_later() -> None:
    assert messages("a", WEAK) == ["no mirror answers"]
    found = search("a", WEAK, *AFTER)
    assert found.findings == () and [one.message for one in found.likely] == ["no mirror answers"]
    found = search("a", WEAK, *AFTER, GCC)
    assert len(found.findings) == 2 and found.likely == ()


@pytest.mark.parametrize("end", ["⭐ Run Post x", "Post job cleanup."])
def test_nothing_is_certain_where_the_runner_went_on_without_saying_that_a_step_failed(end: str) -> None:
    found = search(GCC, *AFTER, end)
    assert found.findings == () and len(found.likely) == 1
    for said in (ENDED, "🏁  Job failed"):
        assert search(GCC, *AFTER, end, said).findings[0].owner == "gcc"
    assert search(GCC, *AFTER, end, "🏁  Job succeeded").likely == ()


def test_warnings_are_no_findings() -> None:
    assert messages("a.c:3:7: warning: unused variable [-Wunused-variable]", "::warning file=a::b") == []


def test_a_gap_ends_what_was_begun_and_the_line_that_is_not_whole() -> None:
    finder = Finder(built_in())
    finder.feed(rows("Traceback (most recent call last):", '  File "/app/a.py", line 1, in x') + b"half")
    finder.gap()
    finder.feed(b" a line of ValueError: 1\n")
    finder.feed(rows("ValueError: 2", "end"))
    found = finder.found()
    assert [one.owner for one in found.findings] == ["exception"]
    assert found.last == ("ValueError: 2", "end")


def test_memory_does_not_grow_with_the_log() -> None:
    block = rows(*[GCC, TRACE, MAKE, "x" * 5000] * 20)
    find([block] * 3, built_in())
    tracemalloc.start()
    try:
        found = find((block for _ in range(30)), built_in())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.size == 30 * len(block) and len(found.findings) <= 10
    assert peak < 4 * 2**20


def matchers(*patterns: dict[str, Any], **more: Any) -> bytes:
    return json.dumps({"problemMatcher": [{"owner": "own", "pattern": list(patterns), **more}]}).encode()


def test_a_regexp_that_takes_too_long_is_given_up() -> None:
    slow = load(matchers({"regexp": "^(a|aa)+$"}), "slow.json")
    found = find([rows("a" * 60 + "!", "a", GCC)], (*slow, *built_in()))
    assert [one.owner for one in found.findings] == ["gcc"] and found.given_up == ("own",)
    assert find([rows("a!", GCC)], (*slow, *built_in())).given_up == ()
