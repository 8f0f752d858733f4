"""Clauses L, R, E and P: the log of one job."""

from __future__ import annotations

import email
import email.policy
from email.utils import parsedate_to_datetime

import pytest
from seeded import Cause, Job
from targets import Live, log_path
from world import ONE

needs = pytest.mark.needs("repoGetActionJobLogs")
clause = pytest.mark.clause
feature = pytest.mark.feature


def readable(live: Live) -> list[Job]:
    """The jobs whose current log can be read, in repositories that the token may read."""
    skipped = ("switched-off", "of-org")
    return [job for job in live.world.jobs() if job.run.key not in skipped and isinstance(job.expected(), bytes)]


@needs
@clause("L1", "L9")
def test_each_job_gives_its_own_bytes(live: Live) -> None:
    for job in readable(live):
        response = live.log(job)
        assert (response.status_code, response.content) == (200, job.expected()), f"{job.run.key} {job.name}"


@needs
@clause("L2", "S10")
def test_headers_of_a_log(live: Live) -> None:
    job = live.world.job("failing", "build")
    response = live.log(job)
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["Content-Length"] == str(len(job.expected()))
    assert not {"Content-Disposition", "Set-Cookie"} & set(response.headers)


@needs
@clause("L3", "S13")
def test_read_rerun_read_again_gives_the_new_attempt(live: Live) -> None:
    world = live.world
    run = world.stage.start("again", world.repos["priv"], ONE, "last.yml")
    job = world.stage.play(run, "build", "failure")
    first = live.log(job)
    assert first.content == job.expected()
    assert live.log(job, "").content == first.content
    world.stage.rerun(job)
    world.stage.play(run, "build", "success", 9)
    again = live.log(job)
    assert again.content == job.expected() != first.content
    assert live.log(job, "").content == again.content


@needs
@feature("attempts")
@clause("L4", "E4")
def test_each_attempt_gives_its_own_bytes(live: Live) -> None:
    job = live.world.job("twice", "build")
    assert live.log(job, 1).content == job.expected(1)
    assert live.log(job, 2).content == job.expected(2) == live.log(job).content
    response = live.log(job, 3)
    assert response.status_code == 404
    assert response.json()["message"] == f"task with job_id {job.id} and attempt 3: resource does not exist"


@needs
@feature("attempt-while-rerun-waits")
@clause("L5")
def test_a_finished_attempt_is_read_while_its_rerun_waits(live: Live) -> None:
    job = live.world.job("waits", "again")
    assert live.log(job, 1).content == job.expected(1)


@needs
@clause("L6")
def test_a_running_log_grows(live: Live) -> None:
    world = live.world
    run = world.stage.start("grows", world.repos["priv"], ONE, "last.yml")
    job = world.stage.take(run, "build")
    world.stage.say(job, 3)
    before = live.log(job)
    assert before.status_code == 200 and before.content == job.expected()
    world.stage.say(job, 4)
    after = live.log(job)
    assert after.content == job.expected() and after.content.startswith(before.content)
    world.stage.finish(job, "success")
    assert live.log(job).content == job.expected()


@needs
@clause("L7")
def test_names_in_another_case(live: Live) -> None:
    job = live.world.job("failing", "build")
    response = live.log(job, repo=job.run.repo.full.upper())
    assert response.content == job.expected()


@needs
@clause("L8")
def test_a_renamed_repository(live: Live) -> None:
    job = live.world.job("renamed", "build")
    former = job.run.repo.former
    assert former
    moved = live.log(job, repo=former, allow_redirects=False)
    assert moved.status_code == (307 if live.major == 11 else 301)
    assert moved.headers["Location"].endswith(log_path(job.run.repo, job.id))
    assert live.log(job, repo=former).content == job.expected()


@needs
@clause("R1")
@pytest.mark.parametrize("text, part", [("0-15", slice(0, 16)), ("20-", slice(20, None)), ("-10", slice(-10, None))])
def test_one_range(live: Live, text: str, part: slice) -> None:
    job = live.world.job("long", "build")
    whole = job.expected()
    assert isinstance(whole, bytes)
    response = live.log(job, headers={"Range": f"bytes={text}"})
    start, stop, _ = part.indices(len(whole))
    assert (response.status_code, response.content) == (206, whole[part])
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"


@needs
@clause("R2")
def test_several_ranges(live: Live) -> None:
    job = live.world.job("long", "build")
    whole = job.expected()
    response = live.log(job, headers={"Range": "bytes=0-3,10-12"})
    assert response.status_code == 206
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    parts = list(email.message_from_bytes(head + response.content, policy=email.policy.HTTP).iter_parts())
    assert [part["Content-Range"] for part in parts] == [f"bytes 0-3/{len(whole)}", f"bytes 10-12/{len(whole)}"]
    assert [part.get_payload(decode=True) for part in parts] == [whole[0:4], whole[10:13]]


@needs
@clause("R3", "R4")
@pytest.mark.parametrize(
    "text, said", [("bytes=999999999-", "invalid range: failed to overlap"), ("x", "invalid range")]
)
def test_ranges_that_cannot_be(live: Live, text: str, said: str) -> None:
    job = live.world.job("failing", "build")
    response = live.log(job, headers={"Range": text})
    assert (response.status_code, response.text.strip()) == (416, said)
    if "overlap" in said:
        assert response.headers["Content-Range"] == f"bytes */{len(job.expected())}"


@needs
@feature("conditional")
@clause("R5", "R6")
def test_conditional_requests(live: Live) -> None:
    job = live.world.job("failing", "build")
    ended = live.log(job).headers["Last-Modified"]
    assert parsedate_to_datetime(ended)
    assert live.log(job, headers={"If-Modified-Since": ended}).status_code == 304
    for since, status in ((ended, 206), ("Sat, 01 Jan 2000 00:00:00 GMT", 200)):
        response = live.log(job, headers={"If-Range": since, "Range": "bytes=0-3"})
        assert response.status_code == status


@needs
@clause("E1", "E2")
@pytest.mark.parametrize("text, read", [("999999999", 999999999), ("0", 0), ("-5", -5), ("abc", 0), ("1x", 0)])
def test_jobs_that_do_not_exist(live: Live, text: str, read: int) -> None:
    response = live.get(log_path(live.world.repos["priv"], text))
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/json;charset=utf-8"
    assert response.json()["message"] == f"run job with id {read}: resource does not exist"
    assert response.json()["url"].endswith("/api/swagger")


@needs
@clause("E2")
def test_a_job_of_another_repository(live: Live) -> None:
    for job in (live.world.job("foreign", "build"), live.world.job("foreign-2", "build")):
        response = live.log(job, repo=live.world.repos["priv"])
        assert response.status_code == 404 and response.json()["message"].endswith("resource does not exist")
    response = live.log(live.world.job("failing", "build"), repo=live.world.repos["other"])
    assert response.status_code == 404 and response.json()["message"].endswith("resource does not exist")


@needs
@clause("E3")
@pytest.mark.parametrize("text, read", [("0", 0), ("-1", -1), ("x", 0)])
def test_attempts_that_cannot_be(live: Live, text: str, read: int) -> None:
    job = live.world.job("failing", "build")
    response = live.log(job, text)
    assert response.status_code == 404
    assert response.json()["message"] == f"task with job_id {job.id} and attempt {read}: resource does not exist"


@needs
@clause("E5")
@pytest.mark.parametrize(
    "run, name", [("failing", "nobody"), ("needs", "then"), ("waits", "again"), ("cancelled", "nobody")]
)
def test_a_job_that_no_runner_has(live: Live, run: str, name: str) -> None:
    job = live.world.job(run, name)
    assert job.expected() is Cause.NOT_EXECUTED
    response = live.log(job)
    assert (response.status_code, response.json()["message"]) == (404, "job has not been executed yet")


@needs
@clause("E6")
def test_an_expired_log(live: Live) -> None:
    job = live.world.job("expired", "old")
    response = live.log(job)
    assert (response.status_code, response.json()["message"]) == (404, "logs have expired")


@needs
@pytest.mark.feature("missing-log")
@clause("E7")
def test_jobs_with_a_task_and_no_log(live: Live) -> None:
    for job in without_log(live):
        response = live.log(job)
        message = "job has no log: it was skipped, or its runner has sent nothing yet"
        assert (response.status_code, response.json()["message"]) == (404, message)


@needs
@pytest.mark.lacks("missing-log")
@clause("E7")
def test_jobs_with_a_task_and_no_log_on_16(live: Live) -> None:
    assert {live.log(job).status_code for job in without_log(live)} == {500}


def without_log(live: Live) -> list[Job]:
    jobs = [job for job in live.world.jobs() if job.expected() is Cause.NO_LOG]
    assert {job.run.key for job in jobs} >= {"failing", "taken"}
    return jobs


@needs
@clause("E9")
def test_head(live: Live) -> None:
    response = live.ask("HEAD", log_path(live.world.repos["priv"], live.world.job("failing", "build").id))
    assert (response.status_code, response.content) == (405, b"")


@clause("P1")
def test_a_wrong_token(live: Live) -> None:
    job = live.world.job("failing", "build")
    response = live.log(job, token="0" * 40, by=live.session("0" * 40))
    assert response.status_code == 401 and response.json()["message"]


@needs
@clause("P2")
def test_a_token_without_the_scope(live: Live) -> None:
    response = live.log(live.world.job("failing", "build"), token="no-scope")
    assert response.status_code == 403
    assert response.json()["message"] == "token does not have at least one of required scope(s): [read:repository]"


@needs
@clause("P3", "S5")
@pytest.mark.parametrize("token", [None, "outsider"])
def test_a_private_repository_is_hidden(live: Live, token: str | None) -> None:
    response = live.log(live.world.job("failing", "build"), token=token)
    assert (response.status_code, response.json()["message"]) == (404, "The target couldn't be found.")


@needs
@clause("P3")
def test_a_member_without_the_unit(live: Live) -> None:
    job = live.world.job("of-org", "build")
    response = live.log(job, token="member")
    tasks = live.get(f"/repos/{job.run.repo.full}/actions/tasks", "member")
    assert (response.status_code, response.json()) == (tasks.status_code, tasks.json())
    assert response.status_code in (403, 404)


@needs
@clause("P4")
def test_a_public_repository_is_read_anonymously(live: Live) -> None:
    job = live.world.job("public", "build")
    assert live.log(job, token=None).content == job.expected()


@needs
@clause("P3")
def test_actions_switched_off(live: Live) -> None:
    job = live.world.job("switched-off", "build")
    response = live.log(job)
    tasks = live.get(f"/repos/{job.run.repo.full}/actions/tasks")
    if tasks.status_code == 200:  # up to 11 the API does not mind, and the web UI hides the pages
        assert (response.status_code, response.json()["cause"]) == (501, "web-account-cannot-read")
    else:
        assert (response.status_code, response.json()) == (tasks.status_code, tasks.json())
