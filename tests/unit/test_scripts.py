"""The scripts that people see: the demo shows no credential and notices a wrong read, the bench keeps its budgets.

Only what does not depend on the machine's speed is held here: counts of requests, never a time; memory is made up.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hand import Hand
from servers import Server, pretended

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


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return script("bench")


def test_reads_among_10_000_runs_take_no_more_requests_than_budgeted(bench: ModuleType) -> None:
    figures = list(bench.request_counts())
    assert len(figures) == 11
    assert not [(figure.what, figure.measured, figure.budget) for figure in figures if not figure.met]


@pytest.fixture
def native(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The double of a version that has the endpoints, and logs short enough for a test."""
    monkeypatch.setattr(sys.modules["measuring"], "PAIRS", 1)
    logs = {"logs": {"small": 1_000, "large": 60_000}}
    others = {"one": {"one": 1_000}, "many": {"many-1": 1_000, "many-2": 1_000}, "huge": {"huge": 90_000}}
    for name, value in {"SHORT": logs, "LONG": logs | others, "TURNS": 1, "MEMBERS": 2}.items():
        monkeypatch.setattr(bench.patched, name, value)
    with pretended("16")() as server:
        yield server


def test_memory_of_a_server_that_is_no_process_is_said_to_be_not_run(
    bench: ModuleType, native: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = list(bench.patched.figures(native))
    assert [(figure.at_least, figure.at_most) for figure in figures] == [(1, None), (1, None)]
    assert "memory: not run: double 16" in capsys.readouterr().err


def test_a_server_whose_memory_grows_with_an_answer_misses_the_budget(
    bench: ModuleType, native: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground, peaks = bench.prepare(native, bench.patched.LONG), []
    monkeypatch.setattr(native, "pid", 1)
    monkeypatch.setattr(native, "restart", lambda: peaks.pop(0))
    monkeypatch.setattr(bench.patched, "memory", lambda field, pid: peaks[0])
    for long, short, met in ((333, 300, [False, False, True]), (331, 300, [True] * 3), (290, 300, [True] * 3)):
        peaks[:] = [0, *[long, short] * 3]
        figures = list(bench.patched.memories(native, ground))
        assert [figure.value for figure in figures] == [long - short] * 3
        assert [figure.met for figure in figures] == met


@pytest.mark.parametrize("job", ["huge", "large", "one", "many-2"])
def test_a_log_of_another_size_ends_the_bench(
    bench: ModuleType, native: Server, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    ground = bench.prepare(native, bench.patched.LONG)
    job_id, path, size = ground.jobs[job]
    wrong = replace(ground, jobs=ground.jobs | {job: (job_id, path, size + 1)})
    monkeypatch.setattr(native, "pid", 1)
    monkeypatch.setattr(bench.patched, "memory", lambda field, pid: 300)
    with pytest.raises(SystemExit, match="is right"):
        list(bench.patched.memories(native, wrong))
