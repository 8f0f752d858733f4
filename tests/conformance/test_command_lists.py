"""The command's lists, on every target: the same world gives the same rows, but for what an older server does not tell.

Rules: each verb runs in this process with the reader's token and the owner's web account; what it must print is told by
the world.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from forgejo_shim.cli import main
from seeded import Job, Run
from targets import Live

clause = pytest.mark.clause


class Desk:
    """The command at a target, with a home of its own."""

    def __init__(self, live: Live, home: Path) -> None:
        self.live = live
        hidden = {name: None for name in os.environ if name.startswith(("FORGEJO", "XDG_"))}
        self.environment = hidden | {
            "HOME": str(home),
            "FORGEJO_URL": live.base_url,
            "FORGEJO_TOKEN": live.world.tokens["read"],
            "FORGEJO_SHIM_WEB_USER": live.web.user,
            "FORGEJO_SHIM_WEB_PASSWORD": live.web.password,
        }
        self.repo = live.world.repos["priv"].full

    def run(self, *words: object) -> Result:
        return CliRunner(env=self.environment).invoke(main, [str(word) for word in words])

    def rows(self, *words: object, code: int = 0) -> list[list[str]]:
        result = self.run(*words)
        assert (result.exit_code, result.stderr) == (code, ""), result.output
        return [line.split("\t") for line in result.stdout.splitlines()]


@pytest.fixture
def desk(live: Live, tmp_path: Path) -> Desk:
    return Desk(live, tmp_path)


def of_priv(live: Live) -> list[Run]:
    """The runs of the private repository, newest first, as they are now."""
    found = [run for run in live.world.runs.values() if run.repo is live.world.repos["priv"]]
    return [live.world.stage.look(run) for run in sorted(found, key=lambda run: -run.number)]


def listed(live: Live, run: Run) -> list[str]:
    """The first columns of a run's row; Forgejo 11 tells neither event, nor workflow, nor branch."""
    more = ["workflow_dispatch", f"{run.key}.yml"] if live.major > 11 else ["", ""]
    return [str(run.number), run.status, *more]


@clause("C37", "C1")
def test_the_runs(live: Live, desk: Desk) -> None:
    known = of_priv(live)
    found = desk.rows("runs", desk.repo, "--limit", len(known))
    assert [row[:4] for row in found] == [listed(live, run) for run in known]
    assert len({len(row) for row in found}) == 1
    if live.major > 11:
        assert {(row[5], row[7]) for row in found} == {("main", live.server.admin)}  # who starts every run
        assert all(len(row[6]) == 40 and row[8].endswith("Z") for row in found)
    else:
        assert {tuple(row[5:]) for row in found} == {("",) * 5}


@clause("C28", "C37")
@pytest.mark.parametrize("status", ["failure", "success", "running", "blocked"])
def test_the_runs_of_a_status(live: Live, desk: Desk, status: str) -> None:
    wanted = [str(run.number) for run in of_priv(live) if run.status == status]
    assert [row[0] for row in desk.rows("runs", desk.repo, "--status", status)] == wanted


@clause("C28", "C37")
def test_the_runs_of_a_workflow_a_branch_an_event(live: Live, desk: Desk) -> None:
    run = live.world.runs["twice"]
    assert [row[0] for row in desk.rows("runs", desk.repo, "--workflow", "twice.yml")] == [str(run.number)]
    assert desk.rows("runs", desk.repo, "--workflow", "none.yml") == []
    for words, some in ((["--branch", "main"], True), (["--branch", "none"], False), (["--event", "push"], False),
                        (["--event", "workflow_dispatch"], True)):  # fmt: skip
        if live.major > 11:
            found = desk.rows("runs", desk.repo, *words)
            assert len(found) == (len(of_priv(live)) if some else 0), words
        else:
            assert desk.run("runs", desk.repo, *words).exit_code == 1


@clause("C38", "C37")
def test_chosen_fields(live: Live, desk: Desk) -> None:
    told = json.loads(desk.run("runs", desk.repo, "--limit", 3, "--json", "number,status").stdout)
    assert told == [{"number": run.number, "status": run.status} for run in of_priv(live)[:3]]


def name_of(job: Job) -> str:
    return job.name.partition("#")[0]


@clause("C40")
@pytest.mark.parametrize("key", ["failing", "twice", "running", "needs"])
def test_the_jobs_and_their_steps(live: Live, desk: Desk, key: str) -> None:
    run = live.world.stage.look(live.world.runs[key])
    known = sorted(run.jobs.values(), key=lambda job: job.id)
    found = desk.rows("jobs", desk.repo, run.number, "--steps")
    own = [row for row in found if row[5] == ""]
    assert [(row[0], row[1], row[2], row[4]) for row in own] == [
        (str(job.id), str(index), job.status, safe(name_of(job))) for index, job in enumerate(known)
    ]
    for job in known:
        steps = [row for row in found if row[0] == str(job.id) and row[5] != ""]
        assert bool(steps) == (job.current is not None)
        if steps:
            assert [row[5] for row in steps] == [str(n) for n in range(len(steps))]
            assert (steps[0][4], steps[-1][4]) == ("Set up job", "Complete job")
            if job.status in ("success", "failure"):
                assert all(row[6].isdecimal() for row in steps if row[2] != "skipped")


def safe(name: str) -> str:
    return name if name.isprintable() else ""


@clause("C41")
def test_the_attempts(live: Live, desk: Desk) -> None:
    job = live.world.job("twice", "build")
    found = desk.rows("attempts", desk.repo, job.id)
    told = [[str(n), one.result or "", "there", str(len(one.rows))] for n, one in sorted(job.attempts.items())]
    if live.major < 13:
        told = [["", *told[-1][1:]]]
    if live.target.version == "13.0.3":  # gives no log of an earlier attempt
        found, told = found[-1:], told[-1:]
    assert [[row[0], row[1], *row[4:]] for row in found] == told
    expired = live.world.job("expired", "old")
    assert [row[4] for row in desk.rows("attempts", desk.repo, expired.id)] == ["expired"]


@clause("C39")
@pytest.mark.parametrize("key", ["twice", "needs", "cancelled", "last"])
def test_a_run_that_is_over_is_watched_to_its_end(live: Live, desk: Desk, key: str) -> None:
    run = live.world.stage.look(live.world.runs[key])
    result = desk.run("watch", desk.repo, run.number)
    *jobs, last = [line.partition(" ")[2] for line in result.stdout.splitlines()]
    assert len(jobs) == len(run.jobs) and last.endswith(f": {run.status}")
    assert result.exit_code == (0 if run.status == "success" else 1)


@clause("C42")
def test_the_page_of_a_run(live: Live, desk: Desk) -> None:
    run = live.world.runs["twice"]
    assert desk.rows("open", desk.repo, run.number) == [[f"{live.base_url}/{desk.repo}/actions/runs/{run.number}"]]
