"""`Client.follow`: a log to its job's end, whatever happens to the server meanwhile.

Rules: the double writes while the client reads, so each case that needs a moment makes it: `writing` says how a job's
log grows. `FORGEJO_SHIM_FOLLOW=5000/60` lets the job write 5,000 lines in a minute, with the pauses of real life.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from double import Task
from forgejo_shim import (
    BadRequest,
    NotExecuted,
    NotThere,
    Refused,
    RunAgain,
    StillRunning,
    Unreachable,
    client_follow,
)
from forgejo_shim.flows import follow as following
from forgejo_shim.flows import rights
from hand import wait
from small import LOG, Small
from test_additions import lines

clause = pytest.mark.clause
LINES, SECONDS = (int(text) for text in os.environ.get("FORGEJO_SHIM_FOLLOW", "500/3").split("/"))
REAL = LINES > 500


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    if not REAL:
        monkeypatch.setattr(following, "INTERVAL", 0.05)


def taken(small: Small) -> Task:
    return small.model.take(small.model.add_run(small.repo, ["build"]).jobs[0])


@contextmanager
def meanwhile(*steps: Callable[[], Any], after: Small | None = None, every: float = 0.15) -> Iterator[None]:
    """Do these things, one after the other, while something is read; after a log there began to be, if that is said."""

    def do() -> None:
        if after:
            wait(lambda: bool(after.downloads()), "a log to be read", 30)
        for step in steps:
            time.sleep(every)
            step()

    thread = threading.Thread(target=do)
    thread.start()
    yield
    thread.join()


@clause("C31")
@pytest.mark.parametrize("face", ["11", "13.0.3", "14", "15", "16"])
def test_no_line_is_lost_or_doubled_when_the_server_restarts(face: str) -> None:
    with Small(face) as small:
        task, rows = taken(small), lines(LINES)
        pause = SECONDS / LINES

        def write() -> None:
            for at, row in enumerate(rows):
                if at in (LINES // 3, LINES // 2):
                    (small.double.kill if at == LINES // 3 else small.double.revive)()
                small.model.log(task, row, more=True)
                time.sleep(pause)
            small.model.log(task, b"")
            small.model.finish(task)

        with small.client() as client, meanwhile(write):
            followed = client.follow("o/r", task.job.id)
            got = b"".join(followed)
        assert got == b"".join(rows) and got.count(b"\n") == LINES
        assert followed.status == "success"


@clause("C31")
def test_it_begins_where_it_is_told_to(small: Small) -> None:
    job, start = small.add().jobs[0], LOG.index(b"\n", len(LOG) // 2) + 1
    with small.client() as client:
        assert b"".join(client.follow("o/r", job.id, start=start)) == LOG[start:]
        assert b"".join(client.follow("o/r", job.id, start=len(LOG) + 5)) == b""


@clause("C31")
def test_a_log_that_is_over_is_given_whole(small: Small) -> None:
    job = small.add().jobs[0]
    with small.client() as client:
        followed = client.follow("o/r", job.id)
        assert followed.status == ""
        assert b"".join(followed) == LOG
        assert followed.status == "success"
        assert b"".join(client.follow("o/r", job.id, tail=2)) == b"".join(LOG.splitlines(keepends=True)[-2:])


@clause("C31")
def test_a_job_without_a_runner_is_waited_for(small: Small) -> None:
    job, waited = small.model.add_run(small.repo, ["build"]).jobs[0], []
    with small.client() as client, meanwhile(lambda: None, lambda: small.model.play(job, LOG)):
        followed = client.follow("o/r", job.id, on_wait=waited.append)
        assert b"".join(followed) == LOG
    assert (waited, followed.status) == (["waiting"], "success")


@clause("C31")
def test_a_server_that_restarts_while_a_runner_is_waited_for(either: Small) -> None:
    job = either.model.add_run(either.repo, ["build"]).jobs[0]
    double = either.double
    with either.client() as client, meanwhile(double.kill, double.revive, lambda: either.model.play(job, LOG)):
        assert b"".join(client.follow("o/r", job.id)) == LOG


@clause("C31", "C16")
@pytest.mark.parametrize("status, end", [("skipped", "was skipped"), ("cancelled", "was cancelled before a runner")])
def test_a_job_that_no_runner_will_take_is_not_waited_for(small: Small, status: str, end: str) -> None:
    small.add()
    run = small.model.add_run(small.repo, ["deploy"])
    with small.client() as client, meanwhile(lambda: setattr(run.jobs[0], "status", status)):
        with pytest.raises(NotExecuted, match=rf"job {run.jobs[0].id} \(deploy\) {end}"):
            list(client.follow("o/r", run.jobs[0].id))


@clause("C31")
def test_a_failed_job_ends_as_one(small: Small) -> None:
    task = taken(small)
    small.model.log(task, LOG)
    small.model.finish(task, "failure")
    with small.client() as client:
        followed = client.follow("o/r", task.job.id)
        list(followed)
    assert followed.status == "failure"


@clause("C31")
def test_a_rerun_is_never_mixed_in(small: Small) -> None:
    task, rows = taken(small), lines(40)
    small.model.log(task, b"".join(rows[:10]), more=True)

    def rerun() -> None:
        small.model.log(task, b"".join(rows[10:]))
        small.model.finish(task)
        small.again(task.job, b"".join(lines(900, "other")))

    with small.client() as client, meanwhile(rerun, after=small):
        followed, got = client.follow("o/r", task.job.id), b""
        if small.double.face.attempt_in_download or small.double.face.native_logs:
            assert b"".join(followed) == b"".join(rows)
            assert followed.status == ("" if small.double.face.native_logs else "success")
            return
        with pytest.raises(RunAgain, match=f"job {task.job.id} was run again"):
            for piece in followed:
                got += piece
    assert got == b"".join(rows[:10])


@clause("C31")
def test_it_is_followed_for_so_long_only(either: Small) -> None:
    task = taken(either)
    either.model.log(task, LOG, more=True)
    waiting = either.model.add_run(either.repo, ["build"]).jobs[0]
    with either.client() as client:
        followed, got = client.follow("o/r", task.job.id, timeout=0.3), b""
        with pytest.raises(StillRunning, match=f"job {task.job.id} of o/r is not over after 0.3 s"):
            for piece in followed:
                got += piece
        assert got == LOG
        with pytest.raises(StillRunning):
            list(client.follow("o/r", waiting.id, timeout=0.2))


@clause("C31")
def test_a_server_that_stays_away_is_an_error(either: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_follow, "LOSSES", 3)
    task = taken(either)
    either.model.log(task, LOG, more=True)
    with either.client() as client:
        followed = client.follow("o/r", task.job.id)
        got = next(followed)
        either.double.kill()
        with pytest.raises(Unreachable, match="cannot be reached"):
            for piece in followed:
                got += piece
        assert got == LOG
        with pytest.raises(Unreachable):  # and one that is not there at first is one at once
            next(client.follow("o/r", task.job.id))
        either.double.revive()


@clause("C31", "F5")
def test_a_token_that_is_taken_back_is_said_to_be_no_good(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "KEEP", 0.2)
    task = taken(small)
    small.model.log(task, LOG, more=True)
    with small.client() as client:
        assert client.log("o/r", task.job.id).read() == LOG  # for which the session keeps its yes
        followed = client.follow("o/r", task.job.id, timeout=20)
        assert next(followed)
        small.model.tokens.pop(small.token)
        with pytest.raises(Refused, match=f"job {task.job.id} of o/r: the server does not accept these") as caught:
            list(followed)
    assert (caught.value.cause, caught.value.exit_code) == ("credentials-wrong", 4)


def test_two_minutes_are_more_than_it_waits() -> None:
    """What the help says: about a minute. Two seconds lie between two reads outside of these tests."""
    assert 50 <= client_follow.LOSSES * 2 <= 70


@clause("C31")
def test_a_renamed_repository_is_followed(either: Small) -> None:
    job = either.add().jobs[0]
    either.model.rename_repo(either.repo, "new")
    with either.client() as client:
        assert b"".join(client.follow("o/r", job.id)) == LOG


@clause("C31", "C18")
def test_what_cannot_be_followed(small: Small) -> None:
    job = small.add().jobs[0]
    with small.client() as client:
        with pytest.raises(NotThere, match="run job with id 999"):
            list(client.follow("o/r", 999))
        with pytest.raises(BadRequest, match="tail is a number from 1 to 1000000"):
            client.follow("o/r", job.id, tail=0)
        for wrong in ({"timeout": "1"}, {"timeout": True}, {"tail": "x"}, {"on_wait": 7}):
            with pytest.raises(TypeError):
                client.follow("o/r", job.id, **wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError):
            client.follow("o/r", job.id, timeout=0)
    with small.client(token=small.model.add_token(small.model.add_user("x")).sha1) as client:
        with pytest.raises(NotThere, match="check the name"):
            list(client.follow("o/r", job.id))


def test_leaving_it_frees_the_connection(either: Small) -> None:
    task = taken(either)
    either.model.log(task, LOG, more=True)
    with either.client() as client:
        with client.follow("o/r", task.job.id) as followed:
            assert next(followed)
        assert list(followed) == []
        assert client.log("o/r", task.job.id).read() == LOG
