"""gh reads the runs of any Forgejo through GitHub's face, as it is.

Rules: gh gets the proxy as its host, the certificate and a token; its answers are compared with the world. What it asks
GraphQL for fails in words that say so.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from artifact_world import Artifacts, artifacts_of
from client_programs import Failed, are_steps_of, log_of, words_of
from gh_program import Gh, lines_of, shown
from questions_artifacts import FILES
from targets import Live

clause = pytest.mark.clause
pytestmark = [pytest.mark.feature("proxy")]
by_id = pytest.mark.feature("run-jobs")
SYMBOLS = {
    "success": "✓",
    "failure": "X",
    "cancelled": "X",
    "skipped": "-",
    "running": "*",
    "waiting": "*",
    "blocked": "*",
}


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


@pytest.fixture
def gh(live: Live, tmp_path: Path) -> Gh:
    return Gh("gh", live, live.world.repos["priv"], home=tmp_path)


@pytest.fixture
def gh_of_art(live: Live, art: Artifacts, tmp_path: Path) -> Gh:
    return Gh("gh", live, art.repo, home=tmp_path)


def told(status: str, conclusion: str) -> tuple[str, str | None]:
    return status, conclusion or None


@clause("V5", "V6")
@by_id
def test_run_list(gh: Gh) -> None:
    runs = {run.id: run for run in gh.live.world.stage.runs if run.repo is gh.repo}
    fields = "databaseId,number,status,conclusion,event,headBranch,workflowName"
    listed = gh.ask("run", "list", "--json", fields, "--limit", 100)
    assert {run["databaseId"] for run in listed} == set(runs)
    for run in listed:
        known = gh.live.world.stage.look(runs[run["databaseId"]])
        assert told(run["status"], run["conclusion"]) == words_of(known.status) and run["number"] == known.number
        assert (run["event"], run["headBranch"]) == ("workflow_dispatch", "main")
    assert [row[6] for row in gh.rows("run", "list", "--limit", 3)] == [str(run["databaseId"]) for run in listed[:3]]
    (only,) = gh.ask("run", "list", "--workflow", "failing.yml", "--json", "databaseId")
    assert only["databaseId"] == gh.live.world.runs["failing"].id
    failed = gh.ask("run", "list", "--status", "failure", "--json", "databaseId", "--limit", 100)
    assert {run["databaseId"] for run in failed} == {key for key, run in runs.items() if run.status == "failure"}
    assert gh.ask("run", "list", "--branch", "none", "--json", "databaseId") == []


@clause("V7")
@by_id
def test_run_view(gh: Gh) -> None:
    run = gh.live.world.stage.look(gh.live.world.runs["failing"])
    printed = gh.bytes("run", "view", run.id).decode()
    for job in run.jobs.values():
        line = next(line for line in printed.splitlines() if line.endswith(f"(ID {job.id})"))
        assert line.startswith(f"{SYMBOLS[job.status]} {job.name.partition('#')[0]}"), line
    whole = gh.ask("run", "view", run.id, "--json", "databaseId,jobs,status,conclusion,attempt,headSha")
    attempt = 1 if gh.live.major >= 13 else 0  # to gh, null is 0
    assert (whole["databaseId"], whole["attempt"], len(whole["headSha"])) == (run.id, attempt, 40)
    by_number = {job["databaseId"]: job for job in whole["jobs"]}
    assert {key: told(job["status"], job["conclusion"]) for key, job in by_number.items()} == {
        job.id: words_of(job.status) for job in run.jobs.values()
    }
    are_steps_of(by_number[run.jobs["build"].id]["steps"], run.jobs["build"].latest)


@clause("X46", "X47")
@by_id
@pytest.mark.parametrize("key", ["twice", "needs", "expired"])
def test_run_view_log(gh: Gh, key: str) -> None:
    run = gh.live.world.runs[key]
    there = {job.name: job for job in run.jobs.values() if isinstance(job.expected(), bytes)}
    for job in there.values():
        assert shown(gh, "--job", job.id, "--log") == {job.name: lines_of(job)}
    if len(there) == len(run.jobs):
        assert shown(gh, run.id, "--log") == {name: lines_of(job) for name, job in there.items()}


@clause("X48")
@by_id
@pytest.mark.parametrize("name", ["té/st 漢字", "twin", "twin-1", "twin-1#2", "cell (a, 3)"])
def test_a_job_of_any_name_shows_its_own_log(gh: Gh, name: str) -> None:
    job = gh.live.world.runs["named"].jobs[name]
    assert list(shown(gh, "--job", job.id, "--log").values()) == [lines_of(job)]


@clause("X46", "X47")
@by_id
def test_run_view_log_of_a_job_without_one(gh: Gh) -> None:
    """Never an empty log: nothing of one that was skipped, else words that name the job, after what others have."""
    for key, name in (("needs", "then"), ("named", "skipped")):
        assert gh.bytes("run", "view", "--job", gh.live.world.runs[key].jobs[name].id, "--log") == b""
    run = gh.live.world.runs["cancelled"]
    (never,) = (job for job in run.jobs.values() if not job.attempts)
    (ended,) = (job for job in run.jobs.values() if job.attempts)
    for words, rows in ((("--job", never.id), []), ((run.id,), ended.latest.rows)):
        done = gh.run("run", "view", *words, "--log")
        assert (done.returncode, done.stderr) == (1, f"log not found: {never.id}\n".encode())
        lines = done.stdout.decode().split("\n")[:-1]  # a name of this run has what splitlines() takes for an end
        assert [line.split("\t")[2].split(" ")[0] for line in lines] == [row.time for row in rows]
    waits = gh.live.world.runs["waits"].jobs["again"]
    done = gh.run("run", "view", "--job", waits.id, "--log")
    assert done.returncode == 1 and f"job {waits.id} is still in progress" in done.stderr.decode()
    run = gh.live.world.runs["failing"]  # a job of it waits, so it is open, though Forgejo tells it as failed
    done = gh.run("run", "view", run.id, "--log")
    assert done.returncode == 1 and f"run {run.id} is still in progress" in done.stderr.decode()


@clause("V8", "X47")
@by_id
@pytest.mark.feature("attempts")
def test_run_view_of_an_attempt(gh: Gh) -> None:
    run = gh.live.world.runs["twice"]
    build = run.jobs["build"]
    for number in (1, 2):  # gh keeps a zip by the second in which its attempt began: here they began in one
        fresh = replace(gh, home=gh.home / str(number))
        assert shown(fresh, run.id, "--attempt", number, "--log")["build"] == lines_of(build, number)
    jobs = gh.ask("run", "view", run.id, "--attempt", 1, "--json", "jobs")["jobs"]
    assert next(job["conclusion"] for job in jobs if job["databaseId"] == build.id) == "failure"


@clause("X47")
@by_id
def test_run_view_log_failed(gh: Gh, gh_of_art: Gh, art: Artifacts) -> None:
    job = art.running("failed step")
    art.stage.say(job, 10, more=False)
    art.stage.finish(job, "failure")
    lines = lines_of(job)
    assert shown(gh_of_art, job.run.id, "--log-failed") == {"build": lines[5:]}, "of the second step and of the end"
    assert shown(gh, "--job", gh.live.world.runs["twice"].jobs["side"].id, "--log-failed") == {}


@clause("V7")
@by_id
def test_run_watch(gh_of_art: Gh, art: Artifacts) -> None:
    for result, code in (("success", 0), ("failure", 1)):
        job = art.running(f"watched {result}")
        art.stage.say(job, 3)
        with ThreadPoolExecutor() as pool:
            watching = pool.submit(gh_of_art.run, "run", "watch", job.run.id, "--exit-status", "--interval", 1)
            art.stage.finish(job, result)
            assert watching.result().returncode == code
        over = gh_of_art.run("run", "watch", job.run.id, "--exit-status")
        assert over.returncode == code and f"has already completed with '{result}'".encode() in over.stdout


@clause("V11", "X46")
@pytest.mark.parametrize("words", [(), ("--name", "one"), ("--pattern", "[bo]*")])
@by_id
def test_run_download(gh_of_art: Gh, art: Artifacts, tmp_path: Path, words: tuple[str, ...]) -> None:
    job = art.running(f"downloaded {' '.join(words)}")
    for name in ("one", "blocks", "three"):
        art.put(job, name, FILES)
    art.stage.finish(job)
    gh_of_art.bytes("run", "download", job.run.id, "--dir", tmp_path / "here", *words)
    names = {(): ("one", "blocks", "three"), ("--name", "one"): ("",)}.get(words, ("one", "blocks"))
    expected = {Path(name) / file: data for name in names for file, data in FILES.items()}
    here = tmp_path / "here"
    assert {file.relative_to(here): file.read_bytes() for file in here.rglob("*") if file.is_file()} == expected


@clause("V10")
@by_id
def test_workflows(gh: Gh) -> None:
    runs = [run for run in gh.live.world.runs.values() if run.repo is gh.repo]
    listed = gh.ask("workflow", "list", "--json", "id,name,path,state", "--limit", 100)
    assert {f".forgejo/workflows/{run.key}.yml" for run in runs} <= {flow["path"] for flow in listed}
    assert "- failing.yml" in gh.bytes("workflow", "view", "failing.yml").decode()


@clause("V6")
@by_id
def test_api_with_pages(gh: Gh) -> None:
    root = "repos/{owner}/{repo}/actions"
    numbers = gh.bytes("api", f"{root}/runs?per_page=3", "--paginate", "--jq", ".workflow_runs[].id").split()
    assert sorted(map(int, numbers)) == sorted(run.id or 0 for run in gh.live.world.stage.runs if run.repo is gh.repo)
    job = gh.live.world.runs["twice"].jobs["build"]
    assert gh.bytes("api", f"{root}/jobs/{job.id}/logs") == log_of(job)


@clause("V2")
def test_what_asks_graphql_says_that_there_is_none(gh: Gh) -> None:
    with pytest.raises(Failed, match=r"HTTP 404: Not Found \(https://.*/api/graphql\)"):
        gh.bytes("pr", "checks", 1)


@clause("V7")
@pytest.mark.lacks("run-jobs")
def test_a_server_without_run_ids(gh: Gh) -> None:
    for words in (("view",), ("view", "--log"), ("rerun",), ("cancel",), ("download",)):
        with pytest.raises(Failed, match="HTTP 501: .*run"):
            gh.bytes("run", *words, 1)


@clause("V2")
def test_a_token_that_is_wrong(gh: Gh) -> None:
    done = gh.run("run", "list", GH_ENTERPRISE_TOKEN="0" * 40)
    assert done.returncode and b"HTTP 401: Bad credentials" in done.stderr
    assert b"0" * 40 not in done.stderr
