"""Why a run is red, behind each face of the double: by `Client` and by the request.

Rules: what must come is told by the double's model. What a log costs are the bytes that the double took out of it.
"""

from __future__ import annotations

import pytest
from double import Run
from forgejo_shim import JobReport, NothingMatched, NotThere, Report, WebAccount
from forgejo_shim.webui import reader
from red import START, Did, LongLog, lines, play, red, spec
from small import Small
from test_additions import R, asker
from test_additions_logs import Telling

clause = pytest.mark.clause
MIB = 1024 * 1024
BAD = Did("failure", 3, text=lines("one", "::error::boom", "three"))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "HAND_OVER", 0.0)


def report(small: Small, run: Run | None = None, **more: object) -> Report:
    with small.client() as client:
        return client.why("o/r", run.number if run else "latest", **more)  # type: ignore[arg-type]


def only(found: Report) -> JobReport:
    [job] = found.jobs
    return job


def path_of(small: Small, run: Run) -> str:
    """The request for a run's report: on 11 only the latest run can be asked for without a face."""
    return f"{R}/runs/{run.id if small.double.face.api_runs else 'latest'}/why"


# Y1: the run


@clause("Y1")
def test_the_run_and_its_failed_jobs(small: Small) -> None:
    run = small.model.add_run(small.repo, ["slow", "good", "bad"], title="a title", event="push")
    play(small, run.jobs[1], Did(), status="success")
    play(small, run.jobs[2], BAD)
    small.model.cancel(run)
    found = report(small)
    head = found.run
    assert (head.repo, head.number, head.title, head.status) == ("o/r", 1, "a title", "cancelled")
    assert (head.url, head.branch) == (f"{small.double.root_url}o/r/actions/runs/1", "main")
    if small.double.face.api_runs:
        assert (head.id, head.event, head.workflow, head.commit) == (run.id, "push", "ci.yml", run.sha)
        assert head.stopped
    else:
        assert (head.id, head.event, head.workflow, head.commit) == (None, "", "", run.sha[:10])
    assert [(job.name, job.status, job.index) for job in found.jobs] == [
        ("bad", "failure", 2),
        ("slow", "cancelled", 0),
    ]
    assert found.jobs[0].url == f"{head.url}/jobs/2" and found.jobs[0].id == run.jobs[2].id
    assert found.by_status == {"failure": 1, "success": 1, "cancelled": 1} and found.left_out == ()


@clause("Y1")
def test_a_green_run_has_no_such_job(small: Small) -> None:
    run = small.add()
    assert report(small).jobs == ()
    answer = asker(small)(path_of(small, run))
    assert (answer.status, answer.json["jobs"]) == (200, [])


@clause("Y1")
def test_a_job_that_failed_while_the_run_goes_on(small: Small) -> None:
    run = small.model.add_run(small.repo, [spec(1), "other"])
    play(small, run.jobs[0], BAD)
    small.model.take(run.jobs[1])
    found = report(small)
    assert (found.run.stopped, found.by_status) == ("", {"failure": 1, "running": 1})
    assert only(found).last == ("one", "::error::boom", "three")


@clause("Y1")
def test_at_most_ten_jobs_are_told_in_full(small: Small) -> None:
    run = small.model.add_run(small.repo, [spec(1, f"job {n}") for n in range(12)])
    for n, job in enumerate(run.jobs):
        play(small, job, BAD, status="cancelled" if n == 0 else "failure")
    found = report(small, max_bytes=MIB)
    assert [job.name for job in found.jobs] == [f"job {n}" for n in range(1, 11)]
    assert found.left_out == ("job 11", "job 0")


@clause("Y1")
def test_a_run_that_could_not_begin(small: Small) -> None:
    run = small.model.add_run(small.repo, ["build"])
    run.error = "job build needs no-such-job"
    run.jobs[0].status = run.status = "failure"
    found = report(small)
    assert found.run.error == (run.error if small.double.face.pre_execution_error else "")
    assert only(found).missing == "job 1 (build) failed before a runner took it: there is nothing to read"


# Y2, Y3: the step


@clause("Y2", "Y3")
def test_the_lines_of_the_step_that_failed_and_no_others(small: Small) -> None:
    """All of it in the same second: the times do not divide the steps."""
    noise = Did(rows=40, seconds=0, text="::error::noise {}".format)
    red(small, noise, Did("failure", 3, 0, lines("one", "::error::boom", "three")), Did("skipped"), noise)
    job = only(report(small))
    assert job.step and (job.step.number, job.step.name, job.step.status) == (2, "step 2", "failure")
    assert job.step.times.started == START + 1 and job.times.started == START
    assert job.last == ("one", "::error::boom", "three")
    assert [one.message for one in job.findings] == ["boom"] and job.findings[0].at == 2
    assert job.log_size == job_size(small) and job.missing == ""
    assert job.attempt == (1 if small.double.face.attempt_in_view else None)


def job_size(small: Small) -> int:
    log = small.repo.runs[1].jobs[0].tasks[-1].log
    assert log
    return log.size


@clause("Y3")
def test_the_last_lines_of_the_step(small: Small) -> None:
    red(small, Did(), Did("failure", 50), Did())
    assert only(report(small)).last == tuple(f"row {n}" for n in range(20, 50))
    assert only(report(small, lines=2)).last == ("row 48", "row 49")
    assert only(report(small, lines=0)).last == ()


@clause("Y2")
def test_a_step_that_may_fail_is_not_the_one(small: Small) -> None:
    red(small, Did("failure", text=lines("it may")), Did(), BAD, Did("skipped"))
    job = only(report(small))
    assert job.step and job.step.number == 3
    assert job.last == ("one", "::error::boom", "three")


@clause("Y2")
def test_a_cancelled_job(small: Small) -> None:
    run = small.model.add_run(small.repo, [spec(3), spec(1, "later", needs=("build",))])
    play(small, run.jobs[0], Did(), Did("running", 2), Did("waiting", 0), over=False)
    small.model.cancel(run)
    going, later = report(small).jobs
    assert going.step and (going.step.number, going.step.status) == (2, "cancelled")
    assert later.step is None and later.log_size is None
    assert later.missing == "job 2 (later) was cancelled before a runner took it: there is nothing to read"


@clause("Y3")
def test_of_a_step_without_a_line_what_is_behind_it(small: Small) -> None:
    red(small, Did(rows=5), Did("failure", 0), Did("skipped"))
    job = only(report(small))
    assert job.step and job.step.number == 2
    assert job.last == ("complete",)


@clause("Y5")
def test_an_expired_log(small: Small) -> None:
    run = red(small, Did(), BAD)
    small.model.expire(run.jobs[0].tasks[0])
    job = only(report(small))
    assert (job.missing, job.log_size, job.last, job.findings) == ("logs have expired", None, (), ())
    assert job.step and job.step.number == 2 and job.step.times.started


@clause("Y5")
def test_a_job_whose_runner_sent_nothing(small: Small) -> None:
    run = small.model.add_run(small.repo, [spec(1)])
    small.model.finish(small.model.take(run.jobs[0]), "failure")
    job = only(report(small))
    assert "no log" in job.missing and job.log_size is None


@clause("Y2")
def test_the_current_attempt(small: Small) -> None:
    run = red(small, Did("failure", text=lines("of the first")))
    small.model.rerun(run.jobs[0])
    play(small, run.jobs[0], Did("failure", 2, text=lines("of", "the second")))
    job = only(report(small))
    assert job.last == ("of", "the second")
    assert job.attempt == (2 if small.double.face.attempt_in_view else None)


@clause("Y5")
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_job_that_is_run_again_meanwhile(small: Small, nth: int) -> None:
    """A rerun while the job is read, before its log or its steps: never lines of one attempt as the other's."""
    run = red(small, BAD)

    def rerun(_: object) -> None:
        small.model.rerun(run.jobs[0])
        play(small, run.jobs[0], Did("success", 2, text=lines("all", "well")), status="success")

    fault = small.double.faults.hook(r"/jobs/0(/attempt/\d+)?(/logs)?$|/jobs/\d+/logs", rerun, nth=nth)
    found = report(small)
    assert fault.fired
    for job in found.jobs:
        told = job.last == ("one", "::error::boom", "three") and job.attempt in (1, None)
        assert told or (job.last == () and job.missing)


@clause("Y4")
@pytest.mark.parametrize("nth", [5, 6, 7])
def test_a_job_that_is_run_again_and_fails_again_meanwhile(small: Small, nth: int) -> None:
    """What is told is of one attempt, or nothing: no end of a log whose steps are those of the next."""
    run = red(small, BAD)

    def rerun(_: object) -> None:
        small.model.rerun(run.jobs[0])
        play(small, run.jobs[0], Did("failure", 2, text=lines("once", "more")))

    small.double.faults.hook(r"/jobs/0(/attempt/\d+)?(/logs)?$|/jobs/\d+/logs", rerun, nth=nth)
    job = only(report(small))
    assert (job.last in (("one", "::error::boom", "three"), ("once", "more")) and job.step) or job.missing


# Y4: long logs


def long_one(small: Small, *after: Did) -> LongLog:
    """A log of 1 GB whose step failed after 10 minutes of output, with an error at its beginning and one at its end."""
    text = {10: "::error::first", 5_999_990: "::error::last"}
    bad = Did("failure", 6_000_000, 600, lambda n: text.get(n, f"row {n}"))
    run = red(small, Did(rows=4_000_000, seconds=400, text="::error::before {}".format), bad, *after, long=True)
    log = run.jobs[0].tasks[0].log
    assert isinstance(log, LongLog) and log.size > 10**9
    return log


def messages(job: JobReport) -> list[str]:
    return sorted(one.message.strip() for one in job.findings)


@clause("Y4")
def test_a_long_log_is_read_where_the_step_ends_and_begins(small: Small) -> None:
    log = long_one(small, Did(rows=50, seconds=0, text="::error::noise {}".format))
    job = only(report(small))
    assert [line.strip() for line in job.last] == [f"row {n}" for n in range(5_999_970, 6_000_000) if n != 5_999_990][
        :20
    ] + ["::error::last"] + [f"row {n}" for n in range(5_999_991, 6_000_000)]
    assert messages(job) == ["first", "last"]
    assert job.log_size == log.size and 1.2 * MIB < job.read < 1.3 * MIB
    assert log.given < 2 * MIB


@clause("Y4")
def test_a_long_step_behind_it_hides_nothing(small: Small) -> None:
    """Then its end is told by its times alone, to a second."""
    log = long_one(small, Did(rows=12_000, seconds=600, text="noise {}".format))
    job = only(report(small))
    assert "row 5999999" in [line.strip() for line in job.last] and messages(job) == ["first", "last"]
    assert "noise 20" not in [line.strip() for line in job.last]
    assert log.given < 2 * MIB


@clause("Y4")
def test_all_logs_of_a_run_together(small: Small) -> None:
    jobs = [spec(1, f"job {n}") for n in range(10)]
    run = small.model.add_run(small.repo, jobs)
    for job in run.jobs:
        play(small, job, Did("failure", 1_000_000, 500, lambda n: f"{'::error::' * (n == 999_000)}row {n}"), long=True)
    found = report(small, max_bytes=MIB)
    assert sum(job.tasks[0].log.given for job in run.jobs) < 4 * MIB  # type: ignore[union-attr]
    assert [messages(job) for job in found.jobs] == [["row 999000"]] * 10
    assert {job.last[-1].strip() for job in found.jobs} == {"row 999999"}


@clause("Y4")
def test_times_that_do_not_fit_the_log(small: Small) -> None:
    """A runner whose steps have other times than its rows: its log is read from the end."""
    run = red(small, Did(rows=30_000), Did("failure", 30_000, 10), long=True)
    for step in run.jobs[0].tasks[0].steps:
        step.started, step.stopped = step.started + 10**8, step.stopped + 10**8
    job = only(report(small))
    assert job.step and job.last[-1].strip() in ("row 29999", "complete")


@clause("Y4")
def test_rows_of_the_longest_kind(small: Small) -> None:
    good, bad = (lambda n, word=word: f"{word} {n} " + "x" * 65_000 for word in ("good", "bad"))
    red(small, Did(rows=40, seconds=40, text=good), Did("failure", 60, 60, bad), Did(rows=2, text=good))
    job = only(report(small, max_bytes=MIB))
    assert job.last[-1].startswith("bad 59 ")


# Y6 to Y8: how it is asked for


@clause("Y6")
@pytest.mark.parametrize(
    "query", ["lines=-1", "lines=1001", "lines=x", "max_bytes=1023", "max_bytes=1048577", "max_bytes=1e4"]
)
def test_what_cannot_be_asked_for(either: Small, query: str) -> None:
    run = red(either, BAD)
    answer = asker(either)(path_of(either, run), query)
    assert (answer.status, answer.json["cause"]) == (400, "out-of-range")
    assert asker(either, None)(path_of(either, run), query).status == 404


@clause("Y6")
def test_the_size_of_a_report(either: Small) -> None:
    run = red(either, Did("failure", 900, text=lambda n: f"::error::{n} " + "x" * 300))
    for size in (1024, 4096, 16384):
        answer = asker(either)(path_of(either, run), f"lines=1000&max_bytes={size}")
        assert answer.status == 200 and len(answer.body) <= size
    assert asker(either)(path_of(either, run), "lines=&max_bytes=").status == 200


@clause("Y7")
@pytest.mark.parametrize(
    "accept, kind",
    [
        ("", "application/json;charset=utf-8"),
        ("*/*", "application/json;charset=utf-8"),
        ("text/markdown", "text/markdown; charset=utf-8"),
        ("text/html, Text/Markdown;q=0.5", "text/markdown; charset=utf-8"),
        ("application/json, text/markdown;q=0.9", "application/json;charset=utf-8"),
        ("application/json;q=0.1, text/markdown", "text/markdown; charset=utf-8"),
        ("text/markdown, */*", "text/markdown; charset=utf-8"),
        ("text/markdown;q=0.5, */*", "application/json;charset=utf-8"),
        ("text/markdown;q=0.5, application/*, */*;q=0.1", "application/json;charset=utf-8"),
        ("text/markdown;q=x", "application/json;charset=utf-8"),
        ("text/markdown;q=0", "application/json;charset=utf-8"),
    ],
)
def test_as_json_or_markdown(either: Small, accept: str, kind: str) -> None:
    run = red(either, BAD)
    answer = asker(either)(path_of(either, run), headers={"Accept": accept} if accept else {})
    assert (answer.status, answer.headers.get("Content-Type")) == (200, kind)
    assert answer.headers.get("Vary") == "Accept" and answer.headers.get("X-Content-Type-Options") == "nosniff"
    assert b"boom" in answer.body


@clause("Y8")
def test_it_is_as_open_as_the_jobs_of_the_run(small: Small) -> None:
    run = red(small, BAD)
    path, outsider = path_of(small, run), small.model.add_token(small.model.add_user("outsider")).sha1
    assert asker(small)(path).status == 200
    assert asker(small, outsider)(path).status == asker(small, None)(path).status == 404
    assert asker(small, "0" * 40)(path).status == 401
    assert asker(small)(path, method="HEAD").status == 405
    if small.double.face.api_runs:
        assert asker(small)(f"{R}/runs/999/why").json["message"] == "run with id 999: resource does not exist"
    else:
        assert asker(small)(f"{R}/runs/{run.id}/why").json["cause"] == "no-run-ids"


@clause("Y8")
def test_the_latest_run(small: Small) -> None:
    red(small, BAD)
    small.add()
    ask = asker(small)
    assert ask(f"{R}/runs/latest/why").json["run"]["number"] == 2
    assert ask(f"{R}/runs/latest/why", "status=failure").json["run"]["number"] == 1


@clause("Y8")
def test_a_run_that_is_not_there(small: Small) -> None:
    with small.client() as client:
        with pytest.raises(NothingMatched):
            client.why("o/r")
        with pytest.raises(NotThere):
            client.why("o/r", 7)


@clause("Y8")
def test_under_an_old_name_of_the_repository(small: Small) -> None:
    red(small, BAD)
    small.model.rename_repo(small.repo, "renamed")
    found = report(small)
    assert (found.run.repo, only(found).last[0]) == ("o/renamed", "one")


# Y9: where the web UI is not shown


@clause("Y9")
def test_where_the_log_is_native_no_web_account_is_needed() -> None:
    with Small("16") as small:
        red(small, BAD)
        with small.client(web=None) as client:
            job = only(client.why("o/r"))
        assert job.step is None and job.last == ("set up", "one", "::error::boom", "three", "complete")
        assert messages(job) == ["boom"] and job.attempt == 1


@clause("Y9")
def test_where_the_job_is_native_no_page_is_asked_for() -> None:
    with Small("16") as small:
        noise = Did(rows=40, seconds=0, text="::error::noise {}".format)
        run = red(small, noise, Did("failure", 3, 0, lines("one", "::error::boom", "three")), noise)
        Telling(small, run.jobs[0])
        ask = asker(small, web=None)
        told = ask(path_of(small, run)).json
        assert told["jobs"][0]["step"]["name"] == "step 2" and told["jobs"][0]["last"] == [
            "one",
            "::error::boom",
            "three",
        ]
        assert [sent.path for sent in ask.wire.web] == ["/swagger.v1.json"]


@clause("Y9")
def test_elsewhere_a_web_account_is_needed() -> None:
    with Small("15") as small:
        red(small, BAD)
        with small.client(web=None) as client, pytest.raises(WebAccount):
            client.why("o/r")
