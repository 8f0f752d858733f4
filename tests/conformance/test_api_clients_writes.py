"""Libraries for GitHub's and for Gitea's API rerun, cancel and delete runs of any Forgejo, as they are."""

from __future__ import annotations

import pytest
from artifact_world import Artifacts, artifacts_of
from client_programs import LACKS, REFUSAL, Client, Failed, each
from targets import Live

clause = pytest.mark.clause
pytestmark = [pytest.mark.feature("proxy")]
by_id = pytest.mark.feature("run-jobs")
REFUSED = REFUSAL | {"PyGithub": "RuntimeError: False"}  # all that PyGithub tells of a change that was refused


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


@clause("V12", "Q5")
@each("delete-artifact")
def test_an_artifact_is_deleted(live: Live, art: Artifacts, name: str) -> None:
    job = art.running(f"deletes {name}")
    for artifact in ("goes", "stays"):
        art.put(job, f"{artifact} {name}", {"a.txt": artifact.encode()})
    Client(name, live, art.repo).ask("delete-artifact", art.id(job.run.key, f"goes {name}"))
    del art.made[job.run.key, f"goes {name}"]
    assert {one["name"] for one in art.all() if one["name"].endswith(f" {name}")} == {f"stays {name}"}
    art.stage.finish(job)


@clause("V12")
@by_id
@each("cancel")
def test_a_run_is_cancelled(live: Live, art: Artifacts, name: str) -> None:
    job = art.running(f"cancelled by {name}")
    Client(name, live, art.repo).ask("cancel", job.run.id)
    assert art.stage.look(job.run).status == "cancelled"


@clause("V12", "V14", "Q9")
@by_id
@each("rerun")
@pytest.mark.parametrize("word", ["rerun", "rerun-failed"])
def test_a_run_is_run_again(live: Live, art: Artifacts, name: str, word: str) -> None:
    job = art.running(f"{word} by {name}")
    art.stage.say(job, 5, more=False)
    art.stage.finish(job, "failure")
    Client(name, live, art.repo).ask(word, job.run.id)
    assert art.stage.look(job.run).jobs["build"].status == "waiting"
    again = art.stage.take(job.run, "build")
    assert again.id == job.id and again.latest.number == 2
    art.stage.finish(again)


@clause("V12", "Q4")
@by_id
@each("delete")
@pytest.mark.lacks("delete-run")
def test_a_run_cannot_be_deleted_here(live: Live, name: str) -> None:
    run = live.world.runs["failing"]
    with pytest.raises(Failed, match=REFUSED[name]):
        Client(name, live, live.world.repos["priv"]).ask("delete", run.id)
    assert live.world.stage.look(run).jobs


@clause("V12", "Q4")
@each("delete")
@pytest.mark.feature("delete-run")
def test_a_run_is_deleted(live: Live, art: Artifacts, name: str) -> None:
    job = art.running(f"deleted by {name}")
    art.stage.finish(job)
    Client(name, live, art.repo).ask("delete", job.run.id)
    assert job.run.id not in [run["id"] for run in Client(name, live, art.repo).ask("runs")]


@pytest.mark.lacks("run-jobs")
@each("run")
def test_a_server_without_run_ids(live: Live, name: str) -> None:
    for word in {"rerun", "cancel"}.difference(LACKS.get(name, ())):
        with pytest.raises(Failed, match=f"{REFUSAL[name]}|{REFUSED[name]}"):
            Client(name, live, live.world.repos["priv"]).ask(word, 1)


@clause("V15", "Q10")
@by_id
@each("dispatch")
def test_a_workflow_is_dispatched(live: Live, art: Artifacts, name: str) -> None:
    client = Client(name, live, art.repo)
    (flow,) = client.ask("workflows")
    before = {run["id"] for run in client.ask("runs")}
    client.ask("dispatch", flow["id"])
    (run,) = (run for run in client.ask("runs") if run["id"] not in before)
    assert run["event"] == "workflow_dispatch"
    art.hand.cancel(art.repo.full, run["run_number"])
