"""A log that is followed from its last lines on, behind each face of the double.

Rules: as in test_additions_logs.py.
"""

from __future__ import annotations

import pytest
from double import Job
from forgejo_shim.errors import RunAgain
from forgejo_shim.flows import follow as following
from forgejo_shim.flows import log_tail, rights
from forgejo_shim.webui import reader
from small import Small
from test_additions import R, asker, lines, stepped
from test_additions_logs import DOWNLOAD, Growing, nothing

clause = pytest.mark.clause


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "HAND_OVER", 0.0)


def begun(small: Small) -> Growing:
    found = Growing(small, small.model.take(small.model.add_run(small.repo, ["build"]).jobs[0]), lines(50))
    found.more(5)()
    return found


@pytest.fixture
def growing(small: Small) -> Growing:
    return begun(small)


@clause("F6")
@pytest.mark.parametrize("count", [1, 3, 5, 9])
def test_it_begins_with_the_last_lines(growing: Growing, count: int) -> None:
    moments = (nothing, growing.more(10), growing.end)
    got = asker(growing.small)(growing.path, f"follow=true&tail={count}", moments=moments)
    assert (got.status, got.broke, got.body) == (200, None, b"".join(growing.rows[max(0, 5 - count) :]))


@clause("F6")
def test_of_a_long_log_only_the_end_is_read(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_tail, "BLOCK", 64 * 1024)
    job = small.add().jobs[0]
    ask = asker(small)
    got = ask(f"{R}/jobs/{job.id}/logs", "tail=3&follow=true")
    assert (got.broke, got.body) == (None, b"".join(lines_of(job)[-3:]))
    assert all(sent.status in (206, 416, 404) for sent in ask.wire.sent if sent.path.endswith("/logs"))


def lines_of(job: Job) -> list[bytes]:
    assert job.task and job.task.log
    log = job.task.log
    return b"".join(bytes(piece) for piece in log.read(0, log.size)).splitlines(keepends=True)


@clause("F6")
def test_a_line_that_has_not_ended_is_the_last_one_and_comes_when_it_has(growing: Growing) -> None:
    sixth = growing.rows[5]
    growing.more(0, half=sixth[:30])()
    growing.sent = 6
    moments = (nothing, growing.rest(sixth[30:]), growing.end)
    got = asker(growing.small)(growing.path, "follow=true&tail=2", moments=moments)
    assert (got.broke, got.body) == (None, b"".join(growing.rows[4:]))


@clause("F6")
def test_no_row_that_comes_after_it_began_is_left_out(small: Small) -> None:
    """There was none to be the last one: all that come are new."""
    task = small.model.take(small.model.add_run(small.repo, ["build"]).jobs[0])
    found = Growing(small, task, lines(9))
    got = asker(small)(found.path, "follow=true&tail=1", moments=(nothing, found.more(7), found.end))
    assert (got.broke, got.body) == (None, found.whole)


@clause("F6", "F2")
def test_an_error_page_at_the_end_is_no_line(growing: Growing) -> None:
    """A log that is being moved to storage ends in a page for a moment: its lines are none of the log's."""
    small, log = growing.small, growing.task.log
    spoiled = b"".join(growing.rows[:4]) + growing.rows[4][:40] + b"<!DOCTYPE html>\n<html>\n<p>500</p>\n" * 9
    growing.task.log = None
    small.model.log(growing.task, spoiled, more=True)

    def mend() -> None:
        growing.task.log = log
        growing.end()

    got = asker(small)(growing.path, "follow=true&tail=3", moments=(nothing, mend))
    assert (got.broke, got.body) == (None, b"".join(growing.rows[-3:]))


@clause("F6", "F2")
def test_it_goes_on_where_it_was(growing: Growing) -> None:
    small, ask = growing.small, asker(growing.small)
    ask(growing.path, "tail=1")
    gone = small.double.faults.status(DOWNLOAD, 502, "bad gateway", nth=3)
    got = ask(growing.path, "follow=true&tail=2", moments=(nothing, growing.more(2), growing.end))
    assert gone.fired and (got.broke, got.body) == (None, b"".join(growing.rows[3:]))


@clause("F2", "F5")
def test_a_failing_server_is_no_lost_right(growing: Growing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something in front of it answers 502 while it starts, to the question of the caller's rights, too."""
    monkeypatch.setattr(rights, "KEEP", following.INTERVAL)
    ask = asker(growing.small)
    faults = growing.small.double.faults

    def fail() -> None:
        faults.status("/api/v1/", 502, "bad gateway")

    moments = (growing.more(1), fail, nothing, faults.clear, growing.end)
    got = ask(growing.path, "follow=true", moments=moments)
    assert (got.broke, got.body) == (None, growing.whole)


@clause("F4")
@pytest.mark.parametrize("face", ["11", "12", "13.0.3"])
def test_a_rerun_that_takes_the_place_breaks_it_off_at_once(face: str) -> None:
    """Where the download has no attempt, the next task's bytes are told by its number, and nothing is tried again."""
    with Small(face) as small:
        growing = begun(small)

        def rerun() -> None:
            growing.end()
            small.again(growing.task.job, b"".join(lines(500, "other")))

        ask = asker(small)
        got = ask(growing.path, "follow=true&tail=2", moments=(nothing, rerun))
        assert isinstance(got.broke, RunAgain) and got.body == b"".join(growing.rows[3:5])
        assert len(ask.slept) == 2


@clause("A5")
@pytest.mark.parametrize("query", ["step=0&follow=true", "step=0&tail=1&follow=true", "tail=0&follow=true"])
def test_what_does_not_go_together(small: Small, query: str) -> None:
    job, _ = stepped(small, 1)
    got = asker(small)(f"{R}/jobs/{job.id}/logs", query)
    assert got.status == 416 and got.body.startswith(b"invalid range: ")
