"""Clauses T: an artifact is deleted, by who may write, and no other one with it.

Rules: what is deleted is of a run that goes on, since the shim keeps the list of one that is over for a while (S57).
"""

from __future__ import annotations

import pytest
from artifact_world import MISSING, NONE, Artifacts, artifacts_of, is_of, rows
from callers import people_of
from targets import Live

clause = pytest.mark.clause
pytestmark = [pytest.mark.needs("DeleteActionArtifact"), pytest.mark.feature("artifacts")]


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


def path(art: Artifacts, number: object) -> str:
    return art.path(f"artifacts/{number}")


@clause("T18")
@pytest.mark.parametrize("protocol", ["v4", "v3"])
def test_a_deleted_artifact_is_gone_and_no_other(live: Live, art: Artifacts, protocol: str) -> None:
    keys = [f"{protocol} {turn}" for turn in ("before", "of it", "after")]
    jobs = [art.running(key) for key in keys]
    for key, job in zip(keys, jobs, strict=True):
        for name in ("gone", "gone too"):
            art.put(job, name, {"whose.txt": f"{key} {name}".encode()}, protocol=protocol)
    number = art.id(keys[1], "gone")
    deleted = live.change("DELETE", path(art, number))
    assert (deleted.status_code, deleted.content) == (204, b"")
    for method, what in (("GET", ""), ("GET", "/zip"), ("DELETE", "")):
        ask = live.change if method == "DELETE" else live.ask
        told = ask(method, path(art, number) + what)
        assert (told.status_code, told.json()["message"]) == (404, MISSING), (method, what)
    del art.made[keys[1], "gone"]
    assert len(rows(art.list("name=gone"))) == len([made for made in art.made.values() if made.name == "gone"])
    for key in keys:
        for name in ("gone", "gone too"):
            if (key, name) in art.made:
                is_of(art.zip(key, name), art.made[key, name])
    for job in jobs:
        art.stage.finish(job)


@clause("T10", "S55")
def test_what_is_gone_is_no_other_artifact(live: Live, art: Artifacts) -> None:
    """From 13 on the web UI takes a name that is not there for an id, or for all artifacts of the run."""
    job = art.running("numbers")
    names = ["-1", "0", "7", *(str(number) for number in art.row_ids["one"])]
    for name in (*names, "stays"):
        art.put(job, name, {"whose.txt": name.encode()})
    numbers = {name: art.id("numbers", name) for name in names}
    for name in names:
        is_of(art.zip("numbers", name), art.made["numbers", name])
    for name, number in numbers.items():
        assert live.change("DELETE", path(art, number)).status_code == 204
        del art.made["numbers", name]
    for number in numbers.values():
        told = live.get(f"{path(art, number)}/zip")
        assert (told.status_code, told.json()["message"]) == (404, MISSING)
    is_of(art.zip("numbers", "stays"), art.made["numbers", "stays"])
    art.stage.finish(job)
    is_of(art.zip("first", "one"), art.made["first", "one"])


@clause("T19")
@pytest.mark.parametrize("name", ["old4", "old3"])
def test_an_expired_artifact_stays_listed(live: Live, art: Artifacts, name: str) -> None:
    number = art.id("first", name)
    before = live.get(path(art, number)).json()
    for _ in range(2):
        assert live.change("DELETE", path(art, number)).status_code == 204
    assert live.get(path(art, number)).json() == before and before["expired"] is True


@clause("T10")
def test_nothing_is_deleted_by_an_id_of_nothing(live: Live, art: Artifacts) -> None:
    foreign = rows(live.get(art.path("artifacts?name=one", art.other)))[0]["id"]
    before = art.all()
    for number in (*NONE, foreign, *art.pending):
        told = live.change("DELETE", path(art, number))
        assert (told.status_code, told.json()["message"]) == (404, MISSING), number
    assert art.all() == before
    assert rows(live.get(art.path("artifacts?name=one", art.other)))[0]["id"] == foreign


@clause("P7")
@pytest.mark.parametrize(
    "who, status, message",
    [
        ("read", 403, "token does not have at least one of required scope(s): [write:repository]"),
        ("no-scope", 403, "token does not have at least one of required scope(s): [write:repository]"),
        ("reader", 403, "token does not have at least one of required scope(s): [write:repository]"),
        ("reader-writes", 403, "user should have a permission to write to a repo"),
        ("outsider-writes", 404, "The target couldn't be found."),
        ("wrong", 401, ""),
        (None, 404, "The target couldn't be found."),
    ],
)
def test_who_may_not_write_deletes_nothing(
    live: Live, art: Artifacts, who: str | None, status: int, message: str
) -> None:
    number = art.id("first", "one")
    tokens = people_of(live).tokens | {"outsider-writes": art.outsider}
    told = live.change("DELETE", path(art, number), tokens[who] if who else None)
    assert told.status_code == status, told.text
    assert message in ("", told.json()["message"])
    is_of(art.zip("first", "one"), art.made["first", "one"])


@clause("T18", "P7")
def test_a_writer_deletes(live: Live, art: Artifacts) -> None:
    job = art.running("for the writer")
    art.put(job, "by the writer")
    number = art.id("for the writer", "by the writer")
    assert live.change("DELETE", path(art, number), art.writer).status_code == 204
    del art.made["for the writer", "by the writer"]
    assert rows(art.list("name=by%20the%20writer")) == []
    art.stage.finish(job)


@clause("W3")
@pytest.mark.feature("shim")
def test_where_writes_are_off_nothing_is_deleted(live: Live, art: Artifacts) -> None:
    number = art.id("first", "one")
    told = live.ask("DELETE", path(art, number), "owner")
    assert (told.status_code, told.json()["cause"]) == (501, "writes-off")
    is_of(art.zip("first", "one"), art.made["first", "one"])
