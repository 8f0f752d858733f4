"""Lists of artifacts, and one of them, behind each face of the double: as 16 gives them, but for times and order.

Rules: as in test_additions.py. Ids are never worked out by a test: they come from lists, as a client has them.
"""

from __future__ import annotations

from typing import Any

import pytest
from double.messages import JSON, Response, json_answer, plain
from forgejo_shim.flows import artifacts
from forgejo_shim.newest import newest
from forgejo_shim.operations import Call, recognise
from hypothesis import given
from hypothesis import strategies as some
from small import Small
from test_additions import Asker, Got, R, asker
from wire import behind

clause = pytest.mark.clause

FILES = {"a.txt": b"alpha\n", "d/b.bin": b"beta\n"}
ODD = ("with space", "dots.v1.2", "file.zip", "ünï 漢字", "100%", "50%25", "plus+and&", "12", "-1", "a/b", "what?",
       'quo"te', "back\\slash", "semi;colon", "<b>", " spaces ", "new\nline")  # fmt: skip
LISTED = r"^/o/r/actions/runs/\d+/artifacts$"
"""The web UI's list of a run's artifacts."""


def filled(small: Small, *names: str, **of_artifact: Any) -> Any:
    """A finished run with such artifacts, of v4."""
    the_run = small.add()
    for name in names:
        small.model.artifacts.add(the_run, name, f"the zip {name} of run {the_run.number}".encode(), **of_artifact)
    return the_run


def listed(got: Got) -> dict[str, Any]:
    assert got.status == 200, got.body
    return {row["name"]: row for row in got.json}


def every(ask: Asker, query: str = "limit=50") -> list[dict[str, Any]]:
    got = ask(f"{R}/artifacts", query)
    assert got.status == 200, got.body
    return got.json


def is_native(small: Small) -> bool:
    return small.double.face.native_logs


@clause("T1", "T2", "T3", "S53")
def test_the_artifacts_of_a_run(small: Small) -> None:
    filled(small, "one")
    the_run, ask = filled(small, "two", "one"), asker(small)
    small.model.artifacts.add(the_run, "old", b"", status="expired", size=7)
    small.model.artifacts.add(the_run, "part", FILES)
    small.model.artifacts.row(the_run, "part", "more", 60)  # an upload that is under way
    small.model.artifacts.row(the_run, "under way", "x", 60)
    got = ask(f"{R}/runs/{the_run.id}/artifacts")
    if not small.double.face.api_runs:
        assert (got.status, got.json["cause"]) == (501, "no-run-ids")
        return
    found = listed(got)
    assert found.keys() == {"two", "one", "old", "part"}
    assert {name for name, row in found.items() if row["expired"]} == {"old"}
    assert found["part"]["size_in_bytes"] == 11 and found["old"]["size_in_bytes"] == 7
    assert {row["run_id"] for row in found.values()} == {the_run.id}
    for row in found.values():
        assert row["archive_download_url"].endswith(f"{R}/artifacts/{row['id']}/zip")
    if not is_native(small):
        assert list(found) == ["old", "one", "part", "two"]
        assert found["one"].keys() == {"id", "name", "size_in_bytes", "archive_download_url", "expired", "run_id"}
        assert found["one"]["archive_download_url"].startswith(small.url)


@clause("T1", "T4", "S53")
def test_those_of_a_repository_newest_run_first(small: Small) -> None:
    first, _, third, ask = filled(small, "b", "a"), filled(small), filled(small, "a"), asker(small)
    found = every(ask)
    assert sorted(row["name"] for row in found) == ["a", "a", "b"]
    assert len({row["id"] for row in found}) == 3
    if small.double.face.api_runs:
        assert [row["run_id"] for row in found] == [third.id, first.id, first.id]
    else:
        assert "run_id" not in found[0]
    if not is_native(small):
        assert [row["name"] for row in found] == ["a", "a", "b"]
        assert all(2**52 <= row["id"] < 2**53 for row in found)


@clause("T9", "S54")
def test_one_by_its_id(small: Small) -> None:
    filled(small, *ODD)
    filled(small, "one", "ünï 漢字")
    ask = asker(small)
    for row in every(ask):
        assert ask(f"{R}/artifacts/{row['id']}").json == row


def test_no_runs_no_artifacts(small: Small) -> None:
    got = asker(small)(f"{R}/artifacts")
    assert (got.status, got.json, got.headers.get("X-Total-Count"), got.headers.get("Link")) == (200, [], "0", "")


@clause("T10")
@pytest.mark.parametrize("tail", ["", "/zip"])
def test_ids_of_no_artifact(small: Small, tail: str) -> None:
    the_run, ask = filled(small, "one", "gone"), asker(small)
    theirs = small.model.add_repo(small.repo.owner, "their")
    small.model.artifacts.add(small.model.add_finished_run(theirs, {"build": b""}), "one", b"x")
    foreign = ask("/api/v1/repos/o/their/actions/artifacts").json[0]["id"]
    gone = listed(ask(f"{R}/artifacts"))["gone"]["id"]
    small.model.artifacts.delete(the_run, "gone")
    for wrong in (0, -1, 999_999, 2**52, 2**52 + 5, 2**53 - 1, 2**53, 2**63, "abc", "1.5", foreign, gone):
        got = ask(f"{R}/artifacts/{wrong}{tail}")
        assert (got.status, got.json["message"]) == (404, "resource does not exist"), wrong
        assert "cause" not in got.json


@clause("S54")
def test_an_id_of_the_web_is_nothing_to_16() -> None:
    with Small("15") as small:
        filled(small, "one")
        minted = every(asker(small))[0]["id"]
    with Small("16") as small:
        filled(small, "one")
        assert asker(small)(f"{R}/artifacts/{minted}").status == 404


def test_nor_is_one_of_11_to_12() -> None:
    with Small("11") as small:
        filled(small, "one")
        minted = every(asker(small))[0]["id"]
    with Small("12") as small:
        filled(small, "one")
        assert asker(small)(f"{R}/artifacts/{minted}").status == 404


@clause("S58")
def test_two_names_with_one_id_are_neither(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_native(small):
        return
    names = ("one", "two")
    filled(small, *names)
    made = artifacts.ArtifactRun.artifact_id
    monkeypatch.setattr(artifacts.ArtifactRun, "artifact_id", lambda run, name: made(run, "any"))
    ask = asker(small)
    (wanted,) = {row["id"] for row in every(ask)}
    for tail in ("", "/zip"):
        got = ask(f"{R}/artifacts/{wanted}{tail}")
        assert (got.status, got.json["cause"]) == (501, "artifact-ambiguous")
        assert "'one' and 'two'" in got.json["message"]


@clause("S58")
def test_a_run_beyond_the_ids_is_said() -> None:
    with Small("15") as small:
        filled(small)
        small.model.start_ids_at("run", 2**27)
        the_run = filled(small, "one")
        got = asker(small)(f"{R}/runs/{the_run.id}/artifacts")
        assert (got.status, got.json["cause"]) == (501, "run-too-large")


# --- pages


@clause("T6", "T7", "T8")
@pytest.mark.parametrize(
    "query",
    ["", "limit=50", "limit=51", "limit=1000", "limit=20&page=2", "limit=20&page=3", "page=2", "page=99", "page=-1",
     "page=abc", "limit=0", "limit=abc", "name=n7", "name=n", "name=", "name=n7&limit=1", "name=n7&name=n8",
     "name=%C3%BC%20x&limit=1&page=2", "limit=5&page=2&b=1&a=2&a=1"],
)  # fmt: skip
def test_pages_are_those_of_16(query: str) -> None:
    """The same numbers and links from the web as natively, but for the order."""
    told = []
    for face in ("15", "16"):
        with Small(face) as small:
            filled(small, *(f"n{number}" for number in range(55)), "ü x")
            session, _, _ = behind(small.url, small.token, web=small.web)
            got = session.get(f"{small.url}{R}/artifacts?{query}" if query else f"{small.url}{R}/artifacts")
            link = got.headers.get("Link", "").replace(small.url, "")
            told.append((got.status_code, len(got.json()), got.headers["X-Total-Count"], link))
            assert got.headers["Access-Control-Expose-Headers"].startswith("X-Total-Count")
    assert told[0] == told[1]


def asked(query: str) -> Call:
    call = recognise("GET", f"{R}/artifacts", query)
    assert call
    return call


@given(some.integers(0, 200), some.integers(-2, 70), some.integers(-2, 30))
def test_the_pages_hold_all_once(total: int, limit: int, page: int) -> None:
    found = [artifacts.Artifact(number, f"n{number}", 0, False, 1) for number in range(total)]
    one = artifacts.page_named(found, asked(f"limit={limit}&page={page}"))
    assert len(one.entries) <= one.limit <= 50 and one.total == total and one.page >= 1
    pages = -(-total // one.limit)
    all_pages = [
        artifacts.page_named(found, asked(f"limit={limit}&page={number + 1}")).entries for number in range(pages)
    ]
    assert [artifact for shown in all_pages for artifact in shown] == found


# --- what it costs


@clause("S57")
def test_the_lists_of_runs_that_are_over_are_kept_a_minute() -> None:
    with Small("15") as small:
        the_run, ask = filled(small, "one"), asker(small)
        filled(small, "one")
        under_way = small.model.add_run(small.repo, ["build"])
        for _ in range(3):
            assert len(every(ask)) == 2
        asked = [
            seen.path for seen in small.double.requests if seen.path.endswith("/artifacts") and "/api/" not in seen.path
        ]
        assert sorted(asked) == sorted(
            f"/o/r/actions/runs/{number}/artifacts" for number in (1, 2, *[under_way.number] * 3)
        )
        small.model.artifacts.delete(the_run, "one")
        wanted = every(ask)[-1]["id"]
        assert ask(f"{R}/artifacts/{wanted}").status == 404, "one is always asked for anew"
        assert len(every(ask)) == 1, "and what that told is kept, too"


@clause("S57")
def test_that_of_a_run_that_goes_on_is_read_anew() -> None:
    with Small("15") as small:
        the_run, ask = filled(small, "one"), asker(small)
        assert len(every(ask)) == 1
        small.model.rerun(the_run.jobs[0])
        small.model.artifacts.add(the_run, "two", b"")
        assert len(every(ask)) == 2


@clause("S57")
def test_too_many_runs_are_said_before_any_is_read(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_native(small):
        return
    monkeypatch.setattr(artifacts, "MAX_RUNS", 3)
    for _ in range(3):
        filled(small, "one")
    ask = asker(small)
    assert len(every(ask)) == 3
    filled(small)
    before = len(small.double.requests)
    got = ask(f"{R}/artifacts")
    assert (got.status, got.json["cause"]) == (504, "search-limit")
    assert "in 4 runs" in got.json["message"]
    assert not [seen for seen in small.double.requests[before:] if "/artifacts" in seen.path]


def test_of_many_runs_only_what_is_needed_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the API gives of a run can be large, since its event is in it."""
    held: list[Any] = []

    async def noted(limit: int, read: Any) -> Any:
        found = await newest(limit, read)
        held.extend(run.given for run in found.runs)
        return found

    monkeypatch.setattr(artifacts, "newest", noted)
    with Small("15") as small:
        filled(small, "one")
        assert len(every(asker(small))) == 1 and held == [{}]


@clause("S57")
def test_many_runs_are_all_read() -> None:
    for face in ("11", "12", "15"):
        with Small(face) as small:
            for number in range(120):
                filled(small, *([f"n{number}"] if number % 10 == 0 else []))
            assert [row["name"] for row in every(asker(small))] == [f"n{number}" for number in range(110, -1, -10)]


# --- rights


@clause("S5")
def test_who_may_not_read_gets_the_apis_own_refusal(small: Small) -> None:
    the_run, ask = filled(small, "one"), asker(small)
    wanted = every(ask)[0]["id"]
    outsider = small.model.add_user("outsider")
    before = len(small.double.requests)
    theirs, of_user = (small.model.add_token(outsider, (scope,)).sha1 for scope in ("read:repository", "read:user"))
    for token, status in ((theirs, 404), (of_user, 403), ("0" * 40, 401), (None, 404)):
        for path in ("artifacts", f"artifacts/{wanted}", f"artifacts/{wanted}/zip", "artifacts/7",
                     f"runs/{the_run.id}/artifacts"):  # fmt: skip
            got = asker(small, token)(f"{R}/{path}")
            assert got.status == status, (token, path, got.body)
            assert got.json["message"] != "resource does not exist"
    assert all(seen.path.startswith("/api/") or "swagger" in seen.path for seen in small.double.requests[before:])


@clause("E9")
def test_head_is_405(small: Small) -> None:
    filled(small, "one")
    ask = asker(small)
    wanted = every(ask)[0]["id"]
    for path in ("artifacts", f"artifacts/{wanted}", f"artifacts/{wanted}/zip", "runs/1/artifacts"):
        got = ask(f"{R}/{path}", method="HEAD")
        assert (got.status, got.body) == (405, b"")


@clause("L8")
def test_a_renamed_repository_redirects(small: Small) -> None:
    the_run, ask = filled(small, "one"), asker(small)
    wanted = every(ask)[0]["id"]
    small.model.rename_repo(small.repo, "new")
    tails = ["artifacts?limit=5", f"artifacts/{wanted}", f"artifacts/{wanted}/zip"]
    for tail in [*tails, f"runs/{the_run.id}/artifacts"] if small.double.face.api_runs else tails:
        path, _, query = tail.partition("?")
        ask.allowed.clear()
        got = ask(f"{R}/{path}", query)
        assert got.status in (301, 307), got.body
        assert got.headers.get("Location").endswith(f"/api/v1/repos/o/new/actions/{tail}")


@pytest.mark.parametrize("face", ["11", "15", "16"])
def test_where_the_server_does_not_tell_what_it_has(face: str) -> None:
    """The caller's request goes on first, and its answer tells."""
    with Small(face, swagger=False) as small:
        filled(small, "one")
        ask = asker(small)
        (row,) = every(ask)
        assert ask(f"{R}/artifacts/{row['id']}").json == row
        assert ask(f"{R}/artifacts/{row['id']}/zip").body == b"the zip one of run 1"


# --- a web UI that is not understood


@clause("S26")
@pytest.mark.parametrize(
    "answer",
    [{}, [], {"artifacts": None}, {"artifacts": {}}, {"artifacts": [{"name": "one"}]},
     {"artifacts": [{"name": "one", "size": -1, "status": "completed"}]},
     {"artifacts": [{"name": "one", "size": 1, "status": "else"}]}],
    ids=str,
)  # fmt: skip
def test_a_list_that_is_none_is_said(answer: Any) -> None:
    with Small("15") as small:
        the_run, ask = filled(small, "one"), asker(small)
        wanted = every(ask)[0]["id"]
        small.double.faults.hook(LISTED, lambda _: json_answer(200, answer))
        for path in (f"artifacts/{wanted}", f"artifacts/{wanted}/zip", f"runs/{the_run.id}/artifacts"):
            got = ask(f"{R}/{path}")
            assert (got.status, got.json["cause"]) == (502, "page-changed"), got.body


@clause("S26")
@pytest.mark.parametrize(
    "what", ["200 page", "403 page", "404 page", "302 to another host", "200 nothing", "half of it"]
)
def test_a_foreign_page_is_no_list(what: str) -> None:
    with Small("15") as small:
        the_run, ask = filled(small, "one"), asker(small)
        small.double.faults.foreign(LISTED, what)
        for path in ("artifacts", f"runs/{the_run.id}/artifacts"):
            got = ask(f"{R}/{path}")
            assert (got.status, got.json["cause"]) == (502, "page-changed"), got.body


def test_a_name_that_is_no_text_is_no_artifacts() -> None:
    told = rb'{"artifacts": [{"name": "\ud800", "size": 1, "status": "completed"}]}'
    with Small("15") as small:
        filled(small, "one")
        ask = asker(small)
        small.double.faults.hook(LISTED, lambda _: Response(200, [("Content-Type", JSON)], told))
        (found,) = every(ask)
        assert found["name"] == "\ud800"
        assert ask(f"{R}/artifacts/{found['id']}/zip").status == 404


def test_a_lost_session_is_renewed(small: Small) -> None:
    if is_native(small):
        return
    filled(small, "one")
    ask = asker(small)
    assert len(every(ask)) == 1
    filled(small, "two")
    small.double.faults.lost_session(LISTED, nth=1)
    assert len(every(ask)) == 2


def test_a_run_that_is_gone_meanwhile_has_none() -> None:
    with Small("15") as small:
        the_run, ask = filled(small, "one"), asker(small)
        wanted = every(ask)[0]["id"]
        gone = plain(404, "run with index 2 1: resource does not exist")
        small.double.faults.hook(LISTED, lambda _: gone)
        got = ask(f"{R}/runs/{the_run.id}/artifacts")
        assert (got.status, got.json["message"]) == (404, f"run with id {the_run.id}: resource does not exist")
        assert ask(f"{R}/artifacts/{wanted}").status == 404
