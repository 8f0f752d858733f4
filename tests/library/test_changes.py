"""Cancel and rerun, by `Client` and by the command: what was asked for, once, and nothing else."""

from __future__ import annotations

import json
import threading

import pytest
from command import Place
from double import Run
from forgejo_shim import Client, NothingMatched, NotNow, NotPossible, NotThere, Refused, Unreachable
from forgejo_shim import Run as RunValue
from small import Small, row

clause = pytest.mark.clause


def writer(small: Small, **more: object) -> Client:
    return small.client(writing(small), **more)


def writing(small: Small) -> str:
    token: str = small.model.add_token(small.repo.owner, ("write:repository",)).sha1
    return token


def statuses(run: Run) -> list[str]:
    return [job.status for job in run.jobs]


def posts(small: Small) -> list[str]:
    return [
        seen.path for seen in small.double.requests if seen.method == "POST" and seen.path.endswith(("rerun", "cancel"))
    ]


def ended(small: Small, *of_jobs: str) -> Run:
    run = small.add({f"j{index}": row("x") for index in range(len(of_jobs))})
    for job, status in zip(run.jobs, of_jobs, strict=True):
        job.status = status
    return run


@clause("C25")
def test_a_run_is_cancelled_and_no_other(small: Small) -> None:
    other, run = small.add(), small.model.add_run(small.repo, ["a", "b"])
    with writer(small) as client:
        client.cancel("o/r", run.number)
        assert statuses(run) == ["cancelled", "cancelled"] and statuses(other) == ["success"]
        client.cancel("o/r", client.run("o/r", "latest"))
        client.cancel("o/r", other.number)
        assert statuses(other) == ["success"] and len(posts(small)) == 3
        with pytest.raises(NotThere):
            client.cancel("o/r", 9)


@clause("C25")
def test_a_run_or_a_job_is_rerun_and_no_other(small: Small) -> None:
    other, run = small.add(), small.add({"a": row("a"), "b": row("b")})
    with writer(small) as client:
        assert client.rerun("o/r", run.number) is None
        assert statuses(run) == ["waiting", "waiting"] and statuses(other) == ["success"]
        with pytest.raises(NotNow, match="ask again when all are over"):
            client.rerun("o/r", run.number)
        client.rerun_job("o/r", other.jobs[0].id)
        assert statuses(other) == ["waiting"] and len(posts(small)) == 2
        with pytest.raises(NotThere):
            client.rerun_job("o/r", 999)


@clause("C25")
def test_who_may_not_write_is_refused(small: Small) -> None:
    run = small.model.add_run(small.repo, ["a"])
    with small.client() as client:
        with pytest.raises(Refused, match="write:repository"):
            client.cancel("o/r", run.number)
        with pytest.raises(Refused, match="write:repository"):
            client.rerun_job("o/r", run.jobs[0].id)
    assert statuses(run) == ["waiting"] and not [path for path in posts(small) if "/api/" not in path]


@clause("C25")
def test_what_may_have_been_done_is_said_to_be(small: Small) -> None:
    run = small.model.add_run(small.repo, ["a"])
    answered = threading.Event()
    small.double.faults.add("/cancel$", before=lambda: answered.wait(30))
    with writer(small, timeout=2) as client, pytest.raises(Unreachable, match="may have been done") as caught:
        client.cancel("o/r", run.number)
    answered.set()
    assert caught.value.cause == "write-unknown"
    assert small.double.faults.rules[0].fired == 1


@clause("C25")
@pytest.mark.parametrize("run_id", [1, None])
def test_what_was_not_sent_was_not_done(run_id: int | None) -> None:
    run = RunValue(1, run_id, "", "", "", "", "")
    with Client("http://127.0.0.1:1") as client, pytest.raises(Unreachable, match="connection is refused") as caught:
        client.cancel("o/r", run)
    assert caught.value.cause == "unreachable"


@clause("C26")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("success", "failure"), ("success", "waiting")),
        (("cancelled", "success", "skipped"), ("waiting", "success", "skipped")),
        (("failure", "failure", "skipped"), ("waiting", "waiting", "waiting")),
    ],
)
def test_failed_jobs_are_rerun(either: Small, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    run = ended(either, *before)
    with writer(either) as client:
        job = client.rerun("o/r", run.number, failed=True)
    assert statuses(run) == list(after) and len(posts(either)) == 1
    assert job is None if "success" not in before else job and job.status in before


@clause("C26")
def test_several_failed_jobs_beside_others_are_refused(either: Small) -> None:
    run, fine = ended(either, "success", "failure", "cancelled"), ended(either, "success", "skipped")
    with writer(either) as client:
        with pytest.raises(NotPossible, match=f"2 failed jobs.*{run.jobs[1].id} \\(j1\\)") as caught:
            client.rerun("o/r", run.number, failed=True)
        assert caught.value.cause == "several-failed"
        with pytest.raises(NothingMatched, match="no job of run 2 of o/r has failed"):
            client.rerun("o/r", fine.number, failed=True)
        running = either.model.add_run(either.repo, ["a", "b"])
        running.jobs[0].status = "success"
        with pytest.raises(NotNow, match="run 3 of o/r cannot be rerun while job .* ask again when") as later:
            client.rerun("o/r", running.number, failed=True)
        assert later.value.cause == "not-over"
    assert posts(either) == []


# The command


@pytest.fixture
def may_write(place: Place) -> Place:
    place.environment["FORGEJO_TOKEN"] = writing(place.small)
    return place


@clause("C27")
def test_cancel(may_write: Place) -> None:
    over, run = may_write.small.add(), may_write.small.model.add_run(may_write.small.repo, ["a"])
    api = may_write.small.double.face.api_runs
    assert may_write.run("cancel", "o/r", 2).stdout == "2\tcancelled\n" and statuses(run) == ["cancelled"]
    assert may_write.run("cancel", f"{may_write.small.url}/o/r/actions/runs/1").stdout == "1\twas over: success\n"
    told = json.loads(may_write.run("cancel", "o/r", "latest", "--json").stdout)
    assert told == {"run": 2, "run_id": run.id if api else None, "was": "cancelled", "cancelled": False}
    assert statuses(over) == ["success"]
    going_on = may_write.small.model.add_run(may_write.small.repo, ["a", "b"])
    may_write.small.model.play(going_on.jobs[0], b"", "failure")
    assert going_on.status == "failure" and may_write.run("cancel", "o/r", 3).stdout == "3\tcancelled\n"


@clause("C27")
def test_rerun(may_write: Place) -> None:
    small = may_write.small
    run = small.add({"one": row("1"), "two": row("2"), "0": row("3")})
    ids = [job.id for job in run.jobs]
    url = f"{small.url}/o/r/actions/runs/1"
    for words, after, said in (
        (["o/r", 1], [0, 1, 2], "all jobs"),
        (["o/r", "latest", "--job", "two"], [1], f"job {ids[1]} (two)"),
        (["o/r", 1, "--job", "1"], [1], f"job {ids[1]} (two)"),
        (["o/r", 1, "--job", "0"], [2], f"job {ids[2]} (0)"),
        ([f"{url}/jobs/0"], [0], f"job {ids[0]} (one)"),
        ([url], [0, 1, 2], "all jobs"),
    ):
        assert may_write.run("rerun", *words).stdout == f"1\t{said}\n", words
        assert [index for index, job in enumerate(run.jobs) if job.status == "waiting"] == after
        for job in run.jobs:
            if job.status == "waiting":
                small.model.play(job, b"")
    run.jobs[0].status = "failure"
    told = json.loads(may_write.run("rerun", "o/r", 1, "--failed", "--json").stdout)
    assert told["job"] == {"job_id": ids[0], "name": "one"} and run.jobs[0].status == "waiting"


@clause("C27")
def test_what_is_not_one_run(may_write: Place) -> None:
    run = may_write.small.add({"one": row("1"), "two": row("2")})
    page = f"{may_write.small.url}/o/r/actions/runs/1"
    for words in (
        ["cancel", "o/r"], ["rerun", "o/r"], ["cancel"], ["cancel", "o/r", "x"], ["cancel", "o/r", -1],
        ["cancel", page, 1],
        ["rerun", "o/r", 1, "--failed", "--job", "one"], ["rerun", f"{page}/jobs/0", "--failed"],
        ["rerun", f"{page}/jobs/0", "--job", "one"], ["rerun", "o/r", 1, "--job", "x" * 300], ["rerun", "o/r", 1, 2],
        ["rerun", "o/other", page],
    ):  # fmt: skip
        assert may_write.failure(*words)[0] == 2, words
    for words in (["cancel", "o/r", 7], ["cancel", "o/r", 0], ["rerun", "o/r", 7], ["rerun", "o/r", 1, "--job", "x"]):
        assert may_write.failure(*words)[0] == 5, words
    assert may_write.failure("rerun", "o/r", 1, "--failed")[0] == 3
    assert statuses(run) == ["success", "success"] and posts(may_write.small) == []


@clause("C27")
def test_a_refusal_names_the_token(place: Place) -> None:
    place.small.add()
    for words in (["cancel", "o/r", 1], ["rerun", "o/r", 1]):
        code, sentence = place.failure(*words)
        assert code == 4 and "write:repository" in sentence and "(token from FORGEJO_TOKEN)" in sentence


@clause("C27")
def test_a_web_account_that_may_not_write(web: Place) -> None:
    reader = web.small.model.add_user("reader", "reader's password")
    web.small.repo.collaborators[reader.id] = 1
    web.small.add()
    token = writing(web.small)
    for words in (["cancel", "o/r", 1], ["rerun", "o/r", 1]):
        code, sentence = web.failure(
            *words, "--no-state", FORGEJO_TOKEN=token, FORGEJO_SHIM_WEB_USER="reader",
            FORGEJO_SHIM_WEB_PASSWORD="reader's password",
        )  # fmt: skip
        assert code == 4 and "cannot write to o/r" in sentence and "FORGEJO_SHIM_WEB_USER" in sentence
