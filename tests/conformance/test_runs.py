"""Clauses J and Z: the jobs and the logs of a run."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import pytest
from jsonschema import Draft4Validator
from seeded import Cause, Job, Run
from targets import Live
from world import ODD_NAME, ONE

# Of control characters, only those below U+0020 and U+007F are left out.
CLEANED = {"té/st 漢字": "tést 漢字", ODD_NAME: "go\x85ing \x9f,\u202e on"}
ZIP64 = 1  # the only extra field of a zip that tells no time, owner or name
SWAGGER = json.loads((Path(__file__).parents[2] / "spec" / "contract.swagger.json").read_text())
clause = pytest.mark.clause
jobs_op = [pytest.mark.needs("ListActionRunJobs"), pytest.mark.feature("run-jobs")]
zip_op = [pytest.mark.needs("repoGetActionRunLogs"), pytest.mark.feature("run-zip")]


def marked(marks: list[pytest.MarkDecorator]):  # type: ignore[no-untyped-def]
    def mark(case):  # type: ignore[no-untyped-def]
        for one in marks:
            case = one(case)
        return case

    return mark


def runs(live: Live) -> list[Run]:
    return [run for key, run in live.world.runs.items() if key not in ("switched-off", "of-org")]


def said(job: Job) -> str:
    """The name as the server says it: the world tells equal names apart by `#2`."""
    return job.name.partition("#")[0]


@marked(jobs_op)
@clause("J1", "J3")
def test_the_jobs_of_every_run(live: Live) -> None:
    for run in runs(live):
        response = live.run(run, "jobs")
        assert response.status_code == 200, response.text
        known = sorted(run.jobs.values(), key=lambda job: job.id)
        assert [(job["id"], job["name"], job["status"]) for job in response.json()] == [
            (job.id, said(job), job.status) for job in known
        ]
        for told, job in zip(response.json(), known, strict=True):
            assert told["run_id"] == run.id
            if job.current is None:
                assert told["task_id"] == 0
            elif isinstance(job.expected(), bytes):
                task = job.attempts[job.current].task
                assert task and told["task_id"] == task.id
                assert told.get("attempt", job.current) == job.current


@marked(jobs_op)
@clause("J2")
def test_each_job_fits_the_schema(live: Live) -> None:
    schema = {"$ref": "#/definitions/ActionRunJob", "definitions": nullable(SWAGGER["definitions"])}
    for job in live.run(live.world.runs["failing"], "jobs").json():
        Draft4Validator(schema).validate(job)
        assert job["repo_id"] > 0 and job["owner_id"] > 0


def nullable(definitions: dict) -> dict:  # type: ignore[type-arg]
    """Swagger's `x-nullable`, which the operation's own answers use, in JSON Schema's words."""
    text = json.loads(json.dumps(definitions))
    for definition in text.values():
        for part in definition.get("properties", {}).values():
            if part.pop("x-nullable", False):
                part["type"] = [part["type"], "null"]
    return text


@marked(jobs_op)
@clause("J4")
def test_a_rerun_changes_one_job(live: Live) -> None:
    world = live.world
    run = world.runs["twice"]
    told = {job["name"]: job for job in live.run(run, "jobs").json()}
    job = run.jobs["build"]
    assert told["build"]["id"] == job.id and told["build"]["task_id"] == job.attempts[2].task.id
    if "attempts" in live.target.features:
        assert (told["build"]["attempt"], told["side"]["attempt"]) == (2, 1)


@marked(jobs_op)
@clause("E8")
def test_runs_that_do_not_exist(live: Live) -> None:
    repo = live.world.repos["priv"].full
    for what in ("jobs", "logs"):
        response = live.get(f"/repos/{repo}/actions/runs/999999/{what}")
        assert (response.status_code, response.json()["message"]) == (
            404,
            "run with id 999999: resource does not exist",
        )
        foreign = live.get(f"/repos/{repo}/actions/runs/{live.world.runs['foreign'].id}/{what}")
        assert foreign.status_code == 404 and foreign.json()["message"].endswith("resource does not exist")


@marked(jobs_op)
@clause("E9")
def test_head_of_a_run(live: Live) -> None:
    run = live.world.runs["failing"]
    for what in ("jobs", "logs"):
        response = live.ask("HEAD", f"/repos/{run.repo.full}/actions/runs/{run.id}/{what}")
        assert (response.status_code, response.content) == (405, b"")


@marked(jobs_op)
@clause("P2", "P3")
@pytest.mark.parametrize("token, status", [("no-scope", 403), ("outsider", 404), (None, 404)])
def test_rights_are_the_callers(live: Live, token: str | None, status: int) -> None:
    for what in ("jobs", "logs"):
        assert live.run(live.world.runs["failing"], what, token).status_code == status


@marked(zip_op)
@clause("Z1", "Z2", "Z3")
@pytest.mark.parametrize("key", ["failing", "twice", "waits", "taken", "running", "expired", "cancelled", "long"])
def test_the_zip_of_a_run(live: Live, key: str) -> None:
    run = live.world.runs[key]
    response = live.run(run, "logs")
    if response.status_code == 501 and live.target.version == "12":
        assert response.json()["cause"] == "zip-attempt-unknown"
        return
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"] == f'attachment; filename="run-{run.id}-logs.zip"'
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert archive.testzip() is None
    entries = archive.namelist()
    jobs = sorted(run.jobs.values(), key=lambda job: job.id)
    assert len(entries) == len(jobs)
    for name, job in zip(entries, jobs, strict=True):
        expected = job.expected()
        stem = f"{CLEANED.get(said(job), said(job))}-{job.id}-attempt-"
        if isinstance(expected, bytes):
            assert name == f"{stem}{job.current}.log"
            assert archive.read(name) == expected
        else:
            assert name.startswith(stem) and name.endswith(".MISSING")
            reason = {
                Cause.NOT_EXECUTED: "job has not been executed yet\n",
                Cause.EXPIRED: "logs have been cleaned up\n",
            }.get(expected)
            assert reason is None or archive.read(name).decode() == reason


@marked(zip_op)
@clause("Z5")
@pytest.mark.parametrize("key", ["failing", "expired"])
def test_no_entry_of_the_zip_has_a_date(live: Live, key: str) -> None:
    response = live.run(live.world.runs[key], "logs")
    if response.status_code == 501 and live.target.version == "12":
        return
    for entry in zipfile.ZipFile(io.BytesIO(response.content)).infolist():
        assert entry.date_time in {(1980, 0, 0, 0, 0, 0), (1980, 1, 1, 0, 0, 0)}, entry.filename
        fields, rest = [], entry.extra
        while rest:
            kind, size = struct.unpack("<HH", rest[:4])
            fields.append(kind)
            rest = rest[4 + size :]
        assert set(fields) <= {ZIP64}, entry.filename


@marked(zip_op)
@clause("Z3")
def test_a_waiting_rerun_is_missing_by_its_new_attempt(live: Live) -> None:
    run = live.world.runs["waits"]
    response = live.run(run, "logs")
    if response.status_code == 501 and live.target.version == "12":
        return
    names = zipfile.ZipFile(io.BytesIO(response.content)).namelist()
    assert names == [f"again-{run.jobs['again'].id}-attempt-2.MISSING"]


@marked(jobs_op)
@clause("J4", "L3")
def test_jobs_after_a_rerun_to_its_end(live: Live) -> None:
    world = live.world
    run = world.stage.start("jobs-again", world.repos["priv"], ONE, "last.yml")
    job = world.stage.play(run, "build", "failure")
    before = live.run(run, "jobs").json()
    world.stage.rerun(job)
    world.stage.play(run, "build", "success", 2)
    after = live.run(run, "jobs").json()
    assert before[0]["id"] == after[0]["id"] == job.id
    assert after[0]["task_id"] > before[0]["task_id"]
