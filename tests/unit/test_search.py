"""The search for a job's run: halving as a value machine, then its cost in three worlds of 10,000 runs."""

from __future__ import annotations

import json
import random
import re
from datetime import UTC, datetime
from math import log2
from typing import Any

import pytest
from forgejo_shim import MemoryStore
from forgejo_shim.flows.find_job import MAX_PROBES
from forgejo_shim.search import RunSearch
from forgejo_shim.server import Server
from forgejo_shim.transport import read_all, run
from forgejo_shim.webui.session import WebSession
from hypothesis import given, settings
from hypothesis import strategies as some
from scripted import (
    BASE,
    QUESTION,
    RUN,
    STAMP,
    SWAGGER,
    WITHOUT,
    YES,
    Said,
    Scripted,
    ScriptedAnswer,
    answer_json,
    answered,
    log,
    state,
    text,
    to,
)

RUNS = 10_000


def walk(runs: list[list[int]], job_id: int) -> tuple[RunSearch, list[int]]:
    """Search among the runs (run number 1 first); the run numbers read, in order."""
    halving, read = RunSearch(job_id, len(runs)), []
    while (number := halving.next()) is not None:
        assert number not in read and 1 <= number <= len(runs)
        read.append(number)
        halving.learn(number, runs[number - 1])
    return halving, read


@some.composite
def worlds(draw: some.DrawFn) -> list[list[int]]:
    """Runs with 0 to 4 rows; some rows, never all of a run, are replaced by ones with ids above a later run's."""
    runs: list[list[int]] = []
    fresh = 0
    for _ in range(draw(some.integers(1, 60))):
        size = draw(some.integers(0, 4))
        runs.append(list(range(fresh + 1, fresh + size + 1)))
        fresh += size
        old = draw(some.integers(0, len(runs) - 1))
        if len(runs[old]) > 1 and draw(some.integers(0, 3)) == 0:
            del runs[old][draw(some.integers(1, len(runs[old]) - 1))]
            runs[old] += [fresh + 1, fresh + 2]
            fresh += 2
    return runs


@pytest.mark.clause("S17")
@settings(max_examples=60, deadline=None)
@given(worlds(), some.integers(1, 200))
def test_what_is_found_is_there_and_what_is_not_lies_below(runs: list[list[int]], job_id: int) -> None:
    halving, read = walk(runs, job_id)
    holder = next((number for number, ids in enumerate(runs, 1) if job_id in ids), None)
    if halving.found:
        assert halving.found == holder
    elif holder:
        assert holder < halving.below, "a replaced row is in a run before the last that begins below it"
        assert runs[holder - 1][0] != job_id
    if all(runs) and holder and runs[holder - 1][0] == job_id:
        assert halving.found == holder
        assert len(read) <= log2(len(runs)) + 1


@pytest.mark.clause("S17")
def test_no_runs_are_no_search() -> None:
    assert walk([], 1)[1] == []
    assert walk([[], [], []], 1)[0].found is None


class Forge(Scripted):
    """A Forgejo 15 of lists: job ids per run, and the runs' last moments; run n begins at minute n."""

    def __init__(self, runs: list[list[int]], stopped: dict[int, float] | None = None) -> None:
        super().__init__({})
        self.runs, self.stopped = runs, stopped or {}

    @property
    def counted(self) -> int:
        return len([asked for asked in self.asked if asked != QUESTION])

    async def _answer(self, asked: str, headers: list[tuple[str, str]], body: bytes) -> ScriptedAnswer:
        if asked == SWAGGER:
            return ScriptedAnswer(WITHOUT, False)
        self.asked.append(asked)
        return ScriptedAnswer(self._said(asked), False)

    def _said(self, asked: str) -> Said:
        if asked == QUESTION:
            return YES
        if asked == f"GET {RUN}/latest":
            return to(f"{BASE}{RUN}/{len(self.runs)}", 307)
        if found := re.search(r"/actions/runs\?page=(\d+)&limit=50$", asked):
            last = len(self.runs) - 50 * (int(found[1]) - 1)
            entries = [self._entry(number) for number in range(last, max(last - 50, 0), -1)]
            return answer_json({"total_count": len(self.runs), "workflow_runs": entries})
        found = re.search(r"/runs/(\d+)/jobs/(\d+)(?:/attempt/1)?(/logs)?$", asked)
        assert found, asked
        number, index = int(found[1]), int(found[2])
        ids = self.runs[number - 1]
        if not ids:
            return text(404, "Not Found")
        index = index if index < len(ids) else 0
        if found[3]:
            return log(b"%d\n" % ids[index], f"job {ids[index]}", ids[index])
        if asked.startswith("GET"):
            return to(f"{BASE}{RUN}/{number}/jobs/{index}/attempt/1", 307)
        return state([(job_id, f"job {job_id}", "success") for job_id in ids], run=number)

    def _entry(self, number: int) -> dict[str, Any]:
        moments = [number * 60, number * 60, self.stopped.get(number, number * 60 + 30)]
        created, started, stopped = (datetime.fromtimestamp(moment, UTC).isoformat() for moment in moments)
        return {
            "id": number, "index_in_repo": number, "status": "success", "title": "", "created": created,
            "started": started, "stopped": stopped, "repository": {"id": 1, "owner": {"id": 1}},
        }  # fmt: skip


def read(forge: Forge, job_id: int, server: Server | None = None, query: str = "") -> tuple[int, bytes, int]:
    """Read a job's log: status, body, and how many requests it took, the question of rights apart."""
    before = forge.counted
    server = server or Server(BASE, WebSession(None), MemoryStore())
    reply = run(answered(forge, server, f"/repos/o/r/actions/jobs/{job_id}/logs?{query}"))
    body = reply.body if isinstance(reply.body, bytes) else run(read_all(reply.body, 9999, "a log"))  # type: ignore[arg-type]
    return reply.status, body.removeprefix(STAMP), forge.counted - before


def rising(first: int = 1, runs: int = RUNS) -> list[list[int]]:
    return [[first + 3 * n, first + 3 * n + 1, first + 3 * n + 2] for n in range(runs)]


def budget(more: int = 0) -> float:
    return 2 * log2(RUNS) + 8 + more


@pytest.mark.clause("S17", "S19")
def test_cost_where_ids_rise() -> None:
    forge = Forge(rising())
    for job_id in [1, 2, 3, 3 * RUNS - 1, 3 * RUNS, *random.Random(3).sample(range(1, 3 * RUNS), 40)]:
        server = Server(BASE, WebSession(None), MemoryStore())
        status, body, cost = read(forge, job_id, server)
        assert (status, body) == (200, b"%d\n" % job_id)
        assert cost <= budget(), job_id
        assert read(forge, job_id, server) == (200, body, 2)
        assert read(forge, job_id, server, "attempt=1") == (200, body, 1)


@pytest.mark.clause("S17")
def test_cost_where_a_row_was_replaced_5000_runs_later() -> None:
    runs = rising()
    replaced = runs[5099][-1] + 1
    runs = [*runs[:5100], *rising(replaced + 1, RUNS - 5100)]
    runs[99][-1] = replaced
    forge = Forge(runs, {100: 5100 * 60 + 40})
    status, body, cost = read(forge, replaced)
    assert (status, body) == (200, b"%d\n" % replaced)
    assert cost <= budget(MAX_PROBES)
    for job_id in (1, replaced + 1, runs[99][0], runs[5099][0], runs[-1][-1]):
        status, body, cost = read(forge, job_id)
        assert (status, body) == (200, b"%d\n" % job_id)
        assert cost <= budget(), job_id


@pytest.mark.clause("S17")
@pytest.mark.parametrize("before", [0, 1, 2, 7, 700, 3333, 4999, 5000, 7777, 9498, 9499, 9500])
def test_cost_where_500_runs_in_a_row_are_empty(before: int) -> None:
    runs = [*rising(1, before), *[[] for _ in range(500)], *rising(3 * before + 1, RUNS - 500 - before)]
    forge = Forge(runs)
    border = 3 * before
    chosen = {1, 3 * (RUNS - 500), border // 2, border + 600, *range(border - 9, border + 10)}
    for job_id in chosen & set(range(1, 3 * (RUNS - 500) + 1)):
        status, body, cost = read(forge, job_id)
        assert (status, body) == (200, b"%d\n" % job_id)
        assert cost <= budget(50), f"job {job_id}: {cost}"


@pytest.mark.clause("S17")
def test_not_found_is_said_when_every_run_that_can_hold_it_was_read() -> None:
    runs = rising(1, 30)
    gone = runs[10].pop()
    forge = Forge(runs)
    status, body, _ = read(forge, gone)
    assert (status, json.loads(body)["message"]) == (404, f"run job with id {gone}: resource does not exist")
    assert read(Forge([]), 1)[0] in (404, 502)


@pytest.mark.clause("S17", "S18")
@pytest.mark.parametrize("unfinished", [1, 7, 38, 40, 50])
def test_the_limit_is_no_404_and_is_kept(unfinished: int) -> None:
    """So many of each 50 runs are unfinished; the job's row is gone."""
    runs = rising(1, 1000)
    gone = runs[900].pop()
    forge = Forge(runs, {number: 0 for number in range(1, 901) if number % 50 < unfinished})
    status, body, cost = read(forge, gone)
    assert cost <= 2 * log2(1000) + 8 + MAX_PROBES
    if 18 * unfinished > MAX_PROBES:
        assert (status, json.loads(body)["cause"]) == (504, "search-limit")
        assert re.search(r"\(\d+, \d+", json.loads(body)["message"]), "the runs read are named"
    else:
        assert status == 404
