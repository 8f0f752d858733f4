"""Parts of a log and the log of a running job, behind each face of the double.

Rules: as in test_additions.py; whatever breaks, what was given is a part of the final download.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from double import Job, Task, view
from double.entities import Step
from double.faces import swagger
from double.messages import json_answer
from forgejo_shim.errors import ServerRefusal, ShimError
from forgejo_shim.flows import follow as following
from forgejo_shim.flows import log_tail as tails
from forgejo_shim.flows import rights
from forgejo_shim.operations import JOB
from forgejo_shim.times import moment
from forgejo_shim.transport import BrokenBody
from forgejo_shim.webui import reader
from small import LOG, Small, row
from test_additions import R, asker, attempt, lines, stepped

clause = pytest.mark.clause
DOWNLOAD = r"/logs(\?|$)"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "HAND_OVER", 0.0)


# A4, A5: the last lines


@clause("A4")
@pytest.mark.parametrize("count", [1, 2, 6, 7, 8, 1000])
def test_the_last_lines(small: Small, count: int) -> None:
    job, rows = stepped(small, 3, 2)
    assert asker(small)(f"{R}/jobs/{job.id}/logs", f"tail={count}").body == b"".join(rows[-count:])


@clause("A4")
def test_the_last_lines_of_a_long_log_cost_its_end_only(small: Small) -> None:
    job, ask = small.add().jobs[0], asker(small)
    ask(f"{R}/jobs/{job.id}/logs", "tail=3")
    for seen in small.downloads()[1:]:
        assert seen.status == 206
    assert sum(sent.status == 206 for sent in ask.wire.sent) == 1
    assert ask(f"{R}/jobs/{job.id}/logs", "tail=3").body == b"".join(LOG.splitlines(keepends=True)[-3:])


@clause("A4")
@pytest.mark.parametrize("count", [599, 600, 5_000, 11_999, 12_000, 12_001])
def test_lines_are_looked_for_from_the_end(small: Small, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(tails, "FIRST", 100)
    monkeypatch.setattr(tails, "BLOCK", 64 * 1024)
    job, ask = small.add().jobs[0], asker(small)
    assert ask(f"{R}/jobs/{job.id}/logs", f"tail={count}").body == b"".join(LOG.splitlines(keepends=True)[-count:])
    blocks = [sent for sent in ask.wire.sent if sent.headers.get("range", "").startswith("bytes=")]
    assert {sent.status for sent in blocks} <= {206, 404}  # 404: a route of another dialect, asked once
    assert sum(sent.status == 206 for sent in blocks) < 15


@clause("A4")
def test_a_line_that_has_not_ended_is_the_last_one(small: Small) -> None:
    task = small.model.take(small.model.add_run(small.repo, ["build"]).jobs[0])
    small.model.log(task, b"".join(rows := lines(3)) + b"2026-01-02T03:0", more=True)
    asked = asker(small)(f"{R}/jobs/{task.job.id}/logs", "tail=2")
    assert asked.body == rows[-1] + b"2026-01-02T03:0"


@clause("A4")
def test_the_last_lines_are_of_one_attempt(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rerun between two of its requests: never lines of both."""
    monkeypatch.setattr(tails, "FIRST", 100)
    monkeypatch.setattr(tails, "BLOCK", 64 * 1024)
    job, ask = small.add().jobs[0], asker(small)
    other = b"".join(lines(9000, "other"))
    rerun = small.double.faults.hook(r"/logs", lambda _: small.again(job, other), nth=4)
    got = ask(f"{R}/jobs/{job.id}/logs", "tail=5000")
    news, olds = other.splitlines(keepends=True)[-5000:], LOG.splitlines(keepends=True)[-5000:]
    assert rerun.fired
    assert got.status == 503 or got.body in (b"".join(news), b"".join(olds))


@clause("A5")
@pytest.mark.parametrize(
    "query", ["tail=0", "tail=-1", "tail=x", "tail=1e3", "step=-1", "step=x", "step=1&tail=1", "follow=perhaps"]
)
def test_a_part_that_cannot_be(small: Small, query: str) -> None:
    job, _ = stepped(small, 1)
    got = asker(small)(f"{R}/jobs/{job.id}/logs", query)
    assert got.status == 416 and got.body.startswith(b"invalid range: ")


@clause("A5")
def test_what_is_no_part_is_the_contracts(small: Small) -> None:
    ask = asker(small)
    native = "present" if small.double.face.native_logs else "absent"
    for query in ("", "tail=", "step=", "follow=false", "attempt=1"):
        assert ask.offers(f"{R}/jobs/7/logs", query=query) == native
    for query in ("tail=1", "step=0", "follow=true"):
        assert ask.offers(f"{R}/jobs/7/logs", query=query) == "absent"


@clause("A5")
@pytest.mark.parametrize("query", ["tail=1", "step=0", "follow=true"])
def test_a_part_has_the_errors_of_the_whole(small: Small, query: str) -> None:
    waiting = small.model.add_run(small.repo, ["build"]).jobs[0]
    ask, outsider = asker(small), small.model.add_token(small.model.add_user("outsider")).sha1
    assert ask(f"{R}/jobs/{waiting.id}/logs", query).json["message"] == "job has not been executed yet"
    assert ask(f"{R}/jobs/999/logs", query).json["message"] == "run job with id 999: resource does not exist"
    job, _ = stepped(small, 1)
    assert asker(small, outsider)(f"{R}/jobs/{job.id}/logs", query).status == 404
    small.model.expire(job.tasks[0])
    assert ask(f"{R}/jobs/{job.id}/logs", query).json["message"] == "logs have expired"


# A6: one step


@clause("A6")
@pytest.mark.parametrize("number, first, count", [(0, 0, 2), (1, 2, 3), (2, 5, 0), (3, 5, 4), (4, 9, 1)])
def test_the_lines_of_a_step(small: Small, number: int, first: int, count: int) -> None:
    job, rows = stepped(small, 3, 0, 4, before=2)
    got = asker(small)(f"{R}/jobs/{job.id}/logs", f"step={number}")
    assert (got.status, got.broke) == (200, None)
    assert got.body == b"".join(rows[first : first + count])


@clause("A6")
def test_a_step_that_the_job_has_not(small: Small) -> None:
    job, _ = stepped(small, 3)
    got = asker(small)(f"{R}/jobs/{job.id}/logs", "step=3")
    assert (got.status, got.json["cause"]) == (404, "step-not-found")


@clause("A6")
def test_a_step_of_a_long_log(small: Small) -> None:
    """Its lines are counted without being given: a view from a cursor behind them gives none."""
    job, rows = stepped(small, 20_000, 9_000)
    ask = asker(small)
    for number, first, count in ((1, 1, 20_000), (2, 20_001, 9_000), (3, 29_001, 1)):
        got = ask(f"{R}/jobs/{job.id}/logs", f"step={number}")
        assert got.broke is None and got.body == b"".join(rows[first : first + count])
    assert 5 < sum(sent.method == "POST" for sent in ask.wire.sent) < 120


@clause("A6")
def test_a_step_of_an_earlier_attempt(small: Small) -> None:
    job, rows = stepped(small, 2)
    small.model.rerun(job)
    news = attempt(small, job, 4, text="again")
    ask = asker(small)
    assert ask(f"{R}/jobs/{job.id}/logs", "step=1").body == b"".join(news[1:5])
    earlier = ask(f"{R}/jobs/{job.id}/logs", "step=1&attempt=1")
    if small.double.face.attempt_in_download:
        assert earlier.body == b"".join(rows[1:3])
    else:
        assert earlier.json["cause"] == "attempt-not-provable"


@clause("A6")
@pytest.mark.parametrize("wanted, told", [(2, 200), (3, 502)])
def test_a_log_that_is_divided_otherwise(small: Small, wanted: int, told: int) -> None:
    """Steps that leave a line out between them: what the view counts no longer says where they are. It shows in the
    step's own last line, and in the one before it, where that is another step's."""
    job, _ = stepped(small, 3, 3, 2)
    steps: list[Step] = job.tasks[0].steps
    steps[1].log_index, steps[1].log_length = 5, 2
    got = asker(small)(f"{R}/jobs/{job.id}/logs", f"step={wanted}")
    assert got.status == told
    assert isinstance(got.broke, BrokenBody) == (told == 200)


@clause("A6")
def test_a_step_is_never_cut_by_another_attempts_view(small: Small) -> None:
    """A rerun between the download and the view: up to 13.0.3 neither names its attempt."""
    job, rows = stepped(small, 3, 2)
    ask, path = asker(small), f"{R}/jobs/{job.id}/logs"
    assert ask(path, "step=1").body == b"".join(rows[1:4])

    def rerun(_: object) -> None:
        small.model.rerun(job)
        attempt(small, job, 1, 9)

    fault = small.double.faults.hook(r"/jobs/0(/attempt/\d+)?$", rerun, method="POST", nth=1)
    got = ask(path, "step=1")
    assert fault.fired
    first = small.double.face.native_logs  # the job is looked up by a view first, and the log opened then
    assert got.status >= 500 or got.body == b"".join(rows[1:2] if first else rows[1:4])


@clause("A6")
def test_a_step_that_is_running(small: Small) -> None:
    job, rows = stepped(small, 3, after=0, over=False)
    got = asker(small)(f"{R}/jobs/{job.id}/logs", "step=1")
    assert got.broke is None and got.body == b"".join(rows[1:4])


class Telling:
    """A server that has the job in full, too: 16 with the operation of the patch series."""

    def __init__(self, small: Small, job: Job) -> None:
        self.small, self.job = small, job
        document = swagger(small.double.face, "/api/v1")
        document["paths"][JOB.path] = {"get": {"operationId": "repoGetActionJob", "responses": {}}}
        small.double.faults.hook("/swagger.v1.json$", lambda _: json_answer(200, document))
        small.double.faults.hook(r"/actions/jobs/\d+$", lambda _: json_answer(200, self.told()))

    def told(self) -> dict[str, Any]:
        job = self.job
        attempts = [
            {
                "number": task.attempt,
                "status": task.status,
                "started": moment(task.started),
                "stopped": moment(task.stopped),
                "steps": [
                    {
                        "number": number,
                        "name": step.name,
                        "status": step.status,
                        "started": moment(step.started),
                        "stopped": moment(step.stopped),
                        "log_index": step.log_index,
                        "log_length": step.log_length,
                    }
                    for number, step in enumerate(view.framed_steps(task))
                ],
            }
            for task in job.tasks
        ]
        task_id = job.task.id if job.task else 0
        told = {"attempt": job.attempt, "task_id": task_id, "status": job.status, "attempts": attempts}
        return {**told, "name": job.name}


@clause("A6", "A4", "F4")
def test_where_the_job_is_native_no_page_is_read() -> None:
    with Small("16") as small:
        job, rows = stepped(small, 3, 2)
        steps: list[Step] = job.tasks[0].steps
        steps[1].log_index, steps[1].log_length = 5, 1  # a line between them: a view could not tell
        Telling(small, job)
        ask = asker(small, web=None)
        path = f"{R}/jobs/{job.id}/logs"
        assert ask(path, "step=1").body == b"".join(rows[1:4])
        assert ask(path, "step=2").body == rows[5]
        assert ask(path, "step=4").json["cause"] == "step-not-found"
        assert ask(path, "tail=2").body == b"".join(rows[-2:])
        assert ask(path, "follow=true").body == b"".join(rows)
        small.again(job, b"".join(lines(3, "new")))
        assert ask(path, "step=1&attempt=1").body == b"".join(rows[1:4])
        assert ask(path, "step=0&attempt=3").status == ask(path, "step=0&attempt=0").status == 404
        small.model.rerun(job)
        assert ask(path, "step=1&attempt=1").body == b"".join(rows[1:4])
        assert ask(path, "step=1").json["message"] == "job has not been executed yet"
        assert ask(path, "follow=true&attempt=1").body == b"".join(rows)
        assert [sent.path for sent in ask.wire.web] == ["/swagger.v1.json"]


@clause("F1")
def test_a_server_that_says_itself_that_there_is_no_log_yet() -> None:
    """The patch series answers 404 where 16 answers 500."""
    with Small("16") as small:
        task = small.model.take(small.model.add_run(small.repo, ["build"]).jobs[0])
        Telling(small, task.job)
        found = Growing(small, task, lines(4))
        none = json_answer(
            404,
            {"message": "job has no log: it was skipped, or its runner has sent nothing yet", "url": "/api/swagger"},
        )
        small.double.faults.hook(DOWNLOAD, lambda _: none, nth=1)
        got = asker(small, web=None)(found.path, "follow=true", moments=(found.more(1), found.end))
        assert (got.broke, got.body) == (None, found.whole)


# F: following


@dataclass
class Growing:
    """A job that runs, and whose log grows."""

    small: Small
    task: Task
    rows: list[bytes]
    sent: int = 0

    def more(self, count: int, half: bytes = b"") -> Callable[[], None]:
        """The next rows come, and perhaps the beginning of another."""

        def come() -> None:
            self.small.model.log(self.task, b"".join(self.rows[self.sent : self.sent + count]) + half, more=True)
            self.sent += count

        return come

    def rest(self, of: bytes) -> Callable[[], None]:
        return lambda: self.small.model.log(self.task, of, more=True)

    def end(self) -> None:
        """The rest comes, and the job is over."""
        self.small.model.log(self.task, b"".join(self.rows[self.sent :]))
        self.small.model.finish(self.task)

    @property
    def path(self) -> str:
        return f"{R}/jobs/{self.task.job.id}/logs"

    @property
    def whole(self) -> bytes:
        return b"".join(self.rows)


@pytest.fixture
def growing(small: Small) -> Growing:
    found = Growing(small, small.model.take(small.model.add_run(small.repo, ["build"]).jobs[0]), lines(50))
    found.more(5)()
    return found


def nothing() -> None:
    """Time passes."""


@clause("F1", "F3")
def test_a_log_is_followed_to_its_end(growing: Growing) -> None:
    ask = asker(growing.small)
    got = ask(growing.path, "follow=true", moments=(nothing, growing.more(10), nothing, growing.more(1), growing.end))
    assert (got.status, got.broke, got.body) == (200, None, growing.whole)
    assert got.headers.get("Content-Type") == "text/plain; charset=utf-8"
    assert set(ask.slept) == {following.INTERVAL}
    assert not got.headers.get("Content-Length")


@clause("F1")
def test_only_what_is_new_is_fetched(growing: Growing) -> None:
    ask = asker(growing.small)
    ask(growing.path, "follow=true", moments=(growing.more(10), nothing, growing.end))
    ranges = [sent.headers["range"] for sent in ask.wire.sent if "range" in sent.headers and sent.status in (206, 416)]
    ends = {len(b"".join(growing.rows[:count])) for count in (0, 5, 15, 50)}
    starts = [int(text.removeprefix("bytes=").partition("-")[0]) for text in ranges]
    assert starts == sorted(starts) and set(starts) == ends


@clause("F3")
def test_it_ends_after_two_reads_without_anything_new(small: Small) -> None:
    job, rows = stepped(small, 3)
    ask = asker(small)
    got = ask(f"{R}/jobs/{job.id}/logs", "follow=true")
    assert (got.broke, got.body) == (None, b"".join(rows))
    assert sum(sent.status == 416 for sent in ask.wire.sent) == 3  # one that finds out that it is over, and two
    assert ask.slept == [following.INTERVAL] * 3


@clause("F3")
def test_rows_that_come_after_the_end_are_not_lost(growing: Growing) -> None:
    """The status is final before the last rows are there."""
    small, task = growing.small, growing.task
    moments = (growing.more(3), lambda: small.model.finish(task), nothing, growing.more(42))
    got = asker(small)(growing.path, "follow=true", moments=moments)
    assert (got.broke, got.body) == (None, growing.whole)


@clause("F1")
def test_a_line_is_given_when_it_has_ended(growing: Growing) -> None:
    """What is followed is whole lines only; the half of one is read again."""
    seventh = growing.rows[6]
    seen: list[int] = []
    growing.more(1, half=seventh[:20])()
    growing.sent += 1
    moments = (nothing, lambda: seen.append(1), growing.rest(seventh[20:]), growing.end)
    got = asker(growing.small)(growing.path, "follow=true", moments=moments)
    assert seen and (got.broke, got.body) == (None, growing.whole)


@clause("F1")
def test_an_end_without_a_line_feed_is_left_out(growing: Growing) -> None:
    small = growing.small
    small.model.log(growing.task, b"2026-01-02T03:04:05.0000000Z half a")
    small.model.finish(growing.task)
    got = asker(small)(growing.path, "follow=true")
    assert (got.broke, got.body) == (None, b"".join(growing.rows[:5]))


@clause("F2")
def test_a_lost_connection_is_opened_again_where_it_was(growing: Growing) -> None:
    small, ask = growing.small, asker(growing.small)
    growing.more(20)()
    ask(growing.path, "tail=1")  # from here on, the server's routes are known, and the faults meet the log itself
    cut = small.cut(len(growing.rows[0]) * 3 + 7, nth=1)
    gone = small.double.faults.status(DOWNLOAD, 502, "bad gateway", nth=3)
    got = ask(growing.path, "follow=true", moments=(nothing, growing.more(2), growing.end))
    assert (got.broke, got.body) == (None, growing.whole)
    assert cut.fired and gone.fired


@clause("F2")
def test_a_server_that_stays_away_breaks_it_off(growing: Growing) -> None:
    small, ask = growing.small, asker(growing.small)
    got = ask(growing.path, "follow=true", moments=(lambda: small.double.faults.status(".", 502),))
    assert got.broke and got.body == b"".join(growing.rows[:5])
    assert len(ask.slept) == 1 + following.LOSSES


@clause("F2")
@pytest.mark.parametrize("half", [0, 20, 28, 33])
@pytest.mark.parametrize("page", [b"<!DOCTYPE html>\n", b"<!DOCTYPE html>\n<html>\n<p>500</p>\n" * 9, b"<!DOCT"])
def test_an_error_page_in_the_log_is_no_row(growing: Growing, half: int, page: bytes) -> None:
    """While a log is moved to storage, its download can break off into an error page under its own headers."""
    small, begun = growing.small, b"".join(growing.rows[:5])
    spoiled = begun + growing.rows[5][:half] + page
    log = growing.task.log

    def spoil() -> None:
        growing.task.log = None
        small.model.log(growing.task, spoiled, more=True)

    def mend() -> None:
        growing.task.log = log
        growing.end()

    got = asker(small)(growing.path, "follow=true", moments=(nothing, spoil, mend))
    assert (got.broke, got.body) == (None, growing.whole)


@clause("F2")
def test_a_row_that_looks_like_a_page_is_given_all_the_same(small: Small) -> None:
    job = small.add({"build": row("one") + row("<!DOCTYPE html>")}).jobs[0]
    got = asker(small)(f"{R}/jobs/{job.id}/logs", "follow=true")
    assert (got.broke, got.body) == (None, row("one") + row("<!DOCTYPE html>"))


@clause("F2")
def test_a_500_while_the_log_moves_is_asked_again(growing: Growing) -> None:
    growing.small.double.faults.status(DOWNLOAD, 500, 'dbfs open "x": file does not exist', nth=4)
    got = asker(growing.small)(growing.path, "follow=true", moments=(nothing, nothing, growing.end))
    assert (got.broke, got.body) == (None, growing.whole)


@clause("F1")
def test_a_job_without_a_row_yet_is_waited_for(small: Small) -> None:
    task = small.model.take(small.model.add_run(small.repo, ["build"]).jobs[0])
    found = Growing(small, task, lines(4))
    got = asker(small)(found.path, "follow=true", moments=(nothing, found.more(1), found.end))
    assert (got.broke, got.body) == (None, found.whole)


@clause("F4")
def test_a_rerun_is_never_mixed_in(growing: Growing) -> None:
    """What is followed stays one attempt: it goes on to that one's end, or breaks off."""
    small, job = growing.small, growing.task.job

    def rerun() -> None:
        growing.end()
        small.again(job, b"".join(lines(500, "other")))

    got = asker(small)(growing.path, "follow=true", moments=(nothing, growing.more(3), rerun))
    if small.double.face.attempt_in_download:
        assert (got.broke, got.body) == (None, growing.whole)
    else:
        assert isinstance(got.broke, ShimError)
        assert growing.whole.startswith(got.body)


@clause("F4")
def test_an_earlier_attempt_is_followed_to_its_end(small: Small) -> None:
    job, rows = stepped(small, 3)
    small.model.rerun(job)
    growing = Growing(small, small.model.take(job), lines(9, "new"))
    growing.more(2)()
    got = asker(small)(growing.path, "follow=true&attempt=1")
    if small.double.face.attempt_in_download:
        assert (got.broke, got.body) == (None, b"".join(rows))
    else:
        assert got.json["cause"] == "attempt-not-provable"


@clause("F5")
def test_a_lost_right_ends_it(growing: Growing) -> None:
    """Within the time for which a yes is believed, though the session keeps its own to its end."""
    ask = asker(growing.small)

    def lose() -> None:
        growing.small.double.faults.status("/api/v1/", 401)

    ask(growing.path, "tail=1")
    assert ask.allowed == {"o/r"} or growing.small.double.face.native_logs
    got = ask(growing.path, "follow=true", moments=(nothing, growing.more(1), lose))
    assert isinstance(got.broke, ServerRefusal) and got.broke.status == 401, "it goes on"
    assert growing.whole.startswith(got.body) and len(got.body) < len(growing.whole)
    assert sum(ask.slept) <= rights.KEEP + following.INTERVAL


@clause("F4")
def test_where_the_log_is_native_no_page_is_read() -> None:
    with Small("16") as small:
        growing = Growing(small, small.model.take(small.model.add_run(small.repo, ["build"]).jobs[0]), lines(20))
        growing.more(5)()
        ask = asker(small, web=None)
        got = ask(growing.path, "follow=true", moments=(growing.more(3), growing.end))
        assert (got.broke, got.body) == (None, growing.whole)
        assert [sent.path for sent in ask.wire.web] == ["/swagger.v1.json"]
        logs = [sent.url for sent in ask.wire.sent if sent.path.endswith("/logs")]
        assert len(logs) > 3 and all(url.endswith("?attempt=1") for url in logs)
