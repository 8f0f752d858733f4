"""Clauses H on live servers: the face of forgejo-proxy gives what the operations by ids give, to the same callers."""

from __future__ import annotations

from collections import Counter
from urllib.parse import quote

import pytest
import requests
from forgejo_shim.faces.forgejo_proxy import ROOT as FACE
from seeded import Job, Run
from targets import Live
from test_rights import Caller, People, ask, people, places
from world import ONE

__all__ = ["people"]  # a fixture
clause = pytest.mark.clause
pytestmark = pytest.mark.feature("proxy")
LOOKED_AT = ("failing", "foreign", "dynamic", "twice", "waits", "taken", "running", "expired", "reusable", "renamed")
SOME = ("owner", "reader", "member", "outsider", "anonymous", "no-scope", "wrong", "sudo-outsider", "token-in-query")


def face(live: Live, run: Run | str, what: str, **headers: str) -> requests.Response:
    """GET `what` of a run, or of `latest`, in the private repository, as its owner."""
    root = live.world.repos["priv"].full if isinstance(run, str) else run.repo.full
    path = f"/repos/{root}/actions/runs/{run if isinstance(run, str) else run.number}/{what}"
    return ask(live.base_url + FACE, path, Caller({"Authorization": f"token {live.world.tokens['read']}"} | headers))


def cause(response: requests.Response) -> str:
    return str(response.json()["cause"])


def by_index(run: Run) -> list[Job]:
    return sorted(run.jobs.values(), key=lambda job: job.id)


@clause("H1", "H2")
def test_each_log_by_run_number(live: Live) -> None:
    for run in (run for key, run in live.world.runs.items() if key in LOOKED_AT):
        told = [job["name"] for job in face(live, run, "jobs").json()]
        assert len(told) == len(run.jobs)
        for index, job in enumerate(by_index(run)):
            by_id = live.log(job)
            for wanted in [str(index), *[told[index]] * (told.count(told[index]) == 1)]:
                found = face(live, run, f"logs?job={quote(wanted)}")
                assert found.status_code == by_id.status_code, (job.name, wanted)
                if isinstance(expected := job.expected(), bytes):
                    assert found.content == by_id.content == expected
                else:
                    assert found.json()["message"] == by_id.json()["message"]
            if told.count(told[index]) > 1:
                assert cause(face(live, run, f"logs?job={quote(told[index])}")) == "job-ambiguous"
        assert cause(face(live, run, f"logs?job={len(told)}")) == "job-not-in-run"


@clause("H1")
def test_a_part_and_an_attempt_by_run_number(live: Live) -> None:
    run = live.world.runs["twice"]
    job = run.jobs["build"]
    whole = job.expected()
    assert isinstance(whole, bytes)
    index = by_index(run).index(job)
    part = face(live, run, f"logs?job={index}", Range="bytes=3-40")
    assert (part.status_code, part.content) == (206, whole[3:41])
    assert face(live, run, f"logs?job={index}&tail=2").content == b"".join(whole.splitlines(keepends=True)[-2:])
    first = face(live, run, f"logs?job={index}&attempt=1")
    if "attempts" in live.target.features:
        assert first.content == job.expected(1) != whole
    else:
        assert cause(first) == "attempt-not-provable"


@clause("H3", "H4")
@pytest.mark.parametrize("key", ["failing", "twice", "waits", "cancelled"])
def test_jobs_and_summary_of_a_run(live: Live, key: str) -> None:
    run = live.world.stage.look(live.world.runs[key])
    jobs, short = face(live, run, "jobs").json(), face(live, run, "summary").json()
    assert [(job["index"], job["id"], job["status"]) for job in jobs] == [
        (index, job.id, job.status) for index, job in enumerate(by_index(run))
    ]
    for told, job in zip(jobs, by_index(run), strict=True):
        if job.current and isinstance(job.expected(), bytes):
            task = job.attempts[job.current].task
            assert task and told["task_id"] == task.id
    assert (short["run_number"], short["status"], short["jobs"]) == (run.number, run.status, len(jobs))
    assert short["by_status"] == Counter(job["status"] for job in jobs)
    assert [job["id"] for job in short["failed"]] == [job["id"] for job in jobs if job["status"] == "failure"]
    assert short.get("run_id") == (run.id if live.major >= 12 else None)
    assert ("duration" in short) == (live.major >= 12 and run.status in ("success", "failure", "cancelled"))


@clause("H2")
def test_runs_that_do_not_exist(live: Live) -> None:
    for number in ("0", "99999", "none"):
        for what in ("logs", "jobs", "summary"):
            found = face(live, number, what)
            assert (found.status_code, cause(found)) == (404, "run-number-not-found"), (number, what)


@clause("H5")
def test_the_latest_run(live: Live) -> None:
    newest = max(
        (run for run in live.world.stage.runs if run.repo is live.world.repos["priv"]), key=lambda run: run.number
    )
    assert face(live, "latest", "summary").json()["run_number"] == newest.number
    named = live.world.runs["long"]
    filtered = face(live, "latest", "logs?workflow_id=long.yml")
    assert filtered.content == named.jobs["build"].expected()
    assert cause(face(live, "latest", "jobs?workflow_id=none.yml")) == "nothing-matched"


def runs(live: Live, query: str = "") -> requests.Response:
    """The list of the runs of the private repository, as its owner."""
    path = f"/repos/{live.world.repos['priv'].full}/actions/runs{query}"
    return ask(live.base_url + FACE, path, Caller({"Authorization": f"token {live.world.tokens['read']}"}))


def numbers(response: requests.Response) -> list[int]:
    assert response.status_code == 200, response.text
    return [run["index_in_repo"] for run in response.json()["workflow_runs"]]


def there(live: Live) -> list[Run]:
    """The runs of the private repository, newest first."""
    priv = live.world.repos["priv"]
    made = [run for run in live.world.stage.runs if run.repo is priv and not run.deleted]
    return sorted(made, key=lambda run: -run.number)


@clause("H10")
def test_the_list_of_runs_page_by_page(live: Live) -> None:
    known = there(live)
    found: list[int] = []
    for page in range(1, -(-len(known) // 7) + 1):
        told = runs(live, f"?limit=7&page={page}")
        assert told.json()["total_count"] == len(known)
        found += numbers(told)
    assert found == [run.number for run in known]
    assert (numbers(runs(live, "?page=999")), numbers(runs(live, "?limit=0"))) == ([], found[:30])
    newest = runs(live, "?limit=1").json()["workflow_runs"]
    assert newest == [face(live, "latest", "").json()]
    for run in known:
        live.world.stage.look(run)
        (told_run,) = runs(live, f"?run_number={run.number}").json()["workflow_runs"]
        assert (told_run["index_in_repo"], told_run["status"]) == (run.number, run.status)
        assert told_run.get("id") == (run.id if live.major >= 12 else None)


@clause("H11")
def test_the_list_of_runs_with_filters(live: Live) -> None:
    everything = [run for page in (1, 2, 3) for run in runs(live, f"?limit=50&page={page}").json()["workflow_runs"]]
    of_status = {
        word: [run["index_in_repo"] for run in everything if run["status"] == word]
        for word in {run["status"] for run in everything}
    }
    for word, wanted in of_status.items():
        told = runs(live, f"?status={word}&limit=50")
        assert (numbers(told), told.json()["total_count"]) == (wanted, len(wanted)), word
    both = sorted(of_status["success"] + of_status["failure"], reverse=True)
    assert numbers(runs(live, "?status=failure&status=success&limit=50")) == both
    assert numbers(runs(live, "?status=failure&status=success&limit=2&page=2")) == both[2:4]
    long = live.world.runs["long"].number
    for query, fits in (
        ("workflow_id=long.yml", [long]),
        (f"workflow_id=long.yml&run_number={long}&status=success", [long]),
        (f"workflow_id=long.yml&run_number={long - 1}", []),
        ("workflow_id=none.yml", []),
        ("status=unknown", []),
        ("workflow_id=&status=&run_number=&limit=50", [run["index_in_repo"] for run in everything[:50]]),
    ):
        assert numbers(runs(live, f"?{query}")) == fits, query
    wrong = runs(live, "?status=green")
    assert (wrong.status_code, wrong.json()["message"]) == (400, "unknown status: green")
    for query in ("run_number=0", "run_number=x", "branch=main&ref=refs/heads/main"):
        assert (runs(live, f"?{query}").status_code, cause(runs(live, f"?{query}"))) == (400, "filter-not-understood")


@clause("H11")
@pytest.mark.parametrize(
    "query",
    ["branch=main", "ref=refs/heads/main", "branch=none", "ref=refs/tags/v1", "event=workflow_dispatch", "event=push",
     "event=push&event=workflow_dispatch", "head_sha={sha}", "head_sha=0000", "head_sha={sha}&workflow_id=long.yml"],
)  # fmt: skip
def test_filters_that_not_every_server_has(live: Live, query: str) -> None:
    """Done by the server or by the shim, or refused with a reason: never ignored."""
    everything = [run for page in (1, 2, 3) for run in runs(live, f"?limit=50&page={page}").json()["workflow_runs"]]
    sha = everything[0].get("commit_sha", "none")
    told = runs(live, f"?{query.format(sha=sha)}&limit=50")
    if live.major == 11 or (query.startswith("ref=refs/tags") and live.major < 15):
        assert (told.status_code, cause(told)) == (501, "filter-not-possible")
        return
    name, _, value = query.format(sha=sha).partition("&")[0].partition("=")
    fits = {
        "branch": lambda run: run["prettyref"] == value,
        "ref": lambda run: f"refs/heads/{run['prettyref']}" == value,
        "event": lambda run: run["trigger_event"] == value or "&" in query,
        "head_sha": lambda run: run["commit_sha"] == value and ("&" not in query or run["workflow_id"] == "long.yml"),
    }[name]
    assert numbers(told) == [run["index_in_repo"] for run in everything if fits(run)][:50]


@clause("H6", "H9")
def test_at_the_root_with_writes(live: Live) -> None:
    """A rerun by number, and the operations by run id are off."""
    world = live.world
    run = world.stage.start("face", world.repos["priv"], ONE, "last.yml")
    job = world.stage.play(run, "build", "failure")
    token = {"Authorization": f"token {world.tokens['owner']}"}
    with live.fresh("--face", "forgejo-proxy", "--allow-writes") as proxied:
        root = f"{proxied.base_url}/api/v1/repos/{run.repo.full}/actions"
        paths = requests.get(f"{proxied.base_url}/swagger.v1.json", timeout=30).json()["paths"]
        shown = {path.rpartition("/actions/runs/")[2] for path in paths if "/actions/runs/{run_" in path}
        assert {f"{{run_number}}/{what}" for what in ("jobs", "logs", "summary", "rerun")} <= shown
        assert not {f"{{run_id}}/{what}" for what in ("jobs", "logs", "rerun")} & shown
        log = requests.get(f"{root}/runs/{run.number}/logs", headers=token, timeout=30)
        assert log.content == job.expected()
        done = requests.post(f"{root}/runs/{run.number}/rerun", headers=token, timeout=30)
        assert done.status_code == 204, done.text
        waiting = requests.get(f"{root}/runs/{run.number}/summary", headers=token, timeout=30)
        assert waiting.json()["by_status"] == {"waiting": 1}
        busy = requests.post(f"{root}/runs/{run.number}/rerun?job=build", headers=token, timeout=30)
        assert (busy.status_code, cause(busy)) == (503, "not-over")
        world.stage.play(run, "build", "success", 2)
        again = requests.get(f"{root}/runs/{run.number}/logs?job=build", headers=token, timeout=30)
        assert again.content == job.expected()


@clause("H7")
@pytest.mark.parametrize("name", SOME)
def test_the_verdict_is_the_servers_own(live: Live, people: People, name: str) -> None:
    question = "tasks" if live.major == 11 else "runs"
    caller = people.caller(name)
    for place, job, full in places(live):
        root = f"/repos/{full}/actions"
        direct = ask(live.server.base_url, f"{root}/{question}?limit=1&page=1", caller)
        for what in ("", f"/{job.run.number}/logs", f"/{job.run.number}/summary", "/latest/jobs"):
            told = ask(f"{live.base_url}{FACE}", f"{root}/runs{what}", caller)
            why = f"{place}, {what}: {told.status_code} {told.text[:200]}; directly {direct.status_code}"
            if direct.status_code == 200:
                assert told.status_code == 200 or told.json().get("cause") == "web-account-cannot-read", why
                continue
            assert told.status_code == direct.status_code, why
            if told.is_redirect:
                at = told.headers["Location"].split("?")[0]
                assert at.endswith(f"{FACE}/api/v1/repos/{job.run.repo.full}/actions/runs{what}"), at
            elif direct.content.startswith(b"{"):
                assert told.json() == direct.json(), why
