"""A second opinion: what another tool calls breaking is breaking for our rules, or the data say why not.

data/second-opinion.json holds what that tool said of each pair, in both directions (second_opinion.py asks it anew);
our own opinion is formed here.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import second_opinion as opinion
from swagger_breaking import Level

DATA: dict[str, Any] = json.loads(opinion.DATA.read_text())
BASE = json.loads(opinion.BASE.read_text())


def test_each_pair_has_a_name_and_changes_something() -> None:
    pairs = DATA["pairs"]
    assert len(pairs) >= 60 and len({pair["name"] for pair in pairs}) == len(pairs)
    assert [pair["name"] for pair in pairs if opinion.patched(BASE, pair["patch"]) == BASE] == ["nothing"]


@pytest.mark.parametrize("pair", DATA["pairs"], ids=lambda pair: pair["name"])
def test_our_verdict_is_theirs_or_it_is_said_why(pair: dict[str, Any]) -> None:
    head = opinion.patched(BASE, pair["patch"])
    now = copy.deepcopy(pair)
    now["forward"]["ours"], now["back"]["ours"] = opinion.ours(BASE, head), opinion.ours(head, BASE)
    assert list(opinion.unexplained(now, DATA["reasons"])) == []
    assert now == pair, "run second_opinion.py"


def test_each_reason_is_needed_and_most_verdicts_are_the_same() -> None:
    assert opinion.faults(DATA) == []
    differing = [pair[way] for pair in DATA["pairs"] for way in ("forward", "back") if "why" in pair[way]]
    assert len(differing) < len(DATA["pairs"]) / 2


def test_a_difference_without_a_reason_and_a_reason_without_one_are_faults() -> None:
    verdicts = {"theirs": "ERR check", "ours": "WARN"}, {"theirs": "none", "ours": "INFO", "why": "known"}
    pair = {"kind": "k", "name": "n", "patch": [], "forward": verdicts[0], "back": verdicts[1]}
    found = opinion.faults({"reasons": {"known": "so it is", "other": "not used"}, "pairs": [pair]})
    assert [fault.partition(":")[0] for fault in found] == ["n, forward", "n, back", "the reason other is used nowhere"]


def test_the_script_writes_what_it_reads() -> None:
    assert opinion.written(DATA) == opinion.DATA.read_text()


def test_it_says_which_tool_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OASDIFF", "no-such-tool")
    with pytest.raises(SystemExit, match="no oasdiff on the PATH"):
        opinion.tool("OASDIFF", "oasdiff")


def test_levels_are_ours() -> None:
    assert opinion.breaking(Level.ERR) and opinion.breaking("ERR a b")
    assert not any(map(opinion.breaking, ("WARN a", "INFO", "none")))
