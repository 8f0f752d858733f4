"""The scripts that people see: the demo shows no credential and notices a wrong read, the bench keeps its budgets.

Only what does not depend on the machine's speed is held here: counts of requests, never a time; memory is made up. The
proxy that the bench would start as a process runs in a thread.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import requests
from aiohttp import web
from forgejo_shim.flows import follow
from hand import Hand
from running import Answering, Running, hello
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


def test_what_a_server_takes_paths_for_is_written_beside_what_others_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written = script("routes")
    kept = {spelled: {"13": told} for spelled, told in written.routes.recorded("15").items()}
    monkeypatch.setattr(written.routes, "table", lambda: kept)
    monkeypatch.setattr(sys, "argv", ["routes", "15", "--double", "--out", str(tmp_path / "routes.jsonl")])
    assert written.main() == 0
    rows = [json.loads(line) for line in (tmp_path / "routes.jsonl").read_text().splitlines()]
    assert [row["spelled"] for row in rows] == written.routes.spellings()
    assert all(row["13"] == row["15"] for row in rows), "what the real 15 did"


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
    return script("bench/__main__.py")


def test_reads_among_10_000_runs_take_no_more_requests_than_budgeted(bench: ModuleType) -> None:
    figures = list(bench.counts.request_counts())
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


class Near(Running):
    """A proxy in a thread that looks like a process."""

    pid = os.getpid()

    def __init__(self, upstream: str, web: Any = None, *words: str) -> None:
        streams = {"streams": int(words[1])} if words else {}
        super().__init__(upstream, web, **streams)


@pytest.fixture
def fronted(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ModuleType, Any]]:
    """The part of the bench that measures a proxy, made small, and a server with logs."""
    part = bench.fronted
    monkeypatch.setattr(sys.modules["measuring"], "PAIRS", 1)
    monkeypatch.setattr(part, "SMALL_PAIRS", 1)
    monkeypatch.setattr(follow, "INTERVAL", 0.02)
    for name, value in {"Proxied": Near, "STREAMS": 3, "FOLLOWERS": 3, "ROWS": 5, "idle": lambda proxy: 100}.items():
        monkeypatch.setattr(part, name, value)
    with pretended("15")() as server:
        yield part, server


@pytest.mark.parametrize("peak, each, met", [(100.25, 85, [True] * 3), (256.5, 53419, [False, True, False])])
def test_the_proxy_is_measured_with_every_stream_and_follower_right(
    bench: ModuleType,
    fronted: tuple[ModuleType, Server],
    monkeypatch: pytest.MonkeyPatch,
    peak: float,
    each: int,
    met: list[bool],
) -> None:
    part, server = fronted
    ground = bench.prepare(server, {"logs": {"small": 1_000, "large": 60_000}})
    monkeypatch.setattr(part, "memory", lambda field, pid: peak)
    figures = [*part.figures(ground, 0.8), *part.followers(ground, server.hand())]
    assert [figure.at_least for figure in figures] == [0.8, 0.8, None, None, None, None]
    assert (figures[2].what, figures[2].at_most) == ("time, 10 kB log, warm, latest attempt: proxy ÷ web download", 1.3)
    memory = figures[3:]
    assert [figure.value for figure in memory] == [round(peak, 1), round(peak - 100, 1), each]
    assert ([figure.met for figure in memory], [figure.at_most for figure in memory]) == (met, [256, None, 100])


def test_a_wrong_byte_in_a_stream_or_for_a_follower_ends_the_bench(
    bench: ModuleType, fronted: tuple[ModuleType, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    part, server = fronted
    ground = bench.prepare(server, {"logs": {"small": 1_000, "large": 60_000, "other": 30_000}})
    (job_id, _, size), (_, path, _) = ground.jobs["large"], ground.jobs["other"]
    wrong = replace(ground, jobs=ground.jobs | {"large": (job_id, path, size)})
    with pytest.raises(SystemExit, match="right bytes of 3 streams"):
        list(part.streams(wrong))
    stored = part.stored
    monkeypatch.setattr(part, "stored", lambda rows: stored(rows).replace(b"in 7 ms", b"in 8 ms"))
    with pytest.raises(SystemExit, match="right bytes of 3 followers"):
        list(part.followers(ground, server.hand()))


def test_small_calls_are_asked_as_often_as_said_and_a_wrong_answer_ends_the_bench(bench: ModuleType) -> None:
    seen = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        seen.append((request.path, request.transport))
        return await hello(request)

    with Answering(answer) as server:
        assert len(bench.calls.turn(server.base_url, b"hello", 7, 3)) == 7
        assert [path for path, _ in seen] == [bench.calls.CALL] * 7
        assert len({id(transport) for _, transport in seen}) == 3
        with pytest.raises(SystemExit, match="is no right answer"):
            bench.calls.turn(server.base_url, b"hullo", 1, 1)
    with pytest.raises(SystemExit):
        bench.calls.turn(server.base_url, b"hello", 1, 1)


def test_the_proxy_is_measured_beside_a_bare_one_that_passes_on(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        sent = b"".join([name + value for name, value in request.raw_headers if name.startswith(b"X-A")])
        return web.Response(body=await request.read() + sent + request.raw_path.encode())

    with Answering(echo) as behind, bench.calls.child("bare_proxy.py", behind.base_url) as bare:
        answer = requests.post(f"{bare}/a%2Fb?c", data=b"body ", headers={"X-A": "b"}, timeout=10)
        assert answer.content == b"body X-Ab/a%2Fb?c"
        settings = {"Proxied": Near, "MANY": 4, "PAIRS": 1, "SINGLE": 2, "TURNS": 2}
        for name, value in {**settings, "child": lambda *words: nullcontext(bare)}.items():
            monkeypatch.setattr(bench.calls, name, value)
        figures = list(bench.calls.figures("echo", behind.base_url))
    assert [(figure.at_least, figure.at_most) for figure in figures] == [(None, 1.5), (1, None), (None, None)]


def test_the_server_of_one_answer_gives_it(bench: ModuleType) -> None:
    with bench.calls.child("one_answer.py") as url, requests.Session() as session:
        for _ in range(2):
            assert session.get(url + bench.calls.CALL, timeout=10).json() == {"version": "15.0.2+gitea-1.22.0"}


@pytest.fixture
def judged(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The part of the bench that times the spec checks, with one copy of the facts and one turn."""
    part = bench.judged
    for name, value in {"COPIES": 1, "SIZE": range(10_000, 100_000), "TURNS": 1}.items():
        monkeypatch.setattr(part, name, value)
    return part


def test_spec_checks_are_timed_on_right_verdicts(judged: ModuleType, native: Server) -> None:
    figures = [*judged.figures(native), *judged.made()]
    assert [(figure.server, figure.unit, figure.at_most) for figure in figures] == [
        ("Forgejo 16.0.0", " s", 2),
        ("none", " s", 5),
    ]
    assert "all 32 definitions" in figures[1].what


def test_the_documents_of_the_bench_are_as_large_as_a_server_s(bench: ModuleType) -> None:
    part = bench.judged
    base = part.multiplied(json.loads(part.FACTS.read_text()), part.COPIES)
    head, changes = part.changed(base)
    assert all(750_000 <= len(json.dumps(one)) <= 900_000 for one in (base, head))
    unchanged = [name for name, schema in base["definitions"].items() if head["definitions"][name] == schema]
    assert unchanged == [] and changes.keys() == base["definitions"].keys() and all(changes.values())


def test_a_missed_or_made_up_change_or_another_size_ends_the_bench(
    judged: ModuleType, native: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, some = judged.judge, []

    def blind(changes: list[Any]) -> list[Any]:
        some[:] = changes[-1:]
        return judge([change for change in changes if change.where != some[0].where])  # type: ignore[no-any-return]

    monkeypatch.setattr(judged, "judge", blind)
    with pytest.raises(SystemExit, match="changes that are missed or not there, made documents"):
        list(judged.made())
    monkeypatch.setattr(judged, "judge", lambda changes: judge([*changes, *some]))
    with pytest.raises(SystemExit, match="changes that are missed or not there, Forgejo 16.0.0"):
        list(judged.figures(native))
    monkeypatch.setattr(judged, "SIZE", range(10, 20))
    with pytest.raises(SystemExit, match="bytes, where 10 to 19 are right"):
        list(judged.made())


def test_a_picture_is_what_a_terminal_of_that_size_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = script("pictures")
    monkeypatch.setattr(pictures, "FOLDER", tmp_path)
    monkeypatch.setattr(pictures, "ROOT", tmp_path)
    monkeypatch.setattr(pictures, "SIZES", ((80, 24),))
    with pictures.Double("15") as double:
        environment = pictures.environment_of(double, pictures.World(double), tmp_path)
        for name in ("why", "runs"):
            assert pictures.draw(name, 80, 24, pictures.PICTURES[name], environment)
    shown = (tmp_path / "why-80.svg").read_text().replace("&#160;", " ")
    assert "assert 110.0 == 121.0" in shown and "more: forgejo-shim logs ada/webshop" in shown
    assert "the password of ada" not in shown and not re.search(r"url\((?!#)|@import", shown)
    assert "test (3.12)" in shown and "✗" in (tmp_path / "runs-80.svg").read_text()
