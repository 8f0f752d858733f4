"""The scripts that people see: the demo shows no credential and notices a wrong read, the bench keeps its budgets.

Only what does not depend on the machine's speed is held here: counts of requests, never a time.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hand import Hand

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def script(name: str) -> ModuleType:
    """A script as a module."""
    loader = SourceFileLoader(f"script_{name}", str(SCRIPTS / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = sys.modules[loader.name] = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    return script("demo")


def test_the_demo_on_the_double_reads_right_and_shows_no_credential(
    demo: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secrets: list[str] = []
    user, new_token = Hand.user, Hand.new_token

    def noted_user(self: Any, *given: Any, **more: Any) -> Any:
        account = user(self, *given, **more)
        secrets.append(account.password)
        return account

    def noted_token(self: Any, *given: Any) -> str:
        secrets.append(new_token(self, *given))
        return secrets[-1]

    monkeypatch.setattr(Hand, "user", noted_user)
    monkeypatch.setattr(Hand, "new_token", noted_token)
    screen = demo.Screen()
    demo.play(screen, double=True)
    shown = screen.console.export_text(clear=False)
    demo.picture(screen, tmp_path / "demo.svg")
    picture = (tmp_path / "demo.svg").read_text()
    assert screen.right and "404 page not found" in shown and 'backend "native"' in shown
    assert len(secrets) >= 6
    assert not [secret for secret in secrets if secret in shown or secret in picture]
    assert not re.search(r"url\((?!#)|@import", picture), "the picture loads something from elsewhere"


def test_the_demo_notices_a_wrong_read(demo: ModuleType) -> None:
    screen = demo.Screen()
    screen.check_log("by session", demo.stored(demo.ROWS))
    assert screen.right
    screen.check_log("by session", demo.stored(demo.ROWS[1:]))
    assert not screen.right


def test_reads_among_10_000_runs_take_no_more_requests_than_budgeted() -> None:
    figures = list(script("bench").request_counts())
    assert len(figures) == 11
    assert not [(figure.what, figure.measured, figure.budget) for figure in figures if not figure.met]
