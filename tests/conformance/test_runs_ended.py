"""Clauses N: a run is cancelled or deleted, and a running job's token tells its run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from artifact_world import MISSING, Artifacts, artifacts_of
from jsonschema import Draft4Validator
from seeded import Run
from targets import Live
from world import ONE, job, labelled, workflow

SWAGGER = json.loads((Path(__file__).parents[2] / "spec/contract.swagger.json").read_text())
TWO = workflow(ends=job(), waits=job())
NO_RUNS = ((999_999_999, 999_999_999), (0, 0), (-1, -1), ("x", 0), ("1.5", 0), ("9" * 20, 2**63 - 1))
clause = pytest.mark.clause
feature = pytest.mark.feature
cancels = [pytest.mark.needs("CancelActionRun"), feature("cancel")]
deletes = [pytest.mark.needs("DeleteActionRun"), feature("delete-run")]
own_run = [pytest.mark.needs("getActionsRun"), feature("own-run")]


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


def statuses(live: Live, run: Run) -> dict[str, str]:
    return {name: told.status for name, told in live.world.stage.look(run).jobs.items()}


def marked(marks: list[pytest.MarkDecorator]):  # type: ignore[no-untyped-def]
    def mark(case):  # type: ignore[no-untyped-def]
        for one in marks:
            case = one(case)
        return case

    return mark


# --- cancel


@marked(cancels)
@clause("N1")
def test_a_cancelled_run_and_no_other(live: Live, art: Artifacts) -> None:
    live.world.hand.push(art.other.full, {"two.yml": labelled(TWO, art.stage.mark)})
    run, beside = (art.stage.start(key, art.other, TWO, "two.yml") for key in ("cancelled", "goes on"))
    art.stage.take(run, "ends")
    told = live.change("POST", art.path(f"runs/{run.id}/cancel", art.other))
    assert (told.status_code, told.content) == (204, b"")
    assert statuses(live, run) == {"ends": "cancelled", "waits": "cancelled"}
    assert statuses(live, beside) == {"ends": "waiting", "waits": "waiting"}
    live.world.stage.cancel(beside)


@marked(cancels)
@clause("N2")
def test_a_run_that_is_over_stays_as_it_is(live: Live, art: Artifacts) -> None:
    run = art.runs["first"]
    before = statuses(live, run)
    for _ in range(2):
        told = live.change("POST", art.path(f"runs/{run.id}/cancel"))
        assert (told.status_code, told.content) == (204, b"")
    assert statuses(live, run) == before == {"build": "success"}


@marked(cancels)
@clause("N3", "E8")
def test_no_run_to_cancel(live: Live, art: Artifacts) -> None:
    running = art.runs["running"]
    for number, read in NO_RUNS:
        told = live.change("POST", art.path(f"runs/{number}/cancel"))
        assert (told.status_code, told.json()["message"]) == (404, f"run with id {read}: {MISSING}"), number
    foreign = live.change("POST", art.path(f"runs/{running.id}/cancel", art.other))
    assert foreign.status_code == 404 and foreign.json()["message"].endswith(MISSING)
    assert statuses(live, running) == {"build": "running"}


@marked(cancels)
@clause("P7")
def test_who_may_not_write_cancels_nothing(live: Live, art: Artifacts) -> None:
    running = art.runs["running"]
    for token, status in (("read", 403), ("reader", 403), ("no-scope", 403), (art.outsider, 404), (None, 404)):
        told = live.change("POST", art.path(f"runs/{running.id}/cancel"), token)
        assert told.status_code == status, told.text
    assert statuses(live, running) == {"build": "running"}


@marked(cancels)
@clause("N1", "P7")
def test_a_writer_cancels(live: Live, art: Artifacts) -> None:
    run = art.running("by the writer").run
    assert live.change("POST", art.path(f"runs/{run.id}/cancel"), art.writer).status_code == 204
    assert statuses(live, run) == {"build": "cancelled"}


# --- delete


@marked(deletes)
@clause("N4")
def test_a_deleted_run_is_gone_and_no_other(live: Live, art: Artifacts) -> None:
    runs = [art.stage.start(key, art.other, ONE, "one.yml") for key in ("stays", "goes")]
    for run in runs:
        taken = art.stage.take(run, "build")
        art.put(taken, "of a run")
        art.stage.say(taken, more=False)
        art.stage.finish(taken)
    stays, goes = runs
    number = art.id("goes", "of a run", art.other)
    told = live.change("DELETE", art.path(f"runs/{goes.id}", art.other))
    assert (told.status_code, told.content) == (204, b"")
    del art.made["goes", "of a run"]
    for what in (f"runs/{goes.id}", f"runs/{goes.id}/jobs", f"runs/{goes.id}/logs", f"runs/{goes.id}/artifacts",
                 f"artifacts/{number}", f"artifacts/{number}/zip", f"jobs/{goes.jobs['build'].id}/logs"):  # fmt: skip
        assert live.get(art.path(what, art.other)).status_code == 404, what
    again = live.change("DELETE", art.path(f"runs/{goes.id}", art.other))
    assert (again.status_code, again.json()["message"]) == (404, f"run with id {goes.id}: {MISSING}")
    assert live.log(stays.jobs["build"]).content == stays.jobs["build"].expected()
    assert live.get(art.path(f"artifacts/{art.id('stays', 'of a run', art.other)}", art.other)).ok


@marked(deletes)
@clause("N5")
def test_a_run_that_is_not_over_cannot_be_deleted(live: Live, art: Artifacts) -> None:
    run = art.runs["running"]
    told = live.change("DELETE", art.path(f"runs/{run.id}"))
    assert (told.status_code, told.json()["message"]) == (500, ""), "why, only administrators are told"
    admin = live.change("DELETE", art.path(f"runs/{run.id}"), live.world.hand.token)
    message = f"cannot delete run {run.id} because it has not completed yet"
    assert (admin.status_code, admin.json()["message"]) == (500, message)
    assert statuses(live, run) == {"build": "running"}


@marked(deletes)
@clause("N5", "E8")
def test_no_run_to_delete(live: Live, art: Artifacts) -> None:
    first = art.runs["first"]
    for number, read in NO_RUNS:
        told = live.change("DELETE", art.path(f"runs/{number}"))
        assert (told.status_code, told.json()["message"]) == (404, f"run with id {read}: {MISSING}"), number
    foreign = live.change("DELETE", art.path(f"runs/{first.id}", art.other))
    assert (foreign.status_code, foreign.json()["message"]) == (404, MISSING)
    assert live.get(art.path(f"runs/{first.id}")).ok


@marked(deletes)
@clause("N6")
def test_only_who_administers_the_repository_deletes_a_run(live: Live, art: Artifacts) -> None:
    path = art.path(f"runs/{art.runs['first'].id}")
    for token, status, message in (
        (art.writer, 403, "user should be an owner or a collaborator with admin write of a repository"),
        ("read", 403, "token does not have at least one of required scope(s): [write:repository]"),
        (art.outsider, 404, "The target couldn't be found."),
        (None, 404, "The target couldn't be found."),
    ):
        told = live.change("DELETE", path, token)
        assert (told.status_code, told.json()["message"]) == (status, message)
    assert live.get(path).ok


# --- the run of a token


@marked(own_run)
@clause("N7")
def test_a_running_job_is_told_its_run(live: Live, art: Artifacts) -> None:
    run = art.runs["running"]
    task = run.jobs["build"].latest.task
    assert task
    told = live.get("/actions/run", str(task.context["token"]))
    assert told.status_code == 200, told.text
    found = told.json()
    assert (found["id"], found["index_in_repo"], found["status"]) == (run.id, run.number, "running")
    assert found["repository"]["full_name"] == art.repo.full
    model = SWAGGER["definitions"]["ActionRun"]
    Draft4Validator({**model, "definitions": SWAGGER["definitions"]}).validate(found)
    assert found.keys() - {"repository", "trigger_user"} <= model["properties"].keys()


@marked(own_run)
@clause("N7")
@pytest.mark.parametrize("token", ["owner", "read", None])
def test_who_is_no_running_job_has_no_run(live: Live, token: str | None) -> None:
    told = live.get("/actions/run", token)
    assert (told.status_code, told.json()["message"]) == (403, "must use an automatic actions token")


# --- where the server lacks them


@feature("shim", "artifacts")
@clause("S52")
def test_what_no_web_page_can_do(live: Live, art: Artifacts) -> None:
    run = art.runs["first"]
    path = art.path(f"runs/{run.id}")
    before = live.session().get(f"{live.base_url}/api/v1{path}")
    for told in (live.change("DELETE", path), live.session("owner").get(f"{live.base_url}/api/v1/actions/run")):
        assert (told.status_code, told.json()["cause"]) == (501, "native-only"), told.text
    after = live.session().get(f"{live.base_url}/api/v1{path}")
    assert (after.status_code, after.content) == (before.status_code, before.content)
    assert statuses(live, run) == {"build": "success"}
