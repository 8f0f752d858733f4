"""Rerun and cancel behind each face of the double: by the caller's right, and never another job.

Rules: as in test_additions.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from double.messages import Request, Response, plain
from forgejo_shim import WebLogin
from small import Small, row
from test_additions import Asker, R, asker

clause = pytest.mark.clause


def writer(small: Small, **more: Any) -> Asker:
    """Who may rerun and cancel: a collaborator who may write, and whose token may."""
    user = small.model.add_user("writer")
    small.repo.collaborators[user.id] = 2
    return asker(small, small.model.add_token(user, ("write:repository",)).sha1, **more)


def asked(small: Small, method: str, tail: str) -> int:
    return sum(seen.method == method and seen.path.endswith(tail) for seen in small.double.requests)


@clause("W1")
def test_a_job_is_rerun_and_no_other(small: Small) -> None:
    first, second = small.add(), small.add({"a": row("a"), "b": row("b"), "c": row("c")})
    got = writer(small)(f"{R}/jobs/{second.jobs[1].id}/rerun", method="POST")
    assert (got.status, got.body) == (204, b"")
    assert [job.status for job in (*first.jobs, *second.jobs)] == ["success", "success", "waiting", "success"]
    assert asked(small, "POST", "/rerun") == 1


@clause("W1")
def test_a_run_is_rerun_and_cancelled(small: Small) -> None:
    other, the_run, ask = small.add(), small.add({"a": row("a"), "b": row("b")}), writer(small)
    rerun, cancel = (f"{R}/runs/{the_run.id}/{verb}" for verb in ("rerun", "cancel"))
    if not small.double.face.api_runs:
        assert ask(rerun, method="POST").json["cause"] == ask(cancel, method="POST").json["cause"] == "no-run-ids"
        return
    assert ask(rerun, method="POST").status == 204
    assert [job.status for job in the_run.jobs] == ["waiting", "waiting"]
    assert ask(cancel, method="POST").status == 204
    assert [job.status for job in the_run.jobs] == ["cancelled", "cancelled"]
    assert [job.status for job in other.jobs] == ["success"]
    assert ask(f"{R}/runs/999/cancel", method="POST").status == 404


@clause("W1")
def test_what_the_server_has_itself_passes(small: Small) -> None:
    ask = asker(small)
    native = "present" if small.double.face.native_logs else "absent"
    assert ask.offers(f"{R}/runs/1/cancel", "POST") == native
    assert ask.offers(f"{R}/runs/1/rerun", "POST") == ask.offers(f"{R}/jobs/1/rerun", "POST") == "absent"


@clause("W2")
def test_who_may_not_write_gets_the_apis_own_refusal(small: Small) -> None:
    job = small.add().jobs[0]
    reader, outsider = small.model.add_user("reader"), small.model.add_user("outsider")
    small.repo.collaborators[reader.id] = 1
    scopes = ("write:repository",)
    for token, status in (
        (small.token, 403),
        (small.model.add_token(reader, scopes).sha1, 403),
        (small.model.add_token(outsider, scopes).sha1, 404),
        ("0" * 40, 401),
        (None, 404),
    ):
        got = asker(small, token)(f"{R}/jobs/{job.id}/rerun", method="POST")
        assert got.status == status, got.body
    assert asked(small, "POST", "/rerun") == 0 and job.status == "success"
    assert len(small.repo.runs) == 1


@clause("W2")
def test_the_right_is_asked_for_every_time_and_starts_nothing(small: Small) -> None:
    job, ask = small.add().jobs[0], writer(small)
    for _ in range(3):
        assert ask(f"{R}/jobs/{job.id}/rerun", method="POST").status == 204
        small.model.finish(small.model.take(job))
    assert asked(small, "POST", "/dispatches") == 3
    user = next(user for user in small.model.users.values() if user.name == "writer")
    small.repo.collaborators[user.id] = 1
    assert ask(f"{R}/jobs/{job.id}/rerun", method="POST").status == 403
    assert len(small.repo.runs) == 1


@clause("W2")
@pytest.mark.parametrize(
    "status, text, told",
    [(204, "", 502), (201, "{}", 502), (400, "ref is empty", 400), (500, "", 500), (302, "", 302), (200, "ok", 502)],
)
def test_only_a_writers_answer_is_a_yes(small: Small, status: int, text: str, told: int) -> None:
    job, ask = small.add().jobs[0], writer(small)
    small.double.faults.status("/dispatches$", status, text)
    assert ask(f"{R}/jobs/{job.id}/rerun", method="POST").status == told
    assert asked(small, "POST", "/rerun") == 0


@clause("W3")
def test_switched_off(small: Small) -> None:
    job, ask = small.add().jobs[0], writer(small)
    got = ask(f"{R}/jobs/{job.id}/rerun", method="POST", writes=False)
    assert (got.status, got.json["cause"]) == (501, "writes-off")
    assert asked(small, "POST", "/dispatches") == asked(small, "POST", "/rerun") == 0
    assert ask(f"{R}/jobs/{job.id}/rerun").status == 405


@clause("W4")
def test_nothing_is_rerun_while_a_job_of_the_run_is_not_over(small: Small) -> None:
    the_run = small.model.add_run(small.repo, ["a", "b"])
    small.model.finish(small.model.take(the_run.jobs[0]))
    ask = writer(small)
    paths = [f"{R}/jobs/{job.id}/rerun" for job in the_run.jobs]
    for path in [*paths, f"{R}/runs/{the_run.id}/rerun"] if small.double.face.api_runs else paths:
        got = ask(path, method="POST")
        assert (got.status, got.json["cause"]) == (503, "not-over")
        assert got.headers.get("Retry-After")
    assert asked(small, "POST", "/rerun") == 0


@clause("W4")
def test_a_job_that_begins_again_in_that_moment(small: Small) -> None:
    job = small.add().jobs[0]
    small.double.faults.hook("/rerun$", lambda _: small.model.rerun(job), nth=1)
    got = writer(small)(f"{R}/jobs/{job.id}/rerun", method="POST")
    if small.double.face.rerun == "skips":
        assert got.status == 204  # it runs again, and only once
    else:
        assert got.json["cause"] == "not-over"
    assert job.status == "waiting" and len(job.tasks) == 1


@clause("W7")
def test_a_row_that_is_gone_meanwhile_is_said(small: Small) -> None:
    the_run = small.add({"a": row("a"), "b": row("b"), "c": row("c")})
    second = the_run.jobs[1]
    small.double.faults.hook("/rerun$", lambda _: the_run.jobs.pop(0) and None, nth=1)
    got = writer(small)(f"{R}/jobs/{second.id}/rerun", method="POST")
    assert got.status == 502 and "moved while" in got.json["message"]


@clause("W5")
def test_a_post_turned_away_at_the_door_is_sent_again(small: Small) -> None:
    job, ask = small.add().jobs[0], writer(small)
    small.double.faults.lost_session("/rerun$", nth=1)
    assert ask(f"{R}/jobs/{job.id}/rerun", method="POST").status == 204
    assert job.status == "waiting" and asked(small, "POST", "/rerun") == 2
    if small.double.face.api_runs:
        small.double.faults.lost_session("/cancel$", nth=1)
        assert ask(f"{R}/runs/{job.run.id}/cancel", method="POST").status == 204
        assert job.status == "cancelled"


@clause("W5", "W8")
def test_a_post_without_an_answer_is_never_sent_again(small: Small) -> None:
    job, ask = small.add().jobs[0], writer(small)
    small.double.faults.cut("/rerun$", 0)
    got = ask(f"{R}/jobs/{job.id}/rerun", method="POST")
    assert (got.status, got.json["cause"]) == (502, "write-unknown")
    assert asked(small, "POST", "/rerun") == 1


@clause("W8")
def test_nor_is_a_rerun_to_be_asked_for_again_when_the_server_is_busy_after_it(small: Small) -> None:
    job, ask = small.add().jobs[0], writer(small)

    def busy(_: Request) -> Response | None:
        return plain(503, "busy") if asked(small, "POST", "/rerun") else None

    small.double.faults.hook(r"/runs/\d+/jobs/0(/attempt/\d+)?$", busy, method="POST")
    got = ask(f"{R}/jobs/{job.id}/rerun", method="POST")
    assert (got.status, got.json["cause"]) == (502, "write-unknown")
    assert asked(small, "POST", "/rerun") == 1


@clause("W6")
def test_a_web_account_that_may_only_read(small: Small) -> None:
    job, reader = small.add().jobs[0], small.model.add_user("web-reader", "s3cret-word")
    small.repo.collaborators[reader.id] = 1
    got = writer(small, web=WebLogin("web-reader", "s3cret-word"))(f"{R}/jobs/{job.id}/rerun", method="POST")
    assert (got.status, got.json["cause"]) == (501, "web-account-cannot-write")
    assert job.status == "success"
