"""Deleting an artifact behind each face of the double: by the caller's right, never another one, never twice; and what
only 16 can do.

Rules: as in test_additions_writes.py.
"""

from __future__ import annotations

import pytest
from double.messages import json_answer, plain
from forgejo_shim import WebLogin
from forgejo_shim.operations import recognise
from small import Small
from test_additions import Asker, Got, R, asker
from test_additions_writes import writer
from test_web_artifacts import LISTED, ODD, every, filled, is_native

clause = pytest.mark.clause

ONE = r"^/o/r/actions/runs/\d+/artifacts/[^/]+$"
"""The web UI's path of one artifact."""


def delete(ask: Asker, wanted: int, *, writes: bool = True) -> Got:
    return ask(f"{R}/artifacts/{wanted}", method="DELETE", writes=writes)


def ids(small: Small) -> dict[str, int]:
    """By name; of several of a name, the oldest."""
    return {row["name"]: row["id"] for row in every(asker(small))}


def left(small: Small) -> list[tuple[int, str]]:
    """What is still listed: numbers of runs, and names."""
    runs = small.repo.runs.values()
    return sorted((run.number, group.first.name) for run in runs for group in small.model.artifacts.listed(run))


def deletions(small: Small) -> int:
    return sum(seen.method == "DELETE" and "/api/" not in seen.path for seen in small.double.requests)


@clause("T18")
def test_one_is_deleted_and_no_other(small: Small) -> None:
    filled(small, "one", "two")
    filled(small, "one", "2", "1", "-1")
    ask, wanted = writer(small), ids(small)
    for name in ("2", "-1"):
        got = delete(ask, wanted[name])
        assert (got.status, got.body) == (204, b"")
    assert left(small) == [(1, "one"), (1, "two"), (2, "1"), (2, "one")]
    got = delete(ask, wanted["2"])
    assert (got.status, got.json["message"]) == (404, "resource does not exist")
    assert left(small) == [(1, "one"), (1, "two"), (2, "1"), (2, "one")]
    assert deletions(small) == (0 if is_native(small) else 2)


@pytest.mark.parametrize("name", ODD)
def test_names_of_all_kinds(name: str) -> None:
    for face in ("11", "15"):
        with Small(face) as small:
            filled(small, name, "other")
            assert delete(writer(small), ids(small)[name]).status == 204
            assert left(small) == [(1, "other")]


def test_lists_know_it_at_once(small: Small) -> None:
    filled(small, "one", "two")
    ask = writer(small)
    reader = asker(small)
    wanted = {row["name"]: row["id"] for row in every(reader)}
    ask.adapter.server.store = reader.adapter.server.store
    assert delete(ask, wanted["one"]).status == 204
    assert [row["name"] for row in every(reader)] == ["two"]


@clause("T19")
def test_an_expired_one_stays_and_that_is_done(small: Small) -> None:
    the_run, ask = filled(small), writer(small)
    small.model.artifacts.add(the_run, "old", b"", status="expired")
    wanted = ids(small)["old"]
    assert delete(ask, wanted).status == delete(ask, wanted).status == 204
    assert left(small) == [(1, "old")] and deletions(small) == 0


@clause("T10")
def test_ids_of_no_artifact_delete_nothing(small: Small) -> None:
    filled(small, "one")
    ask, wanted = writer(small), ids(small)["one"]
    for wrong in (0, -1, wanted + 1, 2**52, 2**53, 999_999):
        got = delete(ask, wrong)
        assert (got.status, got.json["message"]) == (404, "resource does not exist")
    assert left(small) == [(1, "one")] and deletions(small) == 0


@clause("W2")
def test_who_may_not_write_gets_the_apis_own_refusal(small: Small) -> None:
    filled(small, "one")
    wanted = ids(small)["one"]
    reader, outsider = small.model.add_user("reader"), small.model.add_user("outsider")
    small.repo.collaborators[reader.id] = 1
    scopes = ("write:repository",)
    for token, status, message in (
        (small.token, 403, "token does not have at least one of required scope(s): [write:repository]"),
        (small.model.add_token(reader, scopes).sha1, 403, "user should have a permission to write to a repo"),
        (small.model.add_token(outsider, scopes).sha1, 404, "The target couldn't be found."),
        (None, 404, "The target couldn't be found."),
    ):
        got = delete(asker(small, token), wanted)
        assert (got.status, got.json["message"]) == (status, message)
    assert delete(asker(small, "0" * 40), wanted).status == 401
    assert left(small) == [(1, "one")] and deletions(small) == 0


@clause("W3")
def test_switched_off(small: Small) -> None:
    filled(small, "one")
    got = delete(writer(small), wanted := ids(small)["one"], writes=False)
    if is_native(small):  # the server's own, by the caller's own right
        assert got.status == 204
        return
    assert (got.status, got.json["cause"]) == (501, "writes-off")
    assert deletions(small) == 0 and ids(small)["one"] == wanted


@clause("W5", "W8")
def test_an_answer_that_is_lost_is_said_and_nothing_is_sent_again(small: Small) -> None:
    if is_native(small):
        return
    filled(small, "one", "two")
    ask, wanted = writer(small), ids(small)["one"]
    small.double.faults.cut(ONE, 0)
    got = delete(ask, wanted)
    assert (got.status, got.json["cause"]) == (502, "write-unknown")
    assert deletions(small) == 1 and left(small) == [(1, "two")]


@clause("T18")
def test_lists_are_read_anew_after_it(small: Small) -> None:
    if is_native(small):
        return
    filled(small, "one", "two")
    ask, reader = writer(small), asker(small)
    wanted = {row["name"]: row["id"] for row in every(reader)}
    ask.adapter.server.store = reader.adapter.server.store
    small.double.faults.cut(ONE, 0)
    assert delete(ask, wanted["one"]).status == 502
    assert [row["name"] for row in every(reader)] == ["two"]


def test_so_is_the_list_that_would_prove_it(small: Small) -> None:
    if is_native(small):
        return
    filled(small, "one")
    ask, wanted = writer(small), ids(small)["one"]
    small.double.faults.cut(LISTED, 0, nth=2)
    got = delete(ask, wanted)
    assert (got.status, got.json["cause"]) == (502, "write-unknown")
    assert deletions(small) == 1


@clause("W8")
def test_nor_is_a_deletion_to_be_asked_for_again_when_the_server_is_busy_then(small: Small) -> None:
    if is_native(small):
        return
    filled(small, "one")
    ask, wanted = writer(small), ids(small)["one"]
    small.double.faults.hook(LISTED, lambda _: plain(503, "busy"), nth=2)
    got = delete(ask, wanted)
    assert (got.status, got.json["cause"]) == (502, "write-unknown")
    assert deletions(small) == 1 and left(small) == []


@clause("S55")
def test_one_that_is_still_listed_is_said(small: Small) -> None:
    """The web UI says yes to whatever it is asked."""
    if is_native(small):
        return
    filled(small, "one")
    ask, wanted = writer(small), ids(small)["one"]
    small.double.faults.hook(ONE, lambda _: json_answer(200, {}))
    got = delete(ask, wanted)
    assert (got.status, got.json["cause"]) == (502, "page-changed")
    assert "still listed" in got.json["message"] and deletions(small) == 1


def test_one_turned_away_at_the_door_is_sent_again(small: Small) -> None:
    if is_native(small):
        return
    filled(small, "one", "two")
    ask, wanted = writer(small), ids(small)
    small.double.faults.lost_session(ONE, nth=1)
    assert delete(ask, wanted["one"]).status == 204
    assert deletions(small) == 2 and left(small) == [(1, "two")]


@clause("W6")
def test_a_web_account_that_may_only_read(small: Small) -> None:
    if is_native(small):
        return
    filled(small, "one")
    reader = small.model.add_user("web-reader", "s3cret-word")
    small.repo.collaborators[reader.id] = 1
    wanted = ids(small)["one"]
    got = delete(writer(small, web=WebLogin("web-reader", "s3cret-word")), wanted)
    assert (got.status, got.json["cause"]) == (501, "web-account-cannot-write")
    assert left(small) == [(1, "one")]


# --- cancel, as 16 has it


@clause("N2")
def test_a_run_that_is_over_is_cancelled_all_the_same(small: Small) -> None:
    the_run, ask = small.add(), writer(small)
    if small.double.face.api_runs:
        assert ask(f"{R}/runs/{the_run.id}/cancel", method="POST").status == 204
    assert the_run.jobs[0].status == "success"


@clause("N3")
def test_an_unknown_run_is_16s_404(small: Small) -> None:
    small.add()
    if small.double.face.api_runs:
        got = writer(small)(f"{R}/runs/999/cancel", method="POST")
        assert (got.status, got.json["message"]) == (404, "run with id 999: resource does not exist")


# --- what only 16 can do


@clause("S52")
def test_a_run_is_deleted_by_16_only(small: Small) -> None:
    the_run = small.add()
    token = small.model.add_token(small.repo.owner, ("write:repository",)).sha1
    got = asker(small, token)(f"{R}/runs/{the_run.id}", method="DELETE")
    if is_native(small):
        assert got.status == 204
    else:
        assert (got.status, got.json["cause"]) == (501, "native-only")
        assert "cannot do that: runs can be deleted" in got.json["message"]
        assert the_run.number in small.repo.runs
        assert asker(small, None)(f"{R}/runs/{the_run.id}", method="DELETE").status == 404


@clause("S52")
def test_the_other_methods_of_a_run_are_the_servers_own(small: Small) -> None:
    for method in ("GET", "HEAD", "PATCH", "POST"):
        assert recognise(method, f"{R}/runs/7", "") is None
        assert recognise(method, "/api/v1/actions/run", "") is None or method == "GET"


@clause("S52")
def test_the_run_of_a_jobs_token_is_told_by_16_only(small: Small) -> None:
    got = asker(small)("/api/v1/actions/run")
    if is_native(small):
        assert (got.status, got.json["message"]) == (403, "must use an automatic actions token")
    else:
        assert (got.status, got.json["cause"]) == (501, "native-only")
