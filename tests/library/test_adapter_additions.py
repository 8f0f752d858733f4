"""The additions through the `requests` side: the same operations as through the proxy, natively behind one.

Rules: a place for each backend (`either`); what is read is told by the double's model.
"""

from __future__ import annotations

import threading

import pytest
import requests
from forgejo_shim import mount
from forgejo_shim.errors import BadRequest, NotThere
from forgejo_shim.flows import follow
from hand import plain_session
from small import LOG, Small, row

clause = pytest.mark.clause
API = "/api/v1/repos/o/r/actions"
ROWS = [row(f"row {number}") for number in range(6)]


def session(small: Small, token: str = "", *, writes: bool = False) -> requests.Session:
    made = plain_session()
    made.headers["Authorization"] = f"token {token or small.token}"
    mount(made, small.url, web=small.web, writes=writes)
    return made


@clause("A1", "A7")
def test_a_job_and_the_latest_run(either: Small) -> None:
    job = either.add().jobs[0]
    by = session(either)
    told = by.get(f"{either.url}{API}/jobs/{job.id}").json()
    assert (told["id"], told["run_number"], len(told["attempts"])) == (job.id, 1, 1)
    assert by.get(f"{either.url}{API}/runs/latest").json()["index_in_repo"] == 1
    assert [told["id"] for told in by.get(f"{either.url}{API}/runs/latest/jobs").json()] == [job.id]


@clause("A4", "A5", "A6")
def test_parts_of_a_log_are_never_the_whole(either: Small) -> None:
    """Every Forgejo ignores these parameters, and would send all of it."""
    job = either.add().jobs[0]
    by = session(either)
    url = f"{either.url}{API}/jobs/{job.id}/logs"
    assert by.get(url, params={"tail": 2}).content == b"".join(LOG.splitlines(keepends=True)[-2:])
    assert by.get(url, params={"tail": 0}).status_code == 416
    assert by.get(url, params={"step": 77}).json()["cause"] == "step-not-found"
    assert by.get(url, params={"tail": ""}).content == LOG
    for part in ("step", "tail"):
        for attempt in ("0", "-1", "none", "2"):
            none = by.get(url, params={part: 1 if part == "tail" else 0, "attempt": attempt})
            assert none.status_code == 404, f"attempt {attempt} is no other one's: {none.text[:99]}"


@clause("A4", "A6")
def test_parts_of_a_log_by_the_client(either: Small) -> None:
    job = either.add().jobs[0]
    with either.client() as client:
        with client.log("o/r", job.id, tail=3) as log:
            assert log.read() == b"".join(LOG.splitlines(keepends=True)[-3:])
        with client.log("o/r", job.id, 1, step=0) as log:
            assert LOG.startswith(log.read())
        with pytest.raises(NotThere) as missing:
            client.log("o/r", job.id, step=77)
        assert missing.value.cause == "step-not-found"
        with pytest.raises(BadRequest):
            client.log("o/r", job.id, tail=0)


@clause("F1", "F3")
def test_a_running_log_comes_row_by_row(either: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "INTERVAL", 0.01)
    job = either.model.add_run(either.repo, ["build"]).jobs[0]
    task = either.model.take(job)
    either.model.log(task, ROWS[0] + ROWS[1], more=True)
    late = threading.Timer(30, either.model.finish, [task])  # what is held back comes then, too much at once
    late.start()
    url = f"{either.url}{API}/jobs/{job.id}/logs?follow=true"
    with session(either).get(url, stream=True, timeout=5) as answer:
        pieces = answer.iter_content(None)
        assert next(pieces) == ROWS[0], "a row that nothing follows may not be whole"
        either.model.log(task, ROWS[2], more=True)
        assert next(pieces) == ROWS[1]
        either.model.log(task, b"".join(ROWS[3:]))
        late.cancel()
        either.model.finish(task)
        assert b"".join(pieces) == b"".join(ROWS[2:])


@clause("W1", "S1")
def test_writes_are_offered_only_if_wanted(either: Small) -> None:
    job = either.add({"build": ROWS[0]}).jobs[0]
    writer = either.model.add_user("writer")
    either.repo.collaborators[writer.id] = 2
    token = either.model.add_token(writer, ("write:repository",)).sha1
    url = f"{either.url}{API}/jobs/{job.id}/rerun"
    passed = session(either, token).post(url)
    assert (passed.status_code, passed.text) == (404, "404 page not found\n"), "it passes, and no Forgejo has it"
    assert session(either, writes=True).post(url).status_code == 403, "by the caller's right, not the web account's"
    assert job.status == "success"
    assert session(either, token, writes=True).post(url).status_code == 204
    assert job.status == "waiting"
