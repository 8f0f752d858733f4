"""The client's filters of runs, a run at a glance, and one job in full, against the double.

Rules: what must come is told by the double's model; what it costs is counted at the double.
"""

from __future__ import annotations

from io import BytesIO
from itertools import islice
from typing import Any
from zipfile import ZipFile

import pytest
from double import Run as DoubleRun
from forgejo_shim import Client, NothingMatched, NotPossible, NotThere, PageChanged, Run
from forgejo_shim.api import parse_listed
from forgejo_shim.api_job import parse_details
from forgejo_shim.client_runs import EVENTS
from running import Running
from small import Small, row

clause = pytest.mark.clause


def seven(small: Small) -> list[DoubleRun]:
    """Seven runs: the even ones of `rare.yml`, the third and the sixth failed, the fifth on another branch."""
    for number in range(1, 8):
        small.add(
            {"build": row(f"of {number}")},
            title=f"title {number}",
            workflow="ci.yml" if number % 2 else "rare.yml",
            status="success" if number % 3 else "failure",
            ref="refs/heads/dev" if number == 5 else None,
            event={2: "schedule", 4: "workflow_dispatch", 6: "pull_request_sync"}.get(number, "push"),
        )
    return list(small.repo.runs.values())


FILTERS: tuple[tuple[dict[str, Any], list[int]], ...] = (
    ({"status": "failure"}, [6, 3]),
    ({"workflow": "rare.yml"}, [6, 4, 2]),
    ({"workflow": "rare.yml", "status": "failure"}, [6]),
    ({"status": "running"}, []),
    ({"status": None, "workflow": ""}, [7, 6, 5, 4, 3, 2, 1]),
)
NOT_ON_11: tuple[tuple[dict[str, Any], list[int]], ...] = (
    ({"branch": "dev"}, [5]),
    ({"branch": "main", "status": "failure"}, [6, 3]),
    ({"event": "workflow_dispatch"}, [4]),
    ({"event": "schedule"}, [2]),
    ({"event": "pull_request"}, [6]),
    ({"commit": "0" * 40}, []),
)


@clause("C28")
@pytest.mark.parametrize("given, wanted", FILTERS)
def test_filters(small: Small, given: dict[str, Any], wanted: list[int]) -> None:
    seven(small)
    with small.client() as client:
        assert [run.number for run in client.runs("o/r", **given)] == wanted
        assert [run.number for run in client.runs("o/r", 1, **given)] == wanted[:1]
        assert [run.number for run in client.iter_runs("o/r", **given)] == wanted
        if wanted:
            assert client.run("o/r", "latest", **given).number == wanted[0]
        else:
            with pytest.raises(NothingMatched, match="leave a filter out"):
                client.run("o/r", "latest", **given)


@clause("C28")
@pytest.mark.parametrize("given, wanted", NOT_ON_11)
def test_filters_that_11_lacks(small: Small, given: dict[str, Any], wanted: list[int]) -> None:
    seven(small)
    with small.client() as client:
        if small.double.face.api_runs:
            assert [run.number for run in client.runs("o/r", **given)] == wanted
            return
        with pytest.raises(NotPossible) as raised:
            client.runs("o/r", **given)
    assert raised.value.cause == "filter-not-possible"


@clause("C28")
def test_a_commit_is_told_by_its_whole_id(small: Small) -> None:
    run = seven(small)[0]
    with small.client() as client:
        if small.double.face.api_runs:
            assert len(client.runs("o/r", commit=run.sha)) == 7
        for short in (run.sha[:10], "main", "x" * 40):
            with pytest.raises(ValueError, match="40 or 64 hexadecimal digits"):
                client.runs("o/r", commit=short)
        with pytest.raises(ValueError, match="status must be one of"):
            client.runs("o/r", status="green")
        for wrong in ({"state": "x"}, {"status": 1}):
            with pytest.raises(TypeError):
                client.runs("o/r", **wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="filters are for the run 'latest'"):
            client.run("o/r", 1, status="failure")


@clause("C28")
def test_the_event_that_is_shown_is_the_one_that_is_asked_for(small: Small) -> None:
    """Forgejo's list shows a wider word than it filters by, or none (modules/webhook/type.go)."""
    if not small.double.face.api_runs:
        return
    words = {"push", "schedule", "workflow_dispatch", *(word for words in EVENTS.values() for word in words)}
    for word in sorted(words):
        small.add({"build": row("x")}, event=word)
    with small.client() as client:
        shown = {run.number: run.event for run in client.runs("o/r", 50)}
        for event in set(shown.values()):
            found = [run.number for run in client.runs("o/r", event=event)]
            assert sorted(found) == [number for number, word in sorted(shown.items()) if word == event]
    assert set(shown.values()) == {"push", "schedule", "workflow_dispatch", *EVENTS}


@clause("C28")
def test_runs_are_read_page_by_page(small: Small) -> None:
    for _ in range(120):
        small.model.add_run(small.repo, ["waits"])
    with small.client() as client:
        assert [run.number for run in client.iter_runs("o/r")] == list(range(120, 0, -1))
        before = len(small.double.requests)
        assert [run.number for run in islice(client.iter_runs("o/r", status="waiting"), 3)] == [120, 119, 118]
        if small.double.face.runs_newest_first:
            assert len(small.double.requests) == before + 1
        assert [run.number for run in client.runs("o/r", 70, status="waiting")] == list(range(120, 50, -1))


@clause("C28", "S46")
def test_a_list_that_grows_or_shrinks_meanwhile(either: Small) -> None:
    for _ in range(120):
        either.model.add_run(either.repo, ["waits"])
    with either.client() as client:
        runs = client.iter_runs("o/r")
        found = [next(runs).number for _ in range(50)]
        either.model.add_run(either.repo, ["waits"])
        found += [run.number for run in runs]
        assert found == list(range(120, 0, -1))
        runs = client.iter_runs("o/r")
        found = [next(runs).number]
        either.repo.runs.pop(10)
        assert [*found, *(run.number for run in runs)] == [n for n in range(121, 0, -1) if n != 10]


@clause("C28")
def test_a_list_made_from_a_web_ui_is_held_against_its_form() -> None:
    told = b'{"workflow_runs":[{"index_in_repo":2,"title":"x"}],"total_count":1}'
    assert [run.number for run in parse_listed(told)[0]] == [2]
    for wrong in (b'{"workflow_runs":[{"index_in_repo":"2"}],"total_count":1}', told.replace(b"1}", b"null}")):
        with pytest.raises(PageChanged):
            parse_listed(wrong)


@clause("C1")
def test_filters_and_fields_come_through_a_proxy(small: Small) -> None:
    seven(small)
    with Running(small.url, small.web) as behind:
        direct, through = small.client(), Client(behind.base_url, small.token)
        with direct, through:
            for given in ({}, {"status": "failure"}):
                plain = [shape(run) for run in direct.runs("o/r", **given)]
                assert [shape(run) for run in through.runs("o/r", **given)] == plain
            assert shape(through.overview("o/r", 3).run) == shape(direct.overview("o/r", 3).run)


def shape(run: Run) -> tuple[object, ...]:
    return run.number, run.id, run.title, run.status, run.event, run.branch, run.commit, run.created, run.duration


# A run at a glance


@clause("C29")
def test_a_run_at_a_glance(small: Small) -> None:
    first = small.add({"one": row("x"), "two": row("y")}, title="first")
    small.model.add_run(small.repo, ["waits"])
    with small.client() as client:
        found = client.overview("o/r", 1)
        assert found.run == client.run("o/r", 1)
        assert [(job.id, job.index, job.name, job.status) for job in found.jobs] == [
            (first.jobs[0].id, 0, "one", "success"),
            (first.jobs[1].id, 1, "two", "success"),
        ]
        assert client.overview("o/r", found.run) == found
        assert [job.status for job in client.overview("o/r", "latest").jobs] == ["waiting"]
        with pytest.raises(NotThere):
            client.overview("o/r", 9)
        before = len(small.double.requests)
        client.overview("o/r", 1)
    assert len(small.double.requests) - before == 2


@clause("C29", "J1")
def test_a_run_without_jobs(small: Small) -> None:
    small.model.add_run(small.repo, [])
    url = f"{small.url}/api/v1/repos/o/r/actions/runs/1"
    with small.client() as client:
        if not small.double.face.api_runs:
            with pytest.raises(NotThere):
                client.overview("o/r", 1)
            return
        assert client.overview("o/r", 1).jobs == () and client.jobs("o/r", 1) == []
        assert client.session.get(f"{url}/jobs").json() == []
        with ZipFile(BytesIO(client.session.get(f"{url}/logs").content)) as archive:
            assert archive.namelist() == []


# One job in full


@clause("C30")
def test_a_job_in_full(small: Small) -> None:
    job = small.add({"one": row("x")}).jobs[0]
    small.again(job, row("again"))
    face = small.double.face
    with small.client() as client:
        told = client.job("o/r", job.id)
    assert (told.job.id, told.job.name, told.job.status, told.run.number) == (job.id, "one", "success", 1)
    assert told.job.index is None and told.run.id == (job.run.id if face.api_runs else None)
    assert told.attempts
    assert [attempt.number for attempt in told.attempts] == ([1, 2] if face.attempt_in_view else [None])
    steps = told.attempts[-1].steps
    assert (steps[0].name, steps[-1].name) == ("Set up job", "Complete job")
    assert [step.number for step in steps] == list(range(len(steps)))
    assert told.attempts[-1].log_length == 1 and told.attempts[-1].log_expired is False
    assert told.times.started == job.started and told.times.duration == job.stopped - job.started


@clause("C30")
def test_a_job_is_held_against_its_form() -> None:
    told = {"id": 7, "name": "x", "status": "success", "run_number": 1}
    assert parse_details(told).attempts is None and parse_details({**told, "attempts": []}).attempts == ()
    for wrong in (None, [], {}, {**told, "attempts": [{}]}, {**told, "attempts": [{"status": "x", "steps": [1]}]}):
        with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
            parse_details(wrong)


@clause("C29")
def test_a_run_at_a_glance_under_an_old_name_of_the_repository(small: Small) -> None:
    run = small.add()
    small.model.rename_repo(small.repo, "renamed")
    with small.client() as client:
        for number in (1, "latest"):
            seen = client.overview("o/r", number)  # type: ignore[arg-type]
            assert (seen.run.number, [job.id for job in seen.jobs]) == (1, [run.jobs[0].id])
