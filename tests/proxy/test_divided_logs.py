"""Which rows are which step's, over random jobs: never another step's, whatever times, lengths and views say."""

from __future__ import annotations

import io
import random
import zipfile
from dataclasses import replace

import pytest
from forgejo_shim.flows import counted_log, divided_log
from forgejo_shim.flows.log_step import StepEnd
from forgejo_shim.webui.values import View
from running import Running
from small import Small
from stepped import Steps, play, waiting

ON = frozenset({"github"})
EACH = (0.0, 0.00001, 0.003, 0.04, 0.7, -0.003)  # seconds from row to row


def files(proxy: Running, small: Small, run_id: int) -> dict[str, bytes]:
    found = proxy.get(f"/api/v3/repos/o/r/actions/runs/{run_id}/logs", small.token)
    answer = proxy.get(found.headers["Location"].removeprefix(proxy.base_url))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.clause("X47", "X48")
@pytest.mark.parametrize("face", ["12", "15", "16"])
def test_random_jobs_are_cut_where_their_steps_end(face: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(face)
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        for number in range(15):
            monkeypatch.setattr(counted_log, "KEPT", dice.choice((1, 3000, 10**9)))
            monkeypatch.setattr(divided_log, "FEW", dice.choice((0, 3, 256)))
            steps: Steps = [(f"s{n}", dice.choice((0, 1, 2, 40, 900))) for n in range(dice.randint(1, 7))]
            run = waiting(small, {"job": steps})
            how = {"each": dice.choice(EACH), "behind": dice.choice((0, 1, 30)), "gap": dice.choice((0, 0, 1, 5))}
            # One step alone that was cancelled is counted twice, as a part of the job's setting up, too.
            status = dice.choice(("success", "failure", "cancelled")[: 2 + (len(steps) > 1)])
            parts = play(small, run.jobs[0], steps, status=status, **how)
            found = files(proxy, small, run.id)
            log = run.jobs[0].tasks[-1].log
            assert log
            whole = b"".join(log.read(0, log.size))
            assert sorted(b"".join(found.values()).splitlines()) == sorted(whole.splitlines())
            truth = {
                f"job/{n}_{name}.txt": part
                for n, ((name, _), part) in enumerate(zip(steps, parts[1:-1], strict=True), 2)
            }
            for name, part in found.items():
                assert name == "0_job.txt" or name not in truth or part == truth[name], (number, how, name)
            if not how["gap"]:
                assert {name: part for name, part in found.items() if name in truth} == {
                    name: part for name, part in truth.items() if part
                }, (number, how, steps)


@pytest.mark.clause("X48")
@pytest.mark.parametrize("by", [-1, 1, 5])
def test_a_view_that_counts_otherwise_divides_nothing(by: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = divided_log.step_ends

    def other(view: View, cursors: dict[int, int]) -> dict[int, StepEnd]:
        return {n: replace(end, count=end.count + by * (n == 1)) for n, end in real(view, cursors).items()}

    monkeypatch.setattr(divided_log, "step_ends", other)
    with Small("15") as small, Running(small.url, small.web, faces=ON) as proxy:
        run = waiting(small, {"job": [("a", 20), ("b", 9)]})
        parts = play(small, run.jobs[0], [("a", 20), ("b", 9)])
        assert files(proxy, small, run.id) == {"0_job.txt": b"".join(parts)}
