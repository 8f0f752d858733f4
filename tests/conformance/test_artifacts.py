"""Clauses T: the lists of artifacts, and one artifact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from artifact_world import LONGEST_PAGE, MISSING, NONE, PAGE, Artifacts, Json, Made, artifacts_of, rows
from jsonschema import Draft4Validator
from targets import Live
from wire import behind

SWAGGER = json.loads((Path(__file__).parents[2] / "spec/contract.swagger.json").read_text())
TIMES = {"created_at", "updated_at", "expires_at"}
clause = pytest.mark.clause
feature = pytest.mark.feature
artifacts = feature("artifacts")
of_run = feature("artifacts", "run-jobs")
lists = pytest.mark.needs("ListActionArtifacts")
lists_of_run = pytest.mark.needs("ListActionRunArtifacts")
one = pytest.mark.needs("GetActionArtifact")


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


def told(live: Live, listed: list[Json]) -> list[tuple[Any, str, bool]]:
    """Run id (None where the API knows none), name, and whether it has expired."""
    return [(artifact.get("run_id"), artifact["name"], artifact["expired"]) for artifact in listed]


def known(live: Live, made: list[Made]) -> set[tuple[Any, str, bool]]:
    has_ids = "run-jobs" in live.target.features
    return {(artifact.run.id if has_ids else None, artifact.name, artifact.is_expired) for artifact in made}


def of_repo(art: Artifacts) -> list[Made]:
    return [made for made in art.made.values() if made.run.repo is art.repo]


@artifacts
@lists
@clause("T1")
def test_the_list_of_a_repository_has_them_all_once(live: Live, art: Artifacts) -> None:
    listed, made = art.all(), of_repo(art)
    assert set(told(live, listed)) == known(live, made)
    assert len({artifact["id"] for artifact in listed}) == len(listed) == len(made)


@of_run
@lists_of_run
@clause("T2")
@pytest.mark.parametrize("key", ["first", "same", "none", "odd", "many", "running"])
def test_the_list_of_a_run_has_its_own(live: Live, art: Artifacts, key: str) -> None:
    listed = art.all(art.runs[key])
    assert set(told(live, listed)) == known(live, list(art.of(key).values()))
    assert len(listed) == len(art.of(key))
    assert [artifact for artifact in art.all() if artifact["run_id"] == art.runs[key].id] == listed


@of_run
@lists_of_run
@clause("E8")
def test_the_list_of_no_run(live: Live, art: Artifacts) -> None:
    for number, read in ((999_999_999, 999_999_999), (0, 0), (-1, -1), ("x", 0), ("9" * 20, 2**63 - 1)):
        response = live.get(art.path(f"runs/{number}/artifacts"))
        message = f"run with id {read}: {MISSING}"
        assert (response.status_code, response.json()["message"]) == (404, message), number
    foreign = live.get(art.path(f"runs/{art.runs['foreign'].id}/artifacts"))
    assert foreign.status_code == 404 and foreign.json()["message"].endswith(MISSING)


def fits(live: Live, artifact: Json) -> None:
    """Raise unless it fits the contract's model, with all that the target can tell and nothing else."""
    schema = SWAGGER["definitions"]["ActionArtifact"]
    wanted = set(schema["properties"])
    if "native" not in live.target.features:
        wanted -= TIMES
    if "run-jobs" not in live.target.features:
        wanted -= {"run_id"}
    assert artifact.keys() == wanted
    Draft4Validator(schema).validate(artifact)


@artifacts
@lists
@clause("T3", "T17")
def test_an_artifact_fits_the_model(live: Live, art: Artifacts) -> None:
    sizes = {made.name: made.size for made in art.of("first").values()}
    for artifact in art.all():
        fits(live, artifact)
        zipped = f"{live.base_url}/api/v1{art.path()}/{artifact['id']}/zip"
        assert artifact["archive_download_url"] == zipped
    for name in ("one", "blocks", "three", "plain"):
        found = live.get(art.path(f"artifacts/{art.id('first', name)}")).json()
        assert found["size_in_bytes"] == sizes[name], name


@artifacts
@lists
@clause("T4")
def test_the_newest_run_comes_first(live: Live, art: Artifacts) -> None:
    numbers: dict[str, set[int]] = {}
    for made in of_repo(art):
        numbers.setdefault(made.name, set()).add(made.run.number)
    of_one_run = [numbers[artifact["name"]] for artifact in art.all() if len(numbers[artifact["name"]]) == 1]
    order = [min(number) for number in of_one_run]
    assert order == sorted(order, reverse=True) and len(set(order)) > 3


@artifacts
@feature("native")
@lists
@clause("T5")
def test_the_newest_artifact_comes_first(live: Live, art: Artifacts) -> None:
    for listed in (art.all(), art.all(art.runs["first"])):
        numbers = [artifact["id"] for artifact in listed]
        assert numbers == sorted(numbers, reverse=True)
    for name, (first, *others) in art.row_ids.items():
        assert art.id("first", name) == first
        for number in others:
            assert live.get(art.path(f"artifacts/{number}")).json()["message"] == MISSING


@feature("shim", "artifacts")
@clause("S53")
def test_artifacts_of_a_web_run_come_by_name(art: Artifacts) -> None:
    for key in ("first", "odd", "many"):
        names = [artifact["name"] for artifact in art.all() if artifact["name"] in art.of(key)]
        names = [name for name in names if sum(made.name == name for made in of_repo(art)) == 1]
        assert names == sorted(names) and len(names) > 5


@feature("shim", "artifacts")
@clause("S54")
def test_ids_of_web_artifacts_are_the_same_for_everyone(live: Live, art: Artifacts) -> None:
    numbers = [artifact["id"] for artifact in art.all()]
    assert all(2**52 <= number < 2**53 for number in numbers)
    with live.session("reader") as another:
        page = another.get(f"{live.base_url}/api/v1{art.path()}?limit=50")
    assert [artifact["id"] for artifact in page.json()] == numbers[:LONGEST_PAGE]


@feature("shim", "adapter", "artifacts")
@clause("S57")
def test_what_the_list_of_a_repository_costs(live: Live, art: Artifacts) -> None:
    """The question of rights, pages of runs, each run's list, and the sign-in; a second time, the unfinished runs'."""
    session, wire, _ = behind(live.base_url, live.world.tokens["read"], web=live.web)
    runs = [run for run in art.stage.runs if run.repo is art.repo and not run.deleted]
    going_on = [
        run for run in runs if live.world.hand.state(run.repo.full, run.number).status in ("waiting", "running")
    ]
    anew = going_on if "run-jobs" in live.target.features else runs  # up to 11 it is not known which are over
    others = 4 + len(runs) // 10 + 4
    with session:
        for most in (len(runs) + others, len(anew) + others):
            before = len(wire.sent)
            assert rows(session.get(f"{live.base_url}/api/v1{art.path()}"))
            assert len(wire.sent) - before <= most


# --- pages


@artifacts
@lists
@clause("T6")
def test_the_pages_make_up_the_list(live: Live, art: Artifacts) -> None:
    whole = art.all()
    assert len(whole) > 2 * PAGE
    for query, start, count in (
        ("", 0, PAGE),
        ("page=2", PAGE, PAGE),
        ("limit=7&page=3", 14, 7),
        (f"limit={LONGEST_PAGE}", 0, LONGEST_PAGE),
        ("limit=1000", 0, LONGEST_PAGE),
        ("limit=1&page=0", 0, 1),
        ("limit=1&page=-1", 0, 1),
        ("limit=1&page=x", 0, 1),
        ("limit=0", 0, PAGE),
        ("limit=-1", 0, PAGE),
        ("limit=x", 0, PAGE),
        ("limit=&page=", 0, PAGE),
        ("page=999", 0, 0),
    ):
        assert rows(art.list(query)) == whole[start : start + count], query


@of_run
@lists_of_run
@clause("T6", "T7")
def test_the_pages_of_a_run(live: Live, art: Artifacts) -> None:
    run = art.runs["many"]
    whole = art.all(run)
    response = art.list("limit=20&page=3", run)
    assert rows(response) == whole[40:60] and response.headers["X-Total-Count"] == str(len(whole))
    assert rows(art.list("", run)) == whole[:PAGE]


def links(live: Live, path: str, **pages: str) -> str:
    return ",".join(f'<{live.base_url}/api/v1{path}?{query}>; rel="{rel}"' for rel, query in pages.items())


@artifacts
@lists
@clause("T7")
def test_a_page_tells_of_the_others(live: Live, art: Artifacts) -> None:
    count, path = len(art.all()), art.path()
    last = -(-count // 20)
    for query, pages in (
        ("limit=20", {"next": "limit=20&page=2", "last": f"limit=20&page={last}"}),
        (
            "page=2&limit=20",
            {
                "next": "limit=20&page=3",
                "last": f"limit=20&page={last}",
                "first": "limit=20&page=1",
                "prev": "limit=20&page=1",
            },
        ),
        (f"limit=20&page={last}", {"first": "limit=20&page=1", "prev": f"limit=20&page={last - 1}"}),
        ("name=one&limit=1&other=a%20b", {rel: "limit=1&name=one&other=a+b&page=2" for rel in ("next", "last")}),
        ("name=two", {}),
    ):
        response = art.list(query)
        assert response.headers.get("Link", "") == links(live, path, **pages), query
        wanted = {"name=two": 1, "name=one&limit=1&other=a%20b": 2}.get(query, count)
        assert response.headers["X-Total-Count"] == str(wanted), query


@artifacts
@lists
@clause("T8")
def test_a_name_is_the_whole_name(live: Live, art: Artifacts) -> None:
    whole = art.all()
    for name in ("one", "ONE", "on", "upper", "100%", "%", "ünï 漢字", "a/b", "old4", "uploading", " spaces ", "none"):
        response = art.list(f"name={quote(name, safe='')}")
        assert rows(response) == [artifact for artifact in whole if artifact["name"] == name], name
    assert rows(art.list("name=")) == whole[:PAGE]
    assert rows(art.list("name=two&name=one")) == rows(art.list("name=two"))
    empty = art.list("name=no-such")
    assert (empty.headers["X-Total-Count"], empty.text.strip()) == ("0", "[]")


@of_run
@lists_of_run
@clause("T8")
def test_a_name_in_a_run(live: Live, art: Artifacts) -> None:
    (found,) = rows(art.list("name=one", art.runs["same"]))
    assert found["run_id"] == art.runs["same"].id != rows(art.list("name=one", art.runs["first"]))[0]["run_id"]


# --- one


@artifacts
@one
@clause("T9")
def test_one_is_as_it_is_listed(live: Live, art: Artifacts) -> None:
    for artifact in art.all():
        for spelled in (f"{artifact['id']}", f"+{artifact['id']}", f"00{artifact['id']}"):
            response = live.get(art.path(f"artifacts/{spelled}"))
            assert (response.status_code, response.json()) == (200, artifact)


@artifacts
@one
@clause("T10")
@pytest.mark.parametrize("what", ["", "/zip"])
def test_no_such_artifact(live: Live, art: Artifacts, what: str) -> None:
    foreign = live.get(art.path("artifacts?name=one", art.other)).json()[0]["id"]
    for number in (*NONE, foreign, *art.pending):
        response = live.get(art.path(f"artifacts/{number}{what}"))
        assert (response.status_code, response.json()["message"]) == (404, MISSING), number
        assert response.headers["Content-Type"] == "application/json;charset=utf-8"
        assert response.json()["url"].endswith("/api/swagger")


@artifacts
@one
@clause("E9")
def test_head_of_artifacts(live: Live, art: Artifacts) -> None:
    number = art.id("first", "one")
    paths = [art.path(), art.path(f"artifacts/{number}"), art.path(f"artifacts/{number}/zip")]
    if "run-jobs" in live.target.features:
        paths.append(art.path(f"runs/{art.runs['first'].id}/artifacts"))
    for path in paths:
        response = live.ask("HEAD", path)
        assert (response.status_code, response.content) == (405, b""), path


@artifacts
@lists
@clause("L7", "L8")
def test_the_repository_by_another_name(live: Live, art: Artifacts) -> None:
    """Its names match in any case; its old name leads to the same operation under the new one."""
    number = art.id("first", "one")
    other = art.path(f"artifacts/{number}").replace(art.repo.full, art.repo.full.upper())
    assert live.get(other).json()["id"] == number
    renamed = live.world.runs["renamed"].repo
    moved = live.get(f"/repos/{renamed.former}/actions/artifacts", allow_redirects=False)
    assert moved.status_code in (301, 307)
    assert moved.headers["Location"].split("?")[0].endswith(f"/repos/{renamed.full}/actions/artifacts")
    assert rows(live.get(f"/repos/{renamed.former}/actions/artifacts")) == []


@artifacts
@lists
@clause("P2", "P3")
@pytest.mark.parametrize("token, status", [("reader", 200), ("no-scope", 403), ("outsider", 404), (None, 404)])
def test_artifacts_are_the_callers_to_read(live: Live, art: Artifacts, token: str | None, status: int) -> None:
    number = art.id("first", "one")
    for path in ("artifacts", f"artifacts/{number}", f"artifacts/{number}/zip", "artifacts/0", "artifacts/0/zip"):
        wanted = 404 if status == 200 and "/0" in path else status
        assert live.get(art.path(path), token).status_code == wanted, path
