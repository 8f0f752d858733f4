"""gh reruns, cancels and deletes the runs of any Forgejo through GitHub's face, as it is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from artifact_world import Artifacts, artifacts_of
from client_programs import Failed
from gh_program import Gh, lines_of, shown
from targets import Live

pytestmark = [pytest.mark.feature("proxy", "run-jobs")]


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


@pytest.fixture
def gh_of_art(live: Live, art: Artifacts, tmp_path: Path) -> Gh:
    return Gh("gh", live, art.repo, home=tmp_path)


@pytest.mark.parametrize("words", [("rerun",), ("rerun", "--failed"), ("rerun", "--job")])
def test_run_rerun(gh_of_art: Gh, art: Artifacts, words: tuple[str, ...]) -> None:
    job = art.running(" ".join(words))
    art.stage.say(job, 5, more=False)
    art.stage.finish(job, "failure")
    assert shown(gh_of_art, job.run.id, "--log") == {"build": lines_of(job)}
    time.sleep(1.1)  # gh keeps a zip by the second in which its attempt began
    gh_of_art.bytes("run", *words, job.id if "--job" in words else job.run.id)
    again = art.stage.take(art.stage.look(job.run), "build")
    assert again.id == job.id and again.latest.number == 2
    art.stage.say(job, 2, more=False)
    art.stage.finish(again)
    assert shown(gh_of_art, job.run.id, "--log") == {"build": lines_of(job)}, "not the one that gh has kept"


def test_run_cancel(gh_of_art: Gh, art: Artifacts) -> None:
    job = art.running("cancelled by gh")
    assert b"submitted" in gh_of_art.bytes("run", "cancel", job.run.id)
    assert art.stage.look(job.run).status == "cancelled"


def test_run_delete(gh_of_art: Gh, art: Artifacts) -> None:
    job = art.running("deleted by gh")
    art.stage.finish(job)
    if "delete-run" in gh_of_art.live.target.features:
        gh_of_art.bytes("run", "delete", job.run.id)
        assert job.run.id not in [run["databaseId"] for run in gh_of_art.ask("run", "list", "--json", "databaseId")]
    else:
        with pytest.raises(Failed, match="HTTP 501: .*delete"):
            gh_of_art.bytes("run", "delete", job.run.id)


def test_workflow_disable_and_enable(gh_of_art: Gh) -> None:
    def state() -> str:
        listed = gh_of_art.ask("workflow", "list", "--all", "--json", "path,state")
        return next(str(one["state"]) for one in listed if one["path"].endswith("/one.yml"))

    for verb, word in (("disable", "disabled_manually"), ("enable", "active")):
        gh_of_art.bytes("workflow", verb, "one.yml")
        assert state() == word


def test_workflow_run(gh_of_art: Gh) -> None:
    before = {run["databaseId"] for run in gh_of_art.ask("run", "list", "--json", "databaseId", "--limit", 200)}
    printed = gh_of_art.bytes("workflow", "run", "one.yml", "--ref", "main").decode()
    listed = gh_of_art.ask("run", "list", "--json", "databaseId,number", "--limit", 200)
    (new,) = [run for run in listed if run["databaseId"] not in before]
    assert printed.strip().endswith(f"/{gh_of_art.repo.full}/actions/runs/{new['number']}")
    gh_of_art.bytes("run", "cancel", new["databaseId"])
    with pytest.raises(Failed, match="default branch.*HTTP 404: Not Found"):
        gh_of_art.bytes("workflow", "run", "one.yml")
