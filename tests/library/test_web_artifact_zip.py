"""The zip of an artifact behind each face of the double: the bytes of this one and no other, or an error that says why.

Rules: as in test_web_artifacts.py.
"""

from __future__ import annotations

import io
import zipfile

import pytest
from double.messages import Response, plain
from forgejo_shim.webui.grammar import Dialect
from small import Small
from test_additions import Asker, Got, R, asker
from test_additions_writes import writer
from test_web_artifacts import FILES, LISTED, ODD, every, filled, is_native

clause = pytest.mark.clause

FILE = r"^/o/r/actions/runs/\d+/artifacts/[^/]+$"
"""The web UI's download of an artifact."""
STATE = r"^/o/r/actions/runs/\d+/jobs/0(/attempt/\d+)?$"


def zip_of(ask: Asker, wanted: int, **headers: str) -> Got:
    return ask(
        f"{R}/artifacts/{wanted}/zip", headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def downloads(small: Small) -> list[str]:
    return [seen.path for seen in small.double.requests if "/artifacts/" in seen.path and "/api/" not in seen.path]


@clause("T11", "T13", "S55")
def test_the_bytes_of_each_and_the_headers_of_16(small: Small) -> None:
    filled(small, *ODD)
    filled(small, *ODD)
    ask = asker(small)
    runs = [2] * len(ODD) + [1] * len(ODD)
    rows = every(ask)
    by_run = sorted(rows, key=lambda row: -row["run_id"]) if small.double.face.api_runs else rows
    for row, run in zip(by_run, runs, strict=True):
        got, name = zip_of(ask, row["id"]), row["name"]
        assert (got.status, got.body) == (200, f"the zip {name} of run {run}".encode()), (got.status, name)
        assert got.headers.get("Content-Length") == str(len(got.body))
        assert got.headers.get("Accept-Ranges") == "bytes"
        assert got.headers.get("Content-Disposition") == disposition_on_16(name)


def disposition_on_16(name: str) -> str:
    if name not in ON_16:
        with Small("16") as small:
            filled(small, *ODD)
            ask = asker(small)
            ON_16.update((row["name"], zip_of(ask, row["id"]).headers.get("Content-Disposition")) for row in every(ask))
    return ON_16[name]


ON_16: dict[str, str] = {}


@clause("T12")
def test_a_zip_made_of_v3s_files(small: Small) -> None:
    the_run, ask = filled(small), asker(small)
    for name in ("files", "ünï 漢 %3"):
        small.model.artifacts.add(the_run, name, FILES)
    for row in every(ask):
        got = ask(f"{R}/artifacts/{row['id']}/zip")
        assert (got.status, got.headers.get("Content-Type")) == (200, "application/zip")
        with zipfile.ZipFile(io.BytesIO(got.body)) as archive:
            assert {name: archive.read(name) for name in archive.namelist()} == FILES
        assert got.headers.get("Content-Disposition").startswith("attachment; filename=")
        assert ".zip; filename*=UTF-8''" in got.headers.get("Content-Disposition")


@clause("S55")
def test_names_that_look_like_ids_or_logs(small: Small) -> None:
    """From 13 on, a name that is not there is another artifact's id; up to 12 a file of v4 has just its name."""
    names = ("1", "2", "3", "-1", "x-5.log", "ci-build-7.log")
    filled(small, *names)
    ask = asker(small)
    for row in every(ask):
        assert zip_of(ask, row["id"]).body == f"the zip {row['name']} of run 1".encode()
    wanted = {row["name"]: row["id"] for row in every(ask)}
    the_run = small.repo.runs[1]
    small.model.artifacts.delete(the_run, "2")
    small.model.artifacts.delete(the_run, "-1")
    assert zip_of(ask, wanted["2"]).status == zip_of(ask, wanted["-1"]).status == 404


@clause("S55", "T10")
@pytest.mark.parametrize("name", ["2", "-1", "one"])
def test_one_that_is_gone_while_it_is_asked_for(small: Small, name: str) -> None:
    """Its name is then taken for an id: of another artifact, or of all of them."""
    if is_native(small):
        return
    the_run = filled(small, "first", "second", name)
    ask = asker(small)
    wanted = {row["name"]: row["id"] for row in every(ask)}[name]
    small.double.faults.hook(FILE, lambda _: small.model.artifacts.delete(the_run, name), nth=1)
    got = zip_of(ask, wanted)
    assert (got.status, got.json["message"]) == (404, "resource does not exist")


@clause("T16")
def test_one_that_has_expired_or_is_not_complete(small: Small) -> None:
    the_run, ask = filled(small), asker(small)
    small.model.artifacts.add(the_run, "old", b"", status="expired")
    small.model.artifacts.add(the_run, "part", FILES)
    small.model.artifacts.row(the_run, "part", "more", 60)
    for row in every(ask):
        got = ask(f"{R}/artifacts/{row['id']}/zip")
        assert (got.status, got.json["message"]) == (404, "artifact not confirmed"), row


@clause("T14")
def test_ranges(small: Small) -> None:
    if is_native(small):
        return
    the_run = filled(small, "one")
    small.model.artifacts.add(the_run, "v3", FILES)
    ask = asker(small)
    wanted = {row["name"]: row["id"] for row in every(ask)}
    content = b"the zip one of run 1"
    for asked, status, body, part in (
        ("bytes=0-3", 206, content[:4], "bytes 0-3/20"),
        ("bytes=-5", 206, content[-5:], "bytes 15-19/20"),
        ("bytes=99-", 416, b"invalid range: failed to overlap\n", "bytes */20"),
        ("nonsense", 416, b"invalid range\n", ""),
    ):
        got = zip_of(ask, wanted["one"], Range=asked)
        assert (got.status, got.body, got.headers.get("Content-Range")) == (status, body, part)
        assert zip_of(ask, wanted["v3"], Range=asked).status == 200
    dated = zip_of(ask, wanted["one"]).headers.get("Last-Modified")
    assert zip_of(ask, wanted["one"], Range="bytes=0-3", If_Range=dated).body == content[:4]
    assert zip_of(ask, wanted["one"], Range="bytes=0-3", If_Range="Mon, 01 Jan 2001 00:00:00 GMT").body == content
    assert zip_of(ask, wanted["one"], If_Modified_Since="Mon, 01 Jan 2035 00:00:00 GMT").body == content


@clause("S56")
def test_names_that_no_address_can_have(small: Small) -> None:
    """A server in between would ask for something else."""
    if is_native(small):
        return
    names = ("", ".", "..")
    filled(small, *names)
    ask, to_write = asker(small), writer(small)
    for row in every(ask):
        for got in (zip_of(ask, row["id"]), to_write(f"{R}/artifacts/{row['id']}", method="DELETE")):
            assert (got.status, got.json["cause"]) == (501, "artifact-not-reachable"), row
        assert ask(f"{R}/artifacts/{row['id']}").json == row
    assert downloads(small) == []


def test_what_it_costs() -> None:
    with Small("15") as small:
        filled(small, "one")
        ask = asker(small)
        wanted = every(ask)[0]["id"]
        assert zip_of(ask, wanted).status == 200
        before = len(small.double.requests)
        assert zip_of(ask, wanted).status == 200
        asked = [f"{seen.method} {seen.path}" for seen in small.double.requests[before:]]
        assert asked == [
            f"GET {R}/runs/1", "GET /o/r/actions/runs/1/artifacts", "GET /o/r/actions/runs/1/artifacts/one",
            "POST /o/r/actions/runs/1/jobs/0/attempt/1", "GET /o/r/actions/runs/1/artifacts",
        ]  # fmt: skip


# --- never another one


@clause("S55")
def test_run_numbers_and_ids_are_never_mixed_up(small: Small) -> None:
    """Runs whose numbers are other runs' ids, with artifacts of one name."""
    other = small.model.add_repo(small.repo.owner, "other")
    for _ in range(3):
        small.model.artifacts.add(small.model.add_finished_run(other, {"build": b""}), "one", b"theirs")
    for _ in range(6):
        filled(small, "one")
    ask = asker(small)
    got = [zip_of(ask, row["id"]).body.decode() for row in every(ask)]
    assert got == [f"the zip one of run {number}" for number in (6, 5, 4, 3, 2, 1)]


@clause("S55")
@pytest.mark.parametrize(("before", "after"), [("12", "13"), ("12", "15"), ("13", "12")])
@pytest.mark.parametrize(("moment", "nth"), [(LISTED, 1), (FILE, 1), (STATE, 1), (LISTED, 2)])
def test_an_upgrade_while_it_is_asked_for(before: str, after: str, moment: str, nth: int) -> None:
    """The run's number is another run's id, and that run has an artifact of the same name."""
    with Small(before) as small:
        small.model.next_id("run")
        small.model.next_id("run")
        for _ in range(6):
            filled(small, "one")
        ask = asker(small)
        wanted = [row["id"] for row in every(ask) if row["run_id"] == 7][0]  # number 5; the run of id 5 is number 3
        assert zip_of(ask, wanted).body == b"the zip one of run 5"
        small.double.faults.hook(moment, lambda _: small.double.upgrade(after), nth=nth)
        got = zip_of(ask, wanted)
        assert (got.status, got.body) == (200, b"the zip one of run 5") or got.status >= 500, got
        assert zip_of(ask, wanted).body == b"the zip one of run 5"


@clause("S55")
@pytest.mark.parametrize("kind", ["inline; filename=\"two.zip\"; filename*=UTF-8''two.zip",
                                  "attachment; filename=two.zip; filename*=UTF-8''two.zip"])  # fmt: skip
def test_a_download_of_another_name_is_said(small: Small, kind: str) -> None:
    if is_native(small):
        return
    filled(small, "one")
    ask = asker(small)
    wanted = every(ask)[0]["id"]
    head = [("Content-Type", "application/zip"), ("Content-Disposition", kind)]
    small.double.faults.hook(FILE, lambda _: Response(200, head, b"other"))
    got = zip_of(ask, wanted)
    assert (got.status, got.json["cause"]) == (502, "page-changed")


def test_one_that_keeps_moving_is_said() -> None:
    with Small("15") as small:
        filled(small, "one")
        ask = asker(small)
        wanted = every(ask)[0]["id"]
        small.double.faults.hook(FILE, lambda _: plain(404, "no such run 1"))
        got = zip_of(ask, wanted)
        assert (got.status, got.json["cause"]) == (503, "rows-moving")
        assert len(downloads(small)) == 3


@pytest.mark.parametrize("what", ["200 page", "403 page", "404 page", "302 to another host", "200 nothing"])
@pytest.mark.parametrize(("moment", "nth"), [(LISTED, 1), (LISTED, 2), (FILE, 1), (STATE, 1)])
def test_a_foreign_page_at_each_moment(what: str, moment: str, nth: int) -> None:
    with Small("15") as small:
        filled(small, "one")
        ask = asker(small)
        wanted = every(ask)[0]["id"]
        assert zip_of(ask, wanted).status == 200
        small.double.faults.foreign(moment, what, nth=nth)
        got = zip_of(ask, wanted)
        if got.status == 200:  # a page that was asked for again in a renewed session
            assert got.body == b"the zip one of run 1" and what == "404 page"
        else:
            assert (got.status, got.json["cause"]) == (502, "page-changed"), got.body
        small.double.faults.clear()
        assert zip_of(ask, wanted).status == 200


def test_a_lost_session_at_each_moment(small: Small) -> None:
    if is_native(small):
        return
    filled(small, "one")
    ask = asker(small)
    wanted = every(ask)[0]["id"]
    for moment in (LISTED, FILE, STATE):
        small.double.faults.lost_session(moment, nth=1)
        assert zip_of(ask, wanted).body == b"the zip one of run 1"
        small.double.faults.clear()


def test_one_that_breaks_off_breaks_off() -> None:
    with Small("15") as small:
        filled(small, "one")
        ask = asker(small)
        wanted = every(ask)[0]["id"]
        small.double.faults.cut(FILE, 5)
        got = zip_of(ask, wanted)
        assert got.broke is not None and got.body in (b"", b"the z")


def test_a_dialect_that_is_not_known_is_asked_for() -> None:
    for face in ("11", "12", "13.0.3", "15"):
        with Small(face) as small:
            filled(small, "one")
            ask = asker(small)
            wanted = every(ask)[0]["id"]
            ask.adapter.server.dialect = Dialect()
            assert zip_of(ask, wanted).body == b"the zip one of run 1"
