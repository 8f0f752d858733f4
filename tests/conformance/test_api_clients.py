"""Libraries for GitHub's and for Gitea's API read the runs of any Forgejo, as they are."""

from __future__ import annotations

import io
import re
import zipfile
from itertools import groupby

import pytest
from artifact_world import Artifacts, artifacts_of, holds
from client_programs import (
    GITEA,
    LACKS,
    REFUSAL,
    Client,
    Failed,
    are_steps_of,
    each,
    is_told,
    jobs_of,
    log_of,
    told_jobs,
    told_words,
    words_of,
)
from targets import Live

clause = pytest.mark.clause
pytestmark = [pytest.mark.feature("proxy")]
by_id = pytest.mark.feature("run-jobs")
no_ids = pytest.mark.lacks("run-jobs")


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


def of_world(live: Live, name: str, repo: str = "priv") -> Client:
    return Client(name, live, live.world.repos[repo])


@clause("V5", "V6", "Q3", "Q4")
@by_id
@each("runs")
def test_runs(live: Live, name: str) -> None:
    client = of_world(live, name)
    runs = [run for run in live.world.runs.values() if run.repo is client.repo]
    expected = {(run.id, run.number, words_of(live.world.stage.look(run).status)) for run in runs}
    told = client.ask("runs")
    assert {(run["id"], run["run_number"], told_words(run)) for run in told} == expected and len(told) == len(expected)
    run = client.ask("run", runs[0].id)
    assert (run["id"], run["event"], run["head_branch"]) == (runs[0].id, "workflow_dispatch", "main")


@clause("V7", "Q4")
@by_id
@each("jobs")
@pytest.mark.parametrize("key", ["failing", "twice", "waits", "running", "cancelled"])
def test_jobs_with_their_steps(live: Live, name: str, key: str) -> None:
    run = live.world.stage.look(live.world.runs[key])
    client = of_world(live, name)
    if (name, key) == ("githubkit", "waits") and live.major >= 15:  # whose attempts are counted on request
        with pytest.raises(Failed, match="started_at"):  # null: nothing tells when the rerun was asked for
            client.ask("jobs", run.id)
        return
    told = client.ask("jobs", run.id)
    assert told_jobs(told) == jobs_of(run)
    for one in told:
        job = run.job(one["id"])
        assert job and one["run_id"] == run.id
        if job.current is not None and job.latest.result not in (None, "skipped"):
            are_steps_of(one["steps"], job.latest, name)
    assert client.ask("job", told[0]["id"]).get("steps") == told[0].get("steps")


@clause("V8", "Q4")
@by_id
@each("attempt")
@pytest.mark.feature("attempts")
def test_the_jobs_of_an_attempt(live: Live, name: str) -> None:
    run = live.world.runs["twice"]
    first, second = (of_world(live, name).ask("attempt", run.id, number) for number in (1, 2))
    for number, jobs in ((1, first), (2, second)):
        (build,) = (job for job in jobs if job["id"] == run.jobs["build"].id)
        attempt = run.jobs["build"].attempts[number]
        assert told_words(build) == words_of(str(attempt.result))
        are_steps_of(build["steps"], attempt, name)


@clause("X46", "Q5")
@each("log")
@pytest.mark.parametrize("job", ["build", "té/st 漢字"])
def test_a_log(live: Live, name: str, job: str) -> None:
    expected = log_of(live.world.runs["failing"].jobs[job])
    told = of_world(live, name).bytes("log", live.world.runs["failing"].jobs[job].id)
    if name == "octokit":  # it makes text of what is `text/plain`
        expected, told = (content.decode(errors="replace").encode() for content in (expected, told))
    assert told == expected


@clause("X46", "X47")
@by_id
@each("logs")
def test_a_runs_logs(live: Live, name: str) -> None:
    """A file a step, whose files of one job are its log; jobs of one name are not told apart by it."""
    run = live.world.runs["twice"]
    archive = zipfile.ZipFile(io.BytesIO(of_world(live, name).bytes("logs", run.id)))
    assert archive.testzip() is None
    files = sorted(
        (file.partition("/")[0], int(number[1]), file)
        for file in archive.namelist()
        if (number := re.fullmatch(r"[^/]+/(\d+)_[^/]*\.txt", file))
    )
    logs = {job: b"".join(archive.read(file[2]) for file in part) for job, part in groupby(files, lambda file: file[0])}
    assert logs == {job.name: log_of(job) for job in run.jobs.values()}


@clause("V11", "Q5")
@each("artifacts")
def test_artifacts(live: Live, art: Artifacts, name: str) -> None:
    told, expected = (
        [(one["id"], one["name"], one["size_in_bytes"], one["expired"]) for one in artifacts]
        for artifacts in (Client(name, live, art.repo).ask("artifacts"), art.all())
    )
    assert is_told(told, expected, name)
    assert len(expected) == sum(made.run.repo is art.repo for made in art.made.values())


@clause("V11", "Q5")
@by_id
@each("run-artifacts")
@pytest.mark.parametrize("key", ["many", "none"])
def test_a_runs_artifacts(live: Live, art: Artifacts, name: str, key: str) -> None:
    told = Client(name, live, art.repo).ask("run-artifacts", art.runs[key].id)
    assert is_told([one["name"] for one in told], list(art.of(key)), name)


@clause("V11", "X46", "Q5")
@each("zip")
@pytest.mark.parametrize("artifact", ["one", "plain", "three"])
def test_an_artifact(live: Live, art: Artifacts, name: str, artifact: str) -> None:
    client = Client(name, live, art.repo)
    number = art.id("first", artifact)
    assert client.ask("artifact", number)["name"] == artifact
    holds(client.bytes("zip", number), art.made["first", artifact])


@clause("V10", "Q6", "Q10")
@each("workflows")
def test_workflows(live: Live, name: str) -> None:
    client = of_world(live, name)
    told = {flow["path"]: flow for flow in client.ask("workflows")}
    expected = {f".forgejo/workflows/{key}.yml" for key, run in live.world.runs.items() if run.repo is client.repo}
    assert expected <= set(told)
    untold = {None} if name in GITEA else set()  # where no web UI tells it (V22, Q6)
    assert {flow.get("state") or None for flow in told.values()} <= {"active"} | untold
    assert len({flow["id"] for flow in told.values()}) == len(told)
    for flow in list(told.values())[:2]:
        assert client.ask("workflow", flow["id"])["path"] == flow["path"]
        assert flow["id"] == flow["path"].rpartition("/")[2] if name in GITEA else 0 < flow["id"] < 2**53


@clause("V7")
@no_ids
@each("run")
def test_a_server_without_run_ids(live: Live, name: str) -> None:
    for word in {"run", "jobs", "logs"}.difference(LACKS.get(name, ())):
        with pytest.raises(Failed, match=REFUSAL[name]):
            of_world(live, name).ask(word, 1)
