"""Clauses X and W on live servers: who may rerun and cancel through the proxy is who may dispatch a workflow.

Rules: the server is asked first and directly to dispatch a workflow without a ref, with the same credentials; `ref is
empty` is a yes, everything else the caller's own no. What the matrix asks for is never done: its jobs and runs are not
there, or not over.
"""

from __future__ import annotations

import pytest
import requests
from balanced import Front
from callers import Caller, People, ask, people_of, places
from hand import WRITE
from targets import Live
from world import ONE

clause = pytest.mark.clause
pytestmark = pytest.mark.feature("proxy")

NOBODYS = 999_999_999  # the id of no job and of no run
MAY_WRITE = {"admin", "owner", "password", "sudo-owner", "bearer", "writer"}
CALLERS = (
    *sorted(MAY_WRITE),
    "read",
    "reader",
    "reader-writes",
    "writer-reads",
    "member",
    "outsider",
    "anonymous",
    "restricted",
    "deactivated",
    "no-scope",
    "revoked",
    "wrong",
    "code",
    "no-code",
    "wrong-code",
    "sudo-outsider",
    "sudo-query",
    "sudo-by-outsider",
    "token-in-query",
    "cookie",
)


@pytest.fixture
def writing(live: Live) -> Front:
    """A proxy that writes, in front of the target's server."""
    return live.further("--allow-writes")


def is_native(live: Live, path: str) -> bool:
    """Whether the target's server itself has the operation of a path."""
    has = {"native", "artifacts" if "artifacts" in path else "cancel"}
    return path.endswith(("cancel", f"artifacts/{NOBODYS}")) and has <= live.target.features


def method_of(path: str) -> str:
    return "DELETE" if "artifacts" in path else "POST"


def of_artifacts(live: Live) -> list[str]:
    return [f"artifacts/{NOBODYS}"] if "artifacts" in live.target.features else []


def is_yes(direct: requests.Response) -> bool:
    return direct.status_code == 400 and direct.json().get("message") == "ref is empty"


def dispatch(live: Live, root: str, caller: Caller) -> requests.Response:
    return ask(live.server.base_url, f"{root}/workflows/none.yml/dispatches", caller, "POST", json={"ref": ""})


@clause("X27", "W2")
@pytest.mark.parametrize("name", CALLERS)
def test_the_verdict_on_writes_is_that_of_a_dispatch(live: Live, writing: Front, name: str) -> None:
    people = people_of(live)
    running = live.world.job("running", "build")
    for place, job, full in places(live):
        root = f"/repos/{full}/actions"
        caller = people.caller(name)
        direct = dispatch(live, root, caller)
        if place == "private":
            assert is_yes(direct) == (name in MAY_WRITE), f"{direct.status_code} {direct.text}"
        not_over = [f"jobs/{running.id}/rerun", *([f"runs/{running.run.id}/rerun"] if live.major >= 12 else [])]
        nothing = [f"jobs/{NOBODYS}/rerun", f"runs/{NOBODYS}/rerun", f"runs/{NOBODYS}/cancel", *of_artifacts(live)]
        for path in [*nothing, *(not_over if full == running.run.repo.full else [])]:
            method = method_of(path)
            told = ask(writing.base_url, f"{root}/{path}", caller, method)
            what = f"{place}, {path}: {told.status_code} {told.text[:200]}; directly {direct.status_code}"
            if is_native(live, path):
                native = ask(live.server.base_url, f"{root}/{path}", caller, method)
                assert (told.status_code, told.content) == (native.status_code, native.content), what
            elif is_yes(direct):
                cause = told.json().get("cause")
                if path in not_over:
                    assert (told.status_code, cause) == (503, "not-over"), what
                elif live.major == 11 and "runs/" in path:
                    assert (told.status_code, cause) == (501, "no-run-ids"), what
                else:
                    assert told.status_code == 404 or cause in ("web-account-cannot-read",), what
            elif direct.is_redirect:
                assert told.status_code == direct.status_code, what
                assert told.headers["Location"].split("?")[0].endswith(f"{job.run.repo.full}/actions/{path}"), what
            else:
                assert told.status_code == direct.status_code, what
                if direct.content.startswith(b"{"):
                    assert told.json() == direct.json(), what


@clause("X27", "W3")
def test_where_writes_are_off_who_may_read_is_told_so_and_nobody_else(live: Live) -> None:
    people, job = people_of(live), live.world.job("failing", "build")
    root = f"/repos/{job.run.repo.full}/actions"
    before = live.world.hand.state(job.run.repo.full, job.run.number).jobs
    for name in CALLERS:
        caller = people.caller(name)
        may_read = ask(live.server.base_url, f"{root}/tasks?limit=1", caller)
        runs = [f"runs/{job.run.id or 1}/rerun", f"runs/{NOBODYS}/cancel"]
        for path in (f"jobs/{job.id}/rerun", *runs, *of_artifacts(live)):
            method = method_of(path)
            told = ask(live.base_url, f"{root}/{path}", caller, method)
            if is_native(live, path):
                assert told.status_code == ask(live.server.base_url, f"{root}/{path}", caller, method).status_code
            elif may_read.status_code == 200:
                assert (told.status_code, told.json()["cause"]) == (501, "writes-off"), f"{name}, {path}: {told.text}"
            else:
                assert (told.status_code, told.json()) == (may_read.status_code, may_read.json()), f"{name}, {path}"
    assert live.world.hand.state(job.run.repo.full, job.run.number).jobs == before


@clause("X27", "W1")
@pytest.mark.parametrize("name", ["writer", "sudo-owner", "password"])
def test_who_may_write_reruns_a_job_and_no_other(live: Live, writing: Front, name: str) -> None:
    stage, repo = live.world.stage, live.world.repos["priv"]
    run = stage.start(f"by {name}", repo, ONE, "last.yml")
    job = stage.play(run, "build", "failure")
    before = others(live)
    told = ask(
        writing.base_url, f"/repos/{repo.full}/actions/jobs/{job.id}/rerun", people_of(live).caller(name), "POST"
    )
    assert told.status_code == 204, told.text
    assert stage.look(run).jobs["build"].status == "waiting"
    stage.play(run, "build", "success", 7)
    assert live.log(job).content == job.expected()
    assert others(live) == before


def others(live: Live) -> dict[str, list[str]]:
    """The statuses of the jobs of some other runs in the same repository."""
    runs = (live.world.stage.look(live.world.runs[key]) for key in ("failing", "twice", "running"))
    return {run.key: [job.status for job in run.jobs.values()] for run in runs}


@clause("X27", "W1")
def test_who_may_write_reruns_and_cancels_a_run(live: Live, writing: Front) -> None:
    stage, repo, caller = live.world.stage, live.world.repos["priv"], people_of(live).caller("writer")
    run = stage.start("cancelled by the proxy", repo, ONE, "last.yml")
    stage.play(run, "build", "failure")
    root = f"/repos/{repo.full}/actions/runs/{run.id or 1}"
    if live.major == 11:
        assert ask(writing.base_url, f"{root}/rerun", caller, "POST").json()["cause"] == "no-run-ids"
        return
    assert ask(writing.base_url, f"{root}/rerun", caller, "POST").status_code == 204
    assert stage.look(run).jobs["build"].status == "waiting"
    assert ask(writing.base_url, f"{root}/cancel", caller, "POST").status_code == 204
    assert stage.look(run).jobs["build"].status == "cancelled"


@clause("X27", "X15", "W2")
def test_a_right_to_write_that_was_taken_away_has_gone_at_once(live: Live, writing: Front) -> None:
    """Nothing of a yes is kept, whatever is kept of the right to read."""
    hand, job = live.world.hand, live.world.job("running", "build")
    account = hand.user(f"writing-{live.world.mark}")
    hand.collaborator(job.run.repo.full, account, "write")
    caller = Caller(People.bearing(hand.new_token(account, WRITE)))
    path = f"/repos/{job.run.repo.full}/actions/jobs/{job.id}"
    assert ask(writing.base_url, f"{path}/logs", caller).ok
    assert ask(writing.base_url, f"{path}/rerun", caller, "POST").json()["cause"] == "not-over"
    hand.collaborator(job.run.repo.full, account, "read")
    told = ask(writing.base_url, f"{path}/rerun", caller, "POST")
    direct = dispatch(live, f"/repos/{job.run.repo.full}/actions", caller)
    assert (told.status_code, told.json()) == (direct.status_code, direct.json()) and told.status_code == 403
