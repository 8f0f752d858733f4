"""The list of rules: what each one means, its level, and a change that it speaks of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ..rules import Rule
from ..shape import keys
from .markdown import code

STAR = "\\*"  # no emphasis


def rules_text(rules: Sequence[Rule]) -> str:
    """For people: three lines a rule."""
    return "\n".join(_lines(rule) for rule in rules)


def _lines(rule: Rule) -> str:
    lines = [f"{rule.level:4}  {rule.id}", f"      {rule.meaning}"]
    return "".join(f"{line}\n" for line in [*lines, *([f"      {_example(rule)}"] if rule.example else [])])


def rules_markdown(rules: Sequence[Rule]) -> str:
    """A table."""
    rows = [
        f"| **{rule.level}** | {code(rule.id)} | {rule.meaning.replace('*', STAR)} | {code(_example(rule))} |\n"
        for rule in rules
    ]
    return "".join(["| Level | Rule | Meaning | Example |\n| --- | --- | --- | --- |\n", *rows])


def rules_data(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    """For programs; an example's `base` or `head` is left out where nothing stands at its JSON pointer `at`."""
    return [
        {"id": rule.id, "level": rule.level.value, "meaning": rule.meaning, "example": dict(rule.example)}
        for rule in rules
    ]


def _example(rule: Rule) -> str:
    """`definitions › Thing › properties › value › maxLength: 10 → 5`."""
    if not rule.example:
        return ""
    place = " › ".join(keys(rule.example["at"])) or "document"
    old, new = (json.dumps(rule.example[side]) if side in rule.example else "nothing" for side in ("base", "head"))
    return f"{place}: {old} → {new}"
