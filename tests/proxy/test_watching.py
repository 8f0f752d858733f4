"""The dashboard and the alert rules of `shim/deploy/`: what they name is exported, each rule fires as it says.

`promtool` is Prometheus' own program (Debian: prometheus).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from forgejo_shim.proxy.conditions import Condition, Part
from running import Running, log_path
from small import Small

DEPLOY = Path(__file__).parents[2] / "shim/deploy"
RULES, CASES = DEPLOY / "prometheus/alerts.yml", DEPLOY / "prometheus/alerts.test.yml"
PAGE = DEPLOY.parent / "WATCHING.md"
DASHBOARD = DEPLOY / "grafana/dashboard.json"
PROMTOOL = shutil.which("promtool")
OURS = re.compile(r"\bforgejo_shim_\w+")
LABELS = re.compile(r"\{([^{}]*)\}|\bby \(([^()]*)\)")
OF_PROMETHEUS = {"instance", "job", "le"}


class Shared:
    def condition(self) -> Condition:
        return Condition("redis", Part(True, "reachable"), 0.0)


@pytest.fixture(scope="module")
def exported() -> Iterator[tuple[set[str], set[str]]]:
    """The names of all figures after some traffic, and of all labels."""
    with Small("15") as small, Running(small.url, small.web, watched=(Shared(),)) as proxy:
        proxy.get(log_path(small), small.token)
        proxy.get("/api/v1/actions/run", small.token)
        proxy.lines(2)
        found = list(proxy.figures())
    yield (
        {name.partition("{")[0] for name in found},
        {label for name in found for label in re.findall(r'(\w+)="', name)} | OF_PROMETHEUS,
    )


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions(page: Any) -> Iterator[str]:
    """What a dashboard asks Prometheus for."""
    if isinstance(page, dict):
        yield from (value for key, value in page.items() if key in ("expr", "query") and isinstance(value, str))
        for value in page.values():
            yield from expressions(value)
    elif isinstance(page, list):
        for value in page:
            yield from expressions(value)


def unknown(asked: list[str], exported: tuple[set[str], set[str]]) -> set[str]:
    """The figures and labels that are asked for and are not exported."""
    names, labels = exported
    used = {name for one in asked for name in OURS.findall(one)}
    of_labels = {
        name
        for one in asked
        for inside, by in LABELS.findall(one)
        for name in re.findall(r"(\w+)\s*[=!]", inside) + [word.strip() for word in by.split(",") if word]
    }
    assert used and of_labels
    return (used - names) | (of_labels - labels)


@pytest.mark.clause("U11")
def test_alerts_and_dashboard_ask_for_what_is_exported(exported: tuple[set[str], set[str]]) -> None:
    asked = [rule["expr"] for rule in rules()]
    assert len(asked) >= 8 and unknown(asked, exported) == set()
    asked = list(expressions(json.loads(DASHBOARD.read_text())))
    assert len(asked) >= 16 and unknown(asked, exported) == set()


@pytest.mark.clause("U11")
def test_every_figure_is_on_the_dashboard(exported: tuple[set[str], set[str]]) -> None:
    asked = {name for one in expressions(json.loads(DASHBOARD.read_text())) for name in OURS.findall(one)}
    names = {name for name in exported[0] if not name.endswith(("_created", "_sum", "_count"))}
    assert names - asked == {"forgejo_shim_start_time_seconds", "forgejo_shim_last_error_timestamp_seconds"}


def test_every_figure_is_in_the_table_and_no_other(exported: tuple[set[str], set[str]]) -> None:
    rows = [line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    told = {f"forgejo_shim_{name}" for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told == {re.sub("_(bucket|count|sum)$", "", name) for name in exported[0] if not name.endswith("_created")}


def test_a_figure_or_label_that_is_not_exported_is_found(exported: tuple[set[str], set[str]]) -> None:
    asked = ['sum by (kind, colour) (forgejo_shim_gone{status="200", no=~"x"})', "forgejo_shim_upstream_up"]
    assert unknown(asked, exported) == {"forgejo_shim_gone", "colour", "no"}


@pytest.mark.clause("U11")
def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in rules()}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == names


@pytest.mark.clause("U11")
@pytest.mark.skipif(not PROMTOOL, reason="not run: no promtool")
@pytest.mark.parametrize("words", [("check", RULES), ("test", CASES)], ids=["check", "test"])
def test_promtool_agrees(words: tuple[str, Path]) -> None:
    verb, path = words
    told = subprocess.run([PROMTOOL or "", verb, "rules", path], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0 and "SUCCESS" in told.stdout, told.stdout + told.stderr


def test_panels_of_the_dashboard_stand_side_by_side() -> None:
    page = json.loads(DASHBOARD.read_text())
    taken: set[tuple[int, int]] = set()
    for panel in page["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24 and panel["title"] and panel["description"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in page["panels"]}) == len(page["panels"])
